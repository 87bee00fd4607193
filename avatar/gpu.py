"""The GPU: which one, and how pictures come back from it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rapport.persona.errors import ComponentError

_KINDS = ("DiscreteGPU", "IntegratedGPU", "VirtualGPU", "CPU")
_IN_FLIGHT = 2

T = TypeVar("T")


def choose_adapter(wanted: str | None) -> Any:
    """The adapter with `wanted` in its name, or the best: a discrete GPU before an integrated one, that before the CPU.

    Raises:
        ComponentError: wgpu is not installed, or there is no (such) adapter; the message says what to install.
    """
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
    kinds = {kind: i for i, kind in enumerate(_KINDS)}
    return min(adapters, key=lambda a: kinds.get(a.info["adapter_type"], len(kinds)))


class ReadBack:
    """Square RGB pictures on their way from the GPU: the next is drawn while the one before it travels."""

    def __init__(self, device: Any, size: int) -> None:
        import wgpu

        usage = wgpu.BufferUsage.COPY_DST | wgpu.BufferUsage.MAP_READ
        self._size = size
        self._buffers = [device.create_buffer(size=3 * size * size, usage=usage) for _ in range(_IN_FLIGHT)]

    def pictures(self, frames: Iterable[T], submit: Callable[[T, Any], None]) -> Iterator[NDArray[np.uint8]]:
        """Pictures (size, size, 3) of frames in their order. `submit(frame, buffer)` draws a frame into a buffer."""
        waiting: list[tuple[Any, Any]] = []
        for i, frame in enumerate(frames):
            if len(waiting) == _IN_FLIGHT:
                yield self._arrived(*waiting.pop(0))
            buffer = self._buffers[i % _IN_FLIGHT]
            submit(frame, buffer)
            waiting.append((buffer, buffer.map_async("READ")))
        for item in waiting:
            yield self._arrived(*item)

    def _arrived(self, buffer: Any, mapped: Any) -> NDArray[np.uint8]:
        mapped.sync_wait()
        rgb = np.frombuffer(buffer.read_mapped(copy=True), np.uint8).reshape(self._size, self._size, 3)
        buffer.unmap()
        return rgb


def texture(device: Any, texels: NDArray[np.uint8]) -> Any:
    """A view of texels (high, wide, 2 or 4), for sampling."""
    import wgpu

    high, wide, channels = texels.shape
    usage = wgpu.TextureUsage.TEXTURE_BINDING | wgpu.TextureUsage.COPY_DST
    made = device.create_texture(size=(wide, high, 1), format={2: "rg8unorm", 4: "rgba8unorm"}[channels], usage=usage)
    layout = {"bytes_per_row": channels * wide, "rows_per_image": high}
    device.queue.write_texture({"texture": made}, np.ascontiguousarray(texels), layout, (wide, high, 1))
    return made.create_view()


def failures() -> tuple[type[Exception], ...]:
    """What wgpu raises when the GPU is lost or refuses the work."""
    import wgpu

    return wgpu.GPUError, RuntimeError


def first_line(error: Exception) -> str:
    """What a failure of the GPU says, without the pages that may follow."""
    return str(error).strip().partition("\n")[0]
