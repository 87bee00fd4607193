"""Draws face tracks with the GPU: a persona's bust, 512 x 512, faster than it speaks, on a CPU's software Vulkan too.

A compute shader adds the weighted shapes to the head and turns it on its neck, one pass draws it, another compute
shader smooths edges and packs the bytes. Two read-back buffers let the GPU draw a frame while the one before it travels
to memory.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rapport.avatar.face import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, FaceTrack
from rapport.avatar.head import KEY_LIGHT, Head, Material, load_head, normal_changes
from rapport.persona.card import FaceCard
from rapport.persona.errors import ComponentError, StageError

if TYPE_CHECKING:
    from rapport.avatar.face import RendererCapabilities

PORTRAIT_SIZE = 512
"""Width and height of a picture, in pixels."""

_PICTURE_BYTES = 3 * PORTRAIT_SIZE * PORTRAIT_SIZE
_BATCH = 5
"""Frames drawn per visit to the worker thread: a fifth of a second, so that agents that share a renderer take turns."""

_CAMERA = np.array([0.0, 0.0, 9.0])
_VIEW_HEIGHT = 3.3
"""What the picture's height covers at the eyes, in decimetres."""
_EYE_LINE = 0.40
"""Where the eyes are, as a part of the height from the top."""
_NEAR, _FAR = 5.0, 14.0
_PIVOT = np.array([0.0, -1.05, -0.72])
_BUST_FOLLOWS = 0.1
_EYE_LIDS_AT_RAD = 0.45
"""Gaze at which the lids have followed all the way."""

_COLOUR = "rgba8unorm"
_DEPTH = "depth24plus"

Matrix = NDArray[np.float64]


class TrackOnly:
    """Stage `rendering` that draws nothing: the track itself goes out, for a browser or a game engine to draw."""

    def __init__(self, model: str | None = None) -> None:
        from rapport.avatar.face import RendererCapabilities

        self.capabilities: RendererCapabilities = RendererCapabilities(draws=False)

    async def render(self, track: FaceTrack, face: FaceCard) -> AsyncIterator[NDArray[np.uint8]]:
        """No pictures."""
        for picture in ():
            yield picture


class WgpuRenderer:
    """Stage `rendering` on Vulkan, Metal or Direct3D 12 through wgpu. `model` picks a GPU by a part of its name;
    without it a discrete GPU is taken before an integrated one, and that before the CPU.

    Raises:
        ComponentError: wgpu is not installed, or there is no (such) adapter; the message says what to install.
    """

    def __init__(self, model: str | None = None) -> None:
        from rapport.avatar.face import RendererCapabilities

        adapter = _choose_adapter(model)
        self.capabilities: RendererCapabilities = RendererCapabilities(draws=True, device=str(adapter.info["device"]))
        self._lock = threading.Lock()
        self._pipelines = _Pipelines(adapter)
        self._busts: dict[str, _Bust] = {}

    async def render(self, track: FaceTrack, face: FaceCard) -> AsyncIterator[NDArray[np.uint8]]:
        """One RGB picture, uint8 (512, 512, 3), per frame of the track.

        Raises:
            InputError: no head of the card's name ships.
            StageError: the GPU was lost or refused the work.
        """
        for start in range(0, len(track), _BATCH):
            for picture in await asyncio.to_thread(
                self._draw, track, face, range(start, min(start + _BATCH, len(track)))
            ):
                yield picture

    def _draw(self, track: FaceTrack, face: FaceCard, frames: range) -> list[NDArray[np.uint8]]:
        import wgpu

        head = load_head(face.head)
        with self._lock:
            try:
                bust = self._busts.get(head.name)
                if bust is None:
                    bust = self._busts[head.name] = _Bust(self._pipelines, head)
                settings = (frame_settings(head, track, face, i) for i in frames)
                return list(bust.draw(settings))
            except (wgpu.GPUError, RuntimeError) as error:
                reason = str(error).strip().partition("\n")[0]
                raise StageError(f"the GPU ({self.capabilities.device}) failed to draw: {reason}") from error


def _choose_adapter(wanted: str | None) -> Any:
    # Without it Mesa writes complaints about a desktop to standard error, one for each look.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    try:
        import wgpu
    except (ImportError, OSError) as error:
        raise ComponentError(f'wgpu cannot be loaded ({error}); run: pip install "wgpu>=0.30"') from None
    adapters: list[Any] = [a for a in wgpu.gpu.enumerate_adapters_sync() if a.info["backend_type"] != "OpenGL"]
    if not adapters:
        raise ComponentError("no Vulkan adapter found; on Debian: apt install mesa-vulkan-drivers")
    if wanted is not None:
        names = [str(a.info["device"]) for a in adapters]
        adapters = [a for a, name in zip(adapters, names, strict=True) if wanted.lower() in name.lower()]
        if not adapters:
            raise ComponentError(f"no GPU adapter is called {wanted!r}; there are: {', '.join(names)}")
    kinds = ["DiscreteGPU", "IntegratedGPU", "VirtualGPU", "CPU"]
    return min(
        adapters, key=lambda a: kinds.index(a.info["adapter_type"]) if a.info["adapter_type"] in kinds else len(kinds)
    )


# ------------------------------------------------------------------------------------------------------ one frame


@dataclass(frozen=True)
class FrameSettings:
    """What changes from frame to frame, as the bytes that the shaders read."""

    uniforms: bytes
    weights: bytes


def rotation(pitch: float, yaw: float, roll: float) -> Matrix:
    """Rotation matrix of a pose in radians: pitch nods down, yaw turns to the face's left, roll tips to its left."""
    cp, sp, cy, sy, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    tip = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return turn @ nod @ tip


def view_projection() -> Matrix:
    """World to clip space: a camera at eye level, its picture shifted so that the eyes come to `_EYE_LINE`."""
    scale = 2 * _CAMERA[2] / _VIEW_HEIGHT
    depth = _FAR / (_NEAR - _FAR)
    shift = 1 - 2 * _EYE_LINE
    projection = np.array([[scale, 0, 0, 0], [0, scale, -shift, 0], [0, 0, depth, _NEAR * depth], [0, 0, -1, 0]])
    view = np.eye(4)
    view[:3, 3] = -_CAMERA
    return projection @ view


def linear_colour(colour: str) -> Matrix:
    """`#rrggbb` as linear light, (3,) in [0, 1], by the pictures' own gamma of 2."""
    return (np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255) ** 2


def frame_settings(head: Head, track: FaceTrack, face: FaceCard, i: int) -> FrameSettings:
    """Frame i of a track on a head, for the shaders."""
    pitch, yaw, roll = (float(a) for a in track.head_pose[i])
    head_turn, bust_turn = rotation(pitch, yaw, roll), rotation(*(_BUST_FOLLOWS * a for a in (pitch, yaw, roll)))
    gaze_yaw, gaze_pitch = (float(a) for a in track.gaze[i])
    eyes = _PIVOT + (head.eyes - _PIVOT) @ head_turn.T
    looks = np.empty((2, 3))
    for k, eye in enumerate(head.eyes):
        # At rest both eyes meet at the camera, as those of a person in conversation do.
        inwards = np.arctan2(-eye[0], _CAMERA[2] - eye[2])
        looks[k] = head_turn @ rotation(-gaze_pitch, gaze_yaw + inwards, 0) @ [0, 0, 1]
    window = head.paint_window
    cloth = "#" + bytes(head.cloth).hex()
    rows = [
        view_projection().T,
        np.append(_CAMERA, 0),
        np.append(_PIVOT, 0),
        np.pad(head_turn.T, ((0, 0), (0, 1))),
        np.pad(bust_turn.T, ((0, 0), (0, 1))),
        np.pad(eyes, ((0, 0), (0, 1)), constant_values=float(head.eye_radius)),
        np.pad(looks, ((0, 0), (0, 1))),
        np.append(KEY_LIGHT, 0),
        *(np.append(linear_colour(c), 0) for c in (face.skin, face.eyes, face.hair, cloth)),
        np.array([window[0], window[1], 1 / (window[2] - window[0]), 1 / (window[3] - window[1])]),
    ]
    uniforms = np.concatenate([np.ravel(row) for row in rows]).astype(np.float32).tobytes()
    return FrameSettings(uniforms, lids_with_gaze(track.weights[i], gaze_yaw, gaze_pitch).tobytes())


def lids_with_gaze(weights: NDArray[np.float32], yaw: float, pitch: float) -> NDArray[np.float32]:
    """Weights (52,) whose eyeLook shapes are at least what the gaze, in radians, implies: lids follow the eyes."""
    out = weights.copy()
    left, up = yaw / _EYE_LIDS_AT_RAD, pitch / _EYE_LIDS_AT_RAD
    implied = {
        "eyeLookUpLeft": up, "eyeLookUpRight": up, "eyeLookDownLeft": -up, "eyeLookDownRight": -up,
        "eyeLookOutLeft": left, "eyeLookInRight": left, "eyeLookInLeft": -left, "eyeLookOutRight": -left,
    }  # fmt: skip
    for name, value in implied.items():
        k = BLENDSHAPE_INDEX[name]
        out[k] = max(out[k], min(value, 1.0))
    return out


_UNIFORM_BYTES = 4 * (16 + 4 + 4 + 12 + 12 + 8 + 8 + 4 + 16 + 4)


# ------------------------------------------------------------------------------------------------------ the GPU's side


class _Pipelines:
    """A device with compiled shaders and the targets that every head shares."""

    def __init__(self, adapter: Any) -> None:
        import wgpu

        device: Any = adapter.request_device_sync()
        self.device = device
        folder = resources.files("rapport.avatar") / "shaders"
        source = {
            n: (folder / f"{n}.wgsl").read_text("utf-8")
            for n in ("frame", "morph", "body", "hair", "background", "finish")
        }

        def module(*names: str) -> Any:
            return device.create_shader_module(code="\n".join(source[n] for n in names), label=names[-1])

        body, hair, wall = module("frame", "body"), module("frame", "hair"), module("background")
        self.morph = device.create_compute_pipeline(
            layout="auto", compute={"module": module("frame", "morph"), "entry_point": "morph"}
        )

        self.finish = device.create_compute_pipeline(
            layout="auto", compute={"module": module("finish"), "entry_point": "finish"}
        )

        visible = wgpu.ShaderStage.VERTEX | wgpu.ShaderStage.FRAGMENT
        self.layout = device.create_bind_group_layout(
            entries=[
                {"binding": 0, "visibility": visible, "buffer": {"type": "uniform"}},
                {"binding": 1, "visibility": wgpu.ShaderStage.FRAGMENT, "texture": {}},
                {"binding": 2, "visibility": wgpu.ShaderStage.FRAGMENT, "sampler": {}},
            ]
        )
        shared = device.create_pipeline_layout(bind_group_layouts=[self.layout])

        def attributes(*formats: tuple[str, int], first: int = 0) -> list[dict[str, Any]]:
            return [{"format": f, "offset": o, "shader_location": first + i} for i, (f, o) in enumerate(formats)]

        body_buffers: list[dict[str, Any]] = [
            {"array_stride": 32, "attributes": attributes(("float32x4", 0), ("float32x4", 16))},
            {
                "array_stride": 16,
                "attributes": attributes(("float32x2", 0), ("unorm8x4", 8), ("unorm8x4", 12), first=2),
            },
        ]
        hair_formats = (("float32x3", 0), ("snorm8x4", 12), ("snorm8x4", 16), ("float32x2", 20), ("unorm8x4", 28))
        hair_buffers: list[dict[str, Any]] = [{"array_stride": 32, "attributes": attributes(*hair_formats)}]

        def pipeline(module: Any, vertex: str, fragment: str, buffers: list[dict[str, Any]], **options: Any) -> Any:
            behind, target = fragment == "gradient", {"format": _COLOUR}
            if options.get("soft", False):
                over = {"src_factor": "src-alpha", "dst_factor": "one-minus-src-alpha", "operation": "add"}
                target |= {"blend": {"color": over, "alpha": over}}
            return device.create_render_pipeline(
                layout=shared,
                vertex={"module": module, "entry_point": vertex, "buffers": buffers},
                primitive={"topology": "triangle-list", "cull_mode": options.get("cull", "none")},
                depth_stencil={
                    "format": _DEPTH,
                    "depth_write_enabled": "blend" not in target and not behind,
                    "depth_compare": "less-equal" if behind else "less",
                },
                fragment={"module": module, "entry_point": fragment, "targets": [target]},
            )

        self.materials = {
            Material.SKIN: pipeline(body, "skin_vertex", "skin", body_buffers, cull="back"),
            Material.CLOTH: pipeline(body, "cloth_vertex", "cloth", body_buffers, cull="back"),
            Material.EYE: pipeline(body, "eye_vertex", "eye", body_buffers, cull="back"),
            Material.TEETH: pipeline(body, "mouth_vertex", "teeth", body_buffers),
            Material.MOUTH: pipeline(body, "mouth_vertex", "mouth", body_buffers),
            Material.LASHES: pipeline(body, "lash_vertex", "lashes", body_buffers, soft=True),
        }
        self.hair = pipeline(hair, "lock", "strand", hair_buffers, cull="back")
        self.wall = pipeline(wall, "wall", "gradient", [])

        use, size = wgpu.TextureUsage, (PORTRAIT_SIZE, PORTRAIT_SIZE, 1)
        picture = device.create_texture(size=size, format=_COLOUR, usage=use.RENDER_ATTACHMENT | use.TEXTURE_BINDING)
        depth = device.create_texture(size=size, format=_DEPTH, usage=use.RENDER_ATTACHMENT)
        self.targets = (picture.create_view(), depth.create_view())
        self.sampler = device.create_sampler(mag_filter="linear", min_filter="linear")
        storage = wgpu.BufferUsage.STORAGE | wgpu.BufferUsage.COPY_SRC
        self.packed = device.create_buffer(size=_PICTURE_BYTES, usage=storage)
        resources_of_finish: list[Any] = [self.targets[0], self.sampler, {"buffer": self.packed}]
        self.finish_group = device.create_bind_group(
            layout=self.finish.get_bind_group_layout(0),
            entries=[{"binding": i, "resource": r} for i, r in enumerate(resources_of_finish)],
        )
        self.read_back = [
            device.create_buffer(size=_PICTURE_BYTES, usage=wgpu.BufferUsage.COPY_DST | wgpu.BufferUsage.MAP_READ)
            for _ in range(2)
        ]


class _Bust:
    """One head on the GPU, with the draws of a frame."""

    def __init__(self, pipelines: _Pipelines, head: Head) -> None:
        import wgpu

        use = wgpu.BufferUsage
        self._p = pipelines
        device: Any = pipelines.device

        def buffer(data: NDArray[Any], usage: int) -> Any:
            return device.create_buffer_with_data(data=np.ascontiguousarray(data), usage=usage)

        count = len(head.positions)
        offsets, entries = shape_table(head)
        rest = np.zeros((count, 2, 4), np.float32)
        rest[:, 0, :3], rest[:, 1, :3] = head.positions, head.normals
        self._uniforms = device.create_buffer(size=_UNIFORM_BYTES, usage=use.UNIFORM | use.COPY_DST)
        self._weights = device.create_buffer(size=4 * len(ARKIT_BLENDSHAPES), usage=use.STORAGE | use.COPY_DST)
        self._posed = device.create_buffer(size=rest.nbytes, usage=use.STORAGE | use.VERTEX)
        self._groups = -(-count // 64)
        storage = [buffer(rest, use.STORAGE), buffer(offsets, use.STORAGE), buffer(entries, use.STORAGE)]
        buffers = [self._uniforms, *storage, self._weights, self._posed]
        self._morph = device.create_bind_group(
            layout=pipelines.morph.get_bind_group_layout(0),
            entries=[{"binding": i, "resource": {"buffer": b}} for i, b in enumerate(buffers)],
        )

        fixed = np.zeros(count, np.dtype([("uv", "<f4", 2), ("shading", "u1", 4), ("cover", "u1", 4)]))
        fixed["uv"], fixed["shading"] = head.uvs, head.shading
        fixed["cover"][:, 0] = head.cover
        self._fixed = buffer(fixed.view(np.uint8), use.VERTEX)
        of_triangle = head.materials[head.triangles[:, 0]]
        parts = [(m, head.triangles[of_triangle == m].astype(np.uint32)) for m in pipelines.materials]
        self._parts = [(m, buffer(part, use.INDEX), part.size) for m, part in parts]

        locks = np.zeros(
            len(head.hair_positions),
            np.dtype([("p", "<f4", 3), ("n", "i1", 4), ("t", "i1", 4), ("uv", "<f4", 2), ("shading", "u1", 4)]),
        )
        locks["p"], locks["uv"] = head.hair_positions, head.hair_uvs
        locks["n"][:, :3], locks["t"][:, :3], locks["shading"][:, :3] = (
            head.hair_normals,
            head.hair_tangents,
            head.hair_shading,
        )
        self._hair = buffer(locks.view(np.uint8), use.VERTEX)
        self._hair_index = buffer(head.hair_triangles.astype(np.uint32), use.INDEX)
        self._hair_count = head.hair_triangles.size

        high, wide, _ = head.paint.shape
        paint = device.create_texture(
            size=(wide, high, 1),
            format="rg8unorm",
            usage=wgpu.TextureUsage.TEXTURE_BINDING | wgpu.TextureUsage.COPY_DST,
        )
        device.queue.write_texture(
            {"texture": paint},
            np.ascontiguousarray(head.paint),
            {"bytes_per_row": 2 * wide, "rows_per_image": high},
            (wide, high, 1),
        )
        resource = [{"buffer": self._uniforms}, paint.create_view(), pipelines.sampler]
        self._look = device.create_bind_group(
            layout=pipelines.layout, entries=[{"binding": i, "resource": r} for i, r in enumerate(resource)]
        )

    def draw(self, frames: Iterable[FrameSettings]) -> Iterator[NDArray[np.uint8]]:
        """Pictures of frames; each is read back while the next is being drawn."""
        waiting: list[Any] = []
        for i, settings in enumerate(frames):
            if len(waiting) == len(self._p.read_back):
                yield _picture(*waiting.pop(0))
            target = self._p.read_back[i % len(self._p.read_back)]
            self._submit(settings, target)
            waiting.append((target, target.map_async("READ")))
        for item in waiting:
            yield _picture(*item)

    def _submit(self, settings: FrameSettings, target: Any) -> None:
        device = self._p.device
        device.queue.write_buffer(self._uniforms, 0, settings.uniforms)
        device.queue.write_buffer(self._weights, 0, settings.weights)
        encoder = device.create_command_encoder()
        compute = encoder.begin_compute_pass()
        compute.set_pipeline(self._p.morph)
        compute.set_bind_group(0, self._morph)
        compute.dispatch_workgroups(self._groups)
        compute.end()
        picture, depth = self._p.targets
        colour = {"view": picture, "load_op": "clear", "store_op": "store"}
        depths = {"view": depth, "depth_load_op": "clear", "depth_store_op": "discard", "depth_clear_value": 1.0}
        draws = encoder.begin_render_pass(color_attachments=[colour], depth_stencil_attachment=depths)
        draws.set_bind_group(0, self._look)
        draws.set_vertex_buffer(0, self._posed)
        draws.set_vertex_buffer(1, self._fixed)
        for material, index, size in self._parts:
            draws.set_pipeline(self._p.materials[material])
            draws.set_index_buffer(index, "uint32")
            draws.draw_indexed(size)
        # After the body, which hides the hair behind the neck; itself from the outermost lock inwards.
        draws.set_pipeline(self._p.hair)
        draws.set_vertex_buffer(0, self._hair)
        draws.set_index_buffer(self._hair_index, "uint32")
        draws.draw_indexed(self._hair_count)
        draws.set_pipeline(self._p.wall)
        draws.draw(3)
        draws.end()
        finish = encoder.begin_compute_pass()
        finish.set_pipeline(self._p.finish)
        finish.set_bind_group(0, self._p.finish_group)
        finish.dispatch_workgroups(PORTRAIT_SIZE * PORTRAIT_SIZE // (4 * 64))
        finish.end()
        encoder.copy_buffer_to_buffer(self._p.packed, 0, target, 0, _PICTURE_BYTES)
        device.queue.submit([encoder.finish()])


def _picture(buffer: Any, mapped: Any) -> NDArray[np.uint8]:
    """RGB from a read-back buffer, once it has arrived; frees the buffer."""
    mapped.sync_wait()
    rgb = np.frombuffer(buffer.read_mapped(copy=True), np.uint8).reshape(PORTRAIT_SIZE, PORTRAIT_SIZE, 3)
    buffer.unmap()
    return rgb


def shape_table(head: Head) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """(offsets (V + 1,), entries (E, 4)): for each vertex the shapes that move or tilt it.

    An entry is the shape's number and six 16-bit floats: the change of position and of normal at weight 1.
    """
    tilts = normal_changes(head)
    vertices: list[NDArray[np.int64]] = []
    entries: list[NDArray[np.uint32]] = []
    for k, name in enumerate(ARKIT_BLENDSHAPES):
        change = np.concatenate([head.shape(name), tilts[k]], 1)
        chosen = np.nonzero((np.abs(change[:, :3]).max(1) > 0) | (np.abs(change[:, 3:]).max(1) > 0.01))[0]
        packed = np.ascontiguousarray(change[chosen].astype(np.float16)).view(np.uint32)
        vertices.append(chosen)
        entries.append(np.column_stack([np.full(len(chosen), k, np.uint32), packed]))
    vertex = np.concatenate(vertices)
    order = np.argsort(vertex, kind="stable")
    counts = np.bincount(vertex, minlength=len(head.positions))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
    return offsets, np.concatenate(entries)[order]
