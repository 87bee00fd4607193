"""`rapport bench ears`: what is heard and when, in conversations made from the project's own voice.

The conversation is streamed in frames of 32 ms as fast as possible. Time is that of the sound: a decode that begins at
3.2 s and takes 0.1 s gives its words at 3.3 s, and meanwhile no other begins. What it takes is counted in processor
time, as on a machine with one core to spare, so that the figures do not depend on what else runs.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import Progress

from rapport.apps.bench import ears_talk
from rapport.apps.bench.ears_talk import Floats, Talk, Turn
from rapport.apps.bench.report import Report, spread
from rapport.apps.bench.wer import edits
from rapport.speech.audio import RECOGNITION_RATE_HZ, Audio, SpokenClause, Transcript
from rapport.speech.echo import EchoCanceller
from rapport.speech.endpointing import (
    Endpointer,
    EndpointingPolicy,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from rapport.speech.streaming import PartialTranscript, StreamingTranscriber
from rapport.speech.voice_activity import FRAME_S, FRAME_SAMPLES
from rapport.speech.whisper import FasterWhisper

SNRS_DB = (20.0, 10.0, 5.0)
SILENCE_S = 30.0
ECHO_DELAY_S = 0.12
STOPS_AFTER_S = 0.4
"""The agent falls silent so long after the person has begun."""
AGENT_LINES = (
    "I am sorry to hear that, it must have been a hard day for you.",
    "Tell me a little more about what happened this morning.",
    "You have come a long way since we first talked about your plans.",
)
INTERRUPTION = "Wait a moment, I did not mean that."
_WORD = re.compile(r"[a-z']+")
_FILLERS = {"um", "uh", "mm"}
T = TypeVar("T")


@dataclass
class Heard:
    """What came of listening to one talk: utterances with their ends, first appearances of words, and costs."""

    starts_s: list[float] = field(default_factory=list[float])
    ends: list[tuple[float, Transcript]] = field(default_factory=list[tuple[float, Transcript]])
    partials: list[tuple[float, PartialTranscript]] = field(default_factory=list[tuple[float, PartialTranscript]])
    ready_s: list[float] = field(default_factory=list[float])
    """When the transcript of each utterance was there."""
    cpu_s: float = 0.0


def run(*, as_json: bool) -> None:
    """Print word errors, latencies, false and missed ends, echo, and load; some minutes on two cores."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        lines = ears_talk.read_lines()
        spoken = list(
            progress.track(ears_talk.speak_lines(lines, ears_talk.PERSON), total=len(lines), description="speaking")
        )
        agent = [clause for _, clause in ears_talk.speak_lines(AGENT_LINES, [ears_talk.AGENT])]
        interruption = list(ears_talk.speak_lines([INTERRUPTION], ears_talk.PERSON))
        talk = ears_talk.make_talk(spoken)
        recognizer = FasterWhisper()
        talks = {"clean": talk} | {f"{snr:g}_db": ears_talk.noisy(talk, snr) for snr in SNRS_DB}
        figures: dict[str, Any] = {}
        for name, noisy in progress.track(talks.items(), description="listening"):
            figures[name] = asyncio.run(_conversation(noisy, recognizer))
        figures["echo"] = asyncio.run(_echo(agent, interruption, recognizer))
    figures["load_in_silence"] = _load_in_silence()
    Report("ears", figures).show(as_json)


async def listen(
    sound: Floats,
    transcribe: Callable[[Audio], Awaitable[Transcript]],
    policy: EndpointingPolicy | None = None,
) -> Heard:
    """Stream a sound through endpointer and recogniser as a conversation would."""
    heard, ears, words = Heard(), Endpointer(policy), StreamingTranscriber(transcribe, now_s=time.process_time)
    free_at_s = 0.0
    waiting: list[tuple[float, str]] = []
    prepared: Transcript | None = None
    began_s = time.process_time()
    for start in range(0, len(sound) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        now_s = start / RECOGNITION_RATE_HZ + FRAME_S
        while waiting and waiting[0][0] <= now_s:
            ears.heard_words(waiting.pop(0)[1])
        for event in ears.push(sound[start : start + FRAME_SAMPLES]):
            if isinstance(event, SpeechStarted):
                heard.starts_s.append(now_s)
                words.reset()
            elif isinstance(event, SpeechResumed):
                waiting, prepared = [], None
            elif isinstance(event, SpeechPaused) or prepared is None:
                took_s, prepared = await _timed(words.finish(event.audio))
                free_at_s = max(now_s, free_at_s) + took_s
                waiting = [(free_at_s, prepared.text)]
            if isinstance(event, SpeechEnded) and prepared is not None:
                heard.ends.append((now_s, prepared))
                heard.ready_s.append(max(now_s, free_at_s))
                waiting, prepared = [], None
        if ears.speaking and prepared is None and free_at_s <= now_s:
            utterance = ears.utterance()
            if words.due(utterance.duration_s):
                took_s, partial = await _timed(words.update(utterance))
                free_at_s = now_s + took_s
                heard.partials.append((free_at_s, partial))
    heard.cpu_s = time.process_time() - began_s
    return heard


async def _conversation(talk: Talk, recognizer: FasterWhisper) -> dict[str, Any]:
    heard = await listen(talk.sound, recognizer.transcribe)
    whole = [(await recognizer.transcribe(_cut_out(talk.sound, turn))).text for turn in talk.turns]
    return conversation_figures(talk, heard, whole)


def conversation_figures(talk: Talk, heard: Heard, whole: Sequence[str]) -> dict[str, Any]:
    """What listening was worth; `whole` is each turn as a recogniser hears it that gets it at once."""
    ends_s = [at_s for at_s, _ in heard.ends]
    pauses = [pause for turn in talk.turns for pause in turn.pauses]
    found = _first_ends(talk, ends_s)
    speaking_s = sum(turn.end_s - turn.start_s for turn in talk.turns)
    return {
        "word_error_rate": _word_error_rate(talk.turns, [_text_of(turn, heard) for turn in talk.turns]),
        "word_error_rate_whole": _word_error_rate(talk.turns, whole),
        "partial_latency_s": spread(_latencies(talk, heard, stable=False)),
        "stable_latency_s": spread(_latencies(talk, heard, stable=True)),
        "endpoint_delay_s": spread([at_s - turn.end_s for turn, at_s, _ in found]),
        "words_after_end_s": spread([heard.ready_s[i] - turn.end_s for turn, _, i in found]),
        "false_cut_offs": f"{sum(any(a < at <= b for at in ends_s) for a, b in pauses)} of {len(pauses)}",
        "missed_ends": f"{len(talk.turns) - len(found)} of {len(talk.turns)}",
        "load_while_speaking": round(heard.cpu_s / speaking_s, 3),
    }


async def _echo(
    agent: Sequence[SpokenClause], interruption: Sequence[tuple[str, SpokenClause]], recognizer: FasterWhisper
) -> dict[str, Any]:
    """The agent speaks for a while; then a person speaks over it at the same level, and it stops."""
    played = ears_talk.monologue([*agent, *agent])
    echo = ears_talk.room_echo(played, ECHO_DELAY_S)
    alone = cancelled(echo, played)
    person = ears_talk.make_talk(interruption)
    start = len(played) - len(person.sound)
    settled = slice(len(played) // 4, start)
    begins_s = start / RECOGNITION_RATE_HZ + person.turns[0].start_s
    stopped = played.copy()
    stopped[round((begins_s + STOPS_AFTER_S) * RECOGNITION_RATE_HZ) :] = 0.0
    mixed = ears_talk.room_echo(stopped, ECHO_DELAY_S)
    mixed[start:] += person.sound
    heard = await listen(cancelled(np.clip(mixed, -1.0, 1.0), stopped), recognizer.transcribe)
    noticed = [at_s for at_s in heard.starts_s if at_s >= begins_s]
    said = " ".join(transcript.text for at_s, transcript in heard.ends if at_s >= begins_s)
    return {
        "return_loss_db": round(
            10 * float(np.log10(np.mean(echo[settled] ** 2) / (np.mean(alone[settled] ** 2) + 1e-10))), 1
        ),
        "utterances_in_raw_echo": len((await listen(echo, recognizer.transcribe)).starts_s),
        "utterances_in_cancelled_echo": len((await listen(alone, recognizer.transcribe)).starts_s),
        "barge_in_delay_s": round(noticed[0] - begins_s, 3) if noticed else None,
        "barge_in_word_error_rate": _word_error_rate(person.turns, [said]),
    }


def cancelled(microphone: Floats, reference: Floats) -> Floats:
    """A whole recording without its echo, in the frames of a microphone."""
    canceller = EchoCanceller()
    starts = range(0, len(microphone), FRAME_SAMPLES)
    blocks = [(microphone[i : i + FRAME_SAMPLES], reference[i : i + FRAME_SAMPLES]) for i in starts]
    return np.concatenate([canceller.process(heard, played) for heard, played in blocks])


def _first_ends(talk: Talk, ends_s: Sequence[float]) -> list[tuple[Turn, float, int]]:
    """Each turn whose end was found before the next began, with when and as which utterance."""
    found: list[tuple[Turn, float, int]] = []
    for turn, until_s in _spans(talk):
        after = [(turn, at, i) for i, at in enumerate(ends_s) if turn.end_s <= at < until_s]
        found += after[:1]
    return found


def _spans(talk: Talk) -> list[tuple[Turn, float]]:
    """Turns, each with the start of the next."""
    nexts = [turn.start_s for turn in talk.turns[1:]] + [len(talk.sound) / RECOGNITION_RATE_HZ + 1.0]
    return list(zip(talk.turns, nexts, strict=True))


def _text_of(turn: Turn, heard: Heard) -> str:
    """What was heard in a turn, in one utterance or several."""
    until_s = turn.end_s + ears_talk.BETWEEN_TURNS_S
    return " ".join(transcript.text for at_s, transcript in heard.ends if turn.start_s < at_s <= until_s)


def _latencies(talk: Talk, heard: Heard, *, stable: bool) -> list[float]:
    """Seconds from the end of a word to its first appearance among the (stable) words, for all words that were heard.

    A word counts as there when the partial transcript has as many words and this one at its place.
    """
    out: list[float] = []
    for turn, until_s in _spans(talk):
        within = [(at, p) for at, p in heard.partials if turn.start_s < at < until_s]
        final = [(heard.ready_s[i], t.text) for i, (at, t) in enumerate(heard.ends) if turn.start_s < at < until_s]
        said = plain(turn.text)
        shown = [(at, plain(p.stable if stable else p.text)) for at, p in within]
        shown += [(at, plain(text)) for at, text in final]
        ends = [end_s for text, end_s in turn.words for _ in plain(text)]
        for i, (word, end_s) in enumerate(zip(said, ends, strict=False)):
            times = [at for at, words in shown if len(words) > i and words[i] == word]
            out += [max(0.0, times[0] - end_s)] if times else []
    return out


def _cut_out(sound: Floats, turn: Turn) -> Audio:
    a, b = (round(t * RECOGNITION_RATE_HZ) for t in (turn.start_s - 0.3, turn.end_s + 0.3))
    return Audio(sound[a:b], RECOGNITION_RATE_HZ)


def plain(text: str) -> list[str]:
    """Words as they are compared: lower case, no punctuation, no fillers."""
    return [word for word in _WORD.findall(text.lower().replace("’", "'")) if word not in _FILLERS]


def _word_error_rate(turns: Sequence[Turn], heard: Sequence[str]) -> float:
    """Substitutions, deletions and insertions over the words said."""
    pairs = [(plain(turn.text), plain(text)) for turn, text in zip(turns, heard, strict=True)]
    return round(sum(edits(a, b) for a, b in pairs) / sum(len(a) for a, _ in pairs), 4)


def _load_in_silence() -> float:
    """Share of a core that the ears take while nobody speaks."""
    room = ears_talk.pink_noise(round(SILENCE_S * RECOGNITION_RATE_HZ), seed=1) * 0.001
    ears = Endpointer()
    began_s = time.process_time()
    for start in range(0, len(room), FRAME_SAMPLES):
        ears.push(room[start : start + FRAME_SAMPLES])
    return round((time.process_time() - began_s) / SILENCE_S, 4)


async def _timed(work: Awaitable[T]) -> tuple[float, T]:
    began_s = time.process_time()
    result = await work
    return time.process_time() - began_s, result
