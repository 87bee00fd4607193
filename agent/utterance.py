"""What a person may give for a turn, made fit for the loop or refused with one line that says what to do."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from rapport.agent.config import AgentConfig
from rapport.agent.stages import Utterance
from rapport.persona.errors import InputError

_MIN_AUDIO_S = 0.05


def prepared(utterance: Utterance | str, config: AgentConfig) -> Utterance:
    """The utterance with control characters removed and spaces collapsed.

    Raises:
        InputError: nothing in it, longer than the configuration allows, or audio too short to hold a sound.
    """
    if isinstance(utterance, str):
        utterance = Utterance(text=utterance)
    if utterance.text is not None:
        if len(utterance.text) > config.max_text_chars:
            raise InputError(
                f"the text has {len(utterance.text):,} characters; say it in parts of at most {config.max_text_chars:,}"
            )
        text = clean(utterance.text)
        if not text and utterance.audio is None:
            raise InputError("there is nothing to answer; type or say something")
        utterance = replace(utterance, text=text or None)
    elif utterance.audio is None:
        raise InputError("there is nothing to answer; give a text or audio")
    if utterance.audio is None:
        return utterance
    duration_s = utterance.audio.duration_s
    if duration_s < _MIN_AUDIO_S:
        raise InputError("the audio is empty; record it again")
    if duration_s > config.max_audio_s:
        raise InputError(
            f"the audio lasts {duration_s:,.0f} s; a turn may last {config.max_audio_s:,.0f} s, so cut it into parts"
        )
    return utterance


def clean(text: str) -> str:
    """Text without control and invisible format characters, its white space collapsed.

    A control character parts words; a format character (a soft hyphen, a zero-width space) does not. The joiners that
    emoji and several scripts are written with stay.
    """
    kept = (_kept(char) for char in text)
    return " ".join("".join(kept).split())


def _kept(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cf":
        return char if char in "\u200c\u200d" else ""
    return " " if category in {"Cc", "Cs", "Co"} else char
