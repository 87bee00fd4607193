"""What the agent is made of: every stage with what is installed for it, what the doctor finds, and how to swap a stage
in the middle of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rapport.agent import registry
from rapport.agent.agent import Agent
from rapport.agent.config import StageConfig
from rapport.agent.registry import shared_pool
from rapport.agent.runner import StageRunner
from rapport.agent.stages import STAGES
from rapport.apps.doctor import Finding
from rapport.persona.errors import InputError

SWAPPABLE = ("recognition", "fusion", "transition", "response", "voice", "animation", "rendering")
"""Stages with one component each; recognisers of feeling go by sense, and memories belong to a person."""


def choices(stage: str) -> list[str]:
    """The installed components of a stage, by name."""
    return [info.name for info in registry.components(stage) if info.installed]


def used(agent: Agent, stage: str) -> str:
    """The name of the component that the agent uses; empty for none."""
    runner = agent.runners.get(stage)
    return "" if runner is None else runner.config.use.partition(":")[0]


async def swap(agent: Agent, stage: str, name: str) -> str:
    """Have another component do a stage from the next turn on; what did it before takes over when it fails. Returns
    one line that says what happened.

    Raises:
        InputError: no such stage or component.
        ComponentError: it cannot start here; the agent keeps what it had.
    """
    if stage not in SWAPPABLE:
        raise InputError(f"the stage {stage!r} cannot be swapped here")
    if name not in choices(stage):
        raise InputError(f"no component of {stage} is called {name!r} here")
    before = agent.runners.get(stage)
    if before is not None and before.config.use.partition(":")[0] == name:
        return f"{stage} stays with {name}."
    behind = () if before is None else before.config.chain
    budget_s = 15.0 if before is None else before.config.budget_s
    runner = StageRunner(
        stage,
        StageConfig(use=name, fallback=behind, budget_s=budget_s),
        pool=shared_pool,
        clock=agent.clock,
        load_budget_s=agent.config.load_budget_s,
        retry_after_s=agent.config.retry_after_s,
    )
    await runner.load(name)
    agent.runners[stage] = runner
    return f"{stage} is done by {name} from the next turn on."


def components_html() -> str:
    """Every stage with its components, installed or what brings them."""
    rows = ""
    for stage in STAGES:
        infos = registry.components(stage)
        cells = " ".join(
            f'<span class="rp-part there">{escape(info.name)}</span>'
            if info.installed
            else f'<span class="rp-part" title="{escape(info.install_hint, quote=True)}">{escape(info.name)}</span>'
            for info in infos
        )
        missing = "".join(
            f"<small><code>{escape(info.install_hint)}</code> brings {escape(info.name)}</small>"
            for info in infos
            if not info.installed
        )
        rows += f'<tr><th scope="row">{escape(stage)}</th><td>{cells}{missing}</td></tr>'
    return f'<table class="rp-parts">{rows}</table>'


def doctor_html(findings: Sequence[Finding]) -> str:
    """What was found on this machine."""
    rows = "".join(
        f'<tr><th scope="row">{"✓" if finding.ok else "–"} {escape(finding.what)}</th>'
        f"<td>{escape(finding.found)}{f'<small>{escape(finding.remedy)}</small>' if finding.remedy else ''}</td></tr>"
        for finding in findings
    )
    return f'<table class="rp-parts">{rows}</table>'
