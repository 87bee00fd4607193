"""A plug-in package of ten lines, installed as a stranger would install it, swaps the voice by its name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HUM = Path(__file__).parent / "hum"

TALK = """
import json, sys

import numpy as np

from rapport.agent import Agent, AgentConfig

config = AgentConfig(voice=sys.argv[1], response="rules", emotion=(), memory="none").without_pictures()
reply = Agent.from_persona("harbor", config, seed=1).say("I lost my job today.")
spectrum = np.abs(np.fft.rfft(reply.audio.samples))
print(json.dumps({
    "text": reply.text,
    "duration_s": reply.audio.duration_s,
    "loudest_hz": float(spectrum.argmax() / reply.audio.duration_s),
    "failures": [failure.model_dump() for failure in reply.trace.failures],
}))
"""


def python(*arguments: str, path: Path | None = None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(path)} if path else None
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the package, built from a copy."""
    source = shutil.copytree(HUM, tmp_path_factory.mktemp("source") / "hum")
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    python("-m", "pip", "install", *options, "--target", str(target), str(source))
    return target


def test_the_package_is_short_enough_to_read_in_a_tutorial() -> None:
    code = (HUM / "rapport_hum.py").read_text().split("class Hum:")[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10


def test_the_voice_is_swapped_by_name(site: Path) -> None:
    reply = json.loads(python("-c", TALK, "hum", path=site))
    assert reply["failures"] == []
    assert reply["duration_s"] == pytest.approx(0.25 * len(reply["text"].split()))
    assert reply["loudest_hz"] == pytest.approx(220, abs=5)


def test_what_stands_after_the_colon_reaches_the_component(site: Path) -> None:
    assert json.loads(python("-c", TALK, "hum:330", path=site))["loudest_hz"] == pytest.approx(330, abs=5)


def test_the_component_is_listed_with_the_package_it_comes_from(site: Path) -> None:
    code = (
        "from rapport.agent.registry import components\nprint(*{c.name: c.source for c in components('voice')}.items())"
    )
    assert "('hum', 'rapport-hum')" in python("-c", code, path=site)
