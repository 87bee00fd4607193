"""The command line: what it lists, and that bad input ends in one clear line and exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from rapport.apps import cli


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command's exit code, in this process."""
    monkeypatch.setattr(sys, "argv", ["rapport", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


def write_silence(path: Path, seconds: float) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.zeros(int(seconds * 8000), "<i2").tobytes())
    return path


def test_components_lists_two_or_more_for_every_stage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "components", "--json") == 0
    listing = json.loads(capsys.readouterr().out)
    assert list(listing) == [
        "recognition", "emotion", "fusion", "transition", "response", "voice", "animation", "rendering", "memory",
    ]  # fmt: skip
    assert all(len(found) >= 2 for found in listing.values())
    assert all(any(item["default"] for item in found) for found in listing.values())


def test_doctor_says_how_to_get_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "doctor", "--json") == 0
    findings = json.loads(capsys.readouterr().out)
    assert {"Python", "GPU adapter", "language model", "sound devices"} <= {finding["what"] for finding in findings}
    assert all(finding["ok"] or finding["remedy"] for finding in findings)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--text", "hi", "--audio", "x.wav", "--out", "r.mp4"], "either --audio FILE or --text LINE"),
        (["--out", "r.mp4"], "either --audio FILE or --text LINE"),
        (["--text", "hi", "--out", "r.avi"], ".mp4"),
        (["--text", "hi", "--out", "nowhere/r.mp4"], "there is no folder"),
        (["--text", "   ", "--out", "r.mp4"], "nothing to answer"),
        (["--text", "\x00\x07\x1b", "--out", "r.mp4"], "nothing to answer"),
        (["--text", "a" * 100_000, "--out", "r.mp4"], "100,000 characters"),
        (["--text", "hi", "--out", "r.mp4", "--persona", "nobody"], "harbor, spark, willow"),
        (["--text", "hi", "--out", "r.mp4", "--persona", "missing.yaml"], "missing.yaml"),
        (["--audio", "missing.wav", "--out", "r.mp4"], "missing.wav"),
        (["--audio", "empty.wav", "--out", "r.mp4"], "empty"),
        (["--audio", "text.wav", "--out", "r.mp4"], "text.wav"),
        (["--audio", ".", "--out", "r.mp4"], "folder"),
        (["--audio", "hour.wav", "--out", "r.mp4"], "hour.wav"),
        (["--text", "hi", "--out", "r.mp4", "--config", "broken.yaml"], "broken.yaml"),
        (["--text", "hi", "--out", "r.mp4", "--config", "wrong.yaml"], "voise"),
        (["--text", "hi", "--out", "r.mp4", "--config", "component.yaml"], "kokoro"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no sound\n" * 50)
    (tmp_path / "broken.yaml").write_text("voice: [kokoro\n")
    (tmp_path / "wrong.yaml").write_text("voise: kokoro\n")
    (tmp_path / "component.yaml").write_text("voice: kokoroo\n")
    if "hour.wav" in arguments:
        write_silence(tmp_path / "hour.wav", 3600)
    assert run(monkeypatch, "talk", *arguments) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert says in lines[0]
    assert "Traceback" not in captured.err
    assert not (tmp_path / "r.mp4").exists()


def test_help_starts_without_heavy_imports() -> None:
    heavy = "torch transformers gradio onnxruntime ctranslate2 faster_whisper wgpu av sqlalchemy numpy"
    code = (
        "import sys; sys.argv = ['rapport', '--help']\n"
        "from rapport.apps.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', sorted(set('{heavy}'.split()) & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in result.stdout
