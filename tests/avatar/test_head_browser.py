"""The head in the browser, in headless Chromium without a GPU: what is drawn, when, and that nothing is fetched."""

from __future__ import annotations

import base64
import io
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.gltf import glb_of
from rapport.avatar.track_file import track_json
from rapport.persona.card import load_persona

CHROMIUM_FLAGS = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
WEB = Path(__file__).parents[2] / "avatar" / "web"
WAIT_MS = 120_000
SITE = "http://head.test/"
PAGE = """<!doctype html><body style="margin:0"><div id="head" style="width:256px;height:256px"></div>
<script type="module">
    import {RapportHead, GLTFLoader} from "./rapport_head.js";
    Object.assign(window, {RapportHead, GLTFLoader});
    window.head = new RapportHead(document.getElementById("head"), {maxPixelRatio: 1, random: () => 0});
    await head.load("harbor.glb");
    window.ready = true;
</script>"""
DRAWN = "time_s => { head.drawAt(time_s); return head.canvas.toDataURL('image/png'); }"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def files() -> dict[str, tuple[str, bytes]]:
    return {
        "": ("text/html", PAGE.encode()),
        "rapport_head.js": ("text/javascript", (WEB / "rapport_head.js").read_bytes()),
        "harbor.glb": ("model/gltf-binary", glb_of(load_persona("harbor").face, FaceTrack.neutral(6, 25))),
        "broken.glb": ("model/gltf-binary", glb_of(load_persona("harbor").face)[:40_000]),
    }


def _opened(browser: Any, files: dict[str, tuple[str, bytes]], **options: Any) -> Any:
    page = browser.new_page(viewport={"width": 400, "height": 400}, **options)
    page.set_default_timeout(WAIT_MS)
    page.asked = []
    page.failed = []

    def answer(route: Any) -> None:
        url = route.request.url
        page.asked.append(url)
        kind, body = files.get(url.removeprefix(SITE), ("", b""))
        if kind:
            route.fulfill(body=body, content_type=kind)
        else:
            route.fulfill(status=404)

    page.route("**/*", answer)
    page.on("pageerror", lambda error: page.failed.append(str(error)))
    page.on("console", lambda told: page.failed.append(told.text) if told.type in {"error", "warning"} else None)
    page.goto(SITE)
    page.wait_for_function("window.ready")
    return page


@pytest.fixture(scope="module")
def page(browser: Any, files: dict[str, tuple[str, bytes]]) -> Iterator[Any]:
    page = _opened(browser, files)
    yield page
    page.close()


def _picture(page: Any, time_s: float) -> np.ndarray:
    png = base64.b64decode(page.evaluate(DRAWN, time_s).partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def _track(**curves: list[float]) -> dict[str, Any]:
    still = FaceTrack.neutral(len(next(iter(curves.values()))), 2)
    weights = still.weights.copy()
    for name, curve in curves.items():
        weights[:, BLENDSHAPE_INDEX[name]] = curve
    return track_json(FaceTrack(weights, still.head_pose, still.gaze, 2))


def _play(page: Any, track: dict[str, Any], at_s: float = 0.0) -> None:
    page.evaluate("([track, at_s]) => { head.play(track, () => at_s); }", [track, at_s])


def test_an_open_jaw_is_seen_at_the_mouth_and_nowhere_above_it(page: Any) -> None:
    _play(page, _track(jawOpen=[0.0, 0.8]))
    shut, wide = _picture(page, 0.0), _picture(page, 0.5)
    height, width = shut.shape[:2]
    changed = np.abs(wide - shut).mean(2)
    mouth = changed[int(0.54 * height) : int(0.68 * height), int(0.42 * width) : int(0.58 * width)]
    brow = changed[int(0.20 * height) : int(0.34 * height), int(0.30 * width) : int(0.70 * width)]
    assert mouth.mean() > 15
    assert brow.mean() < 0.5
    dark = wide[int(0.60 * height), int(0.46 * width) : int(0.54 * width)].mean()
    assert dark < 0.6 * shut[int(0.45 * height), int(0.46 * width) : int(0.54 * width)].mean()


def test_it_is_a_face_in_its_own_colours(page: Any) -> None:
    _play(page, _track(jawOpen=[0.0]))
    picture = _picture(page, 0.0)
    height, width = picture.shape[:2]
    cheek = picture[int(0.48 * height), int(0.42 * width)]
    assert cheek[0] > cheek[1] > cheek[2] > 60  # skin
    hair = picture[int(0.15 * height), int(0.42 * width)]
    assert hair.max() < 160 and hair[0] > hair[2]
    wall = picture[3, 3]
    assert wall[2] >= wall[0]


def test_between_two_frames_is_between_them(page: Any) -> None:
    _play(page, _track(jawOpen=[0.0, 0.8]))
    jaw = f"time_s => {{ head.drawAt(time_s); return head.frame.weights[{BLENDSHAPE_INDEX['jawOpen']}]; }}"
    # Frames half a second apart are no stream: the first is held.
    assert page.evaluate(jaw, 0.25) == 0
    close = FaceTrack.neutral(3, 10)
    weights = close.weights.copy()
    weights[1, BLENDSHAPE_INDEX["jawOpen"]] = 0.6
    _play(page, track_json(FaceTrack(weights, close.head_pose, close.gaze, 10)))
    assert page.evaluate(jaw, 0.05) == pytest.approx(0.3, abs=1e-3)
    assert page.evaluate(jaw, 0.1) == pytest.approx(0.6, abs=1e-3)


def test_frames_of_a_stream_follow_the_clock_and_a_late_one_replaces_what_was_planned(page: Any) -> None:
    frame = "{time_s: %g, weights: Array(52).fill(%g), head_pose: [0, 0, 0], gaze: [0, 0]}"
    first, second = (frame % values for values in ((0.0, 0.1), (0.1, 0.5)))
    page.evaluate(f"() => {{ head.stop(); head.push([{first}, {second}]); head.push({frame % (0.1, 0.3)}); }}")
    assert page.evaluate("() => { head.drawAt(0.1); return head.frame.weights[0]; }") == pytest.approx(0.3, abs=1e-6)


def test_without_frames_it_blinks_and_moves_a_little(page: Any) -> None:
    page.evaluate("head.stop()")
    page.wait_for_function(f"head.frame.weights[{BLENDSHAPE_INDEX['eyeBlinkLeft']}] > 0.3")
    page.wait_for_function("Math.abs(head.frame.head_pose[1]) > 0.001")


def test_where_the_processor_draws_a_face_at_rest_leaves_it_to_others(page: Any) -> None:
    page.evaluate("""async () => {
        const display = window.requestAnimationFrame;
        const taken = new Promise(resolve => {
            window.requestAnimationFrame = step => { window.tick = step; resolve(); return 0; };
        });
        await taken;
        // Two seconds of a display of 50 frames a second, and how many a second were drawn in the last of them.
        window.shown = () => {
            window.now_ms ??= performance.now() + 1000;
            for (let i = 0; i < 100; i++) window.tick(window.now_ms += 20);
            return head.stats.fps;
        };
        window.display = () => { window.requestAnimationFrame = display; display(window.tick); };
    }""")
    _play(page, _track(jawOpen=[0.3]), at_s=0.0)
    assert page.evaluate("shown()") == pytest.approx(50, abs=1)
    page.evaluate("head.clock = () => NaN")
    assert page.evaluate("shown()") == pytest.approx(1000 / 60, abs=1)
    page.evaluate("display()")


def test_after_the_last_frame_it_goes_back_to_idling(page: Any) -> None:
    _play(page, _track(mouthSmileLeft=[1.0]), at_s=0.0)
    smile = f"head.frame.weights[{BLENDSHAPE_INDEX['mouthSmileLeft']}]"
    page.wait_for_function(f"{smile} > 0.99")
    page.evaluate("head.clock = () => 60")
    page.wait_for_function(f"{smile} < 0.01")


def test_less_motion_is_respected(browser: Any, files: dict[str, tuple[str, bytes]]) -> None:
    page = _opened(browser, files, reduced_motion="reduce")
    assert page.evaluate("head.reducedMotion")
    page.wait_for_function(f"head.frame.weights[{BLENDSHAPE_INDEX['eyeBlinkLeft']}] > 0.3")
    assert page.evaluate("[...head.frame.head_pose]") == [0, 0, 0]
    nod = FaceTrack.neutral(1, 25)
    turned = FaceTrack(nod.weights, nod.head_pose + 0.4, nod.gaze, 25)
    _play(page, track_json(turned))
    page.wait_for_function("head.frame.head_pose[0] > 0.0999")  # a quarter, once it has eased in
    assert page.evaluate("head.frame.head_pose[0]") < 0.1001
    page.close()


def test_it_fills_its_place_and_goes_away_when_told(
    browser: Any, files: dict[str, tuple[str, bytes]], record_property: Any
) -> None:
    page = _opened(browser, files)
    page.evaluate("document.getElementById('head').style.width = '320px'")
    page.wait_for_function("head.canvas.width / head.canvas.height > 1.2")
    page.wait_for_function("head.stats.fps > 0")
    record_property("frames per second in software", page.evaluate("head.stats"))
    assert "swiftshader" in page.evaluate("head.device").lower()
    page.evaluate("head.dispose(); head.dispose();")
    assert page.query_selector("canvas") is None
    assert {url.removeprefix(SITE) for url in page.asked} == {"", "rapport_head.js", "harbor.glb"}
    assert page.failed == []
    page.close()


@pytest.mark.parametrize(
    ("doing", "says"),
    [
        ("head.load('missing.glb')", "cannot be loaded: missing.glb answers 404"),
        ("head.load('broken.glb')", ""),
        ("head.load(new TextEncoder().encode('no head').buffer)", ""),
        ("head.push({frame_rate_hz: 0, weights: [], head_pose: [], gaze: []})", "frame_rate_hz must be positive"),
        ("head.push({frame_rate_hz: 25, weights: [[1]], head_pose: [[0, 0, 0]], gaze: [[0, 0]]})", "must have 52"),
        ("head.push({frame_rate_hz: 25, weights: [[1]], head_pose: [], gaze: []})", "one row a frame"),
        ("head.push({time_s: NaN})", "needs time_s"),
        ("head.push({time_s: 0, weights: Array(52).fill(NaN), head_pose: [0, 0, 0], gaze: [0, 0]})", "holds NaN"),
    ],
)
def test_what_it_cannot_use_is_refused_and_the_face_stays(page: Any, doing: str, says: str) -> None:
    told = page.evaluate(f"async () => {{ try {{ await {doing}; return null; }} catch (e) {{ return e.message; }} }}")
    assert told is not None and says in told
    assert page.evaluate("[...head.frame.weights].every(Number.isFinite)")
    page.wait_for_function("head.stats.fps > 0")


def test_threes_own_loader_reads_the_shapes_and_the_animation(page: Any) -> None:
    found = page.evaluate("""async () => {
        const bytes = await (await fetch('harbor.glb')).arrayBuffer();
        const {scene, animations} = await new GLTFLoader().parseAsync(bytes, '');
        let names = null, moved = 0;
        scene.traverse(node => {
            if (node.material?.name !== 'skin') return;
            names = Object.keys(node.morphTargetDictionary);
            const jaw = node.geometry.morphAttributes.position[node.morphTargetDictionary.jawOpen];
            for (let i = 0; i < jaw.count; i++) moved += Math.hypot(jaw.getX(i), jaw.getY(i), jaw.getZ(i)) > 0;
        });
        return {names, moved, clips: animations.map(({name, duration, tracks}) => [name, duration, tracks.length])};
    }""")
    assert found["names"] == list(ARKIT_BLENDSHAPES)
    assert found["moved"] > 500
    ((name, duration_s, tracks),) = found["clips"]
    assert (name, duration_s) == ("reply", pytest.approx(0.2))
    assert tracks >= 9  # the weights of each part, and four turns


def test_the_bundle_is_what_its_sources_make() -> None:
    looked = [WEB / "node_modules", *map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)))]
    tools = next((place / ".bin" for place in looked if (place / ".bin" / "esbuild").exists()), None)
    if tools is None:
        pytest.skip("esbuild is not here; run npm install in avatar/web")
    _, *options = shlex.split(json.loads((WEB / "package.json").read_text("utf-8"))["scripts"]["build"])
    options = [option for option in options if not option.startswith("--outfile")]
    built = subprocess.run([tools / "esbuild", *options], cwd=WEB, capture_output=True, check=True)
    shipped = (WEB / "rapport_head.js").read_bytes()
    assert shipped == built.stdout
    assert len(shipped) <= 700_000
