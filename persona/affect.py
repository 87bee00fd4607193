"""The one affect space of Rapport: valence, arousal, dominance, and distributions over named taxonomies.

Every stage speaks this language. A feeling is a point in VAD space (Mehrabian & Russell 1974) and, beside it, a
probability distribution over one of five published label sets. `convert` carries distributions between label
sets; `EmotionDistribution.vad` carries them into VAD space.

Sources of the numbers:

- Ekman seven to VAD: the table of PELD (Wen et al. 2021, arXiv 2106.15846), after Mehrabian & Russell.
- GoEmotions 28 to Ekman: the grouping that Demszky et al. 2020 (arXiv 2005.00547) publish with the data.
- EmpatheticDialogues 32 to MEAD: the map of AvaMERG (arXiv 2502.04976).
- CPED 13 to Ekman: by the label definitions of Chen et al. 2022 (arXiv 2205.14727); *relaxed*, *grateful* and
  *positive-other* count as joy, *depress* as sadness, *worried* as fear, *astonished* as surprise.
- Labels finer than Ekman's get a VAD point of their own, set by us inside the region of their Ekman class so that
  they order as the norms of Warriner et al. 2013 do (excitement above relief in arousal, pride above gratitude in
  dominance). They are coordinates for drawing and blending, not measurements.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError

Modality = Literal["text", "voice", "face"]


def _clip(x: float) -> float:
    return max(-1.0, min(1.0, x))


@dataclass(frozen=True, slots=True)
class VAD:
    """A point in affect space: valence, arousal and dominance, each in [-1, 1].

    Raises:
        InputError: a coordinate is not finite or outside [-1, 1]; use `VAD.clamped` to force it inside.
    """

    valence: float = 0.0
    arousal: float = 0.0
    dominance: float = 0.0

    def __post_init__(self) -> None:
        for name, x in zip(("valence", "arousal", "dominance"), self.as_tuple(), strict=True):
            if not -1.0 <= x <= 1.0:
                raise InputError(f"{name} must be a number in [-1, 1], got {x!r}")

    @classmethod
    def clamped(cls, valence: float, arousal: float, dominance: float) -> VAD:
        """Nearest point inside the space. NaN is refused, infinities land on the border."""
        if math.isnan(valence) or math.isnan(arousal) or math.isnan(dominance):
            raise InputError("a VAD coordinate is NaN; a recogniser returned no number")
        return cls(_clip(float(valence)), _clip(float(arousal)), _clip(float(dominance)))

    @classmethod
    def from_array(cls, array: Sequence[float] | NDArray[np.floating]) -> VAD:
        """From three numbers in the order valence, arousal, dominance; clamped into the space."""
        v, a, d = (float(x) for x in array)
        return cls.clamped(v, a, d)

    def as_tuple(self) -> tuple[float, float, float]:
        return (self.valence, self.arousal, self.dominance)

    def as_array(self) -> NDArray[np.float64]:
        return np.array(self.as_tuple(), dtype=np.float64)

    def towards(self, target: VAD, share: float) -> VAD:
        """The point that lies `share` (0 = here, 1 = there) of the way to `target`."""
        return VAD.from_array(self.as_array() + share * (target.as_array() - self.as_array()))

    def distance(self, other: VAD) -> float:
        """Euclidean distance, in [0, 2 * sqrt(3)]."""
        return float(np.linalg.norm(self.as_array() - other.as_array()))

    @property
    def intensity(self) -> float:
        """How far from neutral, in [0, 1]: the length of the vector over the longest there is."""
        return float(np.linalg.norm(self.as_array()) / math.sqrt(3.0))


@dataclass(frozen=True)
class Taxonomy:
    """A named, ordered label set with a VAD point for each label."""

    name: str
    points: Mapping[str, VAD] = field(repr=False)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def index(self, label: str) -> int:
        """Position of a label. Raises InputError that lists the labels when it is unknown."""
        try:
            return self.labels.index(label)
        except ValueError:
            raise InputError(f"{label!r} is no label of {self.name}; one of: {', '.join(self.labels)}") from None

    def nearest(self, vad: VAD) -> str:
        """The label whose point lies nearest."""
        return min(self.points, key=lambda label: self.points[label].distance(vad))

    def called(self, vad: VAD, least: float = 0.45) -> str:
        """The name of a feeling: the label whose point lies in its direction; neutral when it is shorter than `least`.

        Direction rather than distance, since a mild fear is still a fear and not the nearest mild label.
        """
        here = vad.as_tuple()
        length = math.hypot(*here)
        if length < least and "neutral" in self.points:
            return "neutral"

        def cosine(label: str) -> float:
            there = self.points[label].as_tuple()
            norm = math.hypot(*there) * length
            return sum(x * y for x, y in zip(here, there, strict=True)) / norm if norm else -1.0

        return max(self.points, key=cosine)

    def around(self, vad: VAD, spread: float = 0.35) -> EmotionDistribution:
        """A soft distribution around a point: Gaussian in distance with standard deviation `spread`."""
        logits = np.array([-0.5 * (p.distance(vad) / spread) ** 2 for p in self.points.values()])
        weights = np.exp(logits - logits.max())
        return EmotionDistribution(self, tuple((weights / weights.sum()).tolist()))


def _points(**table: tuple[float, float, float]) -> dict[str, VAD]:
    return {name.replace("_", "-"): VAD(*values) for name, values in table.items()}


EKMAN7 = Taxonomy(
    "ekman7",
    _points(
        anger=(-0.51, 0.59, 0.25),
        disgust=(-0.60, 0.35, 0.11),
        fear=(-0.62, 0.82, -0.43),
        joy=(0.81, 0.51, 0.46),
        neutral=(0.0, 0.0, 0.0),
        sadness=(-0.63, -0.27, -0.33),
        surprise=(0.40, 0.67, -0.13),
    ),
)
"""Ekman's six and neutral, as MELD and PELD label them (alphabetical, as PELD's encoder orders them)."""

GOEMOTIONS28 = Taxonomy(
    "goemotions28",
    _points(
        admiration=(0.70, 0.30, 0.15),
        amusement=(0.78, 0.45, 0.30),
        anger=(-0.51, 0.59, 0.25),
        annoyance=(-0.45, 0.35, 0.15),
        approval=(0.50, 0.10, 0.30),
        caring=(0.65, 0.05, 0.25),
        confusion=(-0.20, 0.25, -0.30),
        curiosity=(0.30, 0.40, 0.10),
        desire=(0.45, 0.45, 0.10),
        disappointment=(-0.55, -0.15, -0.25),
        disapproval=(-0.45, 0.20, 0.20),
        disgust=(-0.60, 0.35, 0.11),
        embarrassment=(-0.45, 0.25, -0.45),
        excitement=(0.75, 0.75, 0.35),
        fear=(-0.62, 0.82, -0.43),
        gratitude=(0.75, 0.15, 0.05),
        grief=(-0.80, -0.10, -0.50),
        joy=(0.81, 0.51, 0.46),
        love=(0.85, 0.40, 0.30),
        nervousness=(-0.45, 0.60, -0.40),
        optimism=(0.65, 0.30, 0.35),
        pride=(0.70, 0.40, 0.60),
        realization=(0.10, 0.25, 0.05),
        relief=(0.60, -0.25, 0.20),
        remorse=(-0.60, 0.05, -0.40),
        sadness=(-0.63, -0.27, -0.33),
        surprise=(0.40, 0.67, -0.13),
        neutral=(0.0, 0.0, 0.0),
    ),
)
"""GoEmotions' 27 emotions and neutral, in the order of the released label file."""

MEAD8 = Taxonomy(
    "mead8",
    _points(
        angry=(-0.51, 0.59, 0.25),
        contempt=(-0.55, 0.10, 0.40),
        disgusted=(-0.60, 0.35, 0.11),
        fear=(-0.62, 0.82, -0.43),
        happy=(0.81, 0.51, 0.46),
        neutral=(0.0, 0.0, 0.0),
        sad=(-0.63, -0.27, -0.33),
        surprised=(0.40, 0.67, -0.13),
    ),
)
"""The eight acted emotions of MEAD (Wang et al. 2020)."""

EMPATHETIC32 = Taxonomy(
    "empathetic32",
    _points(
        afraid=(-0.62, 0.75, -0.43),
        angry=(-0.51, 0.59, 0.25),
        annoyed=(-0.45, 0.35, 0.15),
        anticipating=(0.35, 0.45, 0.10),
        anxious=(-0.45, 0.60, -0.40),
        apprehensive=(-0.35, 0.45, -0.35),
        ashamed=(-0.55, 0.15, -0.50),
        caring=(0.65, 0.05, 0.25),
        confident=(0.65, 0.30, 0.65),
        content=(0.65, -0.20, 0.30),
        devastated=(-0.80, 0.20, -0.55),
        disappointed=(-0.55, -0.15, -0.25),
        disgusted=(-0.60, 0.35, 0.11),
        embarrassed=(-0.45, 0.25, -0.45),
        excited=(0.75, 0.75, 0.35),
        faithful=(0.60, 0.00, 0.20),
        furious=(-0.60, 0.80, 0.35),
        grateful=(0.75, 0.15, 0.05),
        guilty=(-0.60, 0.10, -0.45),
        hopeful=(0.60, 0.30, 0.20),
        impressed=(0.60, 0.40, 0.00),
        jealous=(-0.50, 0.45, -0.10),
        joyful=(0.81, 0.51, 0.46),
        lonely=(-0.60, -0.35, -0.40),
        nostalgic=(0.15, -0.20, -0.05),
        prepared=(0.45, 0.05, 0.50),
        proud=(0.70, 0.40, 0.60),
        sad=(-0.63, -0.27, -0.33),
        sentimental=(0.20, -0.15, -0.10),
        surprised=(0.40, 0.67, -0.13),
        terrified=(-0.70, 0.90, -0.55),
        trusting=(0.60, -0.05, 0.15),
    ),
)
"""The 32 situations of EmpatheticDialogues (Rashkin et al. 2019)."""

CPED13 = Taxonomy(
    "cped13",
    _points(
        happy=(0.81, 0.51, 0.46),
        grateful=(0.75, 0.15, 0.05),
        relaxed=(0.65, -0.30, 0.25),
        positive_other=(0.50, 0.20, 0.20),
        anger=(-0.51, 0.59, 0.25),
        sadness=(-0.63, -0.27, -0.33),
        fear=(-0.62, 0.82, -0.43),
        depress=(-0.65, -0.40, -0.45),
        disgust=(-0.60, 0.35, 0.11),
        astonished=(0.10, 0.70, -0.15),
        worried=(-0.45, 0.45, -0.35),
        negative_other=(-0.45, 0.15, -0.10),
        neutral=(0.0, 0.0, 0.0),
    ),
)
"""CPED's 13 emotions, in the order of the released baseline's ids."""

TAXONOMIES: Mapping[str, Taxonomy] = {t.name: t for t in (EKMAN7, GOEMOTIONS28, MEAD8, EMPATHETIC32, CPED13)}

_EKMAN_OF: Mapping[str, Mapping[str, str]] = {
    "ekman7": {label: label for label in EKMAN7.labels},
    "goemotions28": {
        **dict.fromkeys(("anger", "annoyance", "disapproval"), "anger"),
        "disgust": "disgust",
        **dict.fromkeys(("fear", "nervousness"), "fear"),
        **dict.fromkeys(
            (
                "joy",
                "amusement",
                "approval",
                "excitement",
                "gratitude",
                "love",
                "optimism",
                "relief",
                "pride",
                "admiration",
                "desire",
                "caring",
            ),
            "joy",
        ),
        **dict.fromkeys(("sadness", "disappointment", "embarrassment", "grief", "remorse"), "sadness"),
        **dict.fromkeys(("surprise", "realization", "confusion", "curiosity"), "surprise"),
        "neutral": "neutral",
    },
    "mead8": {
        "angry": "anger",
        "contempt": "disgust",
        "disgusted": "disgust",
        "fear": "fear",
        "happy": "joy",
        "neutral": "neutral",
        "sad": "sadness",
        "surprised": "surprise",
    },
    "empathetic32": {
        **dict.fromkeys(
            (
                "excited",
                "proud",
                "grateful",
                "hopeful",
                "confident",
                "anticipating",
                "joyful",
                "prepared",
                "content",
                "caring",
                "trusting",
                "faithful",
            ),
            "joy",
        ),
        **dict.fromkeys(("surprised", "impressed", "devastated"), "surprise"),
        **dict.fromkeys(("angry", "annoyed", "furious"), "anger"),
        **dict.fromkeys(("afraid", "terrified", "apprehensive"), "fear"),
        **dict.fromkeys(
            (
                "disappointed",
                "lonely",
                "guilty",
                "anxious",
                "nostalgic",
                "embarrassed",
                "sentimental",
                "ashamed",
                "sad",
            ),
            "sadness",
        ),
        **dict.fromkeys(("disgusted", "jealous"), "disgust"),
    },
    "cped13": {
        **dict.fromkeys(("happy", "grateful", "relaxed", "positive-other"), "joy"),
        "anger": "anger",
        **dict.fromkeys(("sadness", "depress", "negative-other"), "sadness"),
        **dict.fromkeys(("fear", "worried"), "fear"),
        "disgust": "disgust",
        "astonished": "surprise",
        "neutral": "neutral",
    },
}
"""Each label's Ekman class. Ekman's seven are the hub through which any two taxonomies are joined."""


def ekman_of(taxonomy: Taxonomy, label: str) -> str:
    """The Ekman class of a label. Raises InputError for an unknown one."""
    taxonomy.index(label)
    return _EKMAN_OF[taxonomy.name][label]


def convert(distribution: EmotionDistribution, target: Taxonomy) -> EmotionDistribution:
    """Carry a distribution into another taxonomy.

    Mass moves to the Ekman class of each label, and from there to the target's labels of that class, nearer ones
    (in VAD) getting more. Total mass is kept. A class that the target lacks (EmpatheticDialogues has no neutral) gives
    its mass to the target's labels by nearness alone.
    """
    if distribution.taxonomy.name == target.name:
        return distribution
    out = np.zeros(len(target))
    targets = list(target.points.items())
    for label, p in zip(distribution.taxonomy.labels, distribution.probabilities, strict=True):
        if p == 0.0:
            continue
        ekman = _EKMAN_OF[distribution.taxonomy.name][label]
        same = [i for i, (name, _) in enumerate(targets) if _EKMAN_OF[target.name][name] == ekman]
        candidates = same or list(range(len(targets)))
        here = distribution.taxonomy.points[label]
        logits = np.array([-0.5 * (targets[i][1].distance(here) / 0.25) ** 2 for i in candidates])
        share = np.exp(logits - logits.max())
        out[candidates] += p * share / share.sum()
    return EmotionDistribution.normalised(target, out)


@dataclass(frozen=True)
class EmotionDistribution:
    """Probabilities over the labels of a taxonomy, in its order, each >= 0 and summing to 1.

    Raises:
        InputError: wrong length, a negative or non-finite number, or a sum away from 1 by more than 1e-3.
    """

    taxonomy: Taxonomy
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        p = np.asarray(self.probabilities, dtype=np.float64)
        if p.shape != (len(self.taxonomy),):
            raise InputError(f"{self.taxonomy.name} needs {len(self.taxonomy)} probabilities, got {p.size}")
        if not np.isfinite(p).all() or (p < 0).any() or abs(p.sum() - 1.0) > 1e-3:
            raise InputError(f"probabilities over {self.taxonomy.name} must be >= 0 and sum to 1 (sum {p.sum():.4f})")

    @classmethod
    def normalised(cls, taxonomy: Taxonomy, weights: Iterable[float]) -> EmotionDistribution:
        """Scale non-negative weights to sum to 1; all zero becomes uniform. NaN or negative raises InputError."""
        w = np.asarray(list(weights), dtype=np.float64)
        if not np.isfinite(w).all() or (w < 0).any():
            raise InputError(f"weights over {taxonomy.name} must be finite and >= 0")
        total = float(w.sum())
        p = w / total if total > 0 else np.full(len(taxonomy), 1.0 / len(taxonomy))
        return cls(taxonomy, tuple(p.tolist()))

    @classmethod
    def certain(cls, taxonomy: Taxonomy, label: str) -> EmotionDistribution:
        """All mass on one label."""
        i = taxonomy.index(label)
        return cls(taxonomy, tuple(1.0 if k == i else 0.0 for k in range(len(taxonomy))))

    @property
    def label(self) -> str:
        """The most probable label; the earliest in the taxonomy's order when several tie."""
        return self.taxonomy.labels[int(np.argmax(self.probabilities))]

    @property
    def vad(self) -> VAD:
        """Expected VAD: the mean of the labels' points under these probabilities."""
        points = np.array([p.as_tuple() for p in self.taxonomy.points.values()])
        return VAD.from_array(np.asarray(self.probabilities) @ points)

    def as_dict(self) -> dict[str, float]:
        return dict(zip(self.taxonomy.labels, self.probabilities, strict=True))


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for an estimate, in words, with how much it weighed (signed towards positive valence, [-1, 1])."""

    modality: Modality
    text: str
    weight: float


@dataclass(frozen=True)
class EmotionEstimate:
    """What one modality, or all of them fused, says about a person's feeling.

    `vad_sd` is the standard deviation of the estimate on each axis (0 < sd): fusion weighs by 1 / sd**2. An axis on
    which the modality knows nothing has a standard deviation of about 1.
    """

    distribution: EmotionDistribution
    vad: VAD
    vad_sd: tuple[float, float, float] = (0.35, 0.35, 0.35)
    modality: Modality | None = None
    """None for a fused estimate."""
    evidence: tuple[Evidence, ...] = ()

    def __post_init__(self) -> None:
        if not all(math.isfinite(s) and s > 0 for s in self.vad_sd):
            raise InputError(f"vad_sd must be three positive numbers, got {self.vad_sd}")

    @property
    def label(self) -> str:
        return self.distribution.label

    @classmethod
    def unknown(cls, modality: Modality | None = None) -> EmotionEstimate:
        """Neutral, and sure of nothing: what a missing recogniser amounts to."""
        return cls(EmotionDistribution.certain(EKMAN7, "neutral"), VAD(), (1.0, 1.0, 1.0), modality)


@dataclass(frozen=True)
class AffectState:
    """How the agent feels: a fast emotion over a slow mood, at a moment of the injected clock (seconds).

    `because` says, per axis and cause, how much the last step moved the emotion, e.g.
    `{"valence": {"decay": 0.02, "contagion": -0.31}, ...}`: the parts of an axis add up to its whole move.
    """

    emotion: VAD = field(default_factory=VAD)
    mood: VAD = field(default_factory=VAD)
    at_s: float = 0.0
    because: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    distribution: EmotionDistribution | None = None
    """What the last step says of the label, where it says more than the point does."""

    @property
    def label(self) -> str:
        """What the emotion is called among Ekman's seven."""
        return EKMAN7.called(self.emotion)
