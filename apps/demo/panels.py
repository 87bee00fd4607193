"""The conversation and the reasons behind an answer as HTML. Everything that anybody said is escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from rapport.agent.events import Perceived
from rapport.apps.demo.conversation import Conversation
from rapport.apps.demo.shown import Phase, ShownTurn
from rapport.persona.affect import VAD, EmotionEstimate
from rapport.persona.card import Persona

DISCLOSURE = (
    "<strong>I am a machine, not a person and not a therapist.</strong> I can misread you and I can be wrong. If you "
    "are in danger or think of harming yourself, turn to people now: the emergency service or a crisis line where you "
    "live, or somebody you trust. What you say is kept for this conversation only and is gone when you close the tab."
)


def disclosure_html() -> str:
    """What a visitor must know before the first word."""
    return f'<aside class="rp-disclosure" role="note">{DISCLOSURE}</aside>'


def persona_html(persona: Persona) -> str:
    """Who the visitor talks to."""
    return f'<p class="rp-persona">{escape(persona.biography.strip() or persona.manner.strip())}</p>'


def words_html(conversation: Conversation) -> str:
    """Both sides' words so far, oldest first, with what went wrong where it did."""
    name = conversation.agent.persona.name.capitalize()
    turns = "".join(_turn_html(item, name) for item in conversation.turns)
    if not turns:
        turns = (
            f'<p class="rp-empty">Tell {escape(name)} how you are. Press Talk and speak, or type below. '
            "The answer comes as words, voice and face; speak over it, and it stops.</p>"
        )
    elif conversation.phase in {Phase.HEARING, Phase.THINKING}:
        turns += '<p class="rp-turn agent rp-typing" aria-label="thinking"><i></i><i></i><i></i></p>'
    notices = "".join(_notice_html(notice) for notice in conversation.notices)
    refusal = _refusal_html(conversation.refusal)
    return f'<div class="rp-words" role="log" aria-live="polite">{notices}{turns}{refusal}</div>'


def _turn_html(item: ShownTurn, agent_name: str) -> str:
    parts: list[str] = []
    if item.person is not None:
        said = escape(item.person) if item.person else '<em class="rp-faint">(no words were heard)</em>'
        feeling = _feeling_html(item.perceived.fused.label) if item.perceived is not None else ""
        parts.append(f'<div class="rp-turn person"><b>You</b>{feeling}<p dir="auto">{said}</p></div>')
    if item.clauses or item.interrupted:
        said = " ".join(f"<span>{escape(clause)}</span>" for clause in item.clauses)
        cut = '<em class="rp-faint"> — interrupted</em>' if item.interrupted else ""
        feeling = _feeling_html(item.felt.label) if item.felt is not None else ""
        parts.append(
            f'<div class="rp-turn agent"><b>{escape(agent_name)}</b>{feeling}<p dir="auto">{said}{cut}</p></div>'
        )
    parts += [_notice_html(notice) for notice in dict.fromkeys(item.notices)]
    return "".join(parts)


def _notice_html(text: str) -> str:
    return f'<p class="rp-notice">{escape(text)}</p>'


def _feeling_html(label: str) -> str:
    return f'<span class="rp-feeling">{escape(label)}</span>'


def _refusal_html(reason: str) -> str:
    return f'<p class="rp-refusal" role="alert">{escape(_sentence(reason))}</p>' if reason else ""


def why_html(conversation: Conversation) -> str:
    """Why the last answer is as it is: what was perceived, on what evidence, what was felt and planned, how fast."""
    if not conversation.turns or conversation.turns[-1].perceived is None:
        return (
            '<p class="rp-empty">After your first line, this shows what was read, felt and planned, and how fast.</p>'
        )
    item = conversation.turns[-1]
    sections = [_perceived_html(item), _felt_html(item), _plan_html(item), _timings_html(item)]
    return f'<div class="rp-why">{"".join(sections)}</div>'


def _perceived_html(item: ShownTurn) -> str:
    if (perception := item.perceived) is None:
        return ""
    rows = [(str(name), estimate) for name, estimate in perception.modalities.items()]
    if len(rows) != 1:
        rows.append(("together", perception.fused))
    table = "".join(
        f"<tr><th>{escape(name)}</th><td>{_likeliest_html(estimate)}<small>{_vad_text(estimate.vad)}</small></td></tr>"
        for name, estimate in rows
    )
    evidence = "".join(
        f"<li>{escape(piece.text)} <small>{escape(piece.modality)}, {piece.weight:+.2f}</small></li>"
        for piece in perception.fused.evidence[:6]
    )
    body = f"<table>{table}</table>" + (f"<ul>{evidence}</ul>" if evidence else "")
    return _section("What was read in you", body + _reading_html(perception))


def _reading_html(perception: Perceived) -> str:
    """What the readings amount to, in words; a disagreement stands first."""
    conflict, explanation, smoothed = perception.conflict, perception.explanation, perception.smoothed
    warning = f'<p class="rp-conflict">{escape(_sentence(conflict.description))}</p>' if conflict is not None else ""
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
    return f'{warning}{mixed}<div class="rp-reading">{reading}{so_far}</div>'


def _sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:]}."


def _likeliest_html(estimate: EmotionEstimate) -> str:
    likeliest = sorted(estimate.distribution.as_dict().items(), key=lambda pair: -pair[1])[:3]
    return " ".join(
        f'<span class="rp-bar" style="--share:{probability:.3f}">{escape(label)} {probability:.0%}</span>'
        for label, probability in likeliest
    )


def _felt_html(item: ShownTurn) -> str:
    if item.felt is None:
        return ""
    moves = "".join(
        f"<tr><th>{escape(axis)}</th><td>{escape(_signed(parts.items()))}</td></tr>"
        for axis, parts in item.felt.because.items()
    )
    heading = f"<p>{escape(item.felt.label)} · {_vad_text(item.felt.emotion)}</p>"
    return _section("What the agent felt", heading + (f"<table>{moves}</table>" if moves else ""))


def _signed(parts: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:+.2f}" for name, value in parts)


def _plan_html(item: ShownTurn) -> str:
    if item.plan is None:
        return ""
    plan = item.plan
    rows = "".join(
        f"<tr><th>{name}</th><td>{escape(text)}</td></tr>"
        for name, text in (
            ("event", plan.event),
            ("emotion", plan.emotion),
            ("cause", plan.cause),
            ("goal", plan.goal),
            ("strategy", plan.strategy),
        )
        if text
    )
    return _section("What it meant to do", f"<table>{rows}</table>")


def _timings_html(item: ShownTurn) -> str:
    if item.timings is None:
        return ""
    times = "".join(
        f"<span>{name.replace('_', ' ')} <b>{value:.2f} s</b></span>"
        for name, value in item.timings.model_dump().items()
        if value is not None
    )
    return _section("How fast", f'<p class="rp-timings">{times}</p>')


def _section(title: str, body: str) -> str:
    return f"<section><h4>{title}</h4>{body}</section>"


def _vad_text(vad: VAD) -> str:
    return f"V {vad.valence:+.2f} · A {vad.arousal:+.2f} · D {vad.dominance:+.2f}"
