"""How much the renderer draws: three tiers, by name, or by what this machine can do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from rapport.persona.errors import ComponentError

_WANTED_HZ = 30.0
_MARGIN = 1.25
"""How far the measured rate must be above the wanted one: a conversation needs the processor for more than a face."""
_LOOK_S = 0.25
"""A tier is not looked at for longer."""


@dataclass(frozen=True)
class Tier:
    name: str
    fine: bool
    """Whether the head's surface is subdivided."""
    samples: int
    """Samples a pixel; 1 smooths edges in the finished picture instead."""
    shadow_texels: int
    """Width of the key light's shadow map; 0 uses the shadows baked into the head."""
    skin: str
    """`lit`: shaded at vertices; `skin`: its shine at pixels."""
    per_pixel: bool
    """Whether skin's diffuse light and shadows are worked out at every pixel, too."""


TIERS = {
    tier.name: tier
    for tier in (
        Tier("draft", fine=False, samples=1, shadow_texels=0, skin="lit", per_pixel=False),
        Tier("standard", fine=False, samples=1, shadow_texels=512, skin="skin", per_pixel=False),
        Tier("high", fine=True, samples=4, shadow_texels=1024, skin="skin", per_pixel=True),
    )
}
AUTO = "auto"

_measured: dict[tuple[str, int], str] = {}
_measuring = threading.Lock()


def parse_model(model: str | None) -> tuple[str | None, str]:
    """(adapter or None, tier) of a renderer's model string: "TIER", "ADAPTER" or "ADAPTER/TIER".

    Raises:
        ComponentError: no tier of that name.
    """
    names = (*TIERS, AUTO)
    if model is None or not model.strip():
        return None, AUTO
    if model in names:
        return None, model
    adapter, slash, tier = model.rpartition("/")
    if not slash:
        return model, AUTO
    if tier not in names:
        raise ComponentError(f"no tier is called {tier!r}; choose one of {', '.join(names)}, as in ADAPTER/TIER")
    return adapter or None, tier


def best_tier(machine: tuple[str, int], on_cpu: bool, draw_one: Callable[[Tier], object]) -> Tier:
    """The best tier that this machine draws faster than wanted, by drawing a few frames; known for the process from
    then on. `draw_one` draws a frame of a tier and returns when it has arrived."""
    with _measuring:
        if machine not in _measured:
            draft, standard, high = TIERS.values()
            if on_cpu:
                rate = _frame_rate_hz(standard, draw_one)
                # Four samples of four times the triangles cost at least this much more.
                best = draft if rate < _WANTED_HZ * _MARGIN else standard
                if rate > 4 * _WANTED_HZ * _MARGIN and _frame_rate_hz(high, draw_one) > _WANTED_HZ * _MARGIN:
                    best = high
            else:
                best = high if _frame_rate_hz(high, draw_one) > _WANTED_HZ * _MARGIN else standard
            _measured[machine] = best.name
        return TIERS[_measured[machine]]


def _frame_rate_hz(tier: Tier, draw_one: Callable[[Tier], object]) -> float:
    draw_one(tier)  # compiles
    start = last = time.perf_counter()
    fastest = float("inf")
    for _ in range(6):
        draw_one(tier)
        now = time.perf_counter()
        fastest, last = min(fastest, now - last), now
        if now - start > _LOOK_S:
            break
    return 1 / fastest
