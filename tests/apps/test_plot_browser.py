"""A plot's page in a real browser: the pointer and the keys show a turn in full, and no network is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rapport.apps.plot.write import plot

pytestmark = pytest.mark.browser
NOTE = "#note:not([hidden])"


def turn_of(number: int) -> Any:
    vad = {"valence": -0.8 + 0.3 * number, "arousal": 0.5 - 0.2 * number, "dominance": -0.5}
    state = {
        "label": "neutral",
        "vad": {**vad, "dominance": 0.5, "valence": vad["valence"] / 2},
        "mood": {axis: 0.9 for axis in vad},
    }
    return {
        "session": "s",
        "turn": number,
        "persona": "harbor",
        "heard": {"text": f"line {number}"},
        "perceived": {"fused": {"label": "sadness", "vad": vad}},
        "felt": {"before": state, "after": state, "because": {"valence": {"stimulus": 0.1 * number}}},
        "reply": {"text": f"answer {number}"},
    }


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plot")
    (folder / "trace.jsonl").write_text("\n".join(json.dumps(turn_of(i)) for i in range(1, 5)))
    plot(folder / "trace.jsonl", folder / "affect.html")
    return folder / "affect.html"


@pytest.fixture
def tab(browser: Any, page_file: Path) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1060, "height": 900}, color_scheme="dark")
    tab = context.new_page()
    tab.asked: list[str] = []
    tab.complaints: list[str] = []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("console", lambda message: tab.complaints.append(message.text) if message.type == "error" else None)
    tab.goto(page_file.as_uri())
    yield tab
    assert tab.asked == [page_file.as_uri()]
    assert tab.complaints == []
    context.close()


def test_the_pointer_shows_a_turn_in_full(tab: Any) -> None:
    tab.hover('.rp-timeline [data-at="2"] >> nth=0')
    note = tab.inner_text(NOTE)
    assert "line 2" in note and "answer 2" in note and "+0.20" in note
    assert tab.eval_on_selector_all(".rp-plot [data-at].on", "marks => marks.map(m => m.dataset.at)") == ["2"] * 8
    tab.mouse.move(5, 5)
    tab.wait_for_selector(NOTE, state="hidden")


def test_the_keys_walk_along_a_path(tab: Any) -> None:
    for _ in range(2):
        tab.keyboard.press("Tab")
    assert tab.inner_text(NOTE).count("answer 4") == 1
    tab.keyboard.press("ArrowLeft")
    assert "answer 3" in tab.inner_text(NOTE)
    tab.keyboard.press("Home")
    assert tab.evaluate("document.activeElement.dataset.at") == "0.5"
    tab.keyboard.press("Escape")
    assert tab.query_selector(NOTE) is None
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Harbor, at first: neutral")


def test_a_click_leads_to_the_turn(tab: Any) -> None:
    tab.set_viewport_size({"width": 500, "height": 400})
    tab.click('.rp-plane .person [data-at="4"]')
    tab.wait_for_function("document.getElementById('turn-4').getBoundingClientRect().bottom <= innerHeight")


def test_dark_is_dark_and_light_is_light(tab: Any) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(ground) == "rgb(17, 21, 26)"
    tab.emulate_media(color_scheme="light")
    assert tab.evaluate(ground) == "rgb(255, 255, 255)"


def test_without_scripts_titles_remain(browser: Any, page_file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(page_file.as_uri())
    assert tab.locator(".rp-plane .point title").count() == 9
    context.close()
