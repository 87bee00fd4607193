"""The conversation as HTML. Everything that anybody said is escaped here."""

from __future__ import annotations

from html import escape

from rapport.apps.demo.conversation import Conversation
from rapport.apps.demo.shown import Phase, ShownTurn
from rapport.persona.card import Persona

DISCLOSURE = (
    "<strong>I am a machine, not a person and not a therapist.</strong> I can misread you and I can be wrong. If you "
    "are in danger or think of harming yourself, turn to people now: the emergency service or a crisis line where you "
    "live, or somebody you trust. "
)
FORGETS = "What you say is kept for this conversation only and is gone when you close the tab."
KEEPS = "You switched memory on: what you say stays on this machine until you erase it under Memory."


def disclosure_html(*, kept: bool = False) -> str:
    """What a visitor must know before the first word."""
    return f'<aside class="rp-disclosure" role="note">{DISCLOSURE}{KEEPS if kept else FORGETS}</aside>'


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
    if conversation.place:
        turns += f'<p class="rp-queue" role="status">{_place_text(conversation.place)}</p>'
    notices = "".join(_notice_html(notice) for notice in conversation.notices)
    refusal = _refusal_html(conversation.refusal)
    return f'<div class="rp-words" role="log" aria-live="polite">{notices}{turns}{refusal}</div>'


def _place_text(place: int) -> str:
    return f"Others are being answered just now. You are number {place} in line; nothing is lost."


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
    return f'<p class="rp-refusal" role="alert">{escape(sentence(reason))}</p>' if reason else ""


def sentence(clause: str) -> str:
    """A clause as a sentence."""
    return f"{clause[:1].upper()}{clause[1:]}."
