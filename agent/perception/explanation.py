"""What was perceived, in words, by rules: the clues of every modality, what they amount to, and the conclusion.

The form is ExpLLM's (arXiv 2409.02828), key observations, overall interpretation, conclusion, over clues per modality
as EMER (arXiv 2306.15401) collects them. Every clue that is quoted stands in the evidence, and the conclusion names the
fused label. As a paragraph it is textualised fusion (arXiv 2407.12927): what a language model can read of a voice and a
face that it neither hears nor sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from rapport.agent.perception.compound import Compound
from rapport.agent.perception.conflict import Conflict
from rapport.persona.affect import EmotionEstimate, Modality

CLUES = 3
"""Most clues that are told per modality."""
CLUE_CHARS = 60
"""Longer evidence is a text, not a clue."""
BLIND_SD = 0.95
"""An axis with a larger standard deviation is not spoken of: the modality cannot read it."""
LEAST_VAD = 0.15
"""What lies nearer to neutral than this goes unsaid."""
LIKELY = 0.4
"""From this probability on, the label is called likely."""

_SUBJECTS: Mapping[Modality, str] = {"text": "the words", "voice": "the voice", "face": "the face"}
_VERBS: Mapping[Modality, str] = {"text": "read", "voice": "sounds", "face": "looks"}
_POLES = (("unpleasant", "pleasant"), ("calm", "aroused"), ("powerless", "in control"))


@dataclass(frozen=True)
class Explanation:
    """Why a feeling was read as it was, under ExpLLM's three headings."""

    key_observations: tuple[str, ...] = ()
    """One sentence per modality, in the order words, voice, face."""
    interpretation: str = ""
    conclusion: str = ""

    def as_text(self) -> str:
        """One paragraph for a language model; empty when nothing was observed."""
        if not self.key_observations:
            return ""
        return (
            f"Key observations: {' '.join(self.key_observations)} "
            f"Overall interpretation: {self.interpretation} Conclusion: {self.conclusion}"
        )


def explain(
    modalities: Mapping[Modality, EmotionEstimate],
    fused: EmotionEstimate,
    conflict: Conflict | None,
    compound: Compound | None,
) -> Explanation:
    """The explanation of a fused estimate from those of its modalities."""
    there: list[Modality] = [modality for modality in _SUBJECTS if modality in modalities]
    if not there:
        return Explanation(
            (), "Nothing of the person's feeling could be read.", f"The feeling is taken as {fused.label} for now."
        )
    feeling = _in_words(fused) or "near neutral"
    told = [f"The feeling is {feeling}, with {_uncertainty(fused)} uncertainty."]
    if conflict is not None:
        told = [
            f"What is said and how it is said disagree: {conflict.description}.",
            f"Taken together the feeling would be {feeling}, but either side may be the true one.",
        ]
    elif len(there) > 1:
        told.append(f"{_listed([_SUBJECTS[m] for m in there]).capitalize()} do not contradict each other.")
    if compound is not None:
        told.append(f"Two feelings mix: {compound.labels[0]} and {compound.labels[1]}, {compound.name}.")
    observations = tuple(_observation(modality, modalities[modality]) for modality in there)
    return Explanation(observations, " ".join(told), _conclusion(fused))


def cited_clues(estimate: EmotionEstimate) -> list[str]:
    """The clues of a modality that are told: the heaviest of its evidence, word for word."""
    heaviest = sorted(estimate.evidence, key=lambda e: -abs(e.weight))
    fit = (e.text for e in heaviest if 0 < len(e.text) <= CLUE_CHARS and e.text == " ".join(e.text.split()))
    return list(dict.fromkeys(fit))[:CLUES]


def _observation(modality: Modality, estimate: EmotionEstimate) -> str:
    subject, clues = _SUBJECTS[modality], cited_clues(estimate)
    says = f"{_VERBS[modality]} {_sense(modality, estimate)}"
    if not clues:
        return f"{subject.capitalize()} {says}."
    quoted = _listed([f'"{clue}"' for clue in clues] if modality == "text" else clues)
    stand, it = "stand" if len(clues) > 1 else "stands", "they" if modality == "text" else "it"
    return f"In {subject}, {quoted} {stand} out; {it} {says}."


def _sense(modality: Modality, estimate: EmotionEstimate) -> str:
    if modality != "text" and estimate.vad_sd[0] >= BLIND_SD:  # its label would be a guess at what it cannot tell
        return f"{_in_words(estimate) or 'neither calm nor aroused'}, pleasant or not"
    like = "as" if modality == "text" else "like"
    return ", ".join(filter(None, (f"{like} {estimate.label} ({_share(estimate)})", _in_words(estimate))))


def _conclusion(fused: EmotionEstimate) -> str:
    shares = fused.distribution.as_dict()
    _, second = sorted(shares, key=lambda label: (label != fused.label, -shares[label]))[:2]
    likely = "most likely" if shares[fused.label] >= LIKELY else "perhaps"
    return f"The feeling is {likely} {fused.label} ({_share(fused)}), or else {second} ({shares[second]:.0%})."


def _share(estimate: EmotionEstimate) -> str:
    return f"{max(estimate.distribution.probabilities):.0%}"


def _in_words(estimate: EmotionEstimate) -> str:
    """The poles that the VAD lies at, of the axes that could be read; empty near neutral."""
    told: list[str] = []
    for x, sd, (low, high) in zip(estimate.vad.as_tuple(), estimate.vad_sd, _POLES, strict=True):
        if abs(x) >= LEAST_VAD and sd < BLIND_SD:
            degree = "very " if abs(x) >= 0.6 else "slightly " if abs(x) < 0.3 else ""
            told.append(f"{degree}{high if x > 0 else low}")
    return _listed(told)


def _uncertainty(fused: EmotionEstimate) -> str:
    sd = mean(fused.vad_sd)
    return "little" if sd < 0.3 else "some" if sd < 0.6 else "great"


def _listed(items: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))
