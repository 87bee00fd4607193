"""`rapport components`: what each stage can be made of."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table

from rapport.agent.config import AgentConfig
from rapport.agent.registry import ComponentInfo, components
from rapport.agent.stages import STAGES


def show(*, as_json: bool) -> None:
    """Print every component of every stage; the defaults are marked."""
    defaults = _defaults()
    found = {stage: components(stage) for stage in STAGES}
    if as_json:
        listing = {
            stage: [_record(info, info.name in defaults[stage]) for info in infos] for stage, infos in found.items()
        }
        Console(soft_wrap=True).print_json(json.dumps(listing))
        return
    table = Table("stage", "component", "status", "from", box=None, pad_edge=False)
    for stage, infos in found.items():
        for i, info in enumerate(infos):
            mark = " (default)" if info.name in defaults[stage] else ""
            status = "installed" if info.installed else info.install_hint
            table.add_row(stage if i == 0 else "", info.name + mark, status.replace("[", r"\["), info.source)
    Console().print(table)


def _record(info: ComponentInfo, default: bool) -> dict[str, object]:
    return {
        "name": info.name,
        "default": default,
        "installed": info.installed,
        "install": None if info.installed else info.install_hint,
        "target": info.target,
        "source": info.source,
    }


def _defaults() -> dict[str, set[str]]:
    config = AgentConfig()
    named = {
        "recognition": [config.recognition],
        "emotion": list(config.emotion),
        "fusion": [config.fusion],
        "transition": [config.transition],
        "response": [config.response],
        "voice": [config.voice],
        "animation": [config.animation],
        "rendering": [config.rendering],
        "memory": [config.memory],
    }
    return {stage: {c.use.partition(":")[0] for c in configs if c is not None} for stage, configs in named.items()}
