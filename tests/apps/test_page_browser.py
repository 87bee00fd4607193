"""The whole page in a real browser: its tabs, what it stands, and what it tells when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from rapport.agent.registry import ComponentPool
from rapport.agent.testing import FakeEmotion, FakeRecognizer, FakeRenderer, FakeResponder, FakeVoice, fake_agent
from rapport.apps.demo.camera import SeeingAgent
from rapport.apps.demo.sessions import Sessions
from rapport.memory.store import SqlMemory
from rapport.persona.affect import VAD
from rapport.persona.analytic import AnalyticTransition
from rapport.persona.card import load_persona
from rapport.persona.character_card import to_character_card
from rapport.persona.errors import StageError

CHROMIUM_FLAGS = (
    "--disable-3d-apis",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
)
WAIT_MS = 60_000
CLAUSES = ("I am sorry to hear that.", "What happened today?")
TABS = ("Talk", "Persona", "Memory", "Simulate", "Components")

pytestmark = pytest.mark.browser


class Fragile(FakeResponder):
    """Fails or hangs when it is told to."""

    async def respond(self, request: Any) -> Any:
        if "break" in request.text:
            raise StageError("it broke")
        async for part in super().respond(request):
            yield part


@pytest.fixture(scope="module")
def memory() -> Iterator[SqlMemory]:
    store = SqlMemory(":memory:")
    yield store
    store.close()


@pytest.fixture(scope="module")
def sessions(memory: SqlMemory) -> Sessions:
    def make(persona: str, person: str | None = None) -> SeeingAgent:
        like = fake_agent(
            load_persona(persona),
            emotion=[FakeEmotion(VAD(-0.7, 0.3, -0.4)), FakeEmotion(modality="face")],
            transition=AnalyticTransition(),
            response=[Fragile(CLAUSES), FakeResponder(("I am still here.",))],
            recognition=FakeRecognizer("I lost my keys"),
            rendering=FakeRenderer(size=96),
            voice=FakeVoice(),
            memory=memory,
        )
        pool: ComponentPool = like.runners["voice"]._pool  # pyright: ignore[reportPrivateUsage]
        return SeeingAgent(like.persona, like.config, person_id=person, pool=pool, guard=like.guard)

    return Sessions(make, "harbor", make)


@pytest.fixture(scope="module")
def address(sessions: Sessions) -> Iterator[str]:
    from rapport.apps.demo.serving import serve

    served: list[str] = []
    page = serve(port=0, sessions=sessions, on_ready=served.append, block=False)
    yield served[0]
    page.close()
    sessions.shut_down()


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(permissions=["camera"], accept_downloads=True)
    tab = opened(context, address)
    yield tab
    host = tab.url.split("/")[2]
    asked = {url.split("/")[2] for url in tab.requested if url.startswith(("http", "ws"))}
    context.close()
    assert asked <= {host}, "the page asked another host"


def opened(context: Any, address: str) -> Any:
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.requested = []
    tab.on("request", lambda request: tab.requested.append(request.url))
    tab.on("websocket", lambda socket: tab.requested.append(socket.url))
    tab.goto(address)
    tab.wait_for_selector('.rp-stage[data-state="ready"]')
    return tab


def send(tab: Any, text: str) -> None:
    tab.fill("#rapport-text textarea", text)
    tab.click("#rapport-send")


def answered(tab: Any, times: int = 1) -> None:
    tab.wait_for_function(
        "times => document.querySelectorAll('.rp-turn.agent:not(.rp-typing)').length >= times", arg=times
    )
    tab.wait_for_function("rapport.complete && rapport.heard() === null")


def show(tab: Any, name: str) -> None:
    more = tab.locator(".overflow-menu > button").first
    if not tab.get_by_role("tab", name=name).is_visible() and more.is_visible():  # what a narrow page has no room for
        more.click()
        tab.locator(".overflow-dropdown button", has_text=name).first.click()
    else:
        tab.get_by_role("tab", name=name).click()


def saved(tab: Any, selector: str) -> tuple[str, bytes]:
    with tab.expect_download() as begun:
        tab.click(selector)
    return begun.value.suggested_filename, Path(begun.value.path()).read_bytes()


# ---------------------------------------------------------------------------------------------------------------- why


def test_a_card_tells_why_and_everything_can_be_saved(tab: Any) -> None:
    send(tab, "I lost my job today.")
    answered(tab)
    tab.wait_for_selector(".rp-moments")
    card = tab.inner_text(".rp-card")
    for told in ("What it read in you", "How Harbor's feeling moved", "Strategy", "How fast"):
        assert told in card
    name, transcript = saved(tab, "text=Transcript")
    assert name == "conversation.md" and b"I lost my job today." in transcript
    assert json.loads(saved(tab, "text=Trace")[1])["heard"]["text"] == "I lost my job today."
    assert b"<emotionml" in saved(tab, "text=EmotionML")[1]


def test_a_card_stays_as_the_visitor_left_it(tab: Any) -> None:
    send(tab, "One.")
    answered(tab)
    tab.click(".rp-card > summary")
    assert tab.evaluate("document.querySelector('.rp-card').open") is False
    send(tab, "Two.")
    answered(tab, 2)
    tab.wait_for_function("document.querySelectorAll('.rp-card').length === 2")
    assert tab.evaluate("[...document.querySelectorAll('.rp-card')].map(card => card.open)") == [True, False]


# ------------------------------------------------------------------------------------------------------------ persona


def test_looking_at_another_tab_and_back_leaves_the_talk_as_it_was(tab: Any) -> None:
    send(tab, "Hello.")
    answered(tab)
    tab.wait_for_selector(".rp-moments")
    before = [tab.inner_text(part) for part in (".rp-words", ".rp-why", ".rp-disclosure")]
    for name in ("Persona", "Memory", "Components", "Talk"):
        show(tab, name)
        tab.wait_for_timeout(400)
    assert [tab.inner_text(part) for part in (".rp-words", ".rp-why", ".rp-disclosure")] == before


def slide(tab: Any, label: str, value: float) -> None:
    box = tab.locator(".block", has=tab.get_by_text(label, exact=True)).locator("input[type=number]").last
    box.fill(str(value))
    box.press("Tab")


def test_a_slider_changes_the_agent_in_the_middle_of_a_conversation(tab: Any, sessions: Sessions) -> None:
    send(tab, "Hello.")
    answered(tab)
    show(tab, "Persona")
    tab.wait_for_selector("#rapport-face img")
    before = tab.get_attribute("#rapport-face img", "src")
    slide(tab, "Neuroticism", 0.97)
    slide(tab, "Age", 70)
    wait_until(tab, lambda: of(sessions, tab).agent.persona.face.age == 70)
    persona = of(sessions, tab).agent.persona
    assert persona.big_five.neuroticism == pytest.approx(0.97)
    assert before is not None and len(of(sessions, tab).turns) == 1
    assert b"neuroticism: 0.97" in saved(tab, "text=Persona (YAML)")[1]
    show(tab, "Talk")
    send(tab, "It is terrible.")
    answered(tab, 2)
    tab.wait_for_function("document.querySelector('.rp-card .rp-trait')?.innerText.includes('neuroticism')")


def of(sessions: Sessions, tab: Any) -> Any:
    del tab
    return next(reversed(sessions._open.values()))  # pyright: ignore[reportPrivateUsage]


def wait_until(tab: Any, true: Any) -> None:
    for _ in range(300):
        if true():
            return
        tab.wait_for_timeout(50)
    raise AssertionError("it did not happen")


def test_cards_are_loaded_and_what_is_none_is_refused(tab: Any, tmp_path: Path) -> None:
    show(tab, "Persona")
    tab.wait_for_selector("#rapport-face img")

    def load(name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        tab.set_input_files("#rapport-load-persona input, input[type=file][accept*='.yaml']", tmp_path / name)

    load("evil.yaml", b"MZ\x90\x00 this program cannot be run")
    tab.wait_for_selector("#rapport-persona-told .rp-refusal")
    persona = load_persona("spark").model_copy(update={"name": "../a/<script>window.hacked=1</script>"})
    load("card.json", json.dumps(to_character_card(persona)).encode())
    tab.wait_for_function(
        "[...document.querySelectorAll('textarea, input')].some(box => box.value.startsWith('../a/<script>'))"
    )
    name, content = saved(tab, "text=Character card (V3)")
    assert name == "persona.card.json" and b"../a/<script>" in content
    show(tab, "Talk")
    send(tab, "Hello.")
    answered(tab)
    assert tab.evaluate("window.hacked") is None


def test_the_questionnaire_is_another_way_in(tab: Any, sessions: Sessions) -> None:
    show(tab, "Persona")
    tab.wait_for_selector("#rapport-face img")
    tab.click("text=Or answer a questionnaire")
    tab.click("#rapport-use-answers")
    tab.wait_for_selector("#rapport-persona-told .rp-refusal:has-text('all ten')")
    for item in tab.locator(".rp-item").all():
        item.get_by_text("7", exact=True).click()
    tab.click("#rapport-use-answers")
    wait_until(tab, lambda: of(sessions, tab).agent.persona.big_five.ocean == (0.5, 0.5, 0.5, 0.5, 0.5))


# -------------------------------------------------------------------------------------------- camera and microphone


def test_the_camera_is_asked_for_read_and_forgotten(tab: Any, sessions: Sessions) -> None:
    assert tab.is_hidden(".rp-mirror"), "nothing without a click"
    tab.click(".rp-camera")
    tab.wait_for_selector(".rp-reading-live .rp-bar")
    send(tab, "Look at me.")
    answered(tab)
    tab.wait_for_function("document.querySelector('.rp-card')?.innerText.includes('face')")
    tab.click(".rp-camera")
    tab.wait_for_selector(".rp-mirror", state="hidden")
    wait_until(tab, lambda: of(sessions, tab).camera.frames() == ())


@pytest.mark.parametrize(("button", "told"), [(".rp-camera", "camera is not allowed"), (".rp-talk", "not allowed")])
def test_a_refused_device_is_told_and_the_talk_goes_on(browser: Any, address: str, button: str, told: str) -> None:
    context = browser.new_context(permissions=[])
    tab = opened(context, address)
    tab.evaluate("""() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
    }""")
    tab.click(button)
    tab.wait_for_selector(f".rp-complaint:has-text('{told}')")
    send(tab, "Then I type.")
    answered(tab)
    context.close()


@pytest.mark.parametrize(
    ("button", "kind", "told"), [(".rp-camera", "video", "camera is gone"), (".rp-talk", "audio", "microphone is gone")]
)
def test_a_device_that_is_unplugged_is_told_and_the_talk_goes_on(
    browser: Any, address: str, button: str, kind: str, told: str
) -> None:
    context = browser.new_context(permissions=["camera", "microphone"])
    tab = opened(context, address)
    tab.evaluate("""() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => (window.got = await ask(wanted));
    }""")
    tab.click(button)
    tab.wait_for_function("window.got && (rapport.camera.socket?.readyState === 1 || rapport.talk.state === 'live')")
    tab.evaluate("window.got.getTracks()[0].dispatchEvent(new Event('ended'))")
    tab.wait_for_selector(f".rp-complaint:has-text('{told}')")
    send(tab, "Then I type.")
    answered(tab)
    context.close()


# ------------------------------------------------------------------------------------------------------------- memory


def test_memory_is_searched_corrected_and_erased(tab: Any) -> None:
    send(tab, "My dog Rex died.")
    answered(tab)
    show(tab, "Memory")
    tab.wait_for_selector("#rapport-known table")
    tab.fill("#rapport-memory-search textarea, #rapport-memory-search input", "dog")
    tab.press("#rapport-memory-search textarea, #rapport-memory-search input", "Enter")
    tab.wait_for_selector("#rapport-found:has-text('Rex')")
    tab.click("#rapport-line input")
    tab.get_by_role("option", name="Rex").click()
    box = "#rapport-correction textarea"
    tab.wait_for_function(f"document.querySelector('{box}').value.includes('Rex')")
    tab.fill(box, "My dog Max died.")
    tab.click("#rapport-correct")
    tab.wait_for_selector("#rapport-memory-told:has-text('Corrected')")
    assert b"Max" in saved(tab, "text=Everything (JSON)")[1]
    tab.click("#rapport-erase")
    tab.wait_for_selector("#rapport-memory-told:has-text('1 turn erased')")


def test_who_switches_memory_on_is_known_after_a_reload_and_nobody_else(tab: Any, browser: Any, address: str) -> None:
    show(tab, "Memory")
    tab.click("#rapport-keep input")
    tab.wait_for_selector(".rp-disclosure:has-text('stays on this machine')")
    show(tab, "Talk")
    send(tab, "I live in Oslo.")
    answered(tab)
    tab.reload()
    tab.wait_for_selector(".rp-disclosure:has-text('stays on this machine')")
    show(tab, "Memory")
    tab.wait_for_selector("#rapport-known:has-text('Oslo')")
    context = browser.new_context()
    other = opened(context, address)
    show(other, "Memory")
    other.wait_for_selector("#rapport-known:has-text('Nothing is remembered')")
    context.close()
    tab.click("#rapport-erase")
    tab.wait_for_selector("#rapport-memory-told:has-text('1 turn erased')")


# --------------------------------------------------------------------------------------------------------- components


def test_components_are_listed_and_swapped(tab: Any) -> None:
    show(tab, "Components")
    tab.wait_for_selector("#rapport-components:has-text('faster-whisper')")
    assert 'pip install "rapport-agent[' in tab.inner_text("#rapport-components") or "there" in tab.inner_html(
        "#rapport-components"
    )
    # What each stage uses is shown before the doctor has looked: until then the boxes may yet change.
    tab.wait_for_selector("#rapport-doctor .rp-parts")
    box = tab.locator(".block", has=tab.get_by_text("Transition", exact=True)).locator("input").last
    tab.wait_for_function("box => box.value.startsWith('fake-transition')", arg=box.element_handle())
    box.click()
    tab.get_by_role("option", name="hold").click()
    tab.wait_for_selector("#rapport-swapped:has-text('Transition is done by hold')")


# ---------------------------------------------------------------------------------------------------------- bad input


def test_two_tabs_of_one_browser_talk_apart(tab: Any) -> None:
    other = opened(tab.context, tab.url)
    send(other, "A secret.")
    send(tab, "Hello.")
    answered(other)
    answered(tab)
    assert "secret" not in tab.inner_text("#rapport-words")
    other.close()


def test_a_reload_in_the_middle_of_a_reply_begins_anew(tab: Any) -> None:
    send(tab, "Tell me everything.")
    tab.wait_for_selector(".rp-turn.person")
    tab.reload()
    tab.wait_for_selector('.rp-stage[data-state="ready"]')
    tab.wait_for_selector("#rapport-words:has-text('Tell Harbor how you are')")
    send(tab, "Again.")
    answered(tab)


def test_a_connection_that_is_lost_and_back_in_mid_reply_goes_on(tab: Any) -> None:
    send(tab, "One.")
    tab.wait_for_selector(".rp-turn.person")
    tab.context.set_offline(True)
    assert tab.evaluate("fetch('./').then(() => 'there', () => 'gone')") == "gone"
    tab.context.set_offline(False)
    send(tab, "Two.")
    answered(tab, 2)


def test_a_stage_that_dies_is_told_and_another_answers(tab: Any) -> None:
    send(tab, "Please break now.")
    tab.wait_for_selector(".rp-turn.agent:has-text('I am still here.')")
    assert "it broke" in tab.inner_text(".rp-notice")
    send(tab, "Go on.")
    answered(tab, 2)


def test_an_upload_that_is_too_large_is_refused_and_the_talk_goes_on(tab: Any, tmp_path: Path) -> None:
    huge = tmp_path / "huge.wav"
    with huge.open("wb") as file:
        file.truncate(60_000_000)  # sparse: the limit is 25 MB, and nothing reads it
    tab.click("text=Or give a recording")
    tab.click("#rapport-recording [aria-label='Upload file']")
    tab.set_input_files("#rapport-recording input[type=file]", huge)
    tab.wait_for_function("/25|large|size/i.test(document.querySelector('.toast-body, .toast-wrap')?.innerText || '')")
    send(tab, "Then I type.")
    answered(tab)


def test_a_program_that_calls_itself_a_recording_is_refused(tab: Any, tmp_path: Path) -> None:
    program = tmp_path / "song.wav"
    program.write_bytes(b"MZ\x90\x00\x03" + bytes(4000))
    tab.click("text=Or give a recording")
    tab.click("#rapport-recording [aria-label='Upload file']")
    tab.set_input_files("#rapport-recording input[type=file]", program)
    assert "/" not in tab.wait_for_selector(".rp-refusal").inner_text()
    send(tab, "Then I type.")
    answered(tab)


def test_script_tags_in_every_field_stay_text(tab: Any) -> None:
    nasty = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
    show(tab, "Persona")
    tab.wait_for_selector("#rapport-face img")
    for label in ("Name", "Biography", "Manner of speaking", "What matters to it"):
        tab.get_by_label(label).fill(nasty[:60] if label == "Name" else nasty)
    show(tab, "Memory")
    tab.fill("#rapport-memory-search textarea, #rapport-memory-search input", nasty)
    tab.press("#rapport-memory-search textarea, #rapport-memory-search input", "Enter")
    tab.wait_for_selector("#rapport-found :is(p, ul)")
    tab.fill("#rapport-correction textarea", nasty)
    show(tab, "Talk")
    send(tab, nasty)
    answered(tab)
    assert tab.evaluate("window.hacked") is None
    assert "onerror" in tab.inner_text("#rapport-words")


def test_a_clock_that_jumps_changes_nothing(tab: Any) -> None:
    tab.evaluate("() => { const now = Date.now; Date.now = () => now() - 86_400_000; }")
    send(tab, "Yesterday.")
    answered(tab)


# ------------------------------------------------------------------------------------------------------- for everyone


def test_the_keyboard_alone_suffices(tab: Any) -> None:
    assert tab.evaluate("document.activeElement?.tagName") == "TEXTAREA", "ready to type"
    tab.keyboard.type("Hello.")
    tab.keyboard.press("Enter")
    tab.wait_for_function("[...document.querySelectorAll('.rp-clip')].some(v => v.currentTime > 0.1 && !v.paused)")
    tab.keyboard.press("Escape")
    tab.wait_for_selector("text=interrupted")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_no_serious_violation_of_accessibility(browser: Any, address: str, scheme: str, width: int) -> None:
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce", bypass_csp=True
    )
    tab = opened(context, f"{address}?__theme={scheme}")
    send(tab, "I lost my job.")
    answered(tab)
    tab.add_script_tag(content=(resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found: dict[str, list[str]] = {}
    for name in TABS:
        show(tab, name)
        tab.wait_for_timeout(300)
        told = tab.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']})")
        for violation in told["violations"]:
            if violation["impact"] in {"serious", "critical"}:
                found[f"{name}: {violation['id']}"] = [node["html"][:160] for node in violation["nodes"][:4]]
    beyond = tab.evaluate("""[...document.querySelectorAll('.tabitem *')]
        .filter(part => part.offsetParent && part.getBoundingClientRect().right > innerWidth + 1)
        .map(part => `${part.tagName}.${part.className} ${part.id}`)""")
    context.close()
    assert not found, json.dumps(found, indent=1)
    assert not beyond, "nothing lies beyond the edge of a phone"


def test_a_password_keeps_strangers_out(browser: Any) -> None:
    from rapport.apps.demo.serving import serve

    served: list[str] = []
    mine = Sessions(lambda persona: fake_agent(load_persona(persona)), "harbor")
    page = serve(port=0, sessions=mine, auth=("ann", "opensesame"), on_ready=served.append, block=False)
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.goto(served[0])
    tab.wait_for_selector("input[type=password]")
    assert tab.query_selector(".rp-stage") is None
    context.close()
    page.close()
    mine.shut_down()


def test_eight_people_at_once_are_all_answered(browser: Any, address: str) -> None:
    contexts = [browser.new_context() for _ in range(8)]
    tabs = [opened(context, address) for context in contexts]
    for number, tab in enumerate(tabs):
        send(tab, f"I am number {number}.")
    for number, tab in enumerate(tabs):
        answered(tab)
        words = tab.inner_text("#rapport-words")
        assert f"I am number {number}." in words and words.count("I am number") == 1
    for context in contexts:
        context.close()
