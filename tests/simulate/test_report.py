"""The page that shows a run: whole, small, safe, and with its figures, rows and sessions in a browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rapport.apps.simulate.acts import STRATEGIES
from rapport.apps.simulate.command_run import Way, run_to
from rapport.apps.simulate.records import SessionRecord, Turn, read_sessions
from rapport.apps.simulate.script import script_of


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run_to(script_of({"cases": 4, "seed": 3, "therapists": ["true", "pushing"]}), folder, Way(1))
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


class Opened:
    """The page in a tab, and what the browser complained of."""

    def __init__(self, tab: Any, summary: dict[str, Any]) -> None:
        self.tab = tab
        self.summary = summary
        self.faults: list[str] = []


@pytest.fixture(scope="module")
def opened(browser: Any, page: Path) -> Opened:
    found = Opened(browser.new_page(), json.loads(page.with_name("summary.json").read_text()))
    found.tab.set_default_timeout(120_000)
    found.tab.on("pageerror", lambda error: found.faults.append(str(error)))
    found.tab.on("console", lambda message: found.faults.append(message.text))
    found.tab.goto(page.as_uri())
    found.tab.wait_for_selector("#timeline polyline", state="attached")
    return found


@pytest.mark.browser
def test_the_page_opens_in_a_browser_and_shows_words_under_the_cursor(opened: Opened) -> None:
    tab = opened.tab
    before = tab.inner_text("#said-t")
    tab.hover("#timeline", position={"x": 500, "y": 60})
    after = tab.inner_text("#said-t")
    assert before != after and len(after) > 10
    assert not opened.faults


@pytest.mark.browser
def test_figures_are_drawn_and_have_a_size(opened: Opened) -> None:
    boxes = opened.tab.evaluate(
        "() => [...document.querySelectorAll('figure svg')].map(s => [s.clientWidth, s.clientHeight, "
        "s.querySelectorAll('path, line, circle, rect, polyline, polygon').length])"
    )
    # The course over sessions, ratings in two sessions, one comparison, and three shares of clients at least.
    assert len(boxes) >= 7
    assert all(width > 200 and height > 80 and marks > 5 for width, height, marks in boxes)


@pytest.mark.browser
def test_the_tables_hold_the_summarys_figures(opened: Opened) -> None:
    tables = opened.tab.evaluate(
        "() => [...document.querySelectorAll('table')].map(t => ({kind: t.className, rows: [...t.rows].map(r => "
        "[...r.cells].map(c => c.textContent.trim()))}))"
    )
    sessions = opened.summary["therapists"]["pushing"]
    measured = [t["rows"] for t in tables if not t["kind"] and t["rows"] and t["rows"][0][0].startswith("mean [")]
    assert len(measured) == 2 and measured[1][0][1:] == list(sessions)
    turns = next(row for row in measured[1] if row[0] == "turns")
    assert [cell.split()[0] for cell in turns[1:]] == [f"{found['turns']['mean']:.1f}" for found in sessions.values()]
    strategies = [t["rows"] for t in tables if t["kind"] == "strategies"]
    assert len(strategies) == 2
    assert [row[0] for row in strategies[1][1:]] == list(STRATEGIES)
    assert strategies[1][0][1:] == list(sessions)


@pytest.mark.browser
def test_single_sessions_can_be_chosen(opened: Opened) -> None:
    tab = opened.tab
    options = tab.eval_on_selector_all("#pick option", "all => all.map(o => o.textContent)")
    assert len(options) == 36 and any("P10" in option and "pushing" in option for option in options)
    tab.select_option("#pick", index=len(options) - 1)
    words = tab.evaluate("() => document.querySelectorAll('#transcript p').length")
    assert words > 10


@pytest.mark.browser
def test_the_report_of_3000_sessions_opens_within_three_seconds(page: Path, opened: Opened, tmp_path: Path) -> None:
    from rapport.apps.simulate.report import report_html
    from rapport.apps.simulate.runner import SESSIONS, measured_of
    from rapport.apps.simulate.summary import summarise

    script = script_of({"cases": 500, "seed": 3})
    few = [measured_of(s) for s in read_sessions(page.with_name(SESSIONS)) if s.therapist == "true"]
    many = [replace(m, case=m.case + 4 * k) for k in range(125) for m in few]
    assert len(many) == 3000
    path = tmp_path / "report.html"
    path.write_text(report_html(summarise(many, script), many, page.with_name(SESSIONS)))
    assert path.stat().st_size < 8_000_000
    tab = opened.tab.context.browser.new_page()
    tab.goto(path.as_uri(), wait_until="load")
    tab.wait_for_selector("#timeline polyline", state="attached")
    # From the request to the last script: everything that the page draws by itself is drawn.
    assert tab.evaluate("() => performance.getEntriesByType('navigation')[0].loadEventEnd") <= 3000
    tab.close()
