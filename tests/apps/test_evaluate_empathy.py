"""Empathy of replies: the contexts of both corpora, the figures, and what bad input ends in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rapport.apps.evaluate.empathy import HUMAN, RESPONDERS, TAUGHT, distinct, empathy, responders_with
from rapport.apps.evaluate.empathy_data import read_contexts, read_dialogues
from rapport.persona.errors import ComponentError, InputError


@pytest.fixture
def ed(tmp_path: Path) -> Path:
    rows = [
        {
            "conv_id": f"c{k}",
            "emotion": "sad",
            "situation": "s",
            "turns": [
                {"speaker": "speaker", "text": f"My cat number {k} died last night."},
                {"speaker": "listener", "text": "Oh no, I am so sorry. How old was it"},
                {"speaker": "speaker", "text": "Ten."},
            ],
        }
        for k in range(6)
    ]
    path = tmp_path / "ed.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def esconv(tmp_path: Path) -> Path:
    dialog = [
        {"speaker": "usr", "text": "Hi."},
        {"speaker": "usr", "text": "I lost my job."},
        {"speaker": "sys", "text": "When was that?", "strategy": "Question"},
        {"speaker": "usr", "text": "Today."},
        {"speaker": "sys", "text": "That must hurt.", "strategy": "Reflection of feelings"},
        {"speaker": "sys", "text": "Really.", "strategy": "Others"},
    ]
    path = tmp_path / "esconv.jsonl"
    path.write_text("\n".join(json.dumps({"dialog": dialog}) for _ in range(8)))
    return path


def test_empatheticdialogues_gives_the_first_turn_and_its_answer(ed: Path) -> None:
    contexts = read_contexts(ed, 4, seed=1)
    assert len(contexts) == 4 and read_contexts(ed, 4, seed=1) == contexts != read_contexts(ed, 4, seed=2)
    assert contexts[0].human == "Oh no, I am so sorry. How old was it" and not contexts[0].history
    assert len(read_contexts(ed, 100, seed=1)) == 6


def test_esconv_gives_a_supporters_turn_with_strategy_and_history(esconv: Path) -> None:
    found = {(c.seeker, c.human, c.strategy, len(c.history)) for c in read_contexts(esconv, 8, seed=0)}
    assert found == {
        ("Hi. I lost my job.", "When was that?", "question", 0),
        ("Today.", "That must hurt. Really.", "reflection", 1),
    }


def test_distinct_counts_different_runs() -> None:
    assert distinct([["a", "b", "a"], ["a", "b"]], 1) == pytest.approx(2 / 5)
    assert distinct([["a", "b", "a"], ["a", "b"]], 2) == pytest.approx(2 / 3)
    assert distinct([], 2) == 0.0


@pytest.mark.models
def test_rules_and_people_are_judged_by_one_ruler(ed: Path, tmp_path: Path) -> None:
    try:
        report = empathy(ed, ["rules"], n=4, seed=1)
    except ComponentError as error:
        pytest.skip(f"the ruler is not here: {error}")
    told = report.as_dict()
    assert set(told["responders"]) == {HUMAN, "rules"}
    human, rules = told["responders"][HUMAN], told["responders"]["rules"]
    assert human["cut_off"] == 1.0 and rules["cut_off"] == 0.0
    assert human["distinct_2"] == pytest.approx(9 / 36) and human["latency_s_p50"] is None
    assert all(0 <= rules[name] <= 2 for name in ("reactions", "interpretations", "explorations"))
    low, high = rules["intervals"]["words"]
    assert low <= rules["words"] <= high
    above = told["differences"]["rules"][HUMAN]
    assert set(above) >= {"relevance", "reactions", "in_range", "cut_off", "echoes", "distinct_2"}
    for name, (mean, low, high) in above.items():
        assert mean == pytest.approx(rules[name] - human[name]) and low <= high, name
    report.write_replies(tmp_path / "replies.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().splitlines()]
    assert len(lines) == 8 and lines[-1]["plan"]["event"]
    assert empathy(ed, ["rules"], n=4, seed=1).answers[-1].reply == report.answers[-1].reply


@pytest.mark.parametrize(
    "text", ["", "no json", '{"dialog": 3}', '{"dialog": [{"speaker": "usr", "text": "Hi."}]}', '{"a": 1}']
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(InputError):
        read_contexts(path, 5, 0)


def test_an_unknown_responder_lists_the_choices(ed: Path) -> None:
    with pytest.raises(InputError, match="rules, single, chain"):
        empathy(ed, ["gpt"], n=2)


def test_a_taught_responder_wants_an_adapter(ed: Path) -> None:
    with pytest.raises(InputError, match="'taught-chain'; give --adapter FILE"):
        empathy(ed, ["taught-chain"], n=2)
    assert list(responders_with(None)) == list(RESPONDERS)
    assert set(responders_with(Path("adapter.safetensors"))) == {*RESPONDERS, *TAUGHT}
    with pytest.raises(InputError, match="is no adapter"):
        responders_with(ed)


def test_esconv_tells_every_supporters_turn_in_order(esconv: Path) -> None:
    first, *_ = read_dialogues(esconv)
    assert [context.human for context in first] == ["When was that?", "That must hurt. Really."]
