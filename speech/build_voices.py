"""Makes `speech/data/voices.npz`, fourteen English voices of Kokoro, from the npm package kokoro-js (Apache-2.0).

    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz
    python -m rapport.speech.build_voices package/voices speech/data/voices.npz

A voice is a table of 510 style vectors, one per length of text in phonemes. The tables are of rank eight, but for the
noise of 32-bit floats: so a mean, eight directions and their weights hold all of one in a twentieth of the space.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError
from rapport.speech.kokoro_model import STYLE_SIZE, Floats, LowRank

VOICES = (
    "af_alloy", "af_aoede", "af_bella", "af_heart", "af_kore", "af_nova", "af_sarah", "am_fenrir", "am_michael",
    "am_puck", "bf_emma", "bf_isabella", "bm_fable", "bm_george",
)  # fmt: skip
"""Those that their publisher grades C or better, without one that whispers. Names begin with a for American, b for
British English, then f for women, m for men."""
RANK = 8
TOLERANCE = 5e-4
"""The largest difference to a published value, all of which lie within 3."""


def factorised(table: Floats) -> LowRank:
    """A table of shape (lengths, STYLE_SIZE) as a mean and RANK directions with their weights.

    Raises:
        InputError: the table is not of that rank.
    """
    mean = table.mean(axis=0, dtype=np.float64)
    left, strength, directions = np.linalg.svd(table - mean, full_matrices=False)
    parts = LowRank(*(_floats(x) for x in (mean, left[:, :RANK] * strength[:RANK], directions[:RANK])))
    error = float(np.abs(parts.table() - table).max())
    if error > TOLERANCE:
        raise InputError(f"is no table of rank {RANK}: a value would be off by {error:.1e}")
    return parts


def build(voices: Path, out: Path) -> None:
    """Write VOICES from a folder of .bin files.

    Raises:
        InputError: a file is no table of styles (named).
        OSError: a file is missing, or one cannot be written.
    """
    parts: dict[str, Floats] = {}
    for name in VOICES:
        path = voices / f"{name}.bin"
        values = np.fromfile(path, "<f4")
        if not len(values) or len(values) % STYLE_SIZE or not np.isfinite(values).all():
            raise InputError(f"{path}: is no table of Kokoro's styles")
        try:
            found = factorised(values.reshape(-1, STYLE_SIZE))
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        parts |= {f"{name}/{field}": part for field, part in found._asdict().items()}
    cast("Any", np).savez_compressed(out, **parts)


def _floats(values: NDArray[np.float64]) -> Floats:
    return np.ascontiguousarray(values, np.float32)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rapport.speech.build_voices", description=__doc__)
    parser.add_argument("voices", type=Path, help="folder with .bin files of kokoro-js")
    parser.add_argument("out", type=Path, help="the .npz file to write")
    chosen = parser.parse_args(arguments)
    try:
        build(chosen.voices, chosen.out)
    except InputError as error:
        parser.exit(2, f"{error}\n")
    except OSError as error:
        parser.exit(2, f"{error.filename}: {error.strerror}; give the folder package/voices of kokoro-js\n")
    sys.stdout.write(f"{len(VOICES)} voices, {chosen.out.stat().st_size / 1024:.0f} KB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
