"""A photograph on the GPU, with the draws of a frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.gpu import ReadBack, texture
from rapport.avatar.portrait_fit import CLOSURE
from rapport.avatar.portrait_frame import UNIFORM_BYTES, PortraitFrame
from rapport.avatar.portrait_mesh import Portrait

_COLOUR, _DEPTH = "rgba8unorm", "depth24plus-stencil8"
_SAMPLES = 4
_GROUP = 64
_ALL, _NONE = 0xF, 0
_OVER = {"src_factor": "src-alpha", "dst_factor": "one-minus-src-alpha", "operation": "add"}


class PortraitDrawing:
    """Compiled shaders, buffers and recorded draws of one photograph on one device."""

    def __init__(self, adapter: Any, portrait: Portrait) -> None:
        import wgpu

        use = wgpu.BufferUsage
        self._device: Any = adapter.request_device_sync()
        self._size = portrait.cutout.size
        rest = np.pad(portrait.points, ((0, 0), (0, 1)), constant_values=1).astype(np.float32)
        offsets, entries = _sparse(portrait.shapes)
        self._uniforms = self._device.create_buffer(size=UNIFORM_BYTES, usage=use.UNIFORM | use.COPY_DST)
        self._weights = self._device.create_buffer(size=4 * (CLOSURE + 1), usage=use.STORAGE | use.COPY_DST)
        at_rest = self._buffer(rest, use.STORAGE | use.VERTEX)
        posed = self._buffer(rest, use.STORAGE | use.VERTEX)
        grid = self._buffer(portrait.field.grid, use.STORAGE | use.VERTEX)
        moved = self._buffer(portrait.field.grid, use.STORAGE | use.VERTEX)
        ring = self._device.create_buffer(size=8 * portrait.field.follow.shape[1], usage=use.STORAGE)
        bound = [
            self._uniforms, at_rest, self._buffer(offsets, use.STORAGE), self._buffer(entries, use.STORAGE),
            self._weights, posed, ring, grid, self._buffer(portrait.field.follow, use.STORAGE), ring, moved,
        ]  # fmt: skip
        buffers = {i: {"buffer": one} for i, one in enumerate(bound)}
        warp = self._module("portrait_frame", "portrait_warp")
        self._warps = [
            self._step(warp, "morph", len(rest), {i: buffers[i] for i in range(7)}),
            self._step(warp, "spread", len(portrait.field.grid), {i: buffers[i] for i in range(7, 11)}),
        ]
        usage = wgpu.TextureUsage
        self._target = self._surface(_COLOUR, 1, usage.RENDER_ATTACHMENT | usage.TEXTURE_BINDING)
        self._samples = self._surface(_COLOUR, _SAMPLES, usage.RENDER_ATTACHMENT)
        self._depth = self._surface(_DEPTH, _SAMPLES, usage.RENDER_ATTACHMENT)
        self._packed = self._device.create_buffer(size=3 * self._size**2, usage=use.STORAGE | use.COPY_SRC)
        finish = self._module("portrait_finish")
        self._finish = self._step(finish, "finish", self._size**2 // 4, {0: self._target, 1: {"buffer": self._packed}})
        self._read_back = ReadBack(self._device, self._size)
        self._draws = self._recorded(portrait, at_rest, posed, grid, moved)

    def draw(self, frames: Iterable[PortraitFrame]) -> Iterator[NDArray[np.uint8]]:
        """Pictures (size, size, 3) of frames; each is read back while the next is being drawn."""
        return self._read_back.pictures(frames, self._submit)

    def _submit(self, frame: PortraitFrame, target: Any) -> None:
        queue = self._device.queue
        queue.write_buffer(self._uniforms, 0, frame.uniforms)
        queue.write_buffer(self._weights, 0, frame.weights)
        encoder = self._device.create_command_encoder()
        _compute(encoder, *self._warps)
        draws = encoder.begin_render_pass(
            color_attachments=[
                {"view": self._samples, "resolve_target": self._target, "load_op": "clear", "store_op": "discard"}
            ],
            depth_stencil_attachment={
                "view": self._depth,
                "depth_load_op": "clear", "depth_store_op": "discard", "depth_clear_value": 1.0,
                "stencil_load_op": "clear", "stencil_store_op": "discard", "stencil_clear_value": 0,
            },
        )  # fmt: skip
        draws.execute_bundles([self._draws])
        draws.end()
        _compute(encoder, self._finish)
        encoder.copy_buffer_to_buffer(self._packed, 0, target, 0, 3 * self._size**2)
        queue.submit([encoder.finish()])

    def _buffer(self, data: NDArray[Any], usage: int) -> Any:
        return self._device.create_buffer_with_data(data=np.ascontiguousarray(data), usage=usage)

    def _surface(self, pixel: str, samples: int, usage: int) -> Any:
        shape = (self._size, self._size, 1)
        made = self._device.create_texture(size=shape, format=pixel, usage=usage, sample_count=samples)
        return made.create_view()

    def _module(self, *names: str) -> Any:
        folder = resources.files("rapport.avatar") / "shaders"
        code = "\n".join((folder / f"{name}.wgsl").read_text("utf-8") for name in names)
        return self._device.create_shader_module(code=code, label=names[-1])

    def _step(self, module: Any, entry: str, count: int, bound: dict[int, Any]) -> tuple[Any, Any, int]:
        pipeline = self._device.create_compute_pipeline(layout="auto", compute={"module": module, "entry_point": entry})
        entries = [{"binding": i, "resource": resource} for i, resource in bound.items()]
        group = self._device.create_bind_group(layout=pipeline.get_bind_group_layout(0), entries=entries)
        return pipeline, group, -(-count // _GROUP)

    def _textures(self, portrait: Portrait) -> tuple[Any, Any]:
        """Layout and group of what the fragments read."""
        import wgpu

        stage, device = wgpu.ShaderStage, self._device
        textures: list[dict[str, Any]] = [{"visibility": stage.FRAGMENT, "texture": {}}] * 3
        uniforms: dict[str, Any] = {"visibility": stage.VERTEX | stage.FRAGMENT, "buffer": {"type": "uniform"}}
        sampler: dict[str, Any] = {"visibility": stage.FRAGMENT, "sampler": {}}
        layout = device.create_bind_group_layout(
            entries=[{"binding": i, **entry} for i, entry in enumerate([uniforms, *textures, sampler])]
        )
        right, left = portrait.eyes
        patches = np.concatenate([right.white, left.white, right.disc, left.disc], 1)
        bound = [
            {"buffer": self._uniforms},
            *(texture(device, texels) for texels in (portrait.texels, portrait.bare, patches)),
            device.create_sampler(mag_filter="linear", min_filter="linear"),
        ]
        entries = [{"binding": i, "resource": resource} for i, resource in enumerate(bound)]
        return layout, device.create_bind_group(layout=layout, entries=entries)

    def _recorded(self, portrait: Portrait, at_rest: Any, posed: Any, grid: Any, moved: Any) -> Any:
        """All draws of a frame, from the back to the front but for what openings show, which the skin covers."""
        import wgpu

        use, device = wgpu.BufferUsage, self._device
        layout, group = self._textures(portrait)
        shared = device.create_pipeline_layout(bind_group_layouts=[layout])
        module = self._module("portrait_frame", "portrait")

        def pipeline(
            vertex: str,
            fragment: str,
            *strides: tuple[int, ...],
            topology: str = "triangle-list",
            cull: str = "none",
            blend: bool = False,
            depth: bool = False,
            compare: str = "less",
            stencil: str = "",
        ) -> Any:
            """`stencil` is "open" for what opens it, "behind" for what is seen through it."""
            face = {
                "compare": "not-equal" if stencil == "behind" else "always",
                "pass_op": "increment-clamp" if stencil == "open" else "keep",
            }
            target: dict[str, Any] = {"format": _COLOUR, "write_mask": _NONE if stencil == "open" else _ALL}
            if blend:
                target["blend"] = {"color": _OVER, "alpha": _OVER}
            return device.create_render_pipeline(
                layout=shared,
                vertex={"module": module, "entry_point": vertex, "buffers": _layouts(strides)},
                primitive={"topology": topology, "cull_mode": cull},
                multisample={"count": _SAMPLES},
                depth_stencil={
                    "format": _DEPTH, "depth_write_enabled": depth,
                    "depth_compare": compare,
                    "stencil_front": face, "stencil_back": face,
                },
                fragment={"module": module, "entry_point": fragment, "targets": [target]},
            )  # fmt: skip

        draws = device.create_render_bundle_encoder(
            color_formats=[_COLOUR], depth_stencil_format=_DEPTH, sample_count=_SAMPLES
        )
        draws.set_bind_group(0, group)

        def draw(pipe: Any, triangles: NDArray[np.uint32], *vertices: tuple[Any, int]) -> None:
            draws.set_pipeline(pipe)
            for slot, (data, first) in enumerate(vertices):
                draws.set_vertex_buffer(slot, data, 16 * first)
            draws.set_index_buffer(self._buffer(triangles, use.INDEX), "uint32")
            draws.draw_indexed(triangles.size)

        def marks(of: NDArray[np.float32]) -> tuple[Any, int]:
            return self._buffer(of, use.VERTEX), 0

        mouth = len(portrait.skin_marks)
        opening = mouth + len(portrait.mouth_marks)
        draw(pipeline("around_vertex", "around", (2,), (2,)), portrait.field.triangles, (moved, 0), (grid, 0))
        draw(
            pipeline("opening_vertex", "opening", (4,), compare="always", stencil="open"),
            portrait.openings,
            (posed, opening),
        )
        draw(
            pipeline("skin_vertex", "skin", (4,), (4,), (4,), blend=True, cull="back", depth=True),
            portrait.skin, (posed, 0), (at_rest, 0), marks(portrait.skin_marks),
        )  # fmt: skip
        draws.set_pipeline(pipeline("eye_vertex", "eye", topology="triangle-strip", stencil="behind"))
        draws.draw(4, 2)
        draw(
            pipeline("mouth_vertex", "mouth", (4,), (4,), (4, 4), depth=True, stencil="behind"),
            portrait.mouth, (posed, mouth), (at_rest, mouth), marks(portrait.mouth_marks),
        )  # fmt: skip
        if len(portrait.patch):
            strip = np.pad(portrait.patch, ((0, 0), (0, 1)), constant_values=1)
            seen = pipeline("patch_vertex", "teeth_seen", (4,), topology="triangle-strip", blend=True, stencil="behind")
            draws.set_pipeline(seen)
            draws.set_vertex_buffer(0, self._buffer(strip, use.VERTEX))
            draws.draw(len(strip))
        draw(
            pipeline("lash_vertex", "lashes", (4,), (4,), blend=True, compare="always"),
            portrait.lashes, (posed, opening), marks(portrait.lash_marks),
        )  # fmt: skip
        return draws.finish()


def _layouts(strides: tuple[tuple[int, ...], ...]) -> list[dict[str, Any]]:
    """Vertex buffers of vectors of floats: of each buffer the widths of its vectors."""
    buffers: list[dict[str, Any]] = []
    location = 0
    for widths in strides:
        attributes: list[dict[str, Any]] = []
        for k, width in enumerate(widths):
            offset = 4 * sum(widths[:k])
            attributes.append({"format": f"float32x{width}", "offset": offset, "shader_location": location + k})
        location += len(widths)
        buffers.append({"array_stride": 4 * sum(widths), "attributes": attributes})
    return buffers


def _compute(encoder: Any, *steps: tuple[Any, Any, int]) -> None:
    computes = encoder.begin_compute_pass()
    for pipeline, group, groups in steps:
        computes.set_pipeline(pipeline)
        computes.set_bind_group(0, group)
        computes.dispatch_workgroups(groups)
    computes.end()


def _sparse(shapes: NDArray[np.float32]) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Shapes (53, n, 3) by vertex: offsets (n + 1,), and entries (e, 4) of a move and the number of its shape."""
    vertex, shape = np.nonzero(np.abs(shapes).max(-1).T > 0)
    counts = np.bincount(vertex, minlength=shapes.shape[1])
    entries = np.column_stack([shapes[shape, vertex], shape]).astype(np.float32)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32), entries
