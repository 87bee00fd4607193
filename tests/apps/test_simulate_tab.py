"""Simulations on the page: what a visitor may choose, what they see of a session, and the tab in a real browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rapport.agent.agent import Agent
from rapport.agent.testing import FakeRenderer, fake_agent
from rapport.apps.demo.drawing import Faces
from rapport.apps.demo.exports import PATH as EXPORT_PATH
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.simulate_html import client_html, feeling_text, stage_html, subject_of, transcript_html
from rapport.apps.demo.simulate_tab import MOST_RUNS, SimulateTab
from rapport.apps.demo.simulation import MOST_EXCHANGES, STOPPED, Choice, Simulation, sessions_of
from rapport.apps.simulate.protocols.names import BUILT_IN
from rapport.apps.simulate.records import read_line
from rapport.apps.simulate.runner import Unit, run_unit
from rapport.persona.affect import VAD
from rapport.persona.card import FaceCard, load_persona
from rapport.persona.errors import ComponentError, InputError, StageError

NASTY = "<script>window.hacked=1</script>"
SHORT = Choice("supportive", "S1", "true", 7, 4, "", "")


async def ran(choice: Choice, most_turns: int = 1000) -> Simulation:
    simulation = Simulation(choice)
    count = 0
    async with aclosing(simulation.turns()) as turns:
        async for _ in turns:
            count += 1
            if count == most_turns:
                simulation.stop()
    return simulation


# --------------------------------------------------------------------------------------------------- what is chosen


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "no such protocol"},
        {"session": "P99"},
        {"therapist": "nobody"},
        {"seed": -1},
        {"seed": 10**9},
        {"exchanges": 0},
        {"exchanges": MOST_EXCHANGES + 1},
        {"temperament": "../../etc/passwd.yaml"},
        {"occupation": "x" * 61},
    ],
)
def test_a_choice_that_cannot_be_is_refused_in_one_line(wrong: dict[str, Any]) -> None:
    with pytest.raises((InputError, ComponentError)) as refused:
        Choice(**wrong).script()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("protocol", BUILT_IN)
def test_every_session_that_is_offered_can_be_chosen(protocol: str) -> None:
    for plan in sessions_of(protocol):
        assert Choice(protocol, plan.key).script().sessions == (plan.key,)


async def test_a_session_is_the_one_that_the_command_line_gives() -> None:
    choice = Choice("pe", "P6", "breathless", 3, 12, "willow", "cook")
    simulation = await ran(choice)
    (expected,) = run_unit(choice.script(), Unit("breathless", 0))
    assert simulation.record.line() == expected.line()
    assert simulation.faces["client"] == load_persona("willow").face


# ----------------------------------------------------------------------------------------------------- what is seen


async def test_a_session_can_be_stopped_after_any_turn_and_says_so() -> None:
    simulation = await ran(SHORT, most_turns=3)
    assert len(simulation.record.turns) == 3 and simulation.record.stopped == STOPPED
    assert STOPPED in stage_html(simulation, {}, running=False)


async def test_the_words_stand_side_by_side_with_feelings_times_and_ratings() -> None:
    simulation = await ran(Choice("pe", "P10", "true", 7, 20))
    page = transcript_html(simulation.record)
    assert page.count('class="rp-sim-turn therapist"') + page.count('class="rp-sim-turn client"') == len(
        simulation.record.turns
    )
    minute, told = simulation.record.ratings[0]
    assert f"SUDS {told:g}" in page and 'title="valence ' in page
    stage = stage_html(simulation, {"client": "data:image/jpeg;base64,AAAA"}, running=True)
    assert f"{told:g} after {minute:.0f} minutes" in stage and "stroke-dasharray" in stage
    assert 'src="data:image/jpeg;base64,AAAA"' in stage and "rp-sim-noface" in stage


async def test_nothing_that_is_written_becomes_markup() -> None:
    simulation = await ran(Choice("supportive", "S1", "true", 7, 4, "", NASTY), most_turns=2)
    turn = simulation.record.turns[0].model_copy(update={"text": NASTY, "acts": (NASTY,), "feeling": NASTY})
    record = simulation.record.model_copy(update={"turns": (turn,), "stopped": NASTY})
    told = client_html(simulation.case, subject_of("supportive")) + transcript_html(record)
    assert "<script" not in told and told.count("&lt;script") == 4
    report = (await simulation.report_file()).content.decode()
    assert NASTY not in report and "window.hacked" in report


def test_a_weak_feeling_is_called_a_trace_of_its_name() -> None:
    assert feeling_text(VAD(-0.62, 0.82, -0.43), "fear") == "fear"
    assert feeling_text(VAD(-0.2, 0.27, -0.14), "neutral") == "a trace of fear"
    assert feeling_text(VAD(0.05, 0.0, 0.0), "neutral") == "neutral"


# ------------------------------------------------------------------------------------------------------------ faces


async def test_a_face_is_drawn_once_for_everybody_and_a_lost_renderer_leaves_none() -> None:
    agent, faces = fake_agent(rendering=(renderer := FakeRenderer(size=96))), Faces()
    first = await faces.draw(agent, FaceCard(), VAD(0.31, 0.0, 0.0))
    again = await faces.draw(agent, FaceCard(), VAD(0.28, 0.0, 0.0))
    assert first is not None and first.startswith("data:image/jpeg;base64,")
    assert again == first and renderer.calls == 1
    broken = fake_agent(rendering=FakeRenderer(fails=StageError("the GPU is gone")))
    assert await faces.draw(broken, FaceCard(age=70), VAD()) is None
    assert await faces.draw(fake_agent(rendering=None), FaceCard(age=71), VAD()) is None


# ---------------------------------------------------------------------------------------------------------- the tab


def request_of(tab: str) -> gr.Request:
    return cast("gr.Request", SimpleNamespace(session_hash=tab))


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    def make(persona: str) -> Agent:
        return fake_agent(load_persona(persona), rendering=FakeRenderer(size=96))

    made = Sessions(make, "harbor")
    yield made
    made.shut_down()


@pytest.fixture
def tab(sessions: Sessions) -> SimulateTab:
    made = SimulateTab(sessions)
    with gr.Blocks() as page, gr.Tab("Simulate") as tab:
        made.lay_out(page, tab)
    return made


def started(tab: SimulateTab, who: str, choice: Choice = SHORT, pace: str = "At once") -> AsyncIterator[dict[Any, Any]]:
    values = (choice.protocol, choice.session, choice.therapist, choice.seed, choice.exchanges, choice.temperament,
              choice.occupation, pace)  # fmt: skip
    return tab._runs_it(request_of(who), *values)  # pyright: ignore[reportPrivateUsage]


async def shown(run: AsyncIterator[dict[Any, Any]]) -> str:
    """Everything that a run had the page show."""
    return "".join(str(value) for update in [update async for update in run] for value in update.values())


async def test_a_run_leaves_a_session_and_a_report_that_is_looked_at_and_both_go_with_the_tab(
    tab: SimulateTab, sessions: Sessions
) -> None:
    page = await shown(started(tab, "ann"))
    app = TestClient(Starlette(routes=[sessions.desk.route()]))
    token = page.split(f"{EXPORT_PATH}/")[1].split("/")[0]
    saved = app.get(f"{EXPORT_PATH}/{token}/session")
    assert "attachment" in saved.headers["content-disposition"]
    assert read_line(saved.text, "the download").protocol == "supportive"
    report = app.get(f"{EXPORT_PATH}/{token}/report")
    assert report.headers["content-disposition"].startswith("inline") and "Single sessions" in report.text
    assert "sandbox" in report.headers["content-security-policy"]
    await tab._left(request_of("ann"))  # pyright: ignore[reportPrivateUsage]
    assert app.get(f"{EXPORT_PATH}/{token}/session").status_code == 404


async def test_a_tab_runs_one_session_at_a_time(tab: SimulateTab) -> None:
    first = started(tab, "ann", pace="Watch")
    await anext(first)
    await anext(first)
    assert tab.running == 1
    await shown(started(tab, "ann"))
    assert [update async for update in first] == [], "the first one has nothing to show any more"
    assert tab.running == 0


async def test_a_closed_tab_ends_its_run(tab: SimulateTab) -> None:
    run = started(tab, "ann", pace="Watch")
    await anext(run)
    await anext(run)
    await tab._left(request_of("ann"))  # pyright: ignore[reportPrivateUsage]
    assert [update async for update in run] == [] and tab.running == 0


async def test_too_many_runs_at_once_are_refused_in_words(tab: SimulateTab) -> None:
    others = [started(tab, f"tab {number}", pace="Watch") for number in range(MOST_RUNS)]
    for other in others:
        await anext(other)
    assert "try again in a minute" in await shown(started(tab, "one more"))
    for other in others:
        await cast("Any", other).aclose()
    assert "rapport-export" in await shown(started(tab, "one more"))


@pytest.mark.parametrize(
    "values",
    [
        ("pe", "P10", "true", None, 40, "", "", "At once"),
        ("pe", "P10", "true", float("nan"), 1e9, "", "", "At once"),
        (None, "P10", "true", 7, 40, "", "", "At once"),
        ("pe", "P10", NASTY, 7, 40, "", "", "no such pace"),
    ],
)
async def test_a_form_with_nonsense_in_it_is_refused_in_words(tab: SimulateTab, values: tuple[Any, ...]) -> None:
    run = tab._runs_it(request_of("ann"), *values)  # pyright: ignore[reportPrivateUsage]
    page = await shown(run)
    assert 'role="alert"' in page and "<script" not in page and tab.running == 0


# ---------------------------------------------------------------------------------------------------- in a browser

WAIT_MS = 60_000


@pytest.fixture
def page(browser: Any, sessions: Sessions) -> Iterator[Any]:
    from rapport.apps.demo.serving import serve

    served: list[str] = []
    blocks = serve(port=0, sessions=sessions, on_ready=served.append, block=False)
    opened = browser.new_page()
    opened.set_default_timeout(WAIT_MS)
    opened.goto(served[0])
    opened.get_by_role("tab", name="Simulate").click()
    opened.wait_for_selector("#rapport-sim-run")
    yield opened
    opened.close()
    blocks.close()


@pytest.mark.browser
def test_the_keyboard_alone_runs_a_session_and_script_tags_stay_text(page: Any) -> None:
    page.click("text=Change the client")
    page.fill("#rapport-sim-occupation :is(input, textarea)", NASTY)
    page.wait_for_selector("#rapport-sim-client:has-text('<script>')")
    page.focus("#rapport-sim-exchanges input[type=number]")
    page.keyboard.press("Control+a")
    page.keyboard.type("4")
    page.keyboard.press("Tab")
    page.focus("#rapport-sim-pace input")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.focus("#rapport-sim-run")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rapport-sim-links a")
    assert page.locator(".rp-sim-turn.client").count() == 4
    assert page.locator(".rp-sim-side img").count() == 2
    with page.expect_download() as begun:
        page.click("text=Session (JSON)")
    assert json.loads(Path(begun.value.path()).read_text("utf-8"))["profile"]["occupation"] == NASTY
    with page.expect_popup() as opened:
        page.click("text=Open the report")
    opened.value.wait_for_selector("text=Single sessions")
    assert opened.value.locator("#transcript p").count() > 0 or opened.value.locator("#timeline *").count() > 0
    assert page.evaluate("window.hacked") is None
    assert opened.value.evaluate("window.hacked") is None


@pytest.mark.browser
def test_a_running_session_is_seen_turn_by_turn_and_stopped(page: Any) -> None:
    page.click("#rapport-sim-run")
    page.wait_for_selector(".rp-sim-turn.client")
    assert "Running" in page.inner_text(".rp-sim-state")
    page.click("#rapport-sim-stop")
    page.wait_for_selector(f".rp-sim-state:has-text('{STOPPED}')")
    page.wait_for_selector("#rapport-sim-links a")
