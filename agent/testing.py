"""Fakes for every stage and a virtual clock: the whole loop in milliseconds, without models, devices or network.

    clock = VirtualClock()
    agent = fake_agent(clock=clock, response=FakeResponder(["I see.", "Tell me more."], delay_s=0.3))
    reply = agent.say("hello")          # 0.3 virtual seconds, no real ones
    assert reply.text == "I see. Tell me more."

Every fake takes `delay_s` (virtual seconds per call) and `fails`: an exception to raise, or HANG to never return.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Coroutine, Sequence
from functools import cache
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from rapport.agent.agent import Agent
from rapport.agent.clock import Clock
from rapport.agent.config import AgentConfig, StageConfig
from rapport.agent.perception.fusion import PrecisionFusion, fuse
from rapport.agent.registry import ComponentPool
from rapport.agent.safety.guard import Guard
from rapport.agent.stages import (
    EmotionCapabilities,
    EmpathyPlan,
    PersonTurn,
    ReplyRequest,
    ResponderCapabilities,
)
from rapport.avatar.face import AnimatorCapabilities, FaceTrack, RendererCapabilities
from rapport.memory.records import Exchange, MemoryCapabilities, TurnRecord
from rapport.persona.affect import EKMAN7, VAD, AffectState, EmotionEstimate, Evidence, Modality
from rapport.persona.card import FaceCard, Persona
from rapport.persona.transition import HoldTransition, TransitionRequest
from rapport.speech.audio import (
    RECOGNITION_RATE_HZ,
    Audio,
    Phoneme,
    RecognizerCapabilities,
    SpokenClause,
    SynthesizerCapabilities,
    Transcript,
    VoiceProfile,
    Word,
)
from rapport.speech.endpointing import SpeechEnded, SpeechPaused, SpeechResumed, SpeechStarted

T = TypeVar("T")


class _Hang:
    """The type of HANG."""


HANG: Final = _Hang()
"""Given as `fails`: the call never returns."""


class _VirtualSelector(selectors.SelectSelector):
    """Never sleeps: when nothing is ready, virtual time leaps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.now_s += timeout
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, selector: _VirtualSelector) -> None:
        super().__init__(selector)
        self._selector_s = selector

    def time(self) -> float:
        return self._selector_s.now_s


class VirtualClock:
    """A clock whose event loop takes no real time to wait. `advance` moves it between turns.

    For fakes and pure logic only: work in real threads goes unnoticed by virtual timers.
    """

    def __init__(self) -> None:
        self._selector = _VirtualSelector()
        self._offset_s = 0.0

    def now_s(self) -> float:
        return self._offset_s + self._selector.now_s

    def advance(self, seconds: float) -> None:
        """Let time pass while nothing runs."""
        self._offset_s += seconds

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        selector = _VirtualSelector()
        self._offset_s, self._selector = self.now_s(), selector
        with asyncio.Runner(loop_factory=lambda: _VirtualLoop(selector)) as runner:
            return runner.run(coroutine)


class _Fake:
    def __init__(self, delay_s: float = 0.0, fails: BaseException | _Hang | None = None) -> None:
        self.delay_s = delay_s
        self.fails = fails
        self.calls = 0

    async def _work(self) -> None:
        self.calls += 1
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if isinstance(self.fails, _Hang):
            await asyncio.get_running_loop().create_future()
        elif self.fails is not None:
            raise self.fails.with_traceback(None)


class FakeEndpointer:
    """Hears speech in frames whose first sample is not zero.

    A silence may be the end from its first frame on, and is the end after `patience_s`.
    """

    def __init__(self, patience_s: float = 0.2) -> None:
        self.patience_s = patience_s
        self.words: list[str] = []
        """What it was told of the words so far."""
        self._frames: list[NDArray[np.float32]] = []
        self._at_s = self._silent_s = 0.0

    @property
    def speaking(self) -> bool:
        return bool(self._frames)

    def utterance(self) -> Audio:
        return Audio(np.concatenate([np.zeros(0, np.float32), *self._frames]), RECOGNITION_RATE_HZ)

    def heard_words(self, text: str) -> None:
        self.words.append(text)

    def push(self, frame: NDArray[np.float32]) -> list[SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded]:
        frame_s = len(frame) / RECOGNITION_RATE_HZ
        self._at_s += frame_s
        if frame[0] != 0.0:
            paused, self._silent_s = self._silent_s > 0.0, 0.0
            self._frames.append(frame)
            if len(self._frames) == 1:
                return [SpeechStarted(self._at_s)]
            return [SpeechResumed(self._at_s)] if paused else []
        if not self._frames:
            return []
        self._silent_s += frame_s
        if self._silent_s >= self.patience_s:
            return self.flush()
        return [SpeechPaused(self.utterance(), self._at_s)] if self._silent_s == frame_s else []

    def flush(self) -> list[SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded]:
        audio, spoke = self.utterance(), self.speaking
        self._frames, self._silent_s = [], 0.0
        return [SpeechEnded(audio, self._at_s)] if spoke else []


class FakeRecognizer(_Fake):
    """Hears the same words whatever the audio; they share its time equally."""

    capabilities = RecognizerCapabilities(word_times=True)

    def __init__(self, text: str = "I lost my job today", **fake: Any) -> None:
        super().__init__(**fake)
        self.text = text

    async def transcribe(self, audio: Audio) -> Transcript:
        await self._work()
        words = self.text.split()
        step_s = audio.duration_s / max(1, len(words))
        return Transcript(self.text, tuple(Word(w, i * step_s, (i + 1) * step_s) for i, w in enumerate(words)))


class ScriptedRecognizer(_Fake):
    """Hears the line whose number is ten times the loudness of the first sample: 0.1 says the first one."""

    capabilities = RecognizerCapabilities()

    def __init__(self, *lines: str, **fake: Any) -> None:
        super().__init__(**fake)
        self.lines = lines

    async def transcribe(self, audio: Audio) -> Transcript:
        await self._work()
        return Transcript(self.lines[round(float(audio.samples[0]) * 10) - 1])


class FakeEmotion(_Fake):
    """Reads the same feeling out of every turn."""

    def __init__(self, vad: VAD | None = None, modality: Modality = "text", **fake: Any) -> None:
        super().__init__(**fake)
        self.vad = vad or VAD(-0.6, 0.2, -0.3)
        self.capabilities = EmotionCapabilities(modality=modality)

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        await self._work()
        evidence = Evidence(self.capabilities.modality, heard.transcript.text, self.vad.valence)
        return EmotionEstimate(
            EKMAN7.around(self.vad), self.vad, modality=self.capabilities.modality, evidence=(evidence,)
        )


class FakeFusion(_Fake):
    """Fuses by precision."""

    capabilities = PrecisionFusion.capabilities

    async def fuse(self, estimates: Sequence[EmotionEstimate]) -> EmotionEstimate:
        await self._work()
        return fuse(estimates)


class FakeTransition(_Fake):
    """Keeps the feeling as it was."""

    capabilities = HoldTransition().capabilities

    async def step(self, request: TransitionRequest) -> AffectState:
        await self._work()
        return await HoldTransition().step(request)


class FakeResponder(_Fake):
    """Says the given clauses, waiting `delay_s` before each."""

    capabilities = ResponderCapabilities(streaming=True)

    def __init__(self, clauses: Sequence[str] = ("I'm sorry to hear that.", "What happened?"), **fake: Any) -> None:
        super().__init__(**fake)
        self.clauses = tuple(clauses)
        self.requests: list[ReplyRequest] = []

    async def respond(self, request: ReplyRequest) -> AsyncIterator[EmpathyPlan | str]:
        self.requests = [*self.requests[-9:], request]
        yield EmpathyPlan(request.text, request.perceived.label, "", "to understand", "question")
        for clause in self.clauses:
            await self._work()
            yield clause


class FakeVoice(_Fake):
    """Speaks a quiet tone: `word_s` seconds for each word, each letter a phoneme of its own."""

    capabilities = SynthesizerCapabilities(sample_rate_hz=16_000, phoneme_times=True)

    def __init__(self, word_s: float = 0.3, **fake: Any) -> None:
        super().__init__(**fake)
        self.word_s = word_s

    async def speak(self, text: str, felt: AffectState, voice: VoiceProfile, seed: int) -> SpokenClause:
        await self._work()
        texts = text.split() or [text]
        words: list[Word] = []
        phonemes: list[Phoneme] = []
        for i, word in enumerate(texts):
            start_s, step_s = i * self.word_s, self.word_s / len(word)
            words.append(Word(word.strip(".,!?"), start_s, start_s + self.word_s))
            phonemes += [Phoneme(c, start_s + k * step_s, start_s + (k + 1) * step_s) for k, c in enumerate(word)]
        return SpokenClause(text, _tone(len(texts) * self.word_s), tuple(words), tuple(phonemes))


@cache
def _tone(duration_s: float) -> Audio:
    time_s = np.arange(round(duration_s * 16_000)) / 16_000
    return Audio((0.1 * np.sin(2 * np.pi * 220 * time_s)).astype(np.float32), 16_000)


class FakeAnimator(_Fake):
    """A face at rest for as long as the clause lasts, or the person's sound."""

    capabilities = AnimatorCapabilities()

    async def animate(
        self, clause: SpokenClause, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None
    ) -> FaceTrack:
        await self._work()
        first, last = (int(np.ceil(t * 25 - 1e-6)) for t in (start_s, start_s + clause.audio.duration_s))
        return FaceTrack.neutral(last - first, 25.0, first / 25.0)

    def listen(self, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None) -> FakeFaceListener:
        return FakeFaceListener(start_s)


class FakeFaceListener:
    """A face at rest, at 25 frames a second."""

    def __init__(self, start_s: float) -> None:
        self._heard_s = start_s
        self._next = int(np.ceil(start_s * 25 - 1e-6))
        self.shown = FaceTrack.neutral(0, 25.0, self._next / 25.0)

    def hear(
        self,
        sound: Audio,
        *,
        words: str = "",
        perceived: EmotionEstimate | None = None,
        felt: AffectState | None = None,
        thinking: bool = False,
    ) -> FaceTrack:
        self._heard_s += sound.duration_s
        count = int(np.floor(self._heard_s * 25 + 1e-6)) + 1 - self._next
        track = FaceTrack.neutral(max(count, 0), 25.0, self._next / 25.0)
        self._next += len(track)
        self.shown = track if len(track) else self.shown
        return track


class FakeRenderer(_Fake):
    """Grey pictures of `size` x `size` pixels."""

    capabilities = RendererCapabilities(draws=True, device="fake")

    def __init__(self, size: int = 8, **fake: Any) -> None:
        super().__init__(**fake)
        self.size = size

    async def render(self, track: FaceTrack, face: FaceCard) -> AsyncIterator[NDArray[np.uint8]]:
        for _ in range(len(track)):
            await self._work()
            yield np.full((self.size, self.size, 3), 128, np.uint8)


class FakeMemory(_Fake):
    """Remembers in a list, and recalls the last."""

    capabilities = MemoryCapabilities(persistent=False, semantic=False)

    def __init__(self, keep: int = 100, **fake: Any) -> None:
        super().__init__(**fake)
        self.keep = keep
        self.records: list[TurnRecord] = []

    async def remember(self, record: TurnRecord) -> None:
        await self._work()
        key = (record.exchange.session, record.exchange.turn)
        others = [r for r in self.records if (r.exchange.session, r.exchange.turn) != key]
        self.records = [*others, record][-self.keep :]

    async def recall(self, text: str, *, person_id: str, limit: int, mood: VAD | None = None) -> Sequence[Exchange]:
        await self._work()
        return [r.exchange for r in reversed(self.records) if r.person_id == person_id][:limit]


def fake_agent(
    persona: Persona | None = None,
    *,
    clock: Clock | None = None,
    config: AgentConfig | None = None,
    seed: int = 0,
    guard: Guard | None = None,
    **components: Any,
) -> Agent:
    """An agent on fakes. `components` replaces stages by name; a list of components makes a fallback chain, None
    switches voice, animation or rendering off. `config` gives budgets; its component names are replaced. The safety
    guard reads by rules alone unless another is given.

        fake_agent(voice=[FakeVoice(fails=HANG), FakeVoice()], rendering=None)
    """
    stages: dict[str, Any] = {
        "recognition": FakeRecognizer(),
        "emotion": [FakeEmotion()],
        "fusion": FakeFusion(),
        "transition": FakeTransition(),
        "response": FakeResponder(),
        "voice": FakeVoice(),
        "animation": FakeAnimator(),
        "rendering": FakeRenderer(),
        "memory": FakeMemory(),
        **components,
    }
    pool = ComponentPool()
    base = config or AgentConfig()

    def chain(stage: str, chosen: Any, budget_s: float) -> StageConfig:
        several: list[Any] = list(chosen) if isinstance(chosen, (list, tuple)) else [chosen]  # pyright: ignore[reportUnknownArgumentType]
        names = [f"fake-{stage}-{i}" for i in range(len(several))]
        for name, component in zip(names, several, strict=True):
            pool.add(stage, name, component)
        return StageConfig(use=names[0], fallback=tuple(names[1:]), budget_s=budget_s)

    changes: dict[str, Any] = {}
    for stage, chosen in stages.items():
        if chosen is None:
            changes[stage] = None
        elif stage == "emotion":
            recognizers: list[Any] = list(chosen) if isinstance(chosen, (list, tuple)) else [chosen]  # pyright: ignore[reportUnknownArgumentType]
            names = [f"fake-emotion-{i}" for i in range(len(recognizers))]
            for name, component in zip(names, recognizers, strict=True):
                pool.add(stage, name, component)
            changes[stage] = tuple(StageConfig(use=name, budget_s=base.emotion[0].budget_s) for name in names)
        else:
            configured: StageConfig | None = getattr(base, stage)
            changes[stage] = chain(stage, chosen, configured.budget_s if configured is not None else 10.0)
    return Agent(
        persona or Persona(name="fake"),
        base.model_copy(update=changes),
        clock=clock,
        seed=seed,
        pool=pool,
        guard=guard or Guard(),
    )
