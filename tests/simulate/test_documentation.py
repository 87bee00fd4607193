"""docs/simulate.md: its commands run, its scripts are valid, and its Python runs."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from rapport.agent.testing import FakeAnimator, FakeRenderer, FakeVoice
from rapport.apps import cli
from rapport.apps.simulate import media
from rapport.apps.simulate.media import Studio
from rapport.apps.simulate.script import SimulationScript, script_of
from rapport.apps.simulate.therapists import THERAPISTS

TEXT = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_commands_of_the_ten_minutes_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # Voices and faces are fakes: real ones have a test of their own.
    studio = Studio(FakeVoice(word_s=0.05), (FakeAnimator(), FakeRenderer(size=32)))
    monkeypatch.setattr(media, "open_studio", lambda kind: studio)
    commands = [line for block in blocks("console") for line in block.splitlines()]
    assert len(commands) >= 3
    for line in commands:
        # Two clients say as much about a command as forty.
        words = shlex.split(re.sub(r"--cases \d+", "--cases 2", line))
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert not stopped.value.code, capsys.readouterr().err
    assert (tmp_path / "runs" / "compare" / "report.html").exists()
    (film,) = (tmp_path / "runs" / "film" / "media").rglob("*.mp4")
    assert f"`{film.stem}`" in TEXT
    for file in film.with_suffix("").rglob("*.*"):
        assert file.suffix in TEXT


def test_the_script_that_is_shown_is_valid() -> None:
    assert [script_of(yaml.safe_load(text)).protocol for text in blocks("text")] == ["pe"]


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "simulate.md", "exec"), {"__name__": "__main__"})


def test_every_key_and_every_therapist_is_told_of() -> None:
    assert all(f"`{key}`" in TEXT for key in SimulationScript.model_fields)
    assert all(name in TEXT for name in THERAPISTS)
