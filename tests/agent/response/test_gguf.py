"""GGUF files read with numpy: block arithmetic by hand-computed numbers, and broken files refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from rapport.agent.response.gguf import GGUFFile
from rapport.persona.errors import InputError


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _file(path: Path, type_id: int, shape: tuple[int, ...], data: bytes) -> Path:
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, 2)
    header += _string("general.architecture") + struct.pack("<I", 8) + _string("llama")
    header += _string("numbers") + struct.pack("<IIQ3i", 9, 5, 3, 1, -2, 3)
    header += _string("w") + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", type_id, 0)
    path.write_bytes(header + b"\0" * (-len(header) % 32) + data)
    return path


def test_metadata_and_plain_weights(tmp_path: Path) -> None:
    gguf = GGUFFile(_file(tmp_path / "a.gguf", 0, (3, 2), np.arange(6, dtype="<f4").tobytes()))
    assert gguf.metadata == {"general.architecture": "llama", "numbers": [1, -2, 3]}
    assert np.array_equal(gguf.tensor("w"), [[0, 1, 2], [3, 4, 5]])


def test_four_bit_blocks(tmp_path: Path) -> None:
    nibbles = bytes(k | (15 - k) << 4 for k in range(16))
    q4_1 = np.float16(0.5).tobytes() + np.float16(-1.0).tobytes() + nibbles
    weights = GGUFFile(_file(tmp_path / "a.gguf", 3, (32,), q4_1)).tensor("w")
    assert np.array_equal(weights, [*(0.5 * k - 1 for k in range(16)), *(0.5 * (15 - k) - 1 for k in range(16))])
    weights = GGUFFile(_file(tmp_path / "b.gguf", 2, (32,), np.float16(2.0).tobytes() + nibbles)).tensor("w")
    assert np.array_equal(weights, [*(2.0 * (k - 8) for k in range(16)), *(2.0 * (7 - k) for k in range(16))])


def test_eight_bit_blocks(tmp_path: Path) -> None:
    values = np.arange(-16, 16, dtype=np.int8)
    weights = GGUFFile(_file(tmp_path / "a.gguf", 8, (32,), np.float16(0.25).tobytes() + values.tobytes())).tensor("w")
    assert np.array_equal(weights, values * 0.25)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"GGUF", b"GGUF\x03\0\0\0" + b"\xff" * 16])
def test_what_is_no_gguf_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(content)
    with pytest.raises(InputError, match="GGUF"):
        GGUFFile(path)


def test_a_file_that_is_cut_short_or_of_another_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cut short"):
        GGUFFile(_file(tmp_path / "a.gguf", 0, (32,), b"\0" * 8)).tensor("w")
    with pytest.raises(InputError, match="not supported"):
        GGUFFile(_file(tmp_path / "b.gguf", 14, (256,), b"\0" * 210)).tensor("w")
