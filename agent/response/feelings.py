"""Feelings in plain words: what to call a person's emotion, and how the agent's own state reads to a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from rapport.persona.affect import VAD, AffectState, EmotionEstimate, ekman_of

Tone = Literal["good", "bad", "plain"]
"""Whether a feeling is pleasant, unpleasant, or neither: what decides between gladness and sympathy."""

_WORDS: Mapping[str, tuple[str, str]] = {
    # label: (how the person feels, what the situation is like)
    "admiration": ("delighted", "impressive"),
    "afraid": ("scared", "frightening"),
    "amusement": ("amused", "funny"),
    "anger": ("angry", "infuriating"),
    "angry": ("angry", "infuriating"),
    "annoyance": ("annoyed", "annoying"),
    "annoyed": ("annoyed", "annoying"),
    "anticipating": ("eager", "exciting"),
    "anxious": ("anxious", "nerve-racking"),
    "apprehensive": ("uneasy", "unsettling"),
    "approval": ("pleased", "good"),
    "ashamed": ("ashamed", "embarrassing"),
    "astonished": ("astonished", "surprising"),
    "caring": ("caring", "touching"),
    "confident": ("confident", "promising"),
    "confusion": ("confused", "confusing"),
    "contempt": ("bitter", "unpleasant"),
    "content": ("content", "lovely"),
    "curiosity": ("curious", "interesting"),
    "depress": ("low", "heavy"),
    "desire": ("full of longing", "tempting"),
    "devastated": ("devastated", "devastating"),
    "disappointed": ("disappointed", "disappointing"),
    "disappointment": ("disappointed", "disappointing"),
    "disapproval": ("unhappy with it", "wrong"),
    "disgust": ("disgusted", "disgusting"),
    "disgusted": ("disgusted", "disgusting"),
    "embarrassed": ("embarrassed", "embarrassing"),
    "embarrassment": ("embarrassed", "embarrassing"),
    "excited": ("excited", "exciting"),
    "excitement": ("excited", "exciting"),
    "faithful": ("devoted", "touching"),
    "fear": ("scared", "frightening"),
    "furious": ("furious", "infuriating"),
    "grateful": ("grateful", "heart-warming"),
    "gratitude": ("grateful", "heart-warming"),
    "grief": ("heartbroken", "heartbreaking"),
    "guilty": ("guilty", "hard to carry"),
    "happy": ("happy", "wonderful"),
    "hopeful": ("hopeful", "promising"),
    "impressed": ("impressed", "impressive"),
    "jealous": ("jealous", "hard to watch"),
    "joy": ("happy", "wonderful"),
    "joyful": ("happy", "wonderful"),
    "lonely": ("lonely", "lonely"),
    "love": ("full of love", "lovely"),
    "negative-other": ("uncomfortable", "difficult"),
    "nervousness": ("nervous", "nerve-racking"),
    "nostalgic": ("nostalgic", "bittersweet"),
    "optimism": ("hopeful", "promising"),
    "positive-other": ("glad", "good"),
    "prepared": ("prepared", "reassuring"),
    "pride": ("proud", "impressive"),
    "proud": ("proud", "impressive"),
    "realization": ("thoughtful", "eye-opening"),
    "relaxed": ("relaxed", "peaceful"),
    "relief": ("relieved", "like a relief"),
    "remorse": ("sorry", "hard to carry"),
    "sad": ("sad", "painful"),
    "sadness": ("sad", "painful"),
    "sentimental": ("moved", "bittersweet"),
    "surprise": ("surprised", "surprising"),
    "surprised": ("surprised", "surprising"),
    "terrified": ("terrified", "terrifying"),
    "trusting": ("trusting", "touching"),
    "worried": ("worried", "worrying"),
}


def person_word(label: str) -> str:
    """How somebody with this emotion feels: "sadness" gives "sad"; a label without an entry stands for itself."""
    return _WORDS.get(label, (label.replace("-", " "), ""))[0]


def situation_word(label: str) -> str:
    """What the situation is like that makes one feel so: "sadness" gives "painful"."""
    return _WORDS.get(label, ("", "difficult"))[1]


SURE_SD = 0.4
"""A valence nearer to neutral than this many of its standard deviations is on neither side."""


SURPRISES = frozenset({"surprise", "surprised"})


def is_surprised(estimate: EmotionEstimate) -> bool:
    """Whether surprise is what is felt most."""
    return estimate.label in SURPRISES


def tone(estimate: EmotionEstimate) -> Tone:
    """Pleasant, unpleasant or neither, by the valence of the estimate; an unsure one counts as neither."""
    if estimate.label == "neutral" and abs(estimate.vad.valence) < 0.25:
        return "plain"
    distribution = estimate.distribution
    if is_surprised(estimate):
        # Surprise is felt at a party and at a cockroach alike, and both readings of valence have learned it as
        # pleasant: what else is felt tells which it was.
        labels = zip(distribution.taxonomy.labels, distribution.probabilities, strict=True)
        valence = sum(p * distribution.taxonomy.points[label].valence for label, p in labels if label not in SURPRISES)
    else:
        # Labels carry valence better than a regression near zero: lean on both.
        valence = 0.5 * estimate.vad.valence + 0.5 * distribution.vad.valence
    if abs(valence) < SURE_SD * estimate.vad_sd[0]:
        return "plain"
    if valence > 0.22:
        return "good"
    return "bad" if valence < -0.12 else "plain"


_FAMILIES: Mapping[str, str] = {
    **dict.fromkeys(("ashamed", "embarrassed", "embarrassment", "guilty", "remorse"), "shame"),
    **dict.fromkeys(("anxious", "apprehensive", "worried"), "fear"),
    **dict.fromkeys(("jealous", "contempt", "disapproval"), "anger"),
}


_JOYS: Mapping[str, str] = {
    **dict.fromkeys(("optimism", "desire", "hopeful", "anticipating", "prepared"), "hope"),
    **dict.fromkeys(
        ("gratitude", "grateful", "caring", "love", "admiration", "impressed", "faithful", "trusting"), "gratitude"
    ),
    **dict.fromkeys(("pride", "proud", "confident"), "pride"),
}


def family(estimate: EmotionEstimate, feeling: Tone) -> str:
    """The kind of comfort or gladness a feeling asks for: an Ekman class, or what Ekman's classes lack: "shame", and of
    joy "hope", "gratitude" and "pride". `feeling` is the tone of the turn as a whole."""
    if feeling == "good":
        return _JOYS.get(estimate.label, "joy")
    if feeling == "plain":
        return "neutral"
    known = _FAMILIES.get(estimate.label) or ekman_of(estimate.distribution.taxonomy, estimate.label)
    # Unpleasant all the same: a shock, or a label that the VAD contradicts.
    return "sadness" if known in ("joy", "neutral", "surprise") else known


def degree(estimate: EmotionEstimate) -> str:
    """An adverb for how strong the feeling is: "a little", "really" or nothing."""
    probability = max(estimate.distribution.probabilities)
    if estimate.vad.intensity >= 0.5 and probability >= 0.5:
        return "really"
    if estimate.vad.intensity < 0.2 or probability < 0.3:
        return "a little"
    return ""


def felt_in_words(felt: AffectState) -> str:
    """The agent's own state for a prompt: "a little worried, calm otherwise"."""
    strength = felt.emotion.intensity
    mood = _mood_word(felt.mood)
    if strength < 0.1 or felt.label == "neutral":
        return mood
    adverb = "a little " if strength < 0.3 else "very " if strength > 0.6 else ""
    word = person_word("worried" if felt.label == "fear" and strength < 0.5 else felt.label)
    return f"{adverb}{word}, {mood} otherwise"


def _mood_word(mood: VAD) -> str:
    if mood.valence > 0.15:
        return "cheerful" if mood.arousal > 0.15 else "content"
    if mood.valence < -0.15:
        return "tense" if mood.arousal > 0.15 else "low"
    return "wide awake" if mood.arousal > 0.3 else "calm"
