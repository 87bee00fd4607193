"""A simulated session as HTML: who the client is, both faces, the curve of distress, the words side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from rapport.apps.demo.simulation import Simulation
from rapport.apps.plot.paths import signed
from rapport.apps.simulate.case import CaseProfile
from rapport.apps.simulate.figures import COLOURS, Band, Dot, Frame, lines_svg
from rapport.apps.simulate.media_cast import PEOPLE, Who
from rapport.apps.simulate.protocols.names import load_protocol
from rapport.apps.simulate.records import SessionRecord, Turn
from rapport.apps.simulate.therapists import therapist_named
from rapport.persona.affect import EKMAN7, VAD

Portraits = Mapping[str, str | None]
"""For each side the address of its picture, None where there is none."""

_TRACE_OF = 0.2
"""Length of a feeling below which it has no name, and above which a weak one is called a trace of its name."""


def client_html(case: CaseProfile, subject: str) -> str:
    """Who the client is, in two lines and a bar for each trait."""
    about = {"trauma": case.trauma_type, "problem": case.problem, "change_goal": case.change_goal}[subject]
    facts = f"{case.age}, {case.gender}, {case.occupation}, {case.relationship_status}, lives {case.living_situation}"
    shown = f"<dt>Comes because of</dt><dd>{escape(about)}</dd>"
    if subject == "trauma":
        shown += f"<dt>Shows</dt><dd>{escape(', '.join(case.exhibited_behaviors))}</dd>"
    traits = "".join(
        f'<span class="rp-bar" style="--share:{value:.3f}">{escape(name)} {value:.2f}</span>'
        for name, value in case.big_five
    )
    return f'<div class="rp-sim-client"><p>{escape(facts)}</p><dl>{shown}</dl><p>{traits}</p></div>'


def stage_html(simulation: Simulation, portraits: Portraits, *, running: bool) -> str:
    """Both faces with what they feel, how far the session is, and the curve of distress."""
    record = simulation.record
    faces = "".join(_side_html(simulation, record, who, portraits.get(who)) for who in PEOPLE)
    return (
        f'<div class="rp-sim-stage">{faces}</div>'
        f'<p class="rp-sim-state" role="status">{escape(state_text(simulation, running=running))}</p>'
        f"{_curve_html(simulation, record)}"
    )


def state_text(simulation: Simulation, *, running: bool) -> str:
    """Where the session is, as a sentence."""
    record = simulation.record
    minutes = record.turns[-1].end_s / 60.0 if record.turns else 0.0
    told = f"{simulation.plan.title}, minute {minutes:.0f}, {len(record.turns)} turns"
    if running:
        return f"{told}. Running."
    reason = record.stopped.removeprefix("stop rule: ")
    return f"{told}. Ended early: {reason}." if reason else f"{told}. The session is over."


def transcript_html(record: SessionRecord, *, running: bool = False) -> str:
    """The words of both, side by side: an exchange a row."""
    rows = "".join(_turn_html(turn) for turn in record.turns)
    return (
        f'<div class="rp-sim-talk" role="log" aria-live="off" aria-label="Transcript"{" data-running" * running}>'
        f'<h3 class="therapist">Therapist</h3><h3 class="client">Client</h3>{rows}</div>'
    )


def feeling_text(vad: VAD, called: str) -> str:
    """A feeling in words: its name, or of what there is but a trace."""
    if called != "neutral":
        return called
    nearest = EKMAN7.called(vad, _TRACE_OF)
    return "neutral" if nearest == "neutral" else f"a trace of {nearest}"


def _side_html(simulation: Simulation, record: SessionRecord, who: Who, portrait: str | None) -> str:
    turn = next((turn for turn in reversed(record.turns) if turn.who == who), None)
    name = "Client" if who == "client" else f"Therapist, who {therapist_named(record.therapist).what}"
    picture = (
        f'<img src="{portrait}" alt="the {who}\'s face">'
        if portrait is not None
        else f'<span class="rp-sim-noface" aria-hidden="true">{name[0]}</span>'
    )
    felt = "<strong>…</strong>"
    if turn is not None:
        axes = "".join(map(_axis_html, ("valence", "arousal"), turn.vad[:2]))
        felt = f"<strong>{escape(feeling_text(VAD(*turn.vad), turn.feeling))}</strong>{axes}"
    return f'<div class="rp-sim-side {who}">{picture}<div><b>{escape(name)}</b>{felt}</div></div>'


def _axis_html(name: str, value: float) -> str:
    return f'<span class="rp-sim-axis {name}"><i>{name}</i>{_bar_html(value)}<em>{signed(value)}</em></span>'


def _feeling_html(turn: Turn) -> str:
    vad = VAD(*turn.vad)
    title = f"valence {signed(vad.valence)}, arousal {signed(vad.arousal)}"
    told = escape(feeling_text(vad, turn.feeling))
    return f'<span class="rp-sim-feeling" title="{title}">{told}{_bar_html(vad.valence)}</span>'


def _bar_html(value: float) -> str:
    """A value from -1 to 1 as a bar from the middle."""
    left, width = 50.0 + 50.0 * min(0.0, value), 50.0 * abs(value)
    kind = "up" if value >= 0 else "down"
    return f'<u aria-hidden="true"><s class="{kind}" style="left:{left:.1f}%;width:{width:.1f}%"></s></u>'


def _turn_html(turn: Turn) -> str:
    minute = f"{int(turn.start_s // 60)}:{int(turn.start_s % 60):02d}"
    acts = " · ".join(act.replace("_", " ") for act in turn.acts)
    rating = "" if turn.rating is None else f'<span class="rp-sim-rating">SUDS {turn.rating:g}</span>'
    return (
        f'<div class="rp-sim-turn {turn.who}"><p class="rp-sim-what"><b class="rp-sim-who">{turn.who.capitalize()}</b>'
        f"<time>{minute}</time>{_feeling_html(turn)}{rating}<small>{escape(acts)}</small></p>"
        f'<p dir="auto">{escape(turn.text)}</p></div>'
    )


def _curve_html(simulation: Simulation, record: SessionRecord) -> str:
    """The client's distress over the session as the model has it, and the ratings that were told."""
    inner = [(turn.end_s / 60.0, turn.state.suds) for turn in record.turns if turn.state is not None]
    if len(inner) < 2:
        return ""
    plan = simulation.plan
    end_min = max(plan.exchanges * plan.exchange_s / 60.0, inner[-1][0])
    times, values = (list(column) for column in zip(*inner, strict=True))
    band = Band("distress", times, values, values, values, COLOURS[1], dashed=True)
    dots = [Dot(minute, value, f"{value:g} after {minute:.0f} minutes") for minute, value in record.ratings]
    ticks = [(minute, f"{minute:g}") for minute in _minutes(end_min)]
    svg = lines_svg(
        Frame((0.0, end_min), (0.0, 100.0), width=720, height=190, bottom=40, top=10), [band], ticks, (0, 50, 100),
        "minutes of the session", "distress", dots, "The client's distress over the session, 0 to 100",
    )  # fmt: skip
    told = '<span class="dot">rating told (SUDS, 0 to 100)</span>' if dots else ""
    return (
        f'<figure class="rp-sim-curve">{svg}<figcaption><span class="line">distress, as the model has it</span>{told}'
        "</figcaption></figure>"
    )


def _minutes(end_min: float) -> Sequence[float]:
    step = next((step for step in (1, 2, 5, 10, 20) if end_min / step <= 8), 30)
    return [float(minute) for minute in range(0, int(end_min) + 1, step)]


def subject_of(protocol: str) -> str:
    """What a protocol is about."""
    return load_protocol(protocol).subject
