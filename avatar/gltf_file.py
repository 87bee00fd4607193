"""A binary glTF 2.0 file as it grows: numbers as small as the format allows (KHR_mesh_quantization), shapes sparse."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FLOAT, _BYTE, _UBYTE, _SHORT, _USHORT, _UINT = 5126, 5120, 5121, 5122, 5123, 5125
_KINDS = {"<f4": _FLOAT, "<i1": _BYTE, "<u1": _UBYTE, "<i2": _SHORT, "<u2": _USHORT, "<u4": _UINT}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_VERTICES, _INDICES = 34962, 34963
_REPEAT, _CLAMP, _LINEAR, _MIPMAPS = 10497, 33071, 9729, 9987

Array = NDArray[Any]


class GlbFile:
    """Collects arrays, pictures and materials; `tree` is the JSON to which nodes, meshes and animations are added."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "Rapport"},
            "extensionsUsed": ["KHR_mesh_quantization"],
            "extensionsRequired": ["KHR_mesh_quantization"],
            "scene": 0, "scenes": [], "nodes": [], "meshes": [], "materials": [], "skins": [], "textures": [],
            "images": [], "samplers": [], "accessors": [], "bufferViews": [], "buffers": [],
        }  # fmt: skip
        self._blob = bytearray()
        self._pools: dict[str, bytearray] = {}
        self._pooled: list[tuple[dict[str, Any], str]] = []
        self._rest: dict[tuple[int, str], int] = {}
        self._same: dict[tuple[bytes, str], int] = {}

    # ------------------------------------------------------------------------------------------------- what is stored

    def values(self, array: Array, dtype: str, *, bounds: bool = False, normalized: bool = False) -> int:
        """An accessor of rows (n, 1 to 4 or 16) for anything but vertices."""
        stored = np.ascontiguousarray(array).astype(dtype)
        return self._accessor(stored, self._view(stored.tobytes()), bounds=bounds, normalized=normalized)

    def vertices(self, array: Array, dtype: str, *, bounds: bool = False, normalized: bool = False) -> int:
        """An accessor for an attribute of vertices, each padded to four bytes as the format wants it."""
        stored = np.ascontiguousarray(array).astype(dtype)
        width = stored.shape[1] * stored.itemsize
        stride = -(-width // 4) * 4
        rows = np.zeros((len(stored), stride), np.uint8)
        rows[:, :width] = stored.view(np.uint8).reshape(len(stored), width)
        view = self._view(rows.tobytes(), _VERTICES)
        self.tree["bufferViews"][view]["byteStride"] = stride
        return self._accessor(stored, view, bounds=bounds, normalized=normalized)

    def repeated(self, row: Array, dtype: str, count: int, most: int) -> int:
        """An accessor for an attribute that is the same at `count` vertices; parts of up to `most` share its bytes."""
        key = row.tobytes(), dtype
        rows = np.tile(row, (most, 1)).astype(dtype)
        if key not in self._same:
            self._same[key] = self._view(rows.tobytes(), _VERTICES)
            self.tree["bufferViews"][self._same[key]]["byteStride"] = rows.shape[1] * rows.itemsize
        return self._accessor(rows[:count], self._same[key], bounds=False, normalized=False)

    def indices(self, triangles: Array, vertices: int) -> int:
        dtype = "<u4" if vertices > 65_535 else "<u2"
        stored = triangles.reshape(-1, 1).astype(dtype)
        return self._accessor(stored, self._view(stored.tobytes(), _INDICES), bounds=False, normalized=False)

    def sparse(self, changes: Array, dtype: str, moved: Array) -> int:
        """An accessor of changes (n, 3), normalized, of which only the rows `moved` are stored and the rest is 0."""
        if not len(moved):
            # Every shape must name the same attributes; those that move nothing share one accessor without data.
            key = len(changes), dtype
            if key not in self._rest:
                self._rest[key] = self._empty(len(changes), dtype)
            return self._rest[key]
        kept = np.ascontiguousarray(changes[moved]).astype(dtype)
        every = kept if len(moved) == len(changes) else np.concatenate([kept, np.zeros((1, 3), kept.dtype)])
        index_dtype = "<u4" if len(changes) > 65_535 else "<u2"
        number = self._empty(len(changes), dtype)
        self.tree["accessors"][number] |= {
            "min": every.min(0).tolist(), "max": every.max(0).tolist(),
            "sparse": {
                "count": len(moved),
                "indices": {**self._pool(moved.astype(index_dtype)), "componentType": _KINDS[index_dtype]},
                "values": self._pool(kept),
            },
        }  # fmt: skip
        for part, kind in (("indices", index_dtype), ("values", dtype)):
            self._pooled.append((self.tree["accessors"][number]["sparse"][part], kind))
        return number

    def texture(self, png: bytes, *, repeat: tuple[bool, bool] = (False, False)) -> int:
        """A PNG that repeats across or along, or else goes on as its edge."""
        wrap_s, wrap_t = (_REPEAT if on else _CLAMP for on in repeat)
        sampler = {"magFilter": _LINEAR, "minFilter": _MIPMAPS, "wrapS": wrap_s, "wrapT": wrap_t}
        if sampler not in self.tree["samplers"]:
            self.tree["samplers"].append(sampler)
        self.tree["images"].append({"bufferView": self._view(png), "mimeType": "image/png"})
        self.tree["textures"].append(
            {"source": len(self.tree["images"]) - 1, "sampler": self.tree["samplers"].index(sampler)}
        )
        return len(self.tree["textures"]) - 1

    def material(self, material: dict[str, Any]) -> int:
        self.tree["materials"].append(material)
        return len(self.tree["materials"]) - 1

    # ------------------------------------------------------------------------------------------------- how it is laid

    def _view(self, data: bytes, target: int | None = None) -> int:
        self._blob += b"\0" * (-len(self._blob) % 4)
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self._blob), "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self._blob += data
        self.tree["bufferViews"].append(view)
        return len(self.tree["bufferViews"]) - 1

    def _pool(self, stored: Array) -> dict[str, Any]:
        pool = self._pools.setdefault(stored.dtype.newbyteorder("<").str.replace("|", "<"), bytearray())
        place = {"byteOffset": len(pool)}
        pool += stored.tobytes()
        return place

    def _empty(self, count: int, dtype: str) -> int:
        self.tree["accessors"].append(
            {
                "componentType": _KINDS[dtype], "count": count, "type": "VEC3", "normalized": True,
                "min": [0, 0, 0], "max": [0, 0, 0],
            }
        )  # fmt: skip
        return len(self.tree["accessors"]) - 1

    def _accessor(self, stored: Array, view: int, *, bounds: bool, normalized: bool) -> int:
        accessor: dict[str, Any] = {
            "bufferView": view, "componentType": _KINDS[stored.dtype.newbyteorder("<").str.replace("|", "<")],
            "count": len(stored), "type": _TYPES[stored.shape[1]],
        }  # fmt: skip
        if bounds:
            accessor |= {"min": stored.min(0).tolist(), "max": stored.max(0).tolist()}
        if normalized:
            accessor["normalized"] = True
        self.tree["accessors"].append(accessor)
        return len(self.tree["accessors"]) - 1

    def packed(self) -> bytes:
        """The file."""
        views = {kind: self._view(bytes(pool)) for kind, pool in self._pools.items()}
        for part, kind in self._pooled:
            part["bufferView"] = views[kind]
        self._blob += b"\0" * (-len(self._blob) % 4)
        self.tree["buffers"] = [{"byteLength": len(self._blob)}]
        text = json.dumps({k: v for k, v in self.tree.items() if v != []}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = (
            struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(self._blob), b"BIN\0") + self._blob
        )
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
