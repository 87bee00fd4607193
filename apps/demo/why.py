"""Why each answer is as it is, one card a turn: what was perceived, how the agent's feeling moved and which trait of
it did that, what it meant to do, what came to mind, and how long everything took. Everything is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from rapport.agent.events import Perceived
from rapport.agent.trace import TimingsRecord, TurnTrace
from rapport.apps.demo.conversation import Conversation
from rapport.apps.demo.exports import conversation_links
from rapport.apps.demo.panels import sentence
from rapport.apps.demo.shown import ShownTurn
from rapport.apps.demo.traits import TraitEffect
from rapport.apps.plot.paths import signed
from rapport.persona.affect import VAD, EmotionEstimate, Evidence

MOST_CARDS = 30
"""Older turns have no card; the exported trace has them all."""
_EMPTY = (
    '<p class="rp-empty">After your first line, a card for each turn tells what was read in you, how the agent\'s '
    "feeling moved, what it meant to do, and how fast.</p>"
)
_SENSES = {"text": "words", "voice": "voice", "face": "face"}
_CAUSES = {
    "decay": "easing back to rest",
    "mood": "pull of its mood",
    "contagion": "catching your feeling",
    "personality": "its personality",
    "goals": "what matters to it",
    "repetition": "heard before",
}
_MOMENTS = {
    "recognition": "words recognised",
    "perception": "feeling read",
    "first_token": "first words",
    "first_audio": "first sound",
    "first_frame": "first picture",
    "total": "all done",
}
_SURE = ((0.25, "sure"), (0.45, "fairly sure"), (0.7, "unsure"))
"""Mean standard deviations below which a reading is called so."""


def why_html(conversation: Conversation) -> str:
    """The cards, newest first and open, with links that save the conversation."""
    turns = [(number, item) for number, item in enumerate(conversation.turns, start=1) if item.perceived is not None]
    if not turns:
        return _EMPTY
    name = conversation.agent.persona.name.capitalize()
    cards = "".join(
        _card_html(number, item, name, is_open=number == turns[-1][0]) for number, item in reversed(turns[-MOST_CARDS:])
    )
    return f'<div class="rp-why">{conversation_links(conversation.exports)}{cards}</div>'


def _card_html(number: int, item: ShownTurn, name: str, *, is_open: bool) -> str:
    assert item.perceived is not None
    felt = f" → {escape(name)}: {escape(item.felt.label)}" if item.felt is not None else ""
    feelings = f'<span class="rp-feeling">you: {escape(item.perceived.fused.label)}{felt}</span>'
    body = (
        _perceived_html(item.person or "", item.perceived)
        + _felt_html(item, name)
        + _plan_html(item, name)
        + _recalled_html(item.trace)
        + _timings_html(item.trace)
    )
    opened = 'open=""' if is_open else ""
    said = escape(_shortened(item.person or "")) or "<em>(no words)</em>"
    return (
        f'<details class="rp-card" data-turn="{number}" {opened}>'
        f"<summary><b>{number}</b> <q>{said}</q> {feelings}</summary>{body}</details>"
    )


# ----------------------------------------------------------------------------------------------------------- reading


def _perceived_html(text: str, perceived: Perceived) -> str:
    rows = [(str(name), estimate) for name, estimate in perceived.modalities.items()]
    if len(rows) != 1:
        rows.append(("together", perceived.fused))
    table = "".join(
        f'<tr><th scope="row">{escape(_SENSES.get(name, name))}</th><td>{_likeliest_html(estimate)}'
        f"<small>{_vad_text(estimate.vad)} · {certainty(estimate)}</small></td></tr>"
        for name, estimate in rows
    )
    others = [piece for piece in perceived.fused.evidence if piece.modality != "text"]
    clues = "".join(
        f"<li>{escape(_SENSES.get(str(clue.modality), str(clue.modality)))}: {escape(clue.text)}</li>"
        for clue in others[:8]
    )
    body = (
        _marked_html(text, [piece for piece in perceived.fused.evidence if piece.modality == "text"])
        + f"<table>{table}</table>"
        + (f"<ul>{clues}</ul>" if clues else "")
        + _reading_html(perceived)
    )
    return _section("What it read in you", body)


def certainty(estimate: EmotionEstimate) -> str:
    """How sure a reading is, in words, from its standard deviations."""
    spread = sum(estimate.vad_sd) / len(estimate.vad_sd)
    return next((word for most, word in _SURE if spread < most), "a guess")


def _marked_html(text: str, evidence: Sequence[Evidence]) -> str:
    """The person's words, those that carried the feeling marked: warm for unpleasant, cool for pleasant."""
    weights = {clue.text.lower(): clue.weight for clue in evidence if clue.text.strip()}
    if not weights or not text:
        return ""
    strongest = max(abs(weight) for weight in weights.values()) or 1.0
    pattern = re.compile(
        "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in sorted(weights, key=len, reverse=True)), re.IGNORECASE
    )
    parts: list[str] = []
    end = 0
    for found in pattern.finditer(text):
        weight = weights.get(found.group().lower(), 0.0)
        kind = "pleasant" if weight > 0 else "unpleasant"
        share = 0.25 + 0.75 * abs(weight) / strongest
        parts += [
            escape(text[end : found.start()]),
            f'<mark class="{kind}" style="--share:{share:.2f}" title="{kind}, {signed(weight)}">'
            f"{escape(found.group())}</mark>",
        ]
        end = found.end()
    return f'<p class="rp-marked" dir="auto">{"".join(parts)}{escape(text[end:])}</p>'


def _reading_html(perception: Perceived) -> str:
    """What the readings amount to, in words; a disagreement stands first."""
    conflict, explanation, smoothed = perception.conflict, perception.explanation, perception.smoothed
    warning = f'<p class="rp-conflict">{escape(sentence(conflict.description))}</p>' if conflict is not None else ""
    mixed = f"<p>Two feelings at once: {escape(perception.compound.name)}.</p>" if perception.compound else ""
    reading = "".join(
        f"<p><small>{heading}</small> {escape(text)}</p>"
        for heading, text in (
            ("Key observations", " ".join(explanation.key_observations)),
            ("Overall interpretation", explanation.interpretation),
            ("Conclusion", explanation.conclusion),
        )
        if text
    )
    so_far = f"<p><small>Over the turns so far</small> {_vad_text(smoothed.vad)}</p>"
    return f'{warning}{mixed}<details class="rp-reading"><summary>In words</summary>{reading}{so_far}</details>'


def _likeliest_html(estimate: EmotionEstimate) -> str:
    likeliest = sorted(estimate.distribution.as_dict().items(), key=lambda pair: -pair[1])[:3]
    return " ".join(bar_html(label, probability) for label, probability in likeliest)


def bar_html(label: str, share: float) -> str:
    """A label on a bar of its share."""
    return f'<span class="rp-bar" style="--share:{share:.3f}">{escape(label)} {share:.0%}</span>'


# ----------------------------------------------------------------------------------------------------------- feeling


def _felt_html(item: ShownTurn, name: str) -> str:
    if item.felt is None:
        return ""
    before = f"{escape(item.before.label)} → " if item.before is not None else ""
    heading = f"<p>{before}<b>{escape(item.felt.label)}</b> <small>{_vad_text(item.felt.emotion)}</small></p>"
    rows = "".join(_move_html(axis, parts) for axis, parts in item.felt.because.items())
    table = f'<table class="rp-moves">{rows}</table>' if rows else ""
    return _section(f"How {escape(name)}'s feeling moved", heading + table + _traits_html(item.traits))


def _move_html(axis: str, parts: Mapping[str, float]) -> str:
    """An axis, its whole move, and the causes from the strongest down."""
    causes = sorted(((cause, part) for cause, part in parts.items() if abs(part) >= 0.005), key=lambda p: -abs(p[1]))
    told = " ".join(
        f'<span class="rp-cause {"up" if part > 0 else "down"}">'
        f"{escape(_CAUSES.get(cause, cause))} {signed(part)}</span>"
        for cause, part in causes
    )
    return f'<tr><th scope="row">{escape(axis)}</th><td><b>{signed(sum(parts.values()))}</b> {told}</td></tr>'


def _traits_html(traits: Sequence[TraitEffect]) -> str:
    if not traits:
        return ""
    first = traits[0]
    axes = {"valence": first.valence, "arousal": first.arousal, "dominance": first.dominance}
    axis = max(axes, key=lambda name: abs(axes[name]))
    level = "high" if first.value > 0.5 else "low"
    others = ", ".join(f"{effect.trait} {_lengths(effect)}" for effect in traits[1:3])
    return (
        f'<p class="rp-trait">Most of its own: <b>{level} {first.trait}</b> ({first.value:.2f}) moved {axis} by '
        f"{signed(axes[axis])} against an average one.{f' <small>Then {others}.</small>' if others else ''}</p>"
    )


def _lengths(effect: TraitEffect) -> str:
    return f"{effect.length:.2f}"


# --------------------------------------------------------------------------------------------- the plan and the rest


def _plan_html(item: ShownTurn, name: str) -> str:
    if item.plan is None:
        return ""
    plan = item.plan
    steps = "".join(
        f"<li><small>{heading}</small> {escape(text)}</li>"
        for heading, text in (
            ("what happened", plan.event),
            ("what you feel", plan.emotion),
            ("why", plan.cause),
            ("what the answer is for", plan.goal),
        )
        if text
    )
    strategy = (
        f'<p>Strategy: <span class="rp-strategy">{escape(plan.strategy.replace("_", " "))}</span></p>'
        if plan.strategy
        else ""
    )
    chain = f'<ol class="rp-chain">{steps}</ol>' if steps else ""
    return _section(f"What {escape(name)} meant to do", chain + strategy + _considered_html(item.trace))


_WRITERS: Mapping[str, str] = {
    "model": "the language model",
    "rules": "rules",
    "both": "the language model, completed by rules",
    "exemplar": "an answer kept for turns like this",
}


def _considered_html(trace: TurnTrace | None) -> str:
    """What was weighed: the answer that was given first, then those that lost, with what each was worth."""
    if trace is None or trace.considered is None:
        return ""
    considered = trace.considered
    rows = "".join(
        f'<tr><th scope="row">{candidate.total:.2f}</th>'
        f'<td title="{escape(_shares(candidate.scores))}">{escape(candidate.text)}'
        f"<small>{'said' if k == 0 else 'lost'}, by {escape(_WRITERS.get(candidate.origin, candidate.origin))}"
        f"{escape(_left_out(candidate.faults))}</small></td></tr>"
        for k, candidate in enumerate(considered.candidates)
    )
    note = f"<p><small>{escape(considered.note)}</small></p>" if considered.note else ""
    opening = f"<caption>After “{escape(considered.opening)}” it weighed</caption>"
    return f"<table>{opening}{rows}</table>{note}"


def _left_out(faults: Sequence[str]) -> str:
    return f"; left out: {', '.join(faults)}" if faults else ""


def _recalled_html(trace: TurnTrace | None) -> str:
    if trace is None or not trace.recalled:
        return ""
    items = "".join(
        f"<li>“{escape(_shortened(memory.person))}” <small>{escape(_shares(memory.parts))}</small></li>"
        for memory in trace.recalled
    )
    return _section("What came to its mind", f"<ul>{items}</ul>")


def _shares(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {part:.2f}" for name, part in parts.items() if part)


def _timings_html(trace: TurnTrace | None) -> str:
    if trace is None:
        return ""
    failures = "".join(
        f"<li>{escape(failure.stage)} ({escape(failure.component)}): {escape(failure.error)}</li>"
        for failure in trace.failures
    )
    lost = f"<p><small>What failed</small></p><ul>{failures}</ul>" if failures else ""
    return _section("How fast", _moments_html(trace.timings_s) + lost)


def _moments_html(timings: TimingsRecord) -> str:
    """Moments since the end of the person's turn, as bars on one scale."""
    moments = [(name, value) for name, value in timings.model_dump().items() if value is not None]
    longest = max((value for _, value in moments), default=0.0) or 1.0
    rows = "".join(
        f'<tr><th scope="row">{_MOMENTS.get(name, name)}</th>'
        f'<td><span class="rp-moment" style="--share:{value / longest:.3f}"></span>{value:.2f} s</td></tr>'
        for name, value in moments
    )
    return f'<table class="rp-moments">{rows}</table>'


def _section(title: str, body: str) -> str:
    return f"<section><h4>{title}</h4>{body}</section>"


def _vad_text(vad: VAD) -> str:
    return " · ".join(_axis_texts(zip(("V", "A", "D"), vad.as_tuple(), strict=True)))


def _axis_texts(axes: Iterable[tuple[str, float]]) -> Iterable[str]:
    return (f"{name} {signed(value)}" for name, value in axes)


def _shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
