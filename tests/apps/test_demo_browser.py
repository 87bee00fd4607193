"""The demo page in a real browser: what a visitor types is answered in words, voice and a moving face."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rapport.agent.agent import Agent
from rapport.agent.config import AgentConfig, StageConfig
from rapport.agent.registry import shared_pool
from rapport.agent.testing import FakeRecognizer, FakeRenderer, FakeResponder, fake_agent
from rapport.apps.demo.sessions import Sessions
from rapport.avatar.face import FaceTrack
from rapport.persona.card import FaceCard, load_persona
from rapport.persona.errors import ComponentError, InputError
from rapport.persona.transition import at_rest
from rapport.speech.audio import Audio, VoiceProfile
from rapport.speech.files import read_audio, write_wav

# Without WebGL the page shows what the server draws.
CHROMIUM_FLAGS = ("--disable-3d-apis", "--autoplay-policy=no-user-gesture-required")
WAIT_MS = 60_000
CLIPS = Path(__file__).parents[2] / "apps" / "bench" / "clips"
CLAUSES = ("I am sorry to hear that.", "Losing a job can shake the ground under you.", "What happened today?")

pytestmark = pytest.mark.browser

PLAYING = (
    "() => [...document.querySelectorAll('.rp-clip')].some(v => v.duration > 0 && v.currentTime > 0.15 && !v.paused)"
)
LOUDNESS = """async () => {
    const video = [...document.querySelectorAll('.rp-clip')].find(v => v.currentSrc && v.currentTime > 0);
    const bytes = await (await fetch(video.currentSrc)).arrayBuffer();
    const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes);
    const samples = sound.getChannelData(0);
    return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
}"""
PIXELS = """() => {
    const video = [...document.querySelectorAll('.rp-clip.showing')][0];
    if (!video || !video.videoWidth) return null;
    const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 64});
    const pen = canvas.getContext('2d');
    pen.drawImage(video, 0, 0, 64, 64);
    return [...pen.getImageData(0, 0, 64, 64).data];
}"""
MOVED = f"""(before) => {{
    const now = ({PIXELS})();
    return now && now.reduce((sum, x, i) => sum + Math.abs(x - before[i]), 0) / now.length > 0.5;
}}"""


class MovingHead(FakeRenderer):
    """A ball that swings from side to side."""

    async def render(self, track: FaceTrack, face: FaceCard) -> AsyncIterator[NDArray[np.uint8]]:
        down, across = np.mgrid[: self.size, : self.size]
        for number in range(len(track)):
            time_s = track.start_s + number / track.frame_rate_hz
            centre = self.size * (0.5 + 0.3 * np.sin(3.0 * time_s))
            picture = np.full((self.size, self.size, 3), 40, np.uint8)
            picture[np.hypot(across - centre, down - self.size / 2) < self.size / 4] = (210, 150, 120)
            await asyncio.sleep(0)
            yield picture


class WatchedSessions(Sessions):
    """Tells when a tab's conversation has ended."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.ended = threading.Event()

    async def end(self, tab: str) -> None:
        there = tab in self._open
        await super().end(tab)
        if there:
            self.ended.set()


def faked(persona: str) -> Agent:
    return fake_agent(
        load_persona(persona),
        response=FakeResponder(CLAUSES, delay_s=0.1),
        recognition=FakeRecognizer("I lost my keys"),
        rendering=MovingHead(size=96),
    )


@pytest.fixture(scope="module")
def sessions() -> WatchedSessions:
    return WatchedSessions(faked, "harbor")


@contextmanager
def serving(sessions: Sessions) -> Iterator[str]:
    from rapport.apps.demo.serving import serve

    served: list[str] = []
    page = serve(port=0, sessions=sessions, on_ready=served.append, block=False)
    yield served[0]
    page.close()
    sessions.shut_down()


@pytest.fixture(scope="module")
def address(sessions: WatchedSessions) -> Iterator[str]:
    with serving(sessions) as address:
        yield address


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context()
    yield opened(context, address)
    context.close()


def opened(context: Any, address: str, wait_ms: float = WAIT_MS) -> Any:
    tab = context.new_page()
    tab.set_default_timeout(wait_ms)
    tab.requested = []
    tab.on("request", lambda request: tab.requested.append(request.url))
    tab.goto(address)
    tab.wait_for_selector('.rp-stage[data-state="ready"]')
    return tab


def send(tab: Any, text: str) -> None:
    tab.fill("#rapport-text textarea", text)
    tab.click("#rapport-send")


def upload(tab: Any, path: Path) -> None:
    if not tab.is_visible("#rapport-recording"):
        tab.click("text=Or give a recording")
    tab.click("#rapport-recording [aria-label='Upload file']")
    tab.set_input_files("#rapport-recording input[type=file]", path)


def answered(tab: Any, times: int = 1) -> None:
    """Wait until the last clause is on the page and everything was played."""
    tab.wait_for_function(
        "([clause, times]) => [...document.querySelectorAll('.rp-turn.agent')]"
        ".filter(turn => turn.innerText.includes(clause)).length >= times",
        arg=[CLAUSES[-1], times],
    )
    tab.wait_for_selector('.rp-stage[data-state="ready"]')


def test_a_typed_line_is_answered_in_words_voice_and_face(tab: Any) -> None:
    send(tab, "I lost my job today.")
    tab.wait_for_function(PLAYING)
    before = tab.wait_for_function(PIXELS).json_value()
    assert tab.evaluate(LOUDNESS) > 0.01
    tab.wait_for_function(MOVED, arg=before)
    answered(tab)
    words = tab.inner_text("#rapport-words")
    assert "I lost my job today." in words
    assert all(clause in words for clause in CLAUSES)
    assert tab.evaluate("rapport.clips.map(clip => clip.type)") == ["video/mp4"] * len(CLAUSES)
    assert tab.evaluate("rapport.heard()") is None, "everything was played"
    assert "you · " in tab.inner_html("#rapport-feelings")
    assert {url.split("/")[2] for url in tab.requested if url.startswith("http")} == {tab.url.split("/")[2]}


def test_clips_follow_one_another_without_a_gap(tab: Any) -> None:
    tab.evaluate("""() => {
        window.pauses = [];
        let ended = null;
        for (const video of document.querySelectorAll('.rp-clip')) {
            video.addEventListener('ended', () => { ended = performance.now(); });
            video.addEventListener('playing', () => {
                if (ended) window.pauses.push(performance.now() - ended);
                ended = null;
            });
        }
    }""")
    send(tab, "Say three things.")
    answered(tab)
    pauses_ms = tab.evaluate("window.pauses")
    assert len(pauses_ms) == len(CLAUSES) - 1
    assert max(pauses_ms) < 400, pauses_ms


def test_stop_cuts_the_answer_to_what_was_heard(tab: Any) -> None:
    send(tab, "Tell me everything.")
    tab.wait_for_function(PLAYING)
    tab.click("#rapport-stop")
    tab.wait_for_selector("text=interrupted")
    assert CLAUSES[-1] not in tab.inner_text("#rapport-words")
    assert tab.evaluate("[...document.querySelectorAll('.rp-clip')].every(video => video.paused)")
    send(tab, "Go on, please.")
    answered(tab)


def test_what_is_typed_is_shown_and_never_run(tab: Any) -> None:
    text = "<img src=x onerror='window.hacked = 1'><script>window.hacked = 1</script> ${window.hacked = 1} {{x}} `"
    send(tab, text)
    answered(tab)
    assert text in tab.inner_text("#rapport-words")
    assert tab.evaluate("window.hacked") is None


@pytest.mark.parametrize(("text", "told"), [("x" * 100_000, "100,000 characters"), ("   \n ", "nothing to answer")])
def test_what_cannot_be_answered_is_refused_clearly_and_not_lost(tab: Any, text: str, told: str) -> None:
    send(tab, text)
    tab.wait_for_selector(f'.rp-refusal:has-text("{told}")')
    tab.wait_for_function("text => document.querySelector('#rapport-text textarea').value === text", arg=text)
    send(tab, "Hello 👋🏽")
    answered(tab)
    assert "👋🏽" in tab.inner_text("#rapport-words")


def test_a_recording_is_answered(tab: Any, tmp_path: Path) -> None:
    write_wav(tmp_path / "line.wav", Audio(np.full(16_000, 0.1, np.float32), 16_000))
    upload(tab, tmp_path / "line.wav")
    answered(tab)
    assert "I lost my keys" in tab.inner_text("#rapport-words")


def test_a_file_without_sound_is_refused(tab: Any, tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"this is no sound")
    upload(tab, tmp_path / "noise.wav")
    refusal = tab.wait_for_selector(".rp-refusal").inner_text()
    assert refusal.startswith("The recording")
    assert "/" not in refusal, "the server's paths are nobody's business"


def test_another_persona_begins_a_new_conversation(tab: Any) -> None:
    send(tab, "Remember me?")
    answered(tab)
    tab.click("label:has-text('Willow')")
    tab.wait_for_selector("text=Tell Willow how you are")
    assert "Remember me?" not in tab.inner_text("#rapport-words")
    send(tab, "Hello.")
    answered(tab)
    assert "Willow" in tab.inner_text("#rapport-words")


def test_two_tabs_know_nothing_of_each_other_and_a_closed_one_is_forgotten(
    browser: Any, address: str, tab: Any, sessions: WatchedSessions
) -> None:
    context = browser.new_context()
    other = opened(context, address)
    send(other, "This is a secret.")
    answered(other)
    send(tab, "Hello.")
    answered(tab)
    assert "secret" not in tab.inner_text("#rapport-words")
    sessions.ended.clear()
    other.close()
    assert sessions.ended.wait(WAIT_MS / 1000), "the closed tab's conversation is still there"
    context.close()


def test_a_port_that_is_taken_is_said_in_one_line(address: str, sessions: WatchedSessions) -> None:
    from rapport.apps.demo.serving import serve

    with pytest.raises(InputError, match="choose another --port"):
        serve(port=int(address.rstrip("/").rpartition(":")[2]), sessions=Sessions(faked, "harbor"), block=False)


def test_it_says_that_it_is_a_machine(tab: Any) -> None:
    assert "I am a machine, not a person and not a therapist." in tab.inner_text("body")


# ------------------------------------------------------------------------------------------------- over a microphone

WATCHED = """
    window.sent = [];  // how loud each block of sound was that was sent, and its samples
    window.states = [];
    window.captions = [];
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
        if (data instanceof ArrayBuffer) {
            const samples = new Int16Array(data);
            const power = samples.reduce((sum, x) => sum + (x / 32768) ** 2, 0) / samples.length;
            window.sent.push([Math.sqrt(power), samples.length]);
        }
        return send.call(this, data);
    };
    new MutationObserver(() => {
        const state = document.querySelector('.rp-stage')?.dataset.state;
        const caption = document.querySelector('.rp-hearing:not([hidden])')?.innerText.trim();
        if (state && state !== window.states.at(-1)) window.states.push(state);
        if (caption && caption !== window.captions.at(-1)) window.captions.push(caption);
    }).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
"""


def said(tmp_path: Path, *script: str | float) -> Path:
    """A recording of clips by name and silences in seconds, for a browser to take as its microphone."""
    parts = [
        Audio.silence(item).samples if isinstance(item, float) else read_audio(CLIPS / f"{item}.flac").samples
        for item in script
    ]
    write_wav(tmp_path / "said.wav", Audio(np.concatenate(parts), 16_000))
    return tmp_path / "said.wav"


@contextmanager
def talking(launch: Any, sound: Path, address: str, wait_ms: float = WAIT_MS) -> Iterator[Any]:
    """A tab in a browser whose microphone plays a recording, once."""
    microphone = "--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={sound}%noloop"
    browser = launch(*CHROMIUM_FLAGS, "--use-fake-ui-for-media-stream", *microphone)
    context = browser.new_context()
    context.add_init_script(WATCHED)
    try:
        yield opened(context, address, wait_ms)
    finally:
        browser.close()


def talkative(persona: str) -> Agent:
    return fake_agent(
        load_persona(persona),
        response=FakeResponder(CLAUSES * 4),
        recognition=FakeRecognizer("I have nobody to talk to"),
        rendering=MovingHead(size=96),
    )


@pytest.mark.timeout(300)
def test_press_once_and_talk_and_speak_over_the_answer(launch: Any, tmp_path: Path) -> None:
    sound = said(tmp_path, 1.5, "lonely", 9.0, "anger", 30.0)
    with serving(Sessions(talkative, "harbor")) as address, talking(launch, sound, address) as tab:
        tab.click(".rp-talk")
        tab.wait_for_selector('.rp-talk[data-talk="live"]')
        tab.wait_for_selector('.rp-stage[data-state="listening"]')
        tab.wait_for_selector('.rp-hearing:has-text("I have nobody to talk to")')
        tab.wait_for_selector(".rp-turn.person")
        tab.wait_for_function(PLAYING)
        tab.wait_for_selector("text=interrupted")
        tab.wait_for_function("document.querySelectorAll('.rp-turn.person').length === 2")
        heard = tab.inner_text(".rp-turn.agent >> nth=0 >> p").removesuffix(" — interrupted")
        assert " ".join(CLAUSES * 4).startswith(heard) and len(heard) < len(" ".join(CLAUSES * 4))
        sent = tab.evaluate("sent")
        assert {samples for _, samples in sent} == {512}
        assert max(loudness for loudness, _ in sent) > 0.01
        states = tab.evaluate("states")
        assert states[:7] == ["waking", "ready", "listening", "hearing", "thinking", "voicing", "speaking"]
        assert "hearing" in states[7:]
        assert {url.split("/")[2] for url in tab.requested if url.startswith("http")} == {tab.url.split("/")[2]}
        tab.click(".rp-talk")
        tab.wait_for_selector('.rp-talk[data-talk="off"]')
        assert tab.evaluate("rapport.talk.stream") is None


def test_a_held_answer_waits_and_goes_on_where_it_was(tab: Any) -> None:
    send(tab, "Tell me something.")
    tab.wait_for_function(PLAYING)
    tab.evaluate("rapport.hold(rapport.reply)")
    assert tab.evaluate("[...document.querySelectorAll('.rp-clip')].every(video => video.paused)")
    position = tab.evaluate("rapport.position()")
    assert 0.0 < position["heard_s"] == position["until_s"]
    tab.evaluate("rapport.resume(rapport.reply)")
    tab.wait_for_function("was => rapport.position().heard_s > was", arg=position["heard_s"])
    assert tab.evaluate("rapport.position().heard_s") < position["heard_s"] + 1.0
    answered(tab)
    assert tab.evaluate("rapport.heard()") is None


def test_typing_or_recording_ends_the_talk(launch: Any, address: str, tmp_path: Path) -> None:
    with talking(launch, said(tmp_path, 60.0), address) as tab:
        tab.click(".rp-talk")
        tab.wait_for_selector('.rp-talk[data-talk="live"]')
        send(tab, "I would rather type.")
        tab.wait_for_selector('.rp-talk[data-talk="off"]')
        answered(tab)
        assert tab.query_selector(".rp-complaint:not([hidden])") is None
        tab.click(".rp-talk")
        tab.wait_for_selector('.rp-stage[data-state="listening"]')
        tab.click("text=Or give a recording")
        tab.click("#rapport-recording button:has-text('Record')")
        tab.wait_for_selector('.rp-talk[data-talk="off"]')


def test_a_microphone_that_gives_nothing_is_told_and_the_talk_goes_on(
    launch: Any, address: str, tmp_path: Path
) -> None:
    with talking(launch, said(tmp_path, 16.0, "lonely", 60.0), address) as tab:
        tab.click(".rp-talk")
        tab.wait_for_selector(".rp-complaint:has-text('no sound')")
        assert tab.get_attribute(".rp-talk", "data-talk") == "live"
        tab.wait_for_selector(".rp-turn.person")
        tab.wait_for_selector(".rp-complaint", state="hidden")


def test_without_a_microphone_the_page_says_what_to_do(tab: Any) -> None:
    """A browser that was started like this one has no microphone, or lets nobody use it."""
    tab.click(".rp-talk")
    tab.wait_for_selector(".rp-complaint:not([hidden])")
    assert tab.inner_text(".rp-complaint").startswith(
        ("The microphone is not allowed here.", "No microphone was found.")
    )
    assert tab.get_attribute(".rp-talk", "data-talk") == "off"


HEARD_BY_WORKLET = """async ([code, tone_hz, rate_hz]) => {
    const context = new OfflineAudioContext(1, rate_hz, rate_hz);
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
    const blocks = new AudioWorkletNode(context, 'rapport-blocks');
    const heard = [];
    blocks.port.onmessage = ({data}) => heard.push(...new Int16Array(data));
    const tone = new OscillatorNode(context, {frequency: tone_hz});
    tone.connect(blocks).connect(context.destination);
    tone.start();
    await context.startRendering();
    await new Promise(done => setTimeout(done, 200));
    return heard;
}"""


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_the_microphones_sound_is_brought_to_16_khz(tab: Any, rate_hz: int) -> None:
    code = (Path(__file__).parents[2] / "apps" / "demo" / "worklet.js").read_text("utf-8")

    def level_db(tone_hz: float) -> float:
        heard = np.array(tab.evaluate(HEARD_BY_WORKLET, [code, tone_hz, rate_hz])) / 32768
        assert 15_000 < len(heard) <= 16_000
        assert len(heard) % 512 == 0
        spectrum = np.abs(np.fft.rfft(heard[2000:-2000] * np.hanning(len(heard) - 4000)))
        if tone_hz < 8000:
            assert np.argmax(spectrum) * 16_000 / (len(heard) - 4000) == pytest.approx(tone_hz, abs=3.0)
        return float(20 * np.log10(np.sqrt(2 * np.mean(heard[2000:-2000] ** 2))))

    assert level_db(1000.0) == pytest.approx(0.0, abs=0.2)
    assert level_db(6000.0) == pytest.approx(0.0, abs=1.0)
    if rate_hz > 16_000:
        assert level_db(10_000.0) < -50.0


# ------------------------------------------------------------------------------------------------- with real models

PATIENT_MS = 280_000


def patient(config: AgentConfig) -> AgentConfig:
    """The same components with ten times the time: what is tested here is the page, not the speed of the machine."""

    def slower(stage: StageConfig | None) -> StageConfig | None:
        return None if stage is None else stage.model_copy(update={"budget_s": 10 * stage.budget_s})

    stages = ("recognition", "transition", "response", "voice", "animation", "rendering", "memory")
    changes: dict[str, Any] = {name: slower(getattr(config, name)) for name in stages}
    return config.model_copy(update={**changes, "emotion": tuple(slower(stage) for stage in config.emotion)})


@pytest.fixture(scope="module")
def real_address() -> Iterator[str]:
    from rapport.avatar.renderer import WgpuRenderer

    try:
        WgpuRenderer()
    except ComponentError as error:
        pytest.skip(f"no face can be drawn here: {error}")
    with serving(Sessions.from_config(patient(AgentConfig()))) as address:
        yield address


def say(text: str) -> Audio:
    """The text as the default voice speaks it (on a thread of its own: Playwright's loop runs on this one)."""
    voice, persona = shared_pool.get("voice", "kokoro"), load_persona("harbor")
    speaking = voice.speak(text, at_rest(persona, 0.0), VoiceProfile({}), 0)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, speaking).result().audio


@pytest.mark.models
@pytest.mark.timeout(600)
def test_real_models_answer_a_typed_and_a_recorded_line(browser: Any, real_address: str, tmp_path: Path) -> None:
    context = browser.new_context()
    tab = opened(context, real_address, PATIENT_MS)
    tab.wait_for_function("document.querySelector('.rp-idle').duration > 1")
    send(tab, "I lost my job today and I don't know what to do.")
    tab.wait_for_function(PLAYING)
    before = tab.wait_for_function(PIXELS).json_value()
    assert tab.evaluate(LOUDNESS) > 0.005
    tab.wait_for_function(MOVED, arg=before)
    tab.wait_for_function("rapport.complete && rapport.heard() === null")
    assert tab.query_selector(".rp-notice") is None, tab.inner_text("#rapport-words")

    write_wav(tmp_path / "line.wav", say("My brother visited me yesterday."))
    upload(tab, tmp_path / "line.wav")
    tab.wait_for_function("document.querySelectorAll('.rp-turn.person').length === 2")
    assert "visited me yesterday" in tab.inner_text(".rp-turn.person >> nth=1 >> p")
    tab.wait_for_function("rapport.reply === 2 && rapport.complete && rapport.heard() === null")
    assert tab.evaluate("rapport.clips.length") >= 1
    context.close()


@pytest.mark.models
@pytest.mark.timeout(600)
def test_real_models_hear_and_answer_what_is_said_into_the_microphone(
    launch: Any, real_address: str, tmp_path: Path
) -> None:
    with talking(launch, said(tmp_path, 2.0, "lonely", 600.0), real_address, PATIENT_MS) as tab:
        tab.click(".rp-talk")
        tab.wait_for_selector(".rp-turn.person")
        assert "nobody to talk to" in tab.inner_text(".rp-turn.person p")
        tab.wait_for_function(PLAYING)
        assert tab.evaluate(LOUDNESS) > 0.005
        tab.wait_for_function("rapport.complete && rapport.heard() === null")
        tab.wait_for_selector('.rp-stage[data-state="listening"]')
        assert tab.query_selector("text=interrupted") is None
