"""The rules of EmotionML 1.0 (W3C Recommendation of 22 May 2014) that a document can be held against offline.

They are numbered as the assertions of W3C's Implementation Report (http://www.w3.org/2002/mmi/2013/emotionml-ir/), and
rule 100 is the grammar of the schema. The children of an <emotion> may come in any order, as rule 157 has it. What is
named in a vocabulary at an address of its own is not checked, since nothing is fetched.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element

from rapport.persona.emotionml.vocabularies import KINDS, PUBLISHED, URI, Vocabulary

NAMESPACE = "http://www.w3.org/2009/10/emotionml"
ROLES = ("expressedBy", "experiencedBy", "triggeredBy", "targetedAt")

_FLOAT = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_URI_CHARACTER = r"[^\s<>\"{}|\\^`]"
_TYPES: Mapping[str, re.Pattern[str]] = {
    # A colon before any of / ? # ends the name of a scheme.
    "anyURI": re.compile(
        rf"[A-Za-z][A-Za-z0-9+.\-]*:{_URI_CHARACTER}*|[^\s<>\"{{}}|\\^`:/?#]*([/?#]{_URI_CHARACTER}*)?"
    ),
    "ID": re.compile(r"[^\W\d][\w.\-·]*"),
    "NMTOKEN": re.compile(r"[\w:.\-·]+"),
    "NMTOKENS": re.compile(r"\s*[\w:.\-·]+(\s+[\w:.\-·]+)*\s*"),
    "nonNegativeInteger": re.compile(r"\s*(\+?[0-9]+|-0+)\s*"),
    "integer": re.compile(r"\s*[+-]?[0-9]+\s*"),
    "media type": re.compile(r"[\w!#$&^.+\-]+/[\w!#$&^.+\-]+(\s*;\s*[\w!#$&^.+\-]+=(\"[^\"]*\"|[^\s;\"]+))*"),
    "frequency": re.compile(rf"\s*{_FLOAT}\s*Hz\s*"),
}
_SETS = tuple(f"{kind}-set" for kind in KINDS)
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "emotionml": ("version", *_SETS),
    "emotion": (
        "version", *_SETS, "id", "start", "end", "duration", "time-ref-uri", "time-ref-anchor-point",
        "offset-to-start", "expressed-through",
    ),
    "info": ("id",),
    "reference": ("uri", "role", "media-type"),
    "trace": ("freq", "samples"),
    "vocabulary": ("type", "id"),
    "item": ("name",),
    **dict.fromkeys(KINDS, ("name", "value", "confidence")),
}  # fmt: skip
_CHILDREN: Mapping[str, tuple[str, ...]] = {
    "emotionml": ("info", "emotion", "vocabulary"),
    "emotion": ("info", *KINDS, "reference"),
    "vocabulary": ("info", "item"),
    "item": ("info",),
    **dict.fromkeys(KINDS, ("trace",)),
}
_MIXED = {"emotionml", "emotion", "info"}
_SINGLE_INFO = {"emotionml": 105, "emotion": 155, "vocabulary": 601, "item": 606}
_TIMES = {
    "start": (420, "nonNegativeInteger"),
    "end": (421, "nonNegativeInteger"),
    "duration": (422, "nonNegativeInteger"),
    "time-ref-uri": (423, "anyURI"),
    "offset-to-start": (425, "integer"),
    "expressed-through": (301, "NMTOKENS"),
}


class Violation(NamedTuple):
    """A broken rule, by its number, and how it was broken."""

    rule: int
    message: str


def local(element: Element) -> str:
    """The name of an element of EmotionML without its namespace; empty for an element of another."""
    namespace, _, name = element.tag.rpartition("}")
    return name if namespace == f"{{{NAMESPACE}" else ""


def vocabularies(root: Element) -> dict[str, Vocabulary]:
    """The vocabularies that a document can name without fetching anything, by address: W3C's, and its own as `#id`."""
    own = {
        f"#{element.get('id')}": Vocabulary(
            element.get("type", ""), tuple(item.get("name", "") for item in element if local(item) == "item")
        )
        for element in root
        if local(element) == "vocabulary"
    }
    return {**PUBLISHED, **own}


def violations(root: Element) -> Iterator[Violation]:
    """Every rule that a standalone document breaks; none for a valid one."""
    if local(root) != "emotionml":
        yield Violation(
            101 if root.tag.startswith(f"{{{NAMESPACE}}}") else 102, "the root is no <emotionml> of EmotionML"
        )
        return
    if root.get("version") != "1.0":
        yield Violation(110 if root.get("version") is None else 111, '<emotionml> needs version="1.0"')
    known = vocabularies(root)
    yield from _grammar(root)
    yield from _declared_sets(root, known, 113)
    ids = Counter(element.get("id") for element in root.iter() if local(element))
    yield from (Violation(100, f"the id {i!r} is given {n} times") for i, n in ids.items() if i is not None and n > 1)
    for element in root:
        match local(element):
            case "emotion":
                yield from _emotion(element, root, known)
            case "vocabulary":
                yield from _vocabulary(element)
            case _:
                pass


def _grammar(element: Element) -> Iterator[Violation]:
    """What the schema allows where: elements, attributes, text; and the <info> of every element."""
    name = local(element)
    for attribute in element.attrib:
        if attribute not in _ATTRIBUTES[name] and not attribute.startswith(
            "{http://www.w3.org/2001/XMLSchema-instance}"
        ):
            yield Violation(100, f"<{name}> has no attribute {attribute!r}")
    if name == "info":
        yield from _typed(element, "id", "ID", 306)
        for inner in element.iter():
            if inner is not element and local(inner):
                yield Violation(304, f"<info> may not hold <{local(inner)}> of EmotionML")
        if any(not inner.tag.startswith("{") for inner in element):
            yield Violation(302, "an element in <info> needs a namespace of its own")
        return
    texts = [element.text, *(child.tail for child in element)]
    if name not in _MIXED and any(text and text.strip() for text in texts):
        yield Violation(100, f"<{name}> may not hold text")
    for child in element:
        if not local(child):
            yield Violation(700, f"<{child.tag}> in <{name}> is not of EmotionML's namespace")
        elif local(child) not in _CHILDREN.get(name, ()):
            yield Violation(100, f"<{name}> may not hold <{local(child)}>")
        else:
            yield from _grammar(child)
    if name != "emotion" and any(local(child) == "info" for child in list(element)[1:]):
        yield Violation(100, f"<info> comes first in <{name}>")
    for single, rule in (("info", _SINGLE_INFO.get(name, 100)), *((("trace", 100),) if name in KINDS else ())):
        if sum(local(child) == single for child in element) > 1:
            yield Violation(rule, f"<{name}> may hold one <{single}>")


def _typed(element: Element, attribute: str, kind: str, rule: int) -> Iterator[Violation]:
    value = element.get(attribute)
    if value is not None and not _TYPES[kind].fullmatch(value):
        yield Violation(rule, f"{attribute}={value!r} of <{local(element)}> is no {kind}")


def _scale(element: Element, attribute: str, rule: int) -> Iterator[Violation]:
    value = element.get(attribute)
    if value is not None and not is_scale(value):
        yield Violation(rule, f"{attribute}={value!r} of <{local(element)}> is no number from 0 to 1")


def is_scale(text: str) -> bool:
    """Whether a text is a scale value: a number in [0, 1]."""
    return bool(re.fullmatch(_FLOAT, text.strip())) and 0.0 <= float(text) <= 1.0


def _declared_sets(element: Element, known: Mapping[str, Vocabulary], rule: int) -> Iterator[Violation]:
    """Rules 113 to 123 of the root, 160 to 170 of an <emotion>: three numbers from one kind to the next."""
    for i, kind in enumerate(KINDS):
        attribute = f"{kind}-set"
        yield from _typed(element, attribute, "anyURI", rule + 3 * i)
        uri = element.get(attribute, "")
        resolvable = uri.startswith(("#", f"{URI}#"))
        if resolvable and (uri not in known or known[uri].kind != kind):
            yield Violation(rule + 1 + 3 * i, f"{attribute}={uri!r} names no vocabulary of that type")


def _emotion(element: Element, root: Element, known: Mapping[str, Vocabulary]) -> Iterator[Violation]:
    if element.get("version", "1.0") != "1.0":
        yield Violation(172, '<emotion> of another version than "1.0"')
    yield from _declared_sets(element, known, 160)
    yield from _typed(element, "id", "ID", 174)
    for attribute, (rule, kind) in _TIMES.items():
        yield from _typed(element, attribute, kind, rule)
    if element.get("time-ref-anchor-point", "start") not in {"start", "end"}:
        yield Violation(424, "time-ref-anchor-point is neither start nor end")
    if not any(local(child) in KINDS for child in element):
        yield Violation(156, "<emotion> needs a category, dimension, appraisal or action tendency")
    for i, kind in enumerate(KINDS):
        described = [child for child in element if local(child) == kind]
        if described:
            uri = element.get(f"{kind}-set", root.get(f"{kind}-set"))
            yield from _described(described, kind, 210 + 10 * i, uri, known)
    for child in element:
        if local(child) == "reference":
            yield from _reference(child)


def _described(
    elements: list[Element], kind: str, rule: int, uri: str | None, known: Mapping[str, Vocabulary]
) -> Iterator[Violation]:
    """The categories, dimensions, appraisals or action tendencies of one <emotion>; their rules begin with `rule`."""
    if uri is None:
        yield Violation(rule, f"<{kind}> needs a {kind}-set on its <emotion> or on <emotionml>")
    names = [element.get("name") for element in elements]
    for element, name in zip(elements, names, strict=True):
        if name is None:
            yield Violation(rule + 1, f"<{kind}> needs a name")
        elif uri is not None and uri in known and name not in known[uri].names:
            yield Violation(rule + 2, f"{name!r} is not in the vocabulary {uri}")
        traces = [child for child in element if local(child) == "trace"]
        told = (element.get("value") is not None) + bool(traces)
        if told == 2 or (kind == "dimension" and told == 0):
            needs = "exactly one of value and trace" if kind == "dimension" else "value or trace, not both"
            yield Violation(224 if kind == "dimension" else rule + 6, f"<{kind}> {name!r} takes {needs}")
        yield from _scale(element, "value", 500)
        yield from _scale(element, "confidence", 300)
        for trace in traces:
            yield from _trace(trace)
    for name in sorted({name for name in names if name is not None and names.count(name) > 1}):
        yield Violation(rule + 3, f"<{kind}> {name!r} stands twice in one <emotion>")


def _trace(element: Element) -> Iterator[Violation]:
    frequency, samples = element.get("freq"), element.get("samples")
    if frequency is None:
        yield Violation(501, "<trace> needs a freq")
    elif not _TYPES["frequency"].fullmatch(frequency) or not float(frequency.strip()[:-2]) > 0:
        yield Violation(502, f"freq={frequency!r} is no positive number of Hz")
    if samples is None:
        yield Violation(503, "<trace> needs samples")
    elif not samples.split() or not all(is_scale(sample) for sample in samples.split()):
        yield Violation(504, "samples are no numbers from 0 to 1")


def _reference(element: Element) -> Iterator[Violation]:
    if element.get("uri") is None:
        yield Violation(410, "<reference> needs a uri")
    yield from _typed(element, "uri", "anyURI", 411)
    if element.get("role", ROLES[0]) not in ROLES:
        yield Violation(414, f"role={element.get('role')!r} is none of {', '.join(ROLES)}")
    yield from _typed(element, "media-type", "media type", 417)


def _vocabulary(element: Element) -> Iterator[Violation]:
    names = [item.get("name") for item in element if local(item) == "item"]
    if not names:
        yield Violation(600, "<vocabulary> needs an <item>")
    if element.get("type") not in KINDS:
        yield Violation(602 if element.get("type") is None else 603, f"<vocabulary> needs a type of {', '.join(KINDS)}")
    if element.get("id") is None:
        yield Violation(604, "<vocabulary> needs an id")
    yield from _typed(element, "id", "ID", 605)
    for item in element:
        if local(item) == "item":
            if item.get("name") is None:
                yield Violation(607, "<item> needs a name")
            yield from _typed(item, "name", "NMTOKEN", 100)
    for name in sorted({name for name in names if name is not None and names.count(name) > 1}):
        yield Violation(608, f"<item> {name!r} stands twice in one <vocabulary>")
