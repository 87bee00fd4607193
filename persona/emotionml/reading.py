"""EmotionML 1.0 documents read into our types, our own and others'."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast, get_args
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from rapport.persona.affect import (
    EKMAN7,
    TAXONOMIES,
    VAD,
    AffectState,
    EmotionDistribution,
    EmotionEstimate,
    Evidence,
    Modality,
)
from rapport.persona.emotionml.annotation import DEFAULT_SD, DIMENSIONS, OWN_NAMESPACE, Annotation
from rapport.persona.emotionml.rules import NAMESPACE, local, violations, vocabularies
from rapport.persona.emotionml.vocabularies import Vocabulary
from rapport.persona.errors import InputError

MOST_CHARACTERS = 50_000_000
LEAST_SD = 1e-3
"""As certain as a confidence of six digits can be."""
UNSTATED_SD = EmotionEstimate.unknown().vad_sd[0]
"""Standard deviation of an axis that a document does not name."""

_OF_BIG6 = {"happiness": "joy"}


def from_emotionml(document: str | bytes) -> list[Annotation]:
    """The annotations of a standalone document, ours or another's.

    Dimensions are read from the PAD and FSRE vocabularies, categories from big6 and from declared vocabularies whose
    names are all labels of one of our taxonomies. Where only one of both is there, it stands for the other too. Traces
    become one annotation for each sample.

    Raises:
        InputError: no well-formed XML, a document type declaration, a broken rule of EmotionML, or an <emotion> without
            any category or dimension that is known here.
    """
    root = _parsed(document)
    broken = next(violations(root), None)
    if broken is not None:
        raise InputError(f"the document breaks rule {broken.rule} of EmotionML 1.0: {broken.message}")
    known = vocabularies(root)
    emotions = [child for child in root if local(child) == "emotion"]
    moods = {of: emotion for emotion in emotions if (of := _mood_of(emotion)) is not None}
    lost = set(moods) - {emotion.get("id") for emotion in emotions}
    if lost:
        raise InputError(f"a mood is said to lie beneath {lost.pop()!r}, but no <emotion> has that id")
    return [
        annotation
        for number, emotion in enumerate(emotions, start=1)
        if _mood_of(emotion) is None
        for annotation in _read(emotion, moods.get(emotion.get("id", "")), _Context(root, known, number))
    ]


def _parsed(document: str | bytes) -> Element:
    """The root, from text or from bytes in UTF-8 or UTF-16.

    A document type declaration is refused, so that no entity is ever expanded or fetched: it can only be written as
    `<!DOCTYPE`.
    """
    if isinstance(document, bytes):
        encoding = "utf-16" if document[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        try:
            document = document.decode(encoding)
        except UnicodeDecodeError:
            raise InputError("the document is no text in UTF-8 or UTF-16; save it as UTF-8") from None
    if len(document) > MOST_CHARACTERS:
        raise InputError(f"the document has more than {MOST_CHARACTERS:,} characters; split it")
    if "<!DOCTYPE" in document:
        raise InputError("the document has a document type declaration, which is not read; remove it")
    try:
        return ElementTree.fromstring(document)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"the document is no well-formed XML ({error})") from None


@dataclass(frozen=True)
class _Context:
    root: Element
    known: Mapping[str, Vocabulary]
    number: int
    """The place of the <emotion> in the document, from 1."""

    def vocabulary(self, emotion: Element, kind: str) -> str:
        """The address of the vocabulary that an <emotion> uses for one kind of description."""
        return emotion.get(f"{kind}-set", self.root.get(f"{kind}-set", ""))


def _read(emotion: Element, mood: Element | None, context: _Context) -> Iterator[Annotation]:
    at_s = _time_s(emotion)
    turn = emotion.find(f"{{{NAMESPACE}}}info/{{{OWN_NAMESPACE}}}turn")
    annotation = Annotation(
        _who(emotion),
        EmotionEstimate.unknown(),
        " ".join(" ".join([emotion.text or "", *(child.tail or "" for child in emotion)]).split()),
        _turn_number(turn),
        "" if turn is None else turn.get("session", ""),
        at_s,
    )
    instants = list(_instants(emotion, context.number))
    for offset_s, values in instants:
        now_s = at_s if len(instants) == 1 else (at_s or 0.0) + offset_s
        estimate = _estimate(emotion, values, context)
        if mood is None:
            yield replace(annotation, feeling=estimate, at_s=now_s)
        else:
            _, mood_values = next(_instants(mood, context.number))
            vad = _estimate(mood, mood_values, context).vad
            yield replace(
                annotation, feeling=AffectState(estimate.vad, vad, now_s or 0.0, _because(emotion)), at_s=now_s
            )


def _estimate(emotion: Element, values: Mapping[Element, float], context: _Context) -> EmotionEstimate:
    vad, vad_sd = _vad(emotion, values, context)
    distribution = _distribution(emotion, values, context)
    if vad is None and distribution is None:
        raise InputError(
            f"<emotion> number {context.number} has no category or dimension from a vocabulary that is known here; "
            "use big6, pad-dimensions, or declare one with our labels"
        )
    through = emotion.get("expressed-through", "").split()
    known = [modality for modality in get_args(Modality) if modality in through]
    return EmotionEstimate(
        distribution or EKMAN7.around(vad or VAD()),
        vad or (distribution or EKMAN7.around(VAD())).vad,
        vad_sd,
        known[0] if len(through) == len(known) == 1 else None,
        tuple(_evidence(emotion)),
    )


def _vad(
    emotion: Element, values: Mapping[Element, float], context: _Context
) -> tuple[VAD | None, tuple[float, float, float]]:
    names = DIMENSIONS.get(context.vocabulary(emotion, "dimension"))
    told = {child.get("name"): child for child in emotion if local(child) == "dimension"}
    if names is None or not set(names) & set(told):
        return None, (DEFAULT_SD, DEFAULT_SD, DEFAULT_SD)
    axes: list[float] = []
    deviations: list[float] = []
    for name in names:
        dimension = told.get(name)
        axes.append(0.0 if dimension is None else 2 * values[dimension] - 1)
        confidence = None if dimension is None else dimension.get("confidence")
        if dimension is None:
            deviations.append(UNSTATED_SD)
        else:
            deviations.append(DEFAULT_SD if confidence is None else max(LEAST_SD, math.sqrt(1 - float(confidence))))
    return VAD.from_array(axes), (deviations[0], deviations[1], deviations[2])


def _distribution(emotion: Element, values: Mapping[Element, float], context: _Context) -> EmotionDistribution | None:
    categories = [child for child in emotion if local(child) == "category"]
    vocabulary = context.known.get(context.vocabulary(emotion, "category"))
    if not categories or vocabulary is None:
        return None
    ours = {name: _OF_BIG6.get(name, name) for name in vocabulary.names}
    taxonomy = next((t for t in TAXONOMIES.values() if set(ours.values()) <= set(t.labels)), None)
    if taxonomy is None:
        return None
    weights = dict.fromkeys(taxonomy.labels, 0.0)
    for category in categories:
        weights[ours[category.get("name", "")]] = float(category.get("confidence", "1")) * values[category]
    return EmotionDistribution.normalised(taxonomy, weights.values()) if any(weights.values()) else None


def _instants(emotion: Element, number: int) -> Iterator[tuple[float, dict[Element, float]]]:
    """The values of categories (1 by default) and dimensions over time, with seconds from the first sample."""
    described = [child for child in emotion if local(child) in {"category", "dimension"}]
    constant = {child: float(child.get("value", "1")) for child in described}
    traces = {child: child[0] for child in described if len(child)}
    if not traces:
        yield 0.0, constant
        return
    frequencies = {float(trace.get("freq", "").strip()[:-2]) for trace in traces.values()}
    samples = {child: [float(x) for x in trace.get("samples", "").split()] for child, trace in traces.items()}
    lengths = {len(values) for values in samples.values()}
    if len(frequencies) > 1 or len(lengths) > 1:
        raise InputError(
            f"the traces of <emotion> number {number} differ in frequency or length; give them one of both"
        )
    frequency_hz = frequencies.pop()
    for i in range(lengths.pop()):
        yield i / frequency_hz, constant | {child: values[i] for child, values in samples.items()}


def _mood_of(emotion: Element) -> str | None:
    """The id of the emotion that this one is the mood beneath."""
    mood = emotion.find(f"{{{NAMESPACE}}}info/{{{OWN_NAMESPACE}}}mood")
    return None if mood is None else mood.get("of", "")


def _evidence(emotion: Element) -> Iterator[Evidence]:
    for clue in emotion.iterfind(f"{{{NAMESPACE}}}info/{{{OWN_NAMESPACE}}}evidence"):
        modality = clue.get("modality")
        if modality in get_args(Modality):
            yield Evidence(cast(Modality, modality), clue.text or "", _own_number(clue, "weight"))


def _because(emotion: Element) -> dict[str, dict[str, float]]:
    because: dict[str, dict[str, float]] = {}
    for part in emotion.iterfind(f"{{{NAMESPACE}}}info/{{{OWN_NAMESPACE}}}part"):
        because.setdefault(part.get("axis", ""), {})[part.get("cause", "")] = _own_number(part, "move")
    return because


def _own_number(element: Element, attribute: str) -> float:
    try:
        value = float(element.get(attribute, ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{attribute}={element.get(attribute)!r} in <info> is no number")
    return value


def _turn_number(turn: Element | None) -> int | None:
    if turn is None:
        return None
    try:
        return int(turn.text or "")
    except ValueError:
        raise InputError(f"{turn.text!r} in <info> is no number of a turn") from None


def _who(emotion: Element) -> str:
    for reference in emotion.iterfind(f"{{{NAMESPACE}}}reference"):
        if reference.get("role") == "experiencedBy":
            return unquote(reference.get("uri", "").removeprefix("#"))
    return ""


def _time_s(emotion: Element) -> float | None:
    """The beginning of an <emotion>, absolute or from its point of reference; milliseconds in the document."""
    for attribute in ("start", "offset-to-start"):
        if attribute in emotion.attrib:
            return int(emotion.attrib[attribute]) / 1000
    return None
