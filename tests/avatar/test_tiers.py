"""Tiers by name and by measurement."""

from __future__ import annotations

import pytest

from rapport.avatar import tiers
from rapport.avatar.tiers import TIERS, Tier, best_tier, parse_model
from rapport.persona.errors import ComponentError


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tiers, "_measured", {})


class Machine:
    """Draws a frame of each tier in a given time, on its own clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **frame_s: float) -> None:
        self.now, self.frame_s, self.drawn = 0.0, frame_s, list[str]()
        monkeypatch.setattr(tiers.time, "perf_counter", lambda: self.now)

    def draw(self, tier: Tier) -> None:
        self.drawn.append(tier.name)
        self.now += self.frame_s[tier.name]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (None, (None, "auto")),
        ("high", (None, "high")),
        ("auto", (None, "auto")),
        ("llvmpipe", ("llvmpipe", "auto")),
        ("RTX 4090/standard", ("RTX 4090", "standard")),
        ("Radeon / something/draft", ("Radeon / something", "draft")),
        ("/draft", (None, "draft")),
    ],
)
def test_a_model_names_an_adapter_a_tier_or_both(model: str | None, expected: tuple[str | None, str]):
    assert parse_model(model) == expected


def test_an_unknown_tier_lists_the_choices():
    with pytest.raises(ComponentError, match="no tier is called 'ultra'; choose one of draft, standard, high, auto"):
        parse_model("llvmpipe/ultra")


@pytest.mark.parametrize(
    ("on_cpu", "frame_s", "best"),
    [
        (True, {"standard": 0.040}, "draft"),
        (True, {"standard": 0.020}, "standard"),
        (True, {"standard": 0.004, "high": 0.060}, "standard"),
        (True, {"standard": 0.004, "high": 0.012}, "high"),
        (False, {"high": 0.002}, "high"),
        (False, {"high": 0.050}, "standard"),
    ],
)
def test_the_best_tier_that_is_fast_enough_is_taken(
    monkeypatch: pytest.MonkeyPatch, on_cpu: bool, frame_s: dict[str, float], best: str
):
    assert best_tier(("card", 512), on_cpu, Machine(monkeypatch, **frame_s).draw) is TIERS[best]


def test_a_slow_machine_is_not_measured_for_long_and_only_once(monkeypatch: pytest.MonkeyPatch):
    machine = Machine(monkeypatch, standard=0.3)
    assert best_tier(("card", 512), True, machine.draw).name == "draft"
    assert len(machine.drawn) <= 2
    assert best_tier(("card", 512), True, machine.draw).name == "draft"
    assert len(machine.drawn) <= 2
