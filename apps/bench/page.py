"""`rapport bench page`: how fast the page is to the people in front of it, measured through headless Chromium.

The page runs in a process of its own, as `rapport demo` starts it. Times are taken in the browser by its own clock:
from the press of a key to what is seen and heard.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rapport.apps.bench.report import Report, spread
from rapport.persona.errors import ComponentError, StageError

LINES = (
    "I lost my job today.",
    "I don't know how to tell my family.",
    "My sister called, and that helped a little.",
    "Still, I can't sleep at night.",
    "Thank you for listening to me.",
)
WAIT_MS = 180_000
START_S = 300.0
AT_ONCE = 8
_READY = '.rp-stage[data-state="ready"]'
_ADDRESS = re.compile(r"talk to it at (\S+)")
_WATCH = """
window.rapportTimes = {};
const note = (name) => { window.rapportTimes[name] ??= performance.now(); };
window.rapportAsk = () => { window.rapportTimes = {}; note("asked"); };
new MutationObserver(() => {
  const turns = document.querySelectorAll(".rp-turn.agent:not(.rp-typing)");
  if (turns.length > (window.rapportTurns ?? 0)) note("words");
}).observe(document, { subtree: true, childList: true, characterData: true });
document.addEventListener("playing", (event) => {
  if (!event.target.classList.contains("rp-clip")) return;
  note("sound");
  setTimeout(() => { window.rapportTimes.frames = rapport.face.head?.stats.fps; }, 1500);
}, true);
"""
"""JavaScript: when the first words stood on the page and the first sound was played, from the press of Enter; and how
many frames a second the head was drawn with while it spoke."""


def run(*, turns: int, config: Path | None, persona: str | None, as_json: bool) -> None:
    """Measure loading, `turns` turns of one visitor and the head's frame rate in them, eight visitors at once, and the
    server's memory before and after.

    Raises:
        ComponentError: Playwright or Chromium is missing.
        StageError: the page does not start.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise ComponentError('bench page needs Playwright: pip install "rapport-agent[test]"') from None
    chromium = chromium_path()
    if chromium is None:
        raise ComponentError("bench page needs Chromium; on Debian: apt install chromium")
    with _served(config, persona) as (address, process), sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        figures: dict[str, Any] = {"interactive_s": spread([_loading_s(browser, address) for _ in range(3)])}
        tab = _opened(browser, address)
        tab.wait_for_selector(_READY)
        _turn(tab, LINES[0])  # the first one finds caches cold
        before_mb = _resident_mb(process.pid)
        times = [_turn(tab, LINES[i % len(LINES)]) for i in range(turns)]
        figures["turns"] = turns
        figures["first_words_s"] = spread([words_s for words_s, _, _ in times])
        sounds = [sound_s for _, sound_s, _ in times if sound_s is not None]
        figures["first_sound_s"] = spread(sounds) if sounds else None
        figures["silent_turns"] = len(times) - len(sounds)
        rates = [frames_hz for _, _, frames_hz in times if frames_hz is not None]
        figures["head_frames_per_s"] = spread(rates) if rates else None
        figures["memory_mb"] = {"before": before_mb, "after": _resident_mb(process.pid)}
        tab.close()
        figures |= _many(browser, address)
        browser.close()
    Report("page", figures).show(as_json)


def chromium_path() -> str | None:
    """Where Chromium or Chrome is installed; None where it is not."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def _served(config: Path | None, persona: str | None) -> Generator[tuple[str, subprocess.Popen[str]], None, None]:
    """The page in a process of its own."""
    command = [sys.executable, "-m", "rapport.apps.cli", "demo", "--port", "0"]
    command += ["--config", str(config)] if config is not None else []
    command += ["--persona", persona] if persona is not None else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    impatient = threading.Timer(START_S, process.kill)
    impatient.start()
    try:
        assert process.stdout is not None
        address = next((found.group(1) for line in process.stdout if (found := _ADDRESS.search(line))), None)
        impatient.cancel()
        if address is None:
            raise StageError("the page did not start; `rapport demo` says why")
        yield address, process
    finally:
        impatient.cancel()
        process.terminate()
        process.wait()


def _loading_s(browser: Any, address: str) -> float:
    """From nothing to a page that can be typed into."""
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    began_s = time.perf_counter()
    tab.goto(address, wait_until="commit")
    tab.wait_for_selector("#rapport-text textarea")
    took_s = time.perf_counter() - began_s
    context.close()
    return took_s


def _opened(browser: Any, address: str) -> Any:
    context = browser.new_context()
    context.add_init_script(_WATCH)
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.goto(address)
    tab.wait_for_selector("#rapport-text textarea")
    return tab


def _ask(tab: Any, line: str) -> None:
    tab.evaluate("window.rapportTurns = document.querySelectorAll('.rp-turn.agent:not(.rp-typing)').length")
    tab.fill("#rapport-text textarea", line)
    tab.evaluate("rapportAsk()")
    tab.press("#rapport-text textarea", "Enter")


def _turn(tab: Any, line: str) -> tuple[float, float | None, float | None]:
    """Seconds to the first words and to the first sound (None when no voice came), and frames per second of the head
    while it spoke (None where the page draws none, or it spoke too shortly)."""
    _ask(tab, line)
    tab.wait_for_function("window.rapportTimes.words")
    tab.wait_for_function("rapport.complete && rapport.heard() === null")
    times = tab.evaluate("window.rapportTimes")
    sound = times.get("sound")
    sound_s = None if sound is None else (sound - times["asked"]) / 1e3
    return (times["words"] - times["asked"]) / 1e3, sound_s, times.get("frames")


def _many(browser: Any, address: str) -> dict[str, Any]:
    """Eight visitors press Enter at the same moment."""
    tabs = [_opened(browser, address) for _ in range(AT_ONCE)]
    for tab in tabs:
        tab.wait_for_selector(_READY)
    for tab, line in zip(tabs, _around(LINES, AT_ONCE), strict=True):
        _ask(tab, line)
    answered_s: list[float] = []
    for tab in tabs:
        try:
            tab.wait_for_function("window.rapportTimes.words")
        except Exception as error:
            if "Timeout" not in str(error):
                raise
            continue
        times = tab.evaluate("window.rapportTimes")
        answered_s.append((times["words"] - times["asked"]) / 1e3)
    for tab in tabs:
        tab.context.close()
    told = spread(answered_s) if answered_s else None
    return {"at_once": AT_ONCE, "at_once_first_words_s": told, "at_once_lost": AT_ONCE - len(answered_s)}


def _around(lines: Sequence[str], count: int) -> list[str]:
    return [lines[i % len(lines)] for i in range(count)]


def _resident_mb(pid: int) -> float | None:
    """Memory that a process holds just now; None where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return None
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return round(int(found.group(1)) / 1024, 1) if found else None
