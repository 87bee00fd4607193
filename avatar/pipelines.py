"""One tier on one GPU: compiled shaders, and the targets that every head shares."""

from __future__ import annotations

from importlib import resources
from typing import Any

from rapport.avatar.gpu import ReadBack, texture
from rapport.avatar.head import Material
from rapport.avatar.skin import grain_texture, scattering_table
from rapport.avatar.tiers import Tier

_COLOUR = "rgba8unorm"
_DEPTH = "depth24plus"
_SHADOW = "depth32float"

POSED_STRIDE, FIXED_STRIDE, HAIR_STRIDE = 32, 16, 32
CUT_CLOTH = "cut cloth"
"""The triangles of the shirt that the neckline crosses."""

Part = Material | str


def _attributes(*formats: tuple[str, int], first: int = 0) -> list[dict[str, Any]]:
    return [{"format": f, "offset": o, "shader_location": first + i} for i, (f, o) in enumerate(formats)]


_POSED = {"array_stride": POSED_STRIDE, "attributes": _attributes(("float32x4", 0), ("float32x4", 16))}
_FIXED = {
    "array_stride": FIXED_STRIDE,
    "attributes": _attributes(("float32x2", 0), ("unorm8x4", 8), ("unorm8x4", 12), first=2),
}
_HAIR = {
    "array_stride": HAIR_STRIDE,
    "attributes": _attributes(
        ("float32x3", 0), ("snorm8x4", 12), ("snorm8x4", 16), ("float32x2", 20), ("unorm8x4", 28)
    ),
}
_POSED_PLACE = {"array_stride": POSED_STRIDE, "attributes": _attributes(("float32x4", 0))}
_HAIR_PLACE = {"array_stride": HAIR_STRIDE, "attributes": _attributes(("float32x3", 0))}


class Pipelines:
    """Everything on the device that does not depend on the head."""

    def __init__(self, adapter: Any, tier: Tier, size: int) -> None:
        import wgpu

        device: Any = adapter.request_device_sync()
        self.device, self.tier, self.size = device, tier, size
        self._shaders = resources.files("rapport.avatar") / "shaders"
        self._layouts()
        self.morph = device.create_compute_pipeline(
            layout="auto", compute={"module": self._module("frame", "morph"), "entry_point": "morph"}
        )
        finish = {"module": self._module("finish"), "entry_point": "finish"}
        smooth = {"SMOOTH": float(tier.samples == 1)}
        self.finish = device.create_compute_pipeline(layout="auto", compute=finish | {"constants": smooth})
        self._body()
        self._shadow()
        self._targets()
        self.read_back = ReadBack(device, size)
        use = wgpu.BufferUsage
        self.packed = device.create_buffer(size=3 * size * size, usage=use.STORAGE | use.COPY_SRC)
        finishing: list[Any] = [self.picture, self.sampler, {"buffer": self.packed}]
        self.finish_group = device.create_bind_group(
            layout=self.finish.get_bind_group_layout(0),
            entries=[{"binding": i, "resource": r} for i, r in enumerate(finishing)],
        )

    def _module(self, *names: str) -> Any:
        code = "\n".join((self._shaders / f"{n}.wgsl").read_text("utf-8") for n in names)
        return self.device.create_shader_module(code=code, label=names[-1])

    def _layouts(self) -> None:
        import wgpu

        fragment = wgpu.ShaderStage.FRAGMENT
        both = wgpu.ShaderStage.VERTEX | fragment
        self.layout = self.device.create_bind_group_layout(
            entries=[
                {"binding": 0, "visibility": both, "buffer": {"type": "uniform"}},
                {"binding": 1, "visibility": fragment, "texture": {}},
                {"binding": 2, "visibility": both, "sampler": {}},
                {"binding": 3, "visibility": fragment, "sampler": {}},
                {"binding": 4, "visibility": both, "texture": {}},
                {"binding": 5, "visibility": fragment, "texture": {}},
                {"binding": 6, "visibility": both, "texture": {"sample_type": "depth"}},
                {"binding": 7, "visibility": both, "sampler": {"type": "comparison"}},
            ]
        )
        self.shadow_layout = self.device.create_bind_group_layout(
            entries=[{"binding": 0, "visibility": wgpu.ShaderStage.VERTEX, "buffer": {"type": "uniform"}}]
        )

    def _body(self) -> None:
        tier = self.tier
        chosen = {"CAST_SHADOWS": float(tier.shadow_texels > 0), "PER_PIXEL": float(tier.per_pixel)}
        shared = self.device.create_pipeline_layout(bind_group_layouts=[self.layout])
        alone = self.device.create_pipeline_layout(bind_group_layouts=[])

        def pipeline(module: Any, vertex: str, fragment: str, *buffers: Any, **options: Any) -> Any:
            behind, target = fragment == "gradient", {"format": _COLOUR}
            constants = options.get("constants", {})
            covers = options.get("covers", False) and tier.samples > 1
            if options.get("soft", False):
                over = {"src_factor": "src-alpha", "dst_factor": "one-minus-src-alpha", "operation": "add"}
                target |= {"blend": {"color": over, "alpha": over}}
            return self.device.create_render_pipeline(
                layout=alone if behind else shared,
                vertex={"module": module, "entry_point": vertex, "buffers": list(buffers), "constants": constants},
                primitive={"topology": "triangle-list", "cull_mode": options.get("cull", "none")},
                depth_stencil={
                    "format": _DEPTH,
                    "depth_write_enabled": "blend" not in target and not behind,
                    "depth_compare": "less-equal" if behind else "less",
                },
                multisample={"count": tier.samples, "alpha_to_coverage_enabled": covers},
                fragment={"module": module, "entry_point": fragment, "targets": [target], "constants": constants},
            )

        skin, eye, mouth, cloth = (self._module("frame", "surface", n) for n in ("skin", "eye", "mouth", "cloth"))
        body = (_POSED, _FIXED)
        skin_entries = ("lit_vertex", "lit_skin") if tier.skin == "lit" else ("skin_vertex", "skin")
        self.solid: dict[Part, Any] = {
            Material.SKIN: pipeline(skin, *skin_entries, *body, cull="back", constants=chosen),
            Material.EYE: pipeline(eye, "eye_vertex", "eye", *body, cull="back"),
            Material.TEETH: pipeline(mouth, "mouth_vertex", "teeth", *body),
            Material.MOUTH: pipeline(mouth, "mouth_vertex", "mouth", *body),
            Material.CLOTH: pipeline(cloth, "cloth_vertex", "cloth", *body, cull="back", constants=chosen),
            CUT_CLOTH: pipeline(
                cloth, "cloth_vertex", "cloth", *body, cull="back", constants=chosen | {"CUT": 1.0}, covers=True
            ),
        }
        self.clear: dict[Part, Any] = {
            Material.TEAR: pipeline(eye, "tear_vertex", "tear", *body, soft=True),
            Material.LASHES: pipeline(mouth, "lash_vertex", "lashes", *body, soft=True),
        }
        self.hair = pipeline(self._module("frame", "hair"), "lock", "strand", _HAIR, cull="back", covers=True)
        self.wall = pipeline(self._module("background"), "wall", "gradient")

    def _shadow(self) -> None:
        import wgpu

        device = self.device
        use = wgpu.TextureUsage
        wide = self.tier.shadow_texels or 4
        self.shadow_map = device.create_texture(
            size=(wide, wide, 1), format=_SHADOW, usage=use.RENDER_ATTACHMENT | use.TEXTURE_BINDING
        ).create_view()
        self.nearer = device.create_sampler(compare="less-equal", mag_filter="linear", min_filter="linear")
        module = self._module("frame", "shadow")
        layout = device.create_pipeline_layout(bind_group_layouts=[self.shadow_layout])

        def depth_only(entry: str, buffer: Any) -> Any:
            return device.create_render_pipeline(
                layout=layout,
                vertex={"module": module, "entry_point": entry, "buffers": [buffer]},
                primitive={"topology": "triangle-list", "cull_mode": "none"},
                depth_stencil={"format": _SHADOW, "depth_write_enabled": True, "depth_compare": "less"},
            )

        self.body_depth, self.hair_depth = depth_only("body_depth", _POSED_PLACE), depth_only("hair_depth", _HAIR_PLACE)

    def _targets(self) -> None:
        import wgpu

        device, tier = self.device, self.tier
        use, size = wgpu.TextureUsage, (self.size, self.size, 1)

        def target(samples: int, fmt: str, extra: int = 0) -> Any:
            return device.create_texture(
                size=size, format=fmt, sample_count=samples, usage=use.RENDER_ATTACHMENT | extra
            )

        self.picture_texture = target(1, _COLOUR, use.TEXTURE_BINDING | use.COPY_DST)
        self.picture = self.picture_texture.create_view()
        self.depth = target(tier.samples, _DEPTH).create_view()
        self.many = target(tier.samples, _COLOUR).create_view() if tier.samples > 1 else None
        self.sampler = device.create_sampler(mag_filter="linear", min_filter="linear")
        self.repeated = device.create_sampler(
            mag_filter="linear", min_filter="linear", address_mode_u="repeat", address_mode_v="repeat"
        )
        self.scatter, self.grain = texture(device, scattering_table()), texture(device, grain_texture())
        # The wall never changes: drawn once, then copied, where a target of one sample allows it.
        self.backdrop: Any = None
        if self.many is None:
            self.backdrop = target(1, _COLOUR, use.COPY_SRC)
            encoder = device.create_command_encoder()
            colour = {"view": self.backdrop.create_view(), "load_op": "clear", "store_op": "store"}
            draws = encoder.begin_render_pass(
                color_attachments=[colour], depth_stencil_attachment=self.depth_attachment()
            )
            draws.set_pipeline(self.wall)
            draws.draw(3)
            draws.end()
            device.queue.submit([encoder.finish()])

    def depth_attachment(self) -> dict[str, Any]:
        return {"view": self.depth, "depth_load_op": "clear", "depth_store_op": "discard", "depth_clear_value": 1.0}

    def bundle_encoder(self) -> Any:
        """Records the draws of a picture once, to be played in every frame."""
        return self.device.create_render_bundle_encoder(
            color_formats=[_COLOUR], depth_stencil_format=_DEPTH, sample_count=self.tier.samples
        )

    def shadow_bundle_encoder(self) -> Any:
        return self.device.create_render_bundle_encoder(color_formats=[], depth_stencil_format=_SHADOW)
