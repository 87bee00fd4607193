"""Published layouts: what we write reads back, and the traps of the released files do not catch us."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rapport.apps.simulate.api import simulate
from rapport.apps.simulate.layouts import convert, read_any
from rapport.apps.simulate.measures import measure
from rapport.apps.simulate.ratings import find_ratings
from rapport.apps.simulate.records import NOTICE, SessionRecord, read_sessions
from rapport.apps.simulate.thousand_voices import read_thousand_voices, write_thousand_voices
from rapport.apps.simulate.words import Said
from rapport.persona.errors import InputError

TALK = ["Therapist: Hello.", "Client: Hi. It is hard.", "Therapist: What is your SUDS?", "Client: Seven, I think."]
PROFILE = {
    "client_profile": {
        "age": 45, "age_group": "40-50", "gender": "female", "relationship_status": "Married", "occupation": "Teacher",
        "living_situation": "with family", "ethnicity": "Asian", "co_occurring_condition": "Anxiety",
        "exhibited_behaviors": ["avoidance", "nightmares"],
    },
    "therapist_profile": {"age": 50, "gender": "male"},
    "trauma_info": {"type": "accident", "session_topic": "Guilt"},
}  # fmt: skip


@pytest.fixture(scope="module")
def ours() -> list[SessionRecord]:
    return list(simulate(protocol="pe", cases=2, seed=7))


def write_case(root: Path, name: str, meta: dict[str, object] | None = None, talk: object = TALK) -> None:
    for folder in ("conversations", "metadata"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    data = {"full_conversation": talk, "three_turn_sequences": []}
    (root / "conversations" / f"{name}_conversation.json").write_text(json.dumps(data))
    (root / "metadata" / f"{name}_metadata.json").write_text(json.dumps(PROFILE if meta is None else meta))


def test_what_is_written_in_the_published_layout_reads_back(ours: list[SessionRecord], tmp_path: Path) -> None:
    assert write_thousand_voices(ours, tmp_path) == 12
    back = {(s.case, s.session): s for s in read_thousand_voices(tmp_path)}
    for session in ours:
        other = back[session.case, session.session]
        assert [(t.who, t.text) for t in other.turns] == [(t.who, t.text) for t in session.turns]
        assert other.profile is not None and session.profile is not None
        same = {"age", "gender", "occupation", "exhibited_behaviors", "trauma_type", "session_topic", "therapist"}
        assert other.profile.model_dump(include=same) == session.profile.model_dump(include=same)


def test_the_layouts_keys_and_windows_are_the_published_ones(ours: list[SessionRecord], tmp_path: Path) -> None:
    write_thousand_voices(ours[:1], tmp_path)
    root = tmp_path / "ThousandVoicesOfTrauma"
    data = json.loads((root / "conversations" / "1_P5_conversation.json").read_text())
    assert list(data) == ["full_conversation", "three_turn_sequences"]
    talk = data["full_conversation"]
    assert talk[0].startswith("Therapist: ") and talk[1].startswith("Client: ")
    assert data["three_turn_sequences"][1] == talk[1:4]
    assert len(data["three_turn_sequences"]) == len(talk) - 2
    meta = json.loads((root / "metadata" / "1_P5_metadata.json").read_text())
    assert list(meta) == ["client_profile", "therapist_profile", "trauma_info", "notice"]
    assert list(meta["client_profile"]) == list(PROFILE["client_profile"])
    assert meta["notice"] == NOTICE


def test_ratings_are_found_again_in_our_own_words(ours: list[SessionRecord], tmp_path: Path) -> None:
    write_thousand_voices(ours, tmp_path)
    back = {(s.case, s.session): s for s in read_thousand_voices(tmp_path)}
    for session in ours:
        found, told = measure(back[session.case, session.session]), measure(session)
        for name in ("suds_n", "suds_start", "suds_peak", "suds_end"):
            assert found[name] == told[name] or (found[name] != found[name] and told[name] != told[name]), name


def test_copies_are_left_out(tmp_path: Path) -> None:
    write_case(tmp_path, "1_P5")
    source = tmp_path / "conversations" / "1_P5_conversation.json"
    (tmp_path / "conversations" / "1_P5_conversation(1).json").write_text(source.read_text())
    (tmp_path / "conversations" / "1_P5_conversation (2).json").write_text(source.read_text())
    assert len(list(read_thousand_voices(tmp_path))) == 1


def test_the_plural_of_the_readme_is_read_too(tmp_path: Path) -> None:
    write_case(tmp_path / "ThousandVoicesOfTrauma", "2_P11")
    path = tmp_path / "ThousandVoicesOfTrauma" / "conversations" / "2_P11_conversation.json"
    path.rename(path.with_name("2_P11_conversations.json"))
    (session,) = read_thousand_voices(tmp_path)
    assert (session.case, session.session) == (1, "P11")


def test_behaviours_as_a_json_string_and_null_fields_are_read(tmp_path: Path) -> None:
    client = PROFILE["client_profile"] | {  # type: ignore[operator]
        "exhibited_behaviors": '["avoidance", "self blame"]', "occupation": None, "living_situation": None,
    }  # fmt: skip
    write_case(tmp_path, "392_P6", {**PROFILE, "client_profile": client})
    (session,) = read_thousand_voices(tmp_path)
    assert session.profile is not None
    assert session.profile.exhibited_behaviors == ("avoidance", "self-blame")
    assert session.profile.occupation == "not stated"


def test_age_groups_in_any_spelling_do_not_matter(tmp_path: Path) -> None:
    for i, group in enumerate(("31-40", "40-50", "70-80", None), 1):
        write_case(tmp_path, f"{i}_P5", {**PROFILE, "client_profile": PROFILE["client_profile"] | {"age_group": group}})  # type: ignore[operator]
    assert all(s.profile is not None and s.profile.age_group == "41-50" for s in read_thousand_voices(tmp_path))


def test_values_that_are_not_ours_are_kept_as_they_stood(tmp_path: Path) -> None:
    meta = {**PROFILE, "trauma_info": {"type": "shipwreck", "session_topic": "Guilt"}}
    write_case(tmp_path, "1_P5", meta)
    (session,) = read_thousand_voices(tmp_path)
    assert session.profile is None and session.foreign == meta


def test_subjects_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("10_P5", "9_P11", "9_P5"):
        write_case(tmp_path, name)
    assert [(s.case, s.session) for s in read_thousand_voices(tmp_path)] == [(8, "P5"), (8, "P11"), (9, "P5")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "broken JSON at line 1"),
        ("[]", "no list full_conversation"),
        ('{"full_conversation": "Therapist: hi"}', "no list full_conversation"),
        ('{"full_conversation": ["Narrator: hi"]}', "turn 1 begins neither"),
        ('{"full_conversation": ["Therapist: hi", 3]}', "turn 2 begins neither"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: str, says: str) -> None:
    write_case(tmp_path, "1_P5")
    (tmp_path / "conversations" / "1_P5_conversation.json").write_text(content)
    with pytest.raises(InputError, match=rf"1_P5_conversation\.json.*{says}"):
        list(read_thousand_voices(tmp_path))


def test_one_layout_holds_one_therapist(tmp_path: Path) -> None:
    both = simulate(protocol="pe", cases=1, seed=1, therapists=["true", "absent"], sessions=["P5"])
    with pytest.raises(InputError, match="one therapist"):
        write_thousand_voices(both, tmp_path)


def test_other_protocols_have_no_place_in_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only the six phases"):
        write_thousand_voices(simulate(protocol="free", cases=1), tmp_path)


def test_deepdialogue_layout_reads_back(tmp_path: Path) -> None:
    sessions = list(simulate(protocol="supportive", cases=2, seed=4))
    (tmp_path / "a.jsonl").write_text("".join(s.line() for s in sessions))
    assert convert(tmp_path / "a.jsonl", "deepdialogue", tmp_path / "dd") == 2
    back = list(read_any(tmp_path / "dd"))
    assert [[(t.who, t.text) for t in s.turns] for s in back] == [[(t.who, t.text) for t in s.turns] for s in sessions]
    data = json.loads(next((tmp_path / "dd").rglob("*.json")).read_text())
    assert {turn["speaker"] for turn in data["conversation"]} == {"LLM1", "LLM2"}


def test_a_deepdialogue_file_as_released_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "dialogues_a_b"
    folder.mkdir(parents=True)
    turns = [
        {"speaker": "LLM1", "text": "Look!", "emotion": "Excited"},
        {"speaker": "LLM2", "text": "Hm.", "emotion": "bored"},
    ]
    (folder / "Social media_3_2.json").write_text(
        json.dumps({"domain": "Social media", "timestamp": "t", "conversation": turns})
    )
    (session,) = read_any(tmp_path)
    assert [turn.feeling for turn in session.turns] == ["joy", "bored"]
    assert session.foreign["domain"] == "Social media"


@pytest.mark.parametrize(
    "turn", [{"speaker": "LLM3", "text": "x"}, {"speaker": "LLM1"}, "x", {"text": 3, "speaker": "LLM1"}]
)
def test_a_bad_deepdialogue_turn_is_named(tmp_path: Path, turn: object) -> None:
    (tmp_path / "Art_1_1.json").write_text(json.dumps({"conversation": [turn]}))
    with pytest.raises(InputError, match=r"Art_1_1\.json: turn 1 needs"):
        list(read_any(tmp_path))


def test_our_own_lines_read_back_and_bad_ones_are_named(tmp_path: Path, ours: list[SessionRecord]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(s.line() for s in ours))
    assert list(read_sessions(path)) == ours
    path.write_text(ours[0].line() + '{"id": "x", "colour": "red"}\n')
    with pytest.raises(InputError, match=r"a\.jsonl:2: no session of this program: colour"):
        list(read_sessions(path))


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_folder_with_nothing_known_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=name):
        list(read_any(tmp_path / name))


def ask(answer: str) -> list[Said]:
    return [Said("therapist", "What is your SUDS right now?"), Said("client", answer)]


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("Seven.", 70), ("It's a 7 out of 10.", 70), ("8/10", 80), ("About 65, maybe.", 65), ("eighty-five", 85),
        ("A hundred.", 100), ("Maybe 7.5", 70), ("I would say ninety.", 90),
    ],
)  # fmt: skip
def test_a_rating_is_read_however_it_is_said(answer: str, value: float) -> None:
    assert [found for _, found in find_ratings(ask(answer)).values] == [value]


@pytest.mark.parametrize("answer", ["I cannot say.", "It was 1987.", "At 10:30 it began.", "No one of them helped."])
def test_no_rating_is_found_where_there_is_none(answer: str) -> None:
    assert not find_ratings(ask(answer)).values


def test_a_number_that_nobody_asked_for_is_no_rating() -> None:
    talk = [Said("therapist", "What happened then?"), Said("client", "There were 5 of them.")]
    assert not find_ratings(talk).values


def test_the_scale_is_found_per_session() -> None:
    short, long = find_ratings([*ask("6"), *ask("9")]), find_ratings([*ask("6"), *ask("90")])
    assert (short.scale, [v for _, v in short.values]) == (10, [60, 90])
    assert (long.scale, [v for _, v in long.values]) == (100, [6, 90])
