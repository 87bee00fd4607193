"""The head that the browser draws, in the page: it speaks with the sound, its words are shown, it listens visibly."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rapport.agent.agent import Agent
from rapport.agent.registry import shared_pool
from rapport.agent.testing import (
    FakeAnimator,
    FakeFaceListener,
    FakeRecognizer,
    FakeRenderer,
    FakeResponder,
    fake_agent,
)
from rapport.apps.bench.wer import word_error_rate
from rapport.apps.demo.sessions import Sessions
from rapport.avatar.face import BLENDSHAPE_INDEX, FaceTrack
from rapport.persona.card import load_persona
from rapport.persona.transition import AffectState
from rapport.speech.audio import Audio, SpokenClause
from rapport.speech.files import read_audio, write_wav

WAIT_MS = 120_000
CLIPS = Path(__file__).parents[2] / "apps" / "bench" / "clips"
CLAUSES = ("I am sorry to hear that.", "What happened to you today?")
CHROMIUM_FLAGS = (
    "--autoplay-policy=no-user-gesture-required",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)
GAPES = f"() => rapport.face.head.frame.weights[{BLENDSHAPE_INDEX['jawOpen']}] > 0.6"
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
CAPTIONS = """
window.captions = []; // [reply, clip, index of the word that is spoken, the line]
new MutationObserver(() => {
  const caption = document.querySelector(".rp-caption:not([hidden])");
  const at = caption?.dataset.at;
  if (!at || at === window.lastAt) return;
  window.lastAt = at;
  window.captions.push([...at.split(" ").map(Number), caption.innerText.trim().split(/\\s+/).join(" ")]);
}).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
"""

pytestmark = pytest.mark.browser


class Gaping(FakeAnimator):
    """A mouth that is open while the voice sounds, and a head that bows while the person is heard."""

    async def animate(
        self, clause: SpokenClause, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None
    ) -> FaceTrack:
        track = await super().animate(clause, felt, start_s, seed, before)
        weights = track.weights.copy()
        weights[:, BLENDSHAPE_INDEX["jawOpen"]] = 0.8
        return FaceTrack(weights, track.head_pose, track.gaze, track.frame_rate_hz, track.start_s)

    def listen(self, felt: AffectState, start_s: float, seed: int, before: FaceTrack | None = None) -> FakeFaceListener:
        return Bowing(start_s)


class Bowing(FakeFaceListener):
    def hear(self, sound: Audio, **about: Any) -> FaceTrack:
        track = super().hear(sound, **about)
        bowed = track.head_pose.copy()
        bowed[:, 0] = 0.4 if np.abs(sound.samples).max() > 0.01 else 0.0
        return FaceTrack(track.weights, bowed, track.gaze, track.frame_rate_hz, track.start_s)


def made(persona: str) -> Agent:
    return fake_agent(
        load_persona(persona),
        response=FakeResponder(CLAUSES),
        recognition=FakeRecognizer("I have nobody to talk to"),
        animation=Gaping(),
        rendering=FakeRenderer(size=96),
    )


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from rapport.apps.demo.serving import serve

    served: list[str] = []
    sessions = Sessions(made, "harbor")
    page = serve(port=0, sessions=sessions, on_ready=served.append, block=False)
    yield served[0]
    page.close()
    sessions.shut_down()


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(reduced_motion="reduce")  # so that what moves is what the track moves
    context.add_init_script(CAPTIONS)
    yield opened(context, address)
    context.close()


def opened(context: Any, address: str) -> Any:
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.failures = []
    tab.on("pageerror", lambda error: tab.failures.append(str(error)))
    tab.requested = []
    tab.on("request", lambda request: tab.requested.append(request.url))
    tab.goto(address)
    tab.wait_for_selector(".rp-stage[data-drawn]")
    tab.wait_for_selector('.rp-stage[data-state="ready"]')
    return tab


def send(tab: Any, text: str) -> None:
    tab.fill("#rapport-text textarea", text)
    tab.click("#rapport-send")


def answered(tab: Any) -> None:
    tab.wait_for_function("rapport.reply > 0 && rapport.complete && rapport.heard() === null")
    tab.wait_for_selector('.rp-stage[data-state="ready"]')


def picture(tab: Any) -> NDArray[np.int64]:
    """The head as it is seen, RGB."""
    png = tab.locator(".rp-head").screenshot()
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(np.int64)


def mouth(seen: NDArray[np.int64]) -> NDArray[np.int64]:
    height, width = seen.shape[:2]
    return seen[int(0.53 * height) : int(0.68 * height), int(0.38 * width) : int(0.62 * width)]


def settled(tab: Any) -> NDArray[np.int64]:
    """The face once its mouth rests."""
    tab.wait_for_function("rapport.face.head.frame.weights.every((weight, i) => weight < 0.02)")
    tab.evaluate(DRAWN)
    return picture(tab)


def differs(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    return float(np.abs(one - other).mean())


def test_the_mouth_moves_with_the_sound_and_is_shut_in_silence(tab: Any) -> None:
    silent = mouth(settled(tab))
    send(tab, "I lost my job today.")
    tab.wait_for_function(GAPES)
    tab.evaluate(DRAWN)
    speaking = mouth(picture(tab))
    answered(tab)
    after = mouth(settled(tab))
    assert differs(speaking, silent) > 8.0
    assert differs(after, silent) < 2.0
    assert tab.evaluate("rapport.clips.map(clip => clip.type)") == ["audio/wav"] * len(CLAUSES)
    assert tab.failures == []
    assert {url.split("/")[2] for url in tab.requested if url.startswith("http")} == {tab.url.split("/")[2]}


def test_words_are_shown_as_they_are_spoken(tab: Any) -> None:
    send(tab, "I lost my job today.")
    answered(tab)
    shown = tab.evaluate("captions")
    lines = list(dict.fromkeys(line for *_, line in shown))
    assert lines == [clause.rstrip(".?") for clause in CLAUSES]
    places = [tuple(place) for *place, _ in shown]
    assert places == sorted(places) and len(places) > len(lines), "the marked word goes on from word to word"
    assert tab.is_hidden(".rp-caption")


def said_so_far(captions: list[tuple[int, int, int, str]]) -> str:
    """What was spoken, as far as the captions marked it."""
    last: dict[tuple[int, int], str] = {}
    for reply, clip, word, line in captions:
        last[reply, clip] = " ".join(line.split()[: word + 1])
    return " ".join(last.values())


def test_the_face_may_be_a_video_of_the_server_and_come_back(tab: Any) -> None:
    tab.click("#rapport-drawn label:has-text('video')")
    tab.wait_for_selector(".rp-stage:not([data-drawn])")
    tab.wait_for_function("document.querySelector('.rp-idle').duration > 1")
    assert tab.query_selector(".rp-head canvas") is None
    send(tab, "Hello.")
    tab.wait_for_selector(".rp-clip.showing")
    answered(tab)
    assert tab.evaluate("rapport.clips.map(clip => clip.type)") == ["video/mp4"] * len(CLAUSES)
    tab.click("#rapport-drawn label:has-text('browser')")
    tab.wait_for_selector(".rp-stage[data-drawn] .rp-head canvas")
    send(tab, "Hello again.")
    tab.wait_for_function(GAPES)
    answered(tab)
    assert tab.failures == []


def test_another_persona_is_another_head(tab: Any) -> None:
    harbor, source = settled(tab), tab.evaluate("rapport.face.shown")
    tab.click("label:has-text('Willow')")
    tab.wait_for_selector("text=Tell Willow how you are")
    tab.wait_for_function("was => rapport.face.shown && rapport.face.shown !== was", arg=source)
    assert differs(settled(tab), harbor) > 4.0


def test_it_bows_its_head_to_who_speaks(launch: Any, address: str, tmp_path: Path) -> None:
    lonely = read_audio(CLIPS / "lonely.flac").samples
    sound = np.concatenate([Audio.silence(4.0).samples, lonely, lonely, Audio.silence(600.0).samples])
    write_wav(tmp_path / "said.wav", Audio(sound, 16_000))
    browser = launch(*CHROMIUM_FLAGS, f"--use-file-for-fake-audio-capture={tmp_path / 'said.wav'}%noloop")
    try:
        tab = opened(browser.new_context(), address)
        before = settled(tab)
        tab.click(".rp-talk")
        tab.wait_for_selector('.rp-stage[data-state="hearing"]')
        tab.wait_for_function("rapport.face.head.frame.head_pose[0] > 0.3")
        tab.evaluate(DRAWN)
        assert differs(picture(tab), before) > 4.0
        tab.wait_for_function(GAPES)
        tab.evaluate(DRAWN)
        assert differs(mouth(picture(tab)), mouth(before)) > 8.0
        assert tab.failures == []
    finally:
        browser.close()


# ------------------------------------------------------------------------------------------------- with real models

TURNS = ("lonely", "job", "dog", "exam", "neutral")
LONG = (
    "There is a lot to say about losing a job.",
    "It takes away the mornings that you knew.",
    "It takes away the people that you met there.",
    "And it can take away how you saw yourself.",
    "Give all of that some time before you plan.",
    "Then look at what you would like to keep.",
    "Some of it may be closer than you think.",
    "There may be people who would like to hear from you.",
    "There may be work that you never thought of.",
    "And there may be days that belong to you alone.",
)
ANSWERS = (
    ("I hear how alone you feel in the evening.",),
    LONG,
    ("Tell me more about the walks with your dog.",),
    ("That is a moment to be proud of.",),
    ("It sounds like a quiet morning.",),
)
RECORD = """() => {
    const context = new AudioContext();
    const ear = context.createMediaStreamDestination();
    for (const video of document.querySelectorAll('.rp-clip')) {
        const source = context.createMediaElementSource(video);
        source.connect(ear);
        source.connect(context.destination);
    }
    const recorder = new MediaRecorder(ear.stream, { mimeType: 'audio/webm;codecs=opus' });
    window.recorded = [];
    recorder.ondataavailable = (event) => recorded.push(event.data);
    recorder.start(1000);
    window.finish = () => new Promise((done) => {
        recorder.onstop = async () => {
            const bytes = new Uint8Array(await new Blob(recorded).arrayBuffer());
            done(btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), '')));
        };
        recorder.stop();
    });
}"""


class Answers(FakeResponder):
    """One answer after another."""

    async def respond(self, request: Any) -> Any:
        self.clauses = ANSWERS[min(len(request.history), len(ANSWERS) - 1)]
        async for part in super().respond(request):
            yield part


def speaking_and_listening(persona: str) -> Agent:
    return fake_agent(
        load_persona(persona),
        response=Answers(),
        recognition=shared_pool.get("recognition", "faster-whisper"),
        voice=shared_pool.get("voice", "kokoro"),
        animation=shared_pool.get("animation", "viseme"),
        rendering=None,
    )


@pytest.mark.models
@pytest.mark.timeout(600)
def test_five_spoken_turns_are_answered_by_a_voice_that_says_the_captions_and_a_mouth_that_moves_with_it(
    launch: Any, tmp_path: Path
) -> None:
    from rapport.apps.demo.serving import serve

    # The third turn breaks into the long answer to the second.
    before_s = (5.0, 20.0, 16.0, 20.0, 20.0)
    parts = [
        part
        for wait_s, name in zip(before_s, TURNS, strict=True)
        for part in (Audio.silence(wait_s).samples, read_audio(CLIPS / f"{name}.flac").samples)
    ]
    write_wav(tmp_path / "said.wav", Audio(np.concatenate([*parts, Audio.silence(600.0).samples]), 16_000))
    served: list[str] = []
    sessions = Sessions(speaking_and_listening, "harbor")
    page = serve(port=0, sessions=sessions, on_ready=served.append, block=False)
    browser = launch(*CHROMIUM_FLAGS, f"--use-file-for-fake-audio-capture={tmp_path / 'said.wav'}%noloop")
    try:
        context = browser.new_context(reduced_motion="reduce")
        context.add_init_script(CAPTIONS)
        tab = opened(context, served[0])
        tab.evaluate(RECORD)
        silent = mouth(settled(tab))
        tab.click(".rp-talk")
        moved: list[float] = []
        for turn in range(1, len(TURNS) + 1):
            # On a slow machine a reply may be over before it was looked at; how many there were is counted below.
            said = "rapport.reply === turn && Number.isFinite(rapport.spoken())"
            tab.wait_for_function(f"turn => rapport.reply > turn || ({said})", arg=turn)
            while tab.evaluate("Number.isFinite(rapport.spoken())"):
                moved.append(differs(mouth(picture(tab)), silent))
        tab.wait_for_function("rapport.complete && rapport.heard() === null")
        tab.click(".rp-talk")
        after = mouth(settled(tab))
        heard, spoken = tab.evaluate("finish()"), said_so_far(tab.evaluate("captions"))
        turns = tab.locator(".rp-turn.person").count()
        interrupted = tab.locator(".rp-turn.agent:has-text('interrupted')").count()
        assert tab.failures == []
    finally:
        browser.close()
        page.close()
        sessions.shut_down()
    assert (turns, interrupted) == (5, 1)
    assert " ".join(LONG) not in spoken and len(spoken.split()) > 30
    (tmp_path / "heard.webm").write_bytes(base64.b64decode(heard))
    recognizer = shared_pool.get("recognition", "faster-whisper")
    with ThreadPoolExecutor(1) as thread:
        transcript = thread.submit(asyncio.run, recognizer.transcribe(read_audio(tmp_path / "heard.webm"))).result()
    assert word_error_rate([(spoken, transcript.text)]) < 0.25, f"{transcript.text!r} is not {spoken!r}"
    assert max(moved) > 4 * max(1.0, differs(after, silent)), "the mouth moves with the voice and is shut in silence"
