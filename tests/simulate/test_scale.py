"""What is published, on as many sessions as were published: 500 cases in six phases, and 200 pairs of therapists."""

from __future__ import annotations

import filecmp
from pathlib import Path
from typing import Any

import pytest

from rapport.apps.simulate.command_run import run_to
from rapport.apps.simulate.runner import SESSIONS
from rapport.apps.simulate.script import script_of
from rapport.apps.simulate.therapists import THERAPISTS

pytestmark = [pytest.mark.models, pytest.mark.timeout(1800)]
ALL = {"protocol": "pe", "cases": 500, "seed": 7}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scale")


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    return run_to(script_of(ALL), folder / "one")


def test_the_cases_have_the_published_shares_within_3_points(summary: dict[str, Any]) -> None:
    assert summary["sessions"] == 3000 and not summary["failed"]
    for field, shares in summary["cases"].items():
        for name, row in shares.items():
            assert abs(row["drawn"] - row["published"]) < 3, (field, name)


def test_distress_in_exposure_rises_and_falls_as_published(summary: dict[str, Any]) -> None:
    suds = summary["published"]["true"]["suds_in_imaginal_exposure"]
    assert suds["suds_start"]["simulated"] == pytest.approx(60, abs=5)
    assert suds["suds_peak"]["simulated"] == pytest.approx(90, abs=5)
    assert suds["suds_peak_at"]["simulated"] == pytest.approx(0.4, abs=0.05)
    assert 50 <= suds["suds_end"]["simulated"] <= 55
    assert all(suds[name]["sd"] > 5 for name in ("suds_start", "suds_peak", "suds_end"))


def test_intensities_follow_the_protocol(summary: dict[str, Any]) -> None:
    start, exposure, *rest = summary["trajectory"]["rows"][0]["mean"]
    assert start < exposure and all(exposure > after for after in rest)
    assert rest == sorted(rest, reverse=True) and rest[-1] < start


def test_personality_moves_what_the_literature_says_it_does(summary: dict[str, Any]) -> None:
    rows = {(row["trait"], row["measure"]): row for row in summary["personality"]}
    assert rows["neuroticism", "suds_peak"]["d"] > 0.2 and rows["neuroticism", "suds_end"]["d"] > 0.2
    assert rows["agreeableness", "trust"]["d"] > 0.2
    assert all(row["expected"] == "+" and row["source"] for row in rows.values())


def test_two_runs_are_the_same_bytes_and_another_seed_is_not(summary: dict[str, Any], folder: Path) -> None:
    run_to(script_of(ALL), folder / "two")
    for name in (SESSIONS, "summary.json", "report.html"):
        assert filecmp.cmp(folder / "one" / name, folder / "two" / name, shallow=False), name
    run_to(script_of({**ALL, "cases": 20, "seed": 8}), folder / "other")
    size = (folder / "other" / SESSIONS).stat().st_size
    with (folder / "one" / SESSIONS).open("rb") as one:
        assert one.read(size) != (folder / "other" / SESSIONS).read_bytes()


def test_the_report_is_small(summary: dict[str, Any], folder: Path) -> None:
    assert (folder / "one" / "report.html").stat().st_size < 8_000_000


def test_in_200_pairs_the_true_therapist_beats_each_flawed_one_with_intervals_apart(folder: Path) -> None:
    script = script_of({**ALL, "cases": 200, "therapists": list(THERAPISTS), "sessions": ["P10"]})
    rows = run_to(script, folder / "pairs")["comparisons"]
    assert {row["with"] for row in rows} == set(THERAPISTS) - {"true"}
    for row in rows:
        found = row["measures"]
        assert row["paired"] and found["trust"]["n"] == 200
        assert all(found[name]["apart"] for name in ("suds_end", "trust", "empathy")), row["with"]
        assert found["suds_end"]["high"] < 0 < min(found["trust"]["low"], found["empathy"]["low"]), row["with"]
