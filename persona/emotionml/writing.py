"""Feelings written as an EmotionML 1.0 document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from rapport.persona.affect import EKMAN7, VAD, AffectState, Taxonomy
from rapport.persona.emotionml.annotation import DEFAULT_SD, DIMENSIONS, OWN_NAMESPACE, Annotation
from rapport.persona.emotionml.rules import NAMESPACE
from rapport.persona.emotionml.vocabularies import PAD

_NOTE = (
    "pleasure, arousal and dominance are (x + 1) / 2 of valence, arousal and dominance in [-1, 1]; "
    "the confidence of a dimension is 1 - sd^2, that of a category its probability"
)
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_emotionml(annotations: Iterable[Annotation]) -> str:
    """A standalone document, valid by the rules of the Recommendation and by the schema."""
    root = Element(
        "emotionml",
        {"version": "1.0", "xmlns": NAMESPACE, "xmlns:r": OWN_NAMESPACE, "dimension-set": PAD},
    )
    SubElement(root, "info", {"id": "conversation"}).text = _NOTE
    emotions: list[Element] = []
    used: dict[str, Taxonomy] = {}
    for number, annotation in enumerate(annotations):
        feeling = annotation.feeling
        taxonomy = EKMAN7 if isinstance(feeling, AffectState) else feeling.distribution.taxonomy
        used[taxonomy.name] = taxonomy
        emotions += _written(annotation, f"e{number}")
    for name, taxonomy in used.items():
        vocabulary = SubElement(root, "vocabulary", {"type": "category", "id": name})
        for label in taxonomy.labels:
            SubElement(vocabulary, "item", {"name": label})
    root.extend(emotions)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _written(annotation: Annotation, name: str) -> Iterator[Element]:
    feeling = annotation.feeling
    emotion, info = _begun(annotation, name)
    emotion.text = " ".join(_text(annotation.words).split())
    if isinstance(feeling, AffectState):
        emotion.set("category-set", f"#{EKMAN7.name}")
        for axis, parts in feeling.because.items():
            for cause, move in parts.items():
                SubElement(info, "r:part", {"axis": _text(axis), "cause": _text(cause), "move": _number(move)})
        SubElement(emotion, "category", {"name": feeling.label})
        yield _finished(annotation, emotion, feeling.emotion)
        mood, info = _begun(annotation, f"{name}-mood")
        SubElement(info, "r:mood", {"of": name})
        yield _finished(annotation, mood, feeling.mood)
        return
    emotion.set("category-set", f"#{feeling.distribution.taxonomy.name}")
    through = [feeling.modality] if feeling.modality else sorted({clue.modality for clue in feeling.evidence})
    if feeling.modality or len(through) > 1:
        emotion.set("expressed-through", " ".join(through))
    for clue in feeling.evidence:
        written = SubElement(info, "r:evidence", {"modality": clue.modality, "weight": _number(clue.weight)})
        written.text = _text(clue.text)
    for label, probability in feeling.distribution.as_dict().items():
        if _number(probability) != "0":
            SubElement(emotion, "category", {"name": label, "confidence": _number(probability)})
    yield _finished(annotation, emotion, feeling.vad, feeling.vad_sd)


def _begun(annotation: Annotation, name: str) -> tuple[Element, Element]:
    emotion = Element("emotion", {"id": name})
    if annotation.at_s is not None:
        emotion.set("time-ref-uri", "#conversation")
        emotion.set("offset-to-start", str(round(annotation.at_s * 1000)))
    info = SubElement(emotion, "info")
    if annotation.turn is not None:
        SubElement(info, "r:turn", {"session": _text(annotation.session)}).text = str(annotation.turn)
    return emotion, info


def _finished(
    annotation: Annotation, emotion: Element, vad: VAD, sd: tuple[float, float, float] | None = None
) -> Element:
    for i, (name, value) in enumerate(zip(DIMENSIONS[PAD], vad.as_tuple(), strict=True)):
        dimension = SubElement(emotion, "dimension", {"name": name, "value": _number((value + 1) / 2)})
        if sd is not None and sd[i] != DEFAULT_SD:
            dimension.set("confidence", _number(max(0.0, 1.0 - sd[i] ** 2)))
    if annotation.who:
        SubElement(emotion, "reference", {"uri": f"#{quote(annotation.who)}", "role": "experiencedBy"})
    if len(emotion[0]) == 0:
        emotion.remove(emotion[0])
    return emotion


def _number(value: float) -> str:
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _text(text: str) -> str:
    """Line ends as XML has them; characters that it has no way to write become the replacement character."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_XML.sub("\ufffd", text)
