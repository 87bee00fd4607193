"""The contracts of Rapport: one Protocol per stage, on one page.

A component is any class that has the stage's method and a `capabilities` attribute; there is nothing to inherit. It
is constructed with one argument, `model` (what stands after the colon in `"stage-name:model"`, or None), which is where
it loads its weights; it raises ComponentError when it cannot start. After that it holds no state of any conversation:
one instance serves many agents, from many threads of one process, so whatever a turn needs comes in as arguments.

Methods are asynchronous because stages wait: on a thread that computes (use `asyncio.to_thread`), on a network, on a
virtual clock in tests. A component raises StageError when it fails; any other exception counts as a failure as well.
The agent gives every call a time budget, checks what comes back, and goes on to the next component of the chain.

What a component can do stands in its capabilities, beside the data types of its own package (`rapport.speech.audio`,
`rapport.avatar.face`, `rapport.memory.records`, `rapport.persona.transition`): those packages import nothing from here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.voice_baseline import SpeakerBaseline
from rapport.agent.response.deliberation import Deliberation
from rapport.avatar.face import AnimatorCapabilities, FaceTrack, RendererCapabilities
from rapport.memory.records import Exchange, MemoryCapabilities, TurnRecord
from rapport.persona.affect import VAD, AffectState, EmotionEstimate, Modality
from rapport.persona.card import FaceCard, Persona
from rapport.persona.transition import TransitionCapabilities, TransitionRequest
from rapport.speech.audio import (
    Audio,
    RecognizerCapabilities,
    SpokenClause,
    SynthesizerCapabilities,
    Transcript,
    VoiceProfile,
)

# --------------------------------------------------------------------------------------------------- what goes in


@dataclass(frozen=True)
class Utterance:
    """What a person gave for one turn: text, or audio, or both, and any camera frames (RGB uint8, (h, w, 3))."""

    text: str | None = None
    audio: Audio | None = None
    frames: tuple[NDArray[np.uint8], ...] = ()
    transcript: Transcript | None = None
    """The words of `audio`, where they were recognised while it was being spoken."""


@dataclass(frozen=True)
class PersonTurn:
    """The person's turn after recognition: what every emotion recogniser reads."""

    transcript: Transcript
    audio: Audio | None = None
    frames: tuple[NDArray[np.uint8], ...] = ()
    history: tuple[Exchange, ...] = ()
    voice_baseline: SpeakerBaseline | None = None
    """How this person's voice was in the turns before; a `VoiceEstimate` brings back how it goes on."""


@dataclass(frozen=True)
class EmpathyPlan:
    """The chain of empathy (AvaMERG, arXiv 2502.04976) and the support strategy (ESConv) a reply follows."""

    event: str
    """What happened to the person."""
    emotion: str
    """What they feel."""
    cause: str
    """Why they feel it."""
    goal: str
    """What the reply is to do for them."""
    strategy: str
    """One of ESConv's eight: question, restatement, reflection, self_disclosure, affirmation, suggestions,
    information, others."""


@dataclass(frozen=True)
class ReplyRequest:
    """Everything a responder may draw on. `history` holds what was heard, oldest first."""

    text: str
    perceived: EmotionEstimate
    felt: AffectState
    persona: Persona
    history: Sequence[Exchange] = ()
    recalled: Sequence[Exchange] = ()
    seed: int = 0
    max_sentences: int = 3
    reading: str = ""
    """The explanation of `perceived` as a paragraph: what each modality shows, whether they agree, what follows. For a
    language model's prompt; empty when nothing was perceived."""
    guidance: str = ""
    """What the safety guard wants the reply to heed, as one line for a language model's prompt; mostly empty."""
    budget_s: float = 12.0
    """Seconds that the stage has for each item of the reply."""


# ------------------------------------------------------------------------------------------------------ capabilities


@dataclass(frozen=True)
class EmotionCapabilities:
    modality: Modality = "text"
    """What it reads. The agent asks it only for turns that have this modality."""
    taxonomy: str = "ekman7"
    """Name of the taxonomy of its distributions, see rapport.persona.affect.TAXONOMIES."""


@dataclass(frozen=True)
class FusionCapabilities:
    learned: bool = False
    """Whether it was trained, rather than following from the uncertainties that estimates state."""


@dataclass(frozen=True)
class ResponderCapabilities:
    streaming: bool = True
    """Whether the first clause comes before the last is written."""
    model: str = ""
    """Name of the language model behind it, empty for none."""


# ------------------------------------------------------------------------------------------------------------- stages


class SpeechRecognizer(Protocol):
    """Stage `recognition`: sound to words."""

    @property
    def capabilities(self) -> RecognizerCapabilities: ...

    async def transcribe(self, audio: Audio) -> Transcript:
        """Words of any audio (any rate). Silence and noise give an empty transcript, never invented text."""
        ...


class EmotionRecognizer(Protocol):
    """Stage `emotion`: one modality to an estimate. A configuration names several; the agent fuses what they say."""

    @property
    def capabilities(self) -> EmotionCapabilities: ...

    async def estimate(self, heard: PersonTurn) -> EmotionEstimate | None:
        """The person's feeling as this modality shows it; None when there is nothing to read."""
        ...


class EmotionFusion(Protocol):
    """Stage `fusion`: what every modality says to one estimate."""

    @property
    def capabilities(self) -> FusionCapabilities: ...

    async def fuse(self, estimates: Sequence[EmotionEstimate]) -> EmotionEstimate:
        """One estimate without a modality, from at least one estimate, any of text, voice and face missing.

        Fewer or less certain estimates give larger `vad_sd`. Evidence is kept from all.
        """
        ...


class EmotionTransition(Protocol):
    """Stage `transition`: how the agent's own feeling moves, by personality."""

    @property
    def capabilities(self) -> TransitionCapabilities: ...

    async def step(self, request: TransitionRequest) -> AffectState:
        """The state at `request.now_s`: decayed since `request.state.at_s`, then moved by what was perceived."""
        ...


class Responder(Protocol):
    """Stage `response`: a feeling and words to an answer."""

    @property
    def capabilities(self) -> ResponderCapabilities: ...

    def respond(self, request: ReplyRequest) -> AsyncIterator[EmpathyPlan | Deliberation | str]:
        """First the plan, then the reply clause by clause. Clauses are plain text to be spoken, without markup.

        A responder that weighed several replies may yield a Deliberation, for the trace, anywhere behind the plan.
        """
        ...


class SpeechSynthesizer(Protocol):
    """Stage `voice`: a clause to sound that carries the agent's feeling."""

    @property
    def capabilities(self) -> SynthesizerCapabilities: ...

    async def speak(self, text: str, felt: AffectState, voice: VoiceProfile, seed: int) -> SpokenClause:
        """One clause as sound, with words and, where it can, phonemes on the clause's own clock."""
        ...


class FaceListener(Protocol):
    """A face between two replies: it attends while the person speaks, thinks before an answer, and idles otherwise.

    Made by `FaceAnimator.listen`, it belongs to one conversation and keeps its state. Its frames stand on the grid of
    the clock it was given, frame k at k / rate.
    """

    @property
    def shown(self) -> FaceTrack:
        """The last frames shown, for `before` of what follows; empty when there are none yet."""
        ...

    def hear(
        self,
        sound: Audio,
        *,
        words: str = "",
        perceived: EmotionEstimate | None = None,
        felt: AffectState | None = None,
        thinking: bool = False,
    ) -> FaceTrack:
        """The frames up to the end of all sound heard, from where the last ones ended; empty for less than a frame.

        Causal: a frame depends on nothing that comes after it, and how the sound is cut makes no difference. It takes
        less than a millisecond a frame and never waits, so it is no coroutine. Where there is no microphone, silence of
        the time that has passed keeps the head alive.

        Args:
            sound: the next piece of the person's sound, of any length; of one sample rate throughout.
            words: of the utterance that is being spoken, so far.
            perceived: what is read in the person by now, where it is new: the face mirrors a share of it.
            felt: the agent's own feeling, where it is new: it shows, and makes the attitude of the listener.
            thinking: whether an answer is being prepared: the gaze is averted, and nods cease.

        Raises:
            InputError: the sample rate changed.
        """
        ...


class FaceAnimator(Protocol):
    """Stage `animation`: a spoken clause to a face track, and a face that listens."""

    @property
    def capabilities(self) -> AnimatorCapabilities: ...

    async def animate(
        self, clause: SpokenClause, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None
    ) -> FaceTrack:
        """Frames for the time from `start_s` (the clause's place in the reply) to its end, at the component's rate.

        Frames stand on the reply's grid (frame k at k / rate), so the tracks of successive clauses join without a gap
        or an overlap: a clause from a to b owns the frames k with a <= k / rate < b. Blinks, gaze and head motion are
        functions of reply time and seed, so they run on across clauses.

        `before` is what was shown just before (its last two frames suffice), whatever its clock: the first frames go on
        from it, in place and in speed. The first clause of a reply takes what the listener showed, the others the
        clause before them.
        """
        ...

    def listen(self, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None) -> FaceListener:
        """A face that listens from `start_s` on the microphone's clock, going on from `before` (a reply, mostly)."""
        ...


class FaceRenderer(Protocol):
    """Stage `rendering`: a face track to pictures."""

    @property
    def capabilities(self) -> RendererCapabilities: ...

    def render(self, track: FaceTrack, face: FaceCard) -> AsyncIterator[NDArray[np.uint8]]:
        """One RGB picture per frame, uint8 (height, width, 3). A renderer that does not draw yields none."""
        ...


class MemoryStore(Protocol):
    """Stage `memory`: what is kept of conversations, and what comes to mind again."""

    @property
    def capabilities(self) -> MemoryCapabilities: ...

    async def remember(self, record: TurnRecord) -> None:
        """Keep a turn, durably where the store is persistent. Storing the same session and turn again replaces it."""
        ...

    async def recall(self, text: str, *, person_id: str, limit: int, mood: VAD | None = None) -> Sequence[Exchange]:
        """Up to `limit` exchanges that matter most for `text`, best first, from all that this person ever said.

        `mood` is how they feel now. A store that knows why something came to mind, and what the person told of
        themselves, gives `Recollection`s.
        """
        ...


STAGES: Mapping[str, type] = {
    "recognition": SpeechRecognizer,
    "emotion": EmotionRecognizer,
    "fusion": EmotionFusion,
    "transition": EmotionTransition,
    "response": Responder,
    "voice": SpeechSynthesizer,
    "animation": FaceAnimator,
    "rendering": FaceRenderer,
    "memory": MemoryStore,
}
"""Every stage by its name in configurations and entry-point groups (`rapport.<stage>`), in the order of a turn."""
