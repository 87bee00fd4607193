"""Reads a GGUF model file (version 2 or 3) with numpy alone: its metadata, and its weights as float32.

Only what a small Llama-like model needs: the plain types and llama.cpp's 32-element blocks Q4_0, Q4_1 and Q8_0. Layout
after the GGUF specification of ggml (docs/gguf.md) and the block structures in ggml-common.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import InputError

_BLOCK = 32
_SCALARS: Mapping[int, str] = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
_F16 = np.dtype("<f2")

_TENSOR_TYPES: Mapping[int, tuple[str, np.dtype[Any], int]] = {
    0: ("F32", np.dtype("<f4"), 1),
    1: ("F16", _F16, 1),
    2: ("Q4_0", np.dtype([("d", _F16), ("q", "u1", (16,))]), _BLOCK),
    3: ("Q4_1", np.dtype([("d", _F16), ("m", _F16), ("q", "u1", (16,))]), _BLOCK),
    8: ("Q8_0", np.dtype([("d", _F16), ("q", "i1", (32,))]), _BLOCK),
}
"""By ggml type id: name, layout of one block, weights in a block."""


@dataclass(frozen=True)
class _TensorInfo:
    shape: tuple[int, ...]
    type_id: int
    offset: int


class GGUFFile:
    """A GGUF file, mapped into memory. `metadata` holds its key-value pairs.

    Raises:
        InputError: the file is not GGUF, is cut short, or holds a tensor type that is not supported.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._data = np.memmap(path, dtype=np.uint8, mode="r")
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read as a GGUF model file ({error})") from None
        self._at = 0
        try:
            self._read_header()
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise InputError(f"{path}: broken GGUF file ({error}); download it again") from None

    def _read_header(self) -> None:
        if self._bytes(4) != b"GGUF" or self._scalar("I") not in (2, 3):
            raise InputError(f"{self.path}: is not a GGUF model file of version 2 or 3")
        tensors, pairs = self._scalar("Q"), self._scalar("Q")
        self.metadata: dict[str, Any] = {self._string(): self._value(self._scalar("I")) for _ in range(pairs)}
        self._tensors: dict[str, _TensorInfo] = {}
        for _ in range(tensors):
            name = self._string()
            # The file names the fastest-running dimension first; numpy names it last.
            shape = tuple(self._scalar("Q") for _ in range(self._scalar("I")))[::-1]
            self._tensors[name] = _TensorInfo(shape, self._scalar("I"), self._scalar("Q"))
        alignment = int(self.metadata.get("general.alignment", 32))
        self._start = -(-self._at // alignment) * alignment

    def _bytes(self, n: int) -> bytes:
        chunk = self._data[self._at : self._at + n].tobytes()
        if len(chunk) < n:
            raise struct.error("it ends too early")
        self._at += n
        return chunk

    def _scalar(self, code: str) -> Any:
        layout = struct.Struct("<" + code)
        return layout.unpack(self._bytes(layout.size))[0]

    def _string(self) -> str:
        return self._bytes(self._scalar("Q")).decode("utf-8")

    def _value(self, type_id: int) -> Any:
        if type_id == _STRING:
            return self._string()
        if type_id == _ARRAY:
            item_type, n = self._scalar("I"), self._scalar("Q")
            return [self._value(item_type) for _ in range(n)]
        return self._scalar(_SCALARS[type_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def tensor(self, name: str) -> NDArray[np.float32]:
        """One tensor as float32, row-major."""
        info = self._tensors.get(name)
        if info is None:
            raise InputError(f"{self.path}: holds no tensor {name!r}; it is not a Llama-like language model")
        if info.type_id not in _TENSOR_TYPES:
            known = ", ".join(kind for kind, _, _ in _TENSOR_TYPES.values())
            raise InputError(
                f"{self.path}: ggml type {info.type_id} of {name} is not supported; take a file in {known}"
            )
        kind, layout, per_block = _TENSOR_TYPES[info.type_id]
        blocks = int(np.prod(info.shape)) // per_block
        start = self._start + info.offset
        raw = self._data[start : start + blocks * layout.itemsize]
        if raw.size < blocks * layout.itemsize:
            raise InputError(f"{self.path}: is cut short in tensor {name}; download it again")
        return dequantise(kind, raw.view(layout)).reshape(info.shape)


def dequantise(kind: str, blocks: NDArray[Any]) -> NDArray[np.float32]:
    """Blocks of a named ggml type to a flat float32 array. Four-bit blocks store weights i and i + 16 in one byte."""
    if kind in ("F32", "F16"):
        return blocks.astype(np.float32)
    scale = blocks["d"].astype(np.float32)[:, None]
    if kind == "Q8_0":
        return cast("NDArray[np.float32]", (blocks["q"] * scale).ravel())
    nibbles = np.concatenate([blocks["q"] & 0x0F, blocks["q"] >> 4], axis=1).astype(np.float32)
    if kind == "Q4_0":
        return cast("NDArray[np.float32]", ((nibbles - 8.0) * scale).ravel())
    return cast("NDArray[np.float32]", (nibbles * scale + blocks["m"].astype(np.float32)[:, None]).ravel())


def interleaved(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Query or key rows, (heads * size, n), from the order of transformers to llama.cpp's.

    A rotary pair's rows are half a head apart there and neighbours here (llama.cpp's convert_hf_to_gguf.py, `permute`).
    """
    size = rows.shape[0] // heads
    return rows.reshape(heads, 2, size // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def in_halves(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undoes `interleaved`."""
    size = rows.shape[0] // heads
    return rows.reshape(heads, size // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)
