"""EmotionML: what is written is valid and reads back; what breaks a rule of the Recommendation is refused by number."""

from __future__ import annotations

import re
import time
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.persona.affect import (
    EKMAN7,
    GOEMOTIONS28,
    TAXONOMIES,
    VAD,
    AffectState,
    EmotionDistribution,
    EmotionEstimate,
    Evidence,
    Modality,
)
from rapport.persona.emotionml.annotation import DEFAULT_SD, Annotation
from rapport.persona.emotionml.reading import LEAST_SD, MOST_CHARACTERS, from_emotionml
from rapport.persona.emotionml.rules import NAMESPACE, violations
from rapport.persona.emotionml.vocabularies import BIG6, FSRE, KINDS, PAD, PUBLISHED, URI
from rapport.persona.emotionml.writing import to_emotionml
from rapport.persona.errors import InputError

EVERYDAY = f"{URI}#everyday-categories"
OCC = f"{URI}#occ-appraisals"
FRIJDA = f"{URI}#frijda-action-tendencies"


def document(content: str, attributes: str = "") -> str:
    return f'<emotionml version="1.0" xmlns="{NAMESPACE}" {attributes}>{content}</emotionml>'


def emotion(
    content: str = '<category name="anger"/>', attributes: str = "", sets: str = f'category-set="{BIG6}"'
) -> str:
    return document(f"<emotion {sets} {attributes}>{content}</emotion>")


def dimension(content: str) -> str:
    return emotion(content, sets=f'dimension-set="{PAD}"')


def vocabulary(content: str, attributes: str = 'type="category" id="own"') -> str:
    return document(f"<vocabulary {attributes}>{content}</vocabulary>")


def rules_broken(text: str) -> set[int]:
    return {violation.rule for violation in violations(ElementTree.fromstring(text))}


# ----------------------------------------------------------------------------------------------------------- the rules


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (100, document("", 'colour="red"')),
        (100, document("<category/>")),
        (100, emotion('<category name="anger">very</category>')),
        (100, emotion('<category name="anger" unit="%"/>')),
        (100, emotion('<category name="anger"><info/></category>')),
        (100, vocabulary("<item name='a'/>strange")),
        (100, vocabulary("<item name='two words'/>")),
        (100, document(f'<emotion id="a" category-set="{BIG6}"><category name="anger"/></emotion>' * 2)),
        (100, vocabulary("<item name='a'/><info/>")),
        (101, f'<info xmlns="{NAMESPACE}"/>'),
        (102, "<emotionml version='1.0'/>"),
        (105, document("<info/><info/>")),
        (110, f'<emotionml xmlns="{NAMESPACE}"/>'),
        (111, f'<emotionml version="1.1" xmlns="{NAMESPACE}"/>'),
        *[(113 + 3 * i, document("", f'{kind}-set=";:"')) for i, kind in enumerate(KINDS)],
        (114, document("", f'category-set="{PAD}"')),
        (114, document("", 'category-set="#mine"')),
        (114, document("", f'category-set="{URI}#nothing"')),
        (117, document("", f'dimension-set="{BIG6}"')),
        (120, document("", f'appraisal-set="{BIG6}"')),
        (123, document("", f'action-tendency-set="{BIG6}"')),
        (155, emotion('<info/><category name="anger"/><info/>')),
        (156, emotion("")),
        (156, emotion('<reference uri="#a"/>')),
        (160, emotion(sets='category-set="a b"')),
        (161, emotion(sets=f'category-set="{PAD}"')),
        (163, emotion(attributes='dimension-set=";:"')),
        (164, emotion(attributes=f'dimension-set="{BIG6}"')),
        (166, emotion(attributes='appraisal-set=";:"')),
        (167, emotion(attributes=f'appraisal-set="{BIG6}"')),
        (169, emotion(attributes='action-tendency-set=";:"')),
        (170, emotion(attributes=f'action-tendency-set="{BIG6}"')),
        (172, emotion(attributes='version="2.0"')),
        (174, emotion(attributes='id="123"')),
        (210, emotion(sets="")),
        (211, emotion("<category/>")),
        (212, emotion('<category name="joy"/>')),
        (213, emotion('<category name="anger"/><category name="anger"/>')),
        (216, emotion('<category name="anger" value="1"><trace freq="1Hz" samples="1"/></category>')),
        (220, emotion('<dimension name="arousal" value="1"/>', sets="")),
        (221, dimension('<dimension value="1"/>')),
        (222, dimension('<dimension name="valence" value="1"/>')),
        (223, dimension('<dimension name="arousal" value="1"/><dimension name="arousal" value="0"/>')),
        (224, dimension('<dimension name="arousal"/>')),
        (224, dimension('<dimension name="arousal" value="1"><trace freq="1Hz" samples="1"/></dimension>')),
        (230, emotion('<appraisal name="effort"/>', sets="")),
        (231, emotion("<appraisal/>", sets=f'appraisal-set="{OCC}"')),
        (232, emotion('<appraisal name="urgency"/>', sets=f'appraisal-set="{OCC}"')),
        (233, emotion('<appraisal name="effort"/>' * 2, sets=f'appraisal-set="{OCC}"')),
        (236, emotion('<appraisal name="effort" value="0"><trace freq="1Hz" samples="1"/></appraisal>',
                      sets=f'appraisal-set="{OCC}"')),
        (240, emotion('<action-tendency name="approach"/>', sets="")),
        (241, emotion("<action-tendency/>", sets=f'action-tendency-set="{FRIJDA}"')),
        (242, emotion('<action-tendency name="flight"/>', sets=f'action-tendency-set="{FRIJDA}"')),
        (243, emotion('<action-tendency name="approach"/>' * 2, sets=f'action-tendency-set="{FRIJDA}"')),
        (246, emotion('<action-tendency name="approach" value="0"><trace freq="1Hz" samples="1"/></action-tendency>',
                      sets=f'action-tendency-set="{FRIJDA}"')),
        *[(300, emotion(f'<category name="anger" confidence="{bad}"/>')) for bad in ("1.1", "-0.1", "NaN", "", "1,0")],
        (301, emotion(attributes='expressed-through="#1.1"')),
        (301, emotion(attributes='expressed-through=""')),
        (302, emotion('<info><plain xmlns=""/></info><category name="anger"/>')),
        (304, emotion('<info><reference uri="#a"/></info><category name="anger"/>')),
        (304, emotion('<info><x:a xmlns:x="urn:x"><emotion/></x:a></info><category name="anger"/>')),
        (306, emotion('<info id="123"/><category name="anger"/>')),
        (410, emotion('<category name="anger"/><reference/>')),
        (411, emotion('<category name="anger"/><reference uri=";:"/>')),
        (414, emotion('<category name="anger"/><reference uri="#a" role="lovedBy"/>')),
        (417, emotion('<category name="anger"/><reference uri="#a" media-type="sound"/>')),
        (420, emotion(attributes='start="-1"')),
        (421, emotion(attributes='end="1.5"')),
        (422, emotion(attributes='duration="-1"')),
        (423, emotion(attributes='time-ref-uri=";:"')),
        (424, emotion(attributes='time-ref-anchor-point="middle"')),
        (425, emotion(attributes='offset-to-start="-1.2"')),
        *[(500, dimension(f'<dimension name="arousal" value="{bad}"/>')) for bad in ("1.1", "-0.1", "INF", "half")],
        (501, emotion('<category name="anger"><trace samples="0"/></category>')),
        (502, emotion('<category name="anger"><trace freq="1.2" samples="0"/></category>')),
        (502, emotion('<category name="anger"><trace freq="0 Hz" samples="0"/></category>')),
        (503, emotion('<category name="anger"><trace freq="10 Hz"/></category>')),
        (504, emotion('<category name="anger"><trace freq="10Hz" samples="-0.4 2.0"/></category>')),
        (504, emotion('<category name="anger"><trace freq="10Hz" samples=""/></category>')),
        (600, vocabulary("<info/>")),
        (601, vocabulary("<info/><info/><item name='a'/>")),
        (602, vocabulary("<item name='a'/>", 'id="own"')),
        (603, vocabulary("<item name='a'/>", 'id="own" type="mood"')),
        (604, vocabulary("<item name='a'/>", 'type="category"')),
        (605, vocabulary("<item name='a'/>", 'type="category" id="1"')),
        (606, vocabulary("<item name='a'><info/><info/></item>")),
        (607, vocabulary("<item/>")),
        (608, vocabulary("<item name='a'/><item name='a'/>")),
        (700, document('<other:info xmlns:other="http://www.example.com"/>')),
    ],
)  # fmt: skip
def test_a_broken_rule_is_named(rule: int, text: str) -> None:
    assert rule in rules_broken(text)
    with pytest.raises(InputError, match=r"breaks rule \d+ of EmotionML 1.0"):
        from_emotionml(text)


@pytest.mark.parametrize(
    "text",
    [
        document(""),
        document("words <info>about <x:a xmlns:x='urn:x'><x:b/></x:a></info> of it", f'category-set="{EVERYDAY}"'),
        emotion("so <category name='anger'/> angry", 'version="1.0" id="e1" start="1268647200000" end="1268647334000"'),
        emotion(attributes='duration="130" offset-to-start="-1000" time-ref-uri="#me" time-ref-anchor-point="end"'),
        emotion(attributes='expressed-through="voice face my-way"'),
        emotion('<reference uri="http://example.com/a.avi?t=2,13" role="expressedBy" media-type="video/x-msvideo"/>'
                '<category name="anger" value="0" confidence="1e-1"/><info id="i"/>'),
        dimension('<dimension name="arousal"><trace freq="1.234   Hz" samples="0 .5 1"/></dimension>'),
        emotion('<action-tendency name="approach" value="0.3"/>', sets=f'action-tendency-set="{FRIJDA}"'),
        emotion('<appraisal name="effort" confidence="0.75"><trace freq="10Hz" samples="0.1"/></appraisal>',
                sets=f'appraisal-set="{OCC}"'),
        emotion('<category name="anything"/>', sets='category-set="http://example.com/v#x"'),
        document('<emotion category-set="#own"><category name="glee"/></emotion>'
                 '<vocabulary type="category" id="own"><info>x</info><item name="glee"><info/></item></vocabulary>'),
        document('<emotion><category name="afraid"/></emotion>', f'category-set="{EVERYDAY}"'),
    ],
)  # fmt: skip
def test_a_valid_document_breaks_no_rule(text: str) -> None:
    assert rules_broken(text) == set()


def test_the_published_vocabularies_are_all_there() -> None:
    assert len(PUBLISHED) == 12
    assert PUBLISHED[PAD].names == ("pleasure", "arousal", "dominance")
    assert {kind: sum(v.kind == kind for v in PUBLISHED.values()) for kind in KINDS} == {
        "category": 5, "dimension": 3, "appraisal": 3, "action-tendency": 1,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------- writing and reading

unit = st.floats(-1, 1)
vads = st.builds(VAD, unit, unit, unit)
sds = st.sampled_from([DEFAULT_SD]) | st.floats(LEAST_SD, 1.0)
words = st.text(max_size=40)
names = st.text(min_size=1, max_size=12).map(lambda name: "".join(name.split())).filter(bool)
modalities: st.SearchStrategy[Modality] = st.sampled_from(["text", "voice", "face"])


@st.composite
def distributions(draw: st.DrawFn) -> EmotionDistribution:
    taxonomy = draw(st.sampled_from(list(TAXONOMIES.values())))
    weights = draw(st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0]), min_size=len(taxonomy), max_size=len(taxonomy)))
    return EmotionDistribution.normalised(taxonomy, weights)


@st.composite
def estimates(draw: st.DrawFn) -> EmotionEstimate:
    modality = draw(st.none() | modalities)
    clues = st.builds(Evidence, modalities if modality is None else st.just(modality), words, unit)
    evidence = draw(st.lists(clues, max_size=3))
    return EmotionEstimate(draw(distributions()), draw(vads), draw(st.tuples(sds, sds, sds)), modality, tuple(evidence))


@st.composite
def states(draw: st.DrawFn) -> AffectState:
    parts = st.dictionaries(names, unit, min_size=1, max_size=3)
    return AffectState(draw(vads), draw(vads), 0.0, draw(st.dictionaries(names, parts, max_size=3)))


annotations = st.lists(
    st.builds(
        Annotation,
        names,
        estimates() | states(),
        words,
        st.none() | st.integers(0, 1000),
        st.just(""),
        st.none() | st.integers(-1000, 10**9).map(lambda ms: ms / 1000),
    ),
    max_size=4,
)


def writable(text: str) -> str:
    """What XML keeps of a text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


@settings(deadline=None)
@given(annotations)
def test_what_is_written_is_valid_and_reads_back(written: list[Annotation]) -> None:
    text = to_emotionml(written)
    assert rules_broken(text) == set()
    read = from_emotionml(text)
    assert len(read) == len(written)
    for before, after in zip(written, read, strict=True):
        assert after.turn == before.turn
        assert after.at_s == (None if before.at_s is None else pytest.approx(before.at_s, abs=5e-4))
        assert after.words == " ".join(writable(before.words).split())
        assert_alike(before.feeling, after.feeling)


def assert_alike(before: EmotionEstimate | AffectState, after: EmotionEstimate | AffectState) -> None:
    if isinstance(before, AffectState):
        assert isinstance(after, AffectState)
        assert after.emotion.distance(before.emotion) < 1e-5 and after.mood.distance(before.mood) < 1e-5
        expected = {writable(a): {writable(c): pytest.approx(m, abs=1e-6) for c, m in parts.items()}
                    for a, parts in before.because.items()}  # fmt: skip
        assert after.because == expected
        return
    assert isinstance(after, EmotionEstimate)
    assert after.vad.distance(before.vad) < 1e-5
    assert [sd**2 for sd in after.vad_sd] == pytest.approx([sd**2 for sd in before.vad_sd], abs=1e-5)
    told = {clue.modality for clue in before.evidence}
    assert after.modality == before.modality or (before.modality is None and len(told) < 2)
    assert after.distribution.probabilities == pytest.approx(before.distribution.probabilities, abs=1e-5)
    assert [clue.text for clue in after.evidence] == [writable(clue.text) for clue in before.evidence]
    assert [clue.weight for clue in after.evidence] == pytest.approx([c.weight for c in before.evidence], abs=1e-6)


def test_whose_feeling_it_is_reads_back() -> None:
    feeling = EmotionEstimate.unknown()
    people = ["person", "harbor", "my card", "Ärger/#?&<>\"'", "日本"]
    assert [a.who for a in from_emotionml(to_emotionml(Annotation(who, feeling) for who in people))] == people


def test_the_scale_is_the_recommendations() -> None:
    estimate = EmotionEstimate(
        EmotionDistribution.certain(GOEMOTIONS28, "joy"), VAD(-1.0, 0.0, 1.0), (1.0, 0.6, 0.35), "voice"
    )
    root = ElementTree.fromstring(to_emotionml([Annotation("person", estimate, "Oh!", at_s=1.5)]))
    (emotion_,) = root.iterfind(f"{{{NAMESPACE}}}emotion")
    told = {
        d.get("name"): (d.get("value"), d.get("confidence")) for d in emotion_.iterfind(f"{{{NAMESPACE}}}dimension")
    }
    assert told == {"pleasure": ("0", "0"), "arousal": ("0.5", "0.64"), "dominance": ("1", None)}
    assert root.get("dimension-set") == PAD and emotion_.get("category-set") == "#goemotions28"
    assert emotion_.get("expressed-through") == "voice" and emotion_.get("offset-to-start") == "1500"
    (category,) = emotion_.iterfind(f"{{{NAMESPACE}}}category")
    assert category.attrib == {"name": "joy", "confidence": "1"}


# --------------------------------------------------------------------------------------------- documents of others


def test_big6_is_read_as_ekmans_and_dimensions_that_are_not_there_are_unknown() -> None:
    text = document(
        f'<emotion category-set="{BIG6}" dimension-set="{FSRE}" start="1268647200000" expressed-through="face">'
        '<category name="happiness" value="0.9"/><category name="surprise" value="0.3"/>'
        '<dimension name="valence" value="0.8" confidence="0.75"/><dimension name="potency" value="0.5"/></emotion>'
    )
    (read,) = from_emotionml(text)
    assert isinstance(read.feeling, EmotionEstimate) and read.feeling.modality == "face"
    assert read.feeling.distribution.as_dict()["joy"] == pytest.approx(0.75)
    assert read.feeling.vad.as_tuple() == pytest.approx((0.6, 0.0, 0.0))
    assert read.feeling.vad_sd == pytest.approx((0.5, 1.0, DEFAULT_SD))
    assert read.at_s == 1268647200.0


def test_one_description_stands_for_the_other() -> None:
    (labelled,) = from_emotionml(emotion('<category name="fear"/>'))
    assert isinstance(labelled.feeling, EmotionEstimate) and labelled.feeling.vad == EKMAN7.points["fear"]
    (placed,) = from_emotionml(
        dimension('<dimension name="pleasure" value="0.9"/><dimension name="arousal" value="0.75"/>'
                  '<dimension name="dominance" value="0.73"/>')
    )  # fmt: skip
    assert isinstance(placed.feeling, EmotionEstimate) and placed.feeling.label == "joy"


def test_a_trace_becomes_one_annotation_for_each_sample() -> None:
    traced = dimension(
        '<dimension name="arousal"><trace freq="10 Hz" samples="0 0.5 1"/></dimension>'
        '<dimension name="pleasure" value="0.25"/>'
    )
    read = from_emotionml(traced)
    assert [a.at_s for a in read] == pytest.approx([0.0, 0.1, 0.2])
    places = [a.feeling.vad for a in read if isinstance(a.feeling, EmotionEstimate)]
    assert [vad.arousal for vad in places] == pytest.approx([-1, 0, 1])
    assert [vad.valence for vad in places] == pytest.approx([-0.5] * 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (emotion('<category name="bored"/>', sets=f'category-set="{EVERYDAY}"'), "no category or dimension"),
        (emotion('<appraisal name="effort"/>', sets=f'appraisal-set="{OCC}"'), "no category or dimension"),
        (dimension('<dimension name="arousal"><trace freq="1Hz" samples="0 1"/></dimension>'
                   '<dimension name="pleasure"><trace freq="2Hz" samples="0 1"/></dimension>'), "frequency or length"),
        (emotion('<info xmlns:r="urn:x-rapport:affect"><r:mood of="e9"/></info><category name="fear"/>'), "'e9'"),
        (emotion('<info xmlns:r="urn:x-rapport:affect"><r:turn>one</r:turn></info><category name="fear"/>'), "turn"),
        (emotion('<info xmlns:r="urn:x-rapport:affect"><r:evidence modality="text" weight="heavy"/></info>'
                 '<category name="fear"/>'), "no number"),
        ("", "no well-formed XML"),
        ("<emotionml", "no well-formed XML"),
        ("\x00", "no well-formed XML"),
        (b"\xff\xff\xff", "no text in UTF-8"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (" " * (MOST_CHARACTERS + 1), "characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_one_line(text: str | bytes, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)) as refused:
        from_emotionml(text)
    assert "\n" not in str(refused.value)


def test_bytes_are_read_by_their_marks() -> None:
    text = emotion("Grüße <category name='fear'/>")
    for encoded in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        assert from_emotionml(encoded)[0].words == "Grüße"


LAUGHS = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
ATTACKS = {
    "entities that grow": f'<!DOCTYPE e [<!ENTITY a0 "ha">{LAUGHS}]>' + emotion("&a11;<category name='fear'/>"),
    "a file": '<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + emotion("&x;<category name='fear'/>"),
    "a parameter entity": '<!DOCTYPE e [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]>' + emotion(),
    "an outer subset": '<!DOCTYPE emotionml SYSTEM "http://127.0.0.1:9/x.dtd">' + emotion(),
}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_document_types_are_refused_before_anything_is_expanded(text: str, encoding: str) -> None:
    begin_s = time.process_time()
    with pytest.raises(InputError, match="document type declaration"):
        from_emotionml(text.encode(encoding))
    assert time.process_time() - begin_s < 1.0


def test_an_encoding_that_hides_the_declaration_is_no_way_in() -> None:
    hidden = ATTACKS["a file"].encode("utf-16-le")
    with pytest.raises(InputError):
        from_emotionml(hidden)
    with pytest.raises(InputError):
        from_emotionml(b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE e' + emotion().encode())


def test_depth_breaks_nothing() -> None:
    deep = "<x:a xmlns:x='urn:x'>" * 5000 + "</x:a>" * 5000
    assert len(from_emotionml(emotion(f"<info>{deep}</info><category name='fear'/>"))) == 1


def test_a_long_conversation_is_written_and_read_in_seconds() -> None:
    feeling = EmotionEstimate(GOEMOTIONS28.around(VAD(0.3, 0.2, 0.1)), VAD(0.3, 0.2, 0.1), modality="text")
    begin_s = time.process_time()
    many = [Annotation("person", feeling, "yes", turn=i) for i in range(1000)]
    assert len(from_emotionml(to_emotionml(many))) == 1000
    assert time.process_time() - begin_s < 10
