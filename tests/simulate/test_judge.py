"""A model as a judge: asked twice, read strictly, marked, and with its agreement shown."""

from __future__ import annotations

import json
import math
import re
import sys
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.language_models.fake_chat_models import SimpleChatModel
from langchain_core.messages import BaseMessage

from rapport.apps import cli
from rapport.apps.simulate import judge
from rapport.apps.simulate.api import simulate
from rapport.apps.simulate.evaluation import evaluate, numbered
from rapport.apps.simulate.judge import (
    ITEMS,
    alpha,
    chosen_cases,
    judge_session,
    judge_sessions,
    judge_summary,
    load_judge,
    prompt,
    read_answer,
    transcript,
)
from rapport.apps.simulate.records import SessionRecord, Turn
from rapport.apps.simulate.runner import Measured, measured_of
from rapport.persona.errors import ComponentError


class CountingJudge(SimpleChatModel):
    """Rates by how often a deep breath is asked for; answers in the order asked."""

    @property
    def _llm_type(self) -> str:
        return "counting"

    def _call(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> str:
        text = str(messages[-1].content)
        worse = max(1, 5 - len(re.findall("deep breath", text)))
        values = {"empathy": worse, "alliance": worse, "skill": worse, "realism": 3, "intensity": 5 + len(text) % 4}
        asked = re.findall(r"^(\w+): <", text, re.MULTILINE)
        return "Here you are:\n" + "\n".join(f"- {name}: {values[name]}" for name in asked)


class FailingJudge(CountingJudge):
    """Fails as often as it is told to before it answers."""

    failures: int = 99
    calls: int = 0

    def _call(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise RuntimeError("no credit\nleft")
        return super()._call(messages, *args, **kwargs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("judged") / "sessions.jsonl"
    both = simulate(protocol="pe", cases=3, seed=7, therapists=["true", "breathless"])
    path.write_text("".join(session.line() for session in both))
    return path.parent


@pytest.fixture(scope="module")
def session() -> SessionRecord:
    return next(iter(simulate(protocol="pe", seed=7, therapists=["breathless"], sessions=["P10"])))


def test_the_prompt_has_the_words_the_scale_and_not_the_therapists_name(session: SessionRecord) -> None:
    text = prompt(session)
    assert all(turn.text in text for turn in session.turns)
    assert "prolonged exposure" in text and "breathless" not in text
    for name, item in ITEMS.items():
        assert item.question in text and f"{name}: <{item.low}-{item.high}>" in text
    asked = re.findall(r"^(\w+): <", text, re.MULTILINE)
    assert re.findall(r"^(\w+): <", prompt(session, backwards=True), re.MULTILINE) == asked[::-1]


def test_of_a_long_session_the_middle_is_left_out_and_said_so() -> None:
    turns = [Turn(who="therapist" if i % 2 == 0 else "client", text=f"turn{i} " + "word " * 50) for i in range(200)]
    text = transcript(SessionRecord(id="x", turns=tuple(turns)))
    assert len(text.split()) < judge.MOST_WORDS + 20
    assert "turn0 " in text and "turn199 " in text and "turn100 " not in text and "turns are left out" in text


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("empathy: 4\nalliance: 2", {"empathy": 4, "alliance": 2}),
        ("**Empathy**: 4\n- Intensity = 10", {"empathy": 4, "intensity": 10}),
        ("empathy: 6\nintensity: 0\nskill: 55", {}),
        ("empathy: 4.5", {}),
        ("The empathy is hard to rate.", {}),
        ("empathy: 2\nempathy: 5", {"empathy": 2}),
        ("", {}),
    ],
)
def test_an_answer_is_read_strictly(answer: str, found: dict[str, float]) -> None:
    assert {name: value for name, value in read_answer(answer).items() if not math.isnan(value)} == found


def test_a_judge_that_fails_is_asked_once_more_and_then_marked(session: SessionRecord) -> None:
    measured = measured_of(session)
    recovered = judge_session(FailingJudge(failures=1), session, measured)
    assert not recovered.failed and recovered.first["realism"] == 3
    model = FailingJudge()
    gone = judge_session(model, session, measured)
    assert gone.failed == "no credit left" and model.calls == 2
    assert all(math.isnan(value) for value in (*gone.first.values(), *gone.second.values()))


def test_alpha_by_hand() -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0])
    # Disagreement observed: 4 / 3. Expected: the mean squared difference of all 15 pairs among 1 2 3 1 2 5.
    assert alpha(a, b) == pytest.approx(1 - (4 / 3) / (68 / 15))
    assert alpha(a, a) == 1.0
    assert math.isnan(alpha(np.ones(3), np.ones(3)))


def test_therapists_are_judged_on_the_same_cases() -> None:
    def one(therapist: str, case: int) -> Measured:
        return Measured(therapist, case, "P10", {}, "", "")

    measured = [one("a", i) for i in range(9)] + [one("b", i) for i in range(4, 20)]
    chosen = chosen_cases(measured, 3)
    assert chosen["a"] == chosen["b"] and len(chosen["a"]) == 3 and chosen["a"] <= set(range(4, 9))
    assert len(chosen_cases(measured, 8)["b"]) == 8
    # A third one with clients of his own does not change whom the first two are judged on.
    more = chosen_cases([*measured, *(one("c", i) for i in range(50, 60))], 3)
    assert more["a"] == more["b"] and len(more["c"]) == 3
    assert chosen_cases(measured, 3) == chosen


def test_ratings_are_compared_and_stand_beside_the_measures(folder: Path) -> None:
    found = evaluate([folder])
    again = (session for _, session in numbered([folder]))
    judged = judge_sessions(CountingJudge(), again, found.measured, most=2)
    assert len(judged) == 24
    summary = judge_summary(judged, "counting", "true")
    assert summary == json.loads(json.dumps(summary))
    row = next(c for c in summary["comparisons"] if c["session"] == "P10")
    assert row["paired"] and row["measures"]["empathy"]["difference"] > 1
    assert summary["therapists"]["breathless"]["P10"]["empathy"]["n"] == 2
    assert summary["agreement"]["empathy"] == {"n": 24, "equal": 1.0, "alpha": 1.0, "low": 1.0, "high": 1.0}
    assert summary["agreement"]["realism"]["alpha"] is None
    assert {(row["item"], row["measure"], row["expected"]) for row in summary["beside"]} >= {
        ("empathy", "empathy", "+"), ("alliance", "trust", "+"), ("skill", "faults", "−"),
    }  # fmt: skip
    assert [row["therapist"] for row in summary["trajectory"]] == ["true", "breathless"]
    assert summary["unread"] == dict.fromkeys(ITEMS, 0)


def test_the_report_shows_the_judge_apart_with_prompt_scale_and_agreement(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "load_judge", lambda name: CountingJudge())
    html, figures = tmp_path / "r.html", tmp_path / "r.json"
    words = ["--judge", "counting", "--judge-cases", "1", "--html", str(html), "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", ["rapport", "evaluate-sessions", str(folder), *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert not stopped.value.code
    text = html.read_text()
    section = text[text.index("<section class='judge'>") : text.index("</section>")]
    assert "Judged by a model: counting" in section and escape(judge.NOTICE) in section
    for part in ("supervisor of psychotherapists", "Krippendorff", "not at all", "Pearson", "Answer with 5 lines"):
        assert part in section
    assert json.loads(figures.read_text())["judge"]["sessions"] == 12


def test_a_judge_is_loaded_by_name() -> None:
    name = "langchain:langchain_core.language_models.fake_chat_models:FakeChatModel"
    assert load_judge(name).invoke("x").text == "fake response"
    with pytest.raises(ComponentError, match="rules cannot judge"):
        load_judge("rules")
    with pytest.raises(ComponentError, match="choose rules, embedded, or langchain"):
        load_judge("gpt")


def test_what_a_judge_does_not_say_is_counted(folder: Path) -> None:
    found = evaluate([folder])
    again = (session for _, session in numbered([folder]))
    model = load_judge("langchain:langchain_core.language_models.fake_chat_models:FakeChatModel")
    summary = judge_summary(judge_sessions(model, again, found.measured, most=1), "fake", "true")
    assert summary["unread"] == dict.fromkeys(ITEMS, 24) and summary["failed"] == 0
    assert summary["therapists"]["true"]["P10"] == {} and not summary["beside"] and not summary["trajectory"]
