"""Measures of a session made by hand, empathy levels, and the page that shows a run."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from rapport.apps.simulate.command_run import run_to
from rapport.apps.simulate.empathy import empathy_of
from rapport.apps.simulate.measures import MEASURES, measure, repetition, strategies_of
from rapport.apps.simulate.records import SessionRecord, Turn
from rapport.apps.simulate.script import script_of

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


def turn(who: str, text: str, act: str, end_s: float, valence: float = 0.0, rating: float | None = None) -> Turn:
    return Turn(who=who, text=text, acts=(act,), end_s=end_s, vad=(valence, 0, 0), rating=rating)  # type: ignore[arg-type]


def by_hand() -> SessionRecord:
    return SessionRecord(
        id="x",
        turns=(
            turn("therapist", "Hello, how are you now?", "open_question", 60),
            turn("client", "I feel bad today.", "feel", 120, -0.6, 60),
            turn("therapist", "You feel bad today.", "reflect", 180, -0.3),
            turn("client", "Leave me alone.", "protest", 300, -0.8, 90),
            turn("therapist", "Take a deep breath. You feel bad today.", "breathe", 400, -0.5),
            turn("client", "Fine.", "withdraw", 720, -0.2, 50),
        ),
    )


def test_figures_by_hand() -> None:
    found = measure(by_hand())
    assert (found["suds_start"], found["suds_peak"], found["suds_end"], found["suds_n"]) == (60, 90, 50, 3)
    assert found["suds_peak_at"] == 0.5
    # Minutes 2, 5, 12 with 60, 90, 50: slope -96.667 / 52.667 = -1.8354 a minute.
    assert found["suds_slope"] == pytest.approx(-18.354, abs=0.001)
    assert found["talk_ratio"] == pytest.approx(17 / 25)
    assert found["switch_ratio"] == 1
    assert found["questions"] == pytest.approx(1 / 3)
    assert found["reflections"] == pytest.approx(1 / 3)
    assert found["reflections_per_question"] == 1
    assert (found["faults"], found["deep_breath"]) == (pytest.approx(1 / 3), 1)
    assert found["agreement"] == pytest.approx(1 / 3)
    assert found["minutes"] == 12
    assert found["affective_rapport"] != found["affective_rapport"]  # two pairs are too few


def test_strategies_are_esconvs() -> None:
    assert strategies_of(by_hand()) == {"Question": 1, "Reflection of feelings": 1, "Others": 1}


def test_repetition_by_hand() -> None:
    assert repetition(["a b c d", "a b c e"]) == pytest.approx(1 / 4)
    assert repetition([]) == repetition(["one two"]) == 0


def test_an_empty_session_has_nothing_but_says_so() -> None:
    found = measure(SessionRecord(id="x"))
    assert set(found) == set(MEASURES)
    assert found["turns"] == 0 and math.isnan(found["talk_ratio"]) and math.isnan(found["suds_end"])


def test_a_transcript_without_marks_is_measured_by_its_words() -> None:
    plain = SessionRecord(
        id="x",
        turns=(
            Turn(who="therapist", text="What is your SUDS, from 0 to 10?"),
            Turn(who="client", text="Eight."),
            Turn(who="therapist", text="And your number now?"),
            Turn(who="client", text="It is a 4."),
        ),
    )
    found = measure(plain)
    assert (found["suds_start"], found["suds_end"]) == (80, 40)
    assert math.isnan(found["trust"]) and math.isnan(found["faults"]) and math.isnan(found["minutes"])


@pytest.mark.parametrize(
    ("reply", "levels"),
    [
        ("I'm so sorry to hear that.", (2, 0, 0)),
        ("You feel left out, and it hurts.", (0, 2, 0)),
        ("What happened after that? How did you feel?", (0, 0, 2)),
        ("Okay.", (0, 0, 0)),
        ("", (0, 0, 0)),
    ],
)
def test_empathy_levels(reply: str, levels: tuple[int, int, int]) -> None:
    found = empathy_of(reply)
    assert (found.reaction, found.interpretation, found.exploration) == levels
    assert found.total == sum(levels)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run_to(script_of({"cases": 4, "seed": 3, "therapists": ["true", "pushing"]}), folder, workers=1)
    return folder / "report.html"


def test_the_page_is_whole_small_and_needs_no_network(page: Path) -> None:
    text = page.read_text()
    assert text.startswith("<!DOCTYPE html>") and text.rstrip().endswith("</html>")
    assert "default-src 'none'" in text
    assert set(re.findall(r"https?://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert len(text) < 8_000_000
    for heading in ("Emotional course", "Distress ratings", "Therapists compared", "Measures", "Who the clients are"):
        assert heading in text
    assert "not the same task" in text and "assumptions" in text


def test_words_cannot_become_markup(tmp_path: Path) -> None:
    from rapport.apps.simulate.report import report_html
    from rapport.apps.simulate.runner import measured_of
    from rapport.apps.simulate.summary import summarise

    script = script_of({"protocol": "free"})
    bad = "</script><script>alert(1)</script>"
    session = SessionRecord(id="x", protocol="free", session="F1", therapist="true",
                            turns=(Turn(who="client", text=bad), Turn(who="therapist", text=bad)))  # fmt: skip
    path = tmp_path / "s.jsonl"
    path.write_text(session.line())
    text = report_html(summarise([measured_of(session)], script), [measured_of(session)], path)
    assert bad not in text


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found; on Debian: apt install chromium")
def test_the_page_opens_in_a_browser_and_shows_words_under_the_cursor(page: Path) -> None:
    api: Any = pytest.importorskip("playwright.sync_api")
    faults: list[str] = []
    with api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = chromium.new_page()
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("console", lambda message: faults.append(message.text))
        tab.goto(page.as_uri())
        tab.wait_for_selector("#timeline polyline")
        before = tab.inner_text("#said-t")
        tab.hover("#timeline", position={"x": 500, "y": 60})
        after = tab.inner_text("#said-t")
        tab.keyboard.press("Tab")
        chromium.close()
    assert not faults
    assert before != after and len(after) > 10
