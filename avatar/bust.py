"""One head on the GPU, with the draws of a frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.camera import UNIFORM_BYTES, FrameSettings, grain_repeats, view_projection
from rapport.avatar.face import ARKIT_BLENDSHAPES
from rapport.avatar.gpu import texture
from rapport.avatar.head import KEY_LIGHT, Head, Material
from rapport.avatar.morphs import shape_table
from rapport.avatar.pipelines import CUT_CLOTH, Part, Pipelines
from rapport.avatar.skin import GRAIN_TEXELS, skin_marks

_GROUP = 64
_PIXELS_PER_GROUP = 8 * _GROUP
_BELOW = -1.08
"""In clip space, where -1 is the picture's lower edge: shoulders hardly move."""
_BEHIND, _AWAY = -0.5, -0.7
"""Decimetres behind the eyes, and the normal's part towards the camera: hidden up to 35 degrees of turning."""
_TURNED_FROM_LIGHT = -0.35


class Bust:
    """Buffers of a head, and the recorded draws that a frame plays."""

    def __init__(self, pipelines: Pipelines, head: Head) -> None:
        import wgpu

        use = wgpu.BufferUsage
        self.pipelines = pipelines
        device: Any = pipelines.device
        self.grain = grain_repeats(head, pipelines.size, GRAIN_TEXELS)

        def buffer(data: NDArray[Any], usage: int) -> Any:
            return device.create_buffer_with_data(data=np.ascontiguousarray(data), usage=usage)

        count = len(head.positions)
        rest = np.zeros((count, 2, 4), np.float32)
        rest[:, 0, :3], rest[:, 1, :3] = head.positions, head.normals
        self._uniforms = device.create_buffer(size=UNIFORM_BYTES, usage=use.UNIFORM | use.COPY_DST)
        self._weights = device.create_buffer(size=4 * len(ARKIT_BLENDSHAPES), usage=use.STORAGE | use.COPY_DST)
        posed = device.create_buffer(size=rest.nbytes, usage=use.STORAGE | use.VERTEX)
        self._groups = -(-count // _GROUP)
        storage = [buffer(data, use.STORAGE) for data in (rest, *shape_table(head))]
        self._morph = self._group(
            pipelines.morph.get_bind_group_layout(0),
            *({"buffer": b} for b in (self._uniforms, *storage, self._weights, posed)),
        )
        fixed = np.zeros(count, np.dtype([("uv", "<f4", 2), ("shading", "u1", 4), ("extra", "u1", 4)]))
        fixed["uv"], fixed["shading"], fixed["extra"] = (
            head.uvs,
            head.shading,
            np.column_stack([head.cover, skin_marks(head)]),
        )
        locks = np.zeros(
            len(head.hair_positions),
            np.dtype([("p", "<f4", 3), ("n", "i1", 4), ("t", "i1", 4), ("uv", "<f4", 2), ("shading", "u1", 4)]),
        )
        locks["p"], locks["uv"], locks["shading"] = head.hair_positions, head.hair_uvs, head.hair_shading
        locks["n"][:, :3], locks["t"][:, :3] = head.hair_normals, head.hair_tangents

        body = (posed, buffer(fixed.view(np.uint8), use.VERTEX))
        parts = {part: (buffer(t, use.INDEX), t.size) for part, t in parts_of(head).items() if t.size}
        hair = buffer(locks.view(np.uint8), use.VERTEX) if len(locks) else None
        hair_index = (
            (buffer(head.hair_triangles.astype(np.uint32), use.INDEX), head.hair_triangles.size) if hair else None
        )
        look = self._group(
            pipelines.layout, {"buffer": self._uniforms}, texture(device, head.paint), pipelines.sampler,
            pipelines.repeated, pipelines.scatter, pipelines.grain, pipelines.shadow_map, pipelines.nearer,
        )  # fmt: skip
        self._draws = self._recorded(look, body, parts, hair, hair_index)
        self._shadow: Any = None
        if pipelines.tier.shadow_texels:
            skin = head.triangles[head.materials[head.triangles[:, 0]] == Material.SKIN]
            casting = [
                (posed, casters(head.positions, skin, KEY_LIGHT)),
                (hair, _casting_hair(head, pipelines.tier.fine)),
            ]
            self._shadow = self._recorded_shadow(
                [(vertices, buffer(t, use.INDEX), t.size) if t.size else None for vertices, t in casting]
            )

    def _group(self, layout: Any, *resources: Any) -> Any:
        entries = [{"binding": i, "resource": r} for i, r in enumerate(resources)]
        return self.pipelines.device.create_bind_group(layout=layout, entries=entries)

    def _recorded(self, look: Any, body: tuple[Any, Any], parts: dict[Part, Any], hair: Any, hair_index: Any) -> Any:
        p, draws = self.pipelines, self.pipelines.bundle_encoder()
        draws.set_bind_group(0, look)

        def draw(pipeline: Any, index: tuple[Any, int], *vertices: Any) -> None:
            draws.set_pipeline(pipeline)
            for slot, vertex in enumerate(vertices):
                draws.set_vertex_buffer(slot, vertex)
            draws.set_index_buffer(index[0], "uint32")
            draws.draw_indexed(index[1])

        # What hides most comes first: skin hides the hair behind it, then hair, from the outermost lock inwards.
        for part in p.solid:
            if part in parts:
                draw(p.solid[part], parts[part], *body)
        if hair is not None:
            draw(p.hair, hair_index, hair)
        if p.backdrop is None:
            draws.set_pipeline(p.wall)
            draws.draw(3)
        for part in p.clear:
            if part in parts:
                draw(p.clear[part], parts[part], *body)
        return draws.finish()

    def _recorded_shadow(self, casting: list[tuple[Any, Any, int] | None]) -> Any:
        p, draws = self.pipelines, self.pipelines.shadow_bundle_encoder()
        draws.set_bind_group(0, self._group(p.shadow_layout, {"buffer": self._uniforms}))
        for pipeline, cast in zip((p.body_depth, p.hair_depth), casting, strict=True):
            if cast is not None:
                vertices, index, size = cast
                draws.set_pipeline(pipeline)
                draws.set_vertex_buffer(0, vertices)
                draws.set_index_buffer(index, "uint32")
                draws.draw_indexed(size)
        return draws.finish()

    def draw(self, frames: Iterable[FrameSettings]) -> Iterator[NDArray[np.uint8]]:
        """Pictures (size, size, 3) of frames; each is read back while the next is being drawn."""
        return self.pipelines.read_back.pictures(frames, self._submit)

    def _submit(self, settings: FrameSettings, target: Any) -> None:
        p = self.pipelines
        device = p.device
        device.queue.write_buffer(self._uniforms, 0, settings.uniforms)
        device.queue.write_buffer(self._weights, 0, settings.weights)
        encoder = device.create_command_encoder()
        compute = encoder.begin_compute_pass()
        compute.set_pipeline(p.morph)
        compute.set_bind_group(0, self._morph)
        compute.dispatch_workgroups(self._groups)
        compute.end()
        if self._shadow is not None:
            depth = {
                "view": p.shadow_map,
                "depth_load_op": "clear",
                "depth_store_op": "store",
                "depth_clear_value": 1.0,
            }
            shadow = encoder.begin_render_pass(color_attachments=[], depth_stencil_attachment=depth)
            shadow.execute_bundles([self._shadow])
            shadow.end()
        if p.backdrop is None:
            colour = {"view": p.many, "resolve_target": p.picture, "load_op": "clear", "store_op": "discard"}
        else:
            encoder.copy_texture_to_texture(
                {"texture": p.backdrop}, {"texture": p.picture_texture}, (p.size, p.size, 1)
            )
            colour = {"view": p.picture, "load_op": "load", "store_op": "store"}
        draws = encoder.begin_render_pass(color_attachments=[colour], depth_stencil_attachment=p.depth_attachment())
        draws.execute_bundles([self._draws])
        draws.end()
        finish = encoder.begin_compute_pass()
        finish.set_pipeline(p.finish)
        finish.set_bind_group(0, p.finish_group)
        finish.dispatch_workgroups(-(-p.size * p.size // _PIXELS_PER_GROUP))
        finish.end()
        encoder.copy_buffer_to_buffer(p.packed, 0, target, 0, 3 * p.size * p.size)
        device.queue.submit([encoder.finish()])


def seen(positions: NDArray[np.float32], triangles: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """(T,): triangles that a picture may show. Below its edge, and on the back of the head, which no conversation turns
    to the camera, there is nothing to see, and a CPU pays for every triangle."""
    projected = np.column_stack([positions, np.ones(len(positions))]) @ view_projection().T
    below = projected[:, 1] / projected[:, 3] < _BELOW
    behind = positions[:, 2] < _BEHIND
    away = _unit_normals(positions, triangles)[:, 2] < _AWAY
    return ~(below[triangles].all(1) | (behind[triangles].all(1) & away))


def casters(
    positions: NDArray[np.float32], triangles: NDArray[np.uint32], direction: NDArray[np.float64]
) -> NDArray[np.uint32]:
    """Triangles (n, 3) whose front may face a light in the direction (3,): the others' shadows fall within theirs."""
    return triangles[_unit_normals(positions, triangles) @ direction > _TURNED_FROM_LIGHT]


def _casting_hair(head: Head, every: bool) -> NDArray[np.uint32]:
    """Hair that casts a shadow: every lock, or every second one, which the soft shadow cannot tell from it."""
    lock = np.floor(head.hair_uvs[head.hair_triangles[:, 0], 0].astype(np.float32)).astype(np.int64)
    return head.hair_triangles[every | (lock % 2 == 0)]


def _unit_normals(positions: NDArray[np.float32], triangles: NDArray[np.uint32]) -> NDArray[np.float32]:
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def parts_of(head: Head) -> dict[Part, NDArray[np.uint32]]:
    """Triangles by material; of the shirt only what lies below the neckline, what crosses it by itself."""
    triangles = head.triangles[seen(head.positions, head.triangles)]
    materials = head.materials[triangles[:, 0]]
    parts: dict[Part, NDArray[np.uint32]] = {m: triangles[materials == m] for m in Material}
    cloth = parts[Material.CLOTH]
    above = head.uvs[cloth, 1] > 0
    parts[Material.CLOTH] = cloth[~above.any(1)]
    parts[CUT_CLOTH] = cloth[above.any(1) & ~above.all(1)]
    return parts
