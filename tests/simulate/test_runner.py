"""Runs: any number of processes and any interruption give the same bytes; scripts are checked; commands work."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rapport.apps import cli
from rapport.apps.simulate import runner
from rapport.apps.simulate.command_run import Way, run_to
from rapport.apps.simulate.comparison import compared
from rapport.apps.simulate.intervals import resampled_means
from rapport.apps.simulate.records import NOTICE, read_sessions
from rapport.apps.simulate.runner import SESSIONS, run, units_of
from rapport.apps.simulate.script import SimulationScript, read_script, script_of
from rapport.apps.simulate.summary import described
from rapport.persona.errors import ComponentError, InputError, StorageError

SMALL = {"protocol": "supportive", "cases": 12, "seed": 5, "therapists": ["true", "absent"]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of an undisturbed run in this process."""
    folder = tmp_path_factory.mktemp("whole")
    run(script_of(SMALL), folder, workers=1)
    return (folder / SESSIONS).read_bytes()


def test_two_processes_write_the_same_bytes_as_one(whole: bytes, tmp_path: Path) -> None:
    run(script_of(SMALL), tmp_path, workers=2)
    assert (tmp_path / SESSIONS).read_bytes() == whole


@pytest.mark.parametrize("share", [0.0, 0.013, 0.5, 0.77, 1.0])
def test_a_run_that_was_cut_off_anywhere_goes_on_to_the_same_bytes(whole: bytes, tmp_path: Path, share: float) -> None:
    script = script_of(SMALL)
    run(script, tmp_path, workers=1)
    path = tmp_path / SESSIONS
    path.write_bytes(whole[: int(share * len(whole))])
    measured = run(script, tmp_path, workers=1)
    assert path.read_bytes() == whole
    assert [(m.therapist, m.case) for m in measured] == [(u.therapist, u.case) for u in units_of(script)]


def test_an_interrupted_run_does_only_what_is_left(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = script_of(SMALL)
    done: list[runner.Unit] = []

    def stop_after_ten(*args: object) -> object:
        done.append(args[1])  # type: ignore[arg-type]
        if len(done) == 10:
            raise KeyboardInterrupt
        return run_unit(*args)  # type: ignore[arg-type]

    run_unit = runner.run_unit
    monkeypatch.setattr(runner, "CHUNK", 1)
    monkeypatch.setattr(runner, "run_unit", stop_after_ten)
    with pytest.raises(KeyboardInterrupt):
        run(script, tmp_path, workers=1)
    run(script, tmp_path, workers=1)
    assert (tmp_path / SESSIONS).read_bytes() == whole
    assert len(done) - 10 == 24 - 8


def test_a_folder_of_another_run_is_not_written_over(whole: bytes, tmp_path: Path) -> None:
    run(script_of(SMALL), tmp_path, workers=1)
    with pytest.raises(InputError, match="another script"):
        run(script_of({**SMALL, "seed": 6}), tmp_path, workers=1)
    assert (tmp_path / SESSIONS).read_bytes() == whole


def test_a_damaged_file_of_sessions_is_refused(tmp_path: Path) -> None:
    script = script_of(SMALL)
    run(script, tmp_path, workers=1)
    (tmp_path / SESSIONS).write_text('{"id": 3}\n')
    with pytest.raises(InputError, match=r"sessions\.jsonl:1: no session of this program"):
        run(script, tmp_path, workers=1)


def test_a_full_disk_ends_in_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runner, "_computed", full)
    with pytest.raises(StorageError, match=r"No space left.*run the same command again"):
        run(script_of(SMALL), tmp_path, workers=1)


def test_summary_has_intervals_comparisons_and_the_notice(tmp_path: Path) -> None:
    summary = run_to(script_of({"cases": 6, "seed": 2, "therapists": ["true", "breathless"]}), tmp_path, Way(1))
    assert summary == json.loads((tmp_path / "summary.json").read_text())
    assert summary["notice"] == NOTICE and summary["sessions"] == 72
    end = summary["therapists"]["true"]["P10"]["suds_end"]
    assert end["low"] <= end["mean"] <= end["high"] and end["n"] == 6
    assert {row["with"] for row in summary["comparisons"]} == {"breathless"}
    assert summary["published"]["true"]["suds_in_imaginal_exposure"]["suds_peak"]["published"] == 89.7
    assert "not the task" in summary["trajectory"]["note"]
    assert NOTICE in (tmp_path / "report.html").read_text()


def test_pairs_share_their_luck(tmp_path: Path) -> None:
    run(script_of({"cases": 2, "seed": 2, "therapists": ["true", "breathless"], "sessions": ["P5"]}), tmp_path, 1)
    true, breathless = (
        [s for s in read_sessions(tmp_path / SESSIONS) if s.therapist == name] for name in ("true", "breathless")
    )
    for a, b in zip(true, breathless, strict=True):
        assert a.profile == b.profile and a.turns[1].text == b.turns[1].text


def test_bootstrap_intervals_cover_the_mean_as_often_as_they_say() -> None:
    import numpy as np

    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(200):
        sample = rng.normal(3.0, 1.0, (40, 1))
        low, high = np.quantile(resampled_means(sample)[:, 0], [0.025, 0.975])
        covered += low <= 3.0 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_described_and_compared_leave_out_what_is_not_defined() -> None:
    from rapport.apps.simulate.measures import MEASURES

    def measured(case: int, trust: float, suds: float) -> runner.Measured:
        figures = dict.fromkeys(MEASURES, float("nan")) | {"trust": trust, "suds_end": suds}
        return runner.Measured("true", case, "P10", figures, "", "")

    nan = float("nan")
    ours = [measured(i, 0.5 + i / 100, 50 if i else nan) for i in range(5)]
    theirs = [measured(i, 0.2 + i / 100, 70) for i in range(5)]
    found = described(ours)
    assert set(found) == {"trust", "suds_end"} and found["suds_end"]["n"] == 4
    rows = compared(ours, theirs)
    assert rows["trust"]["difference"] == pytest.approx(0.3) and rows["trust"]["apart"]
    assert rows["suds_end"]["n"] == 4


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"protocl": "pe"}, "no key 'protocl'; did you mean 'protocol'"),
        ({"profile": {"aeg": 30}}, "profile: there is no key 'aeg'; did you mean 'age'"),
        ({"stop": {"minuets": 3}}, "did you mean 'minutes'"),
        ({"xyz": 1}, "the keys are protocol, cases"),
        ({"profile": {"age": 7}}, "age"),
        ({"cases": 0}, "cases"),
        ({"seed": -1}, "seed"),
        ({"therapists": ["kind"]}, "unknown therapist 'kind'"),
        ({"therapists": ["true", "true"]}, "twice"),
        ({"sessions": ["P9"]}, "it has P5, P10"),
        ({"record": ["pdf"]}, "record"),
    ],
)
def test_a_wrong_script_names_what_is_wrong(keys: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        script_of(keys)


def test_an_unknown_protocol_lists_the_choices() -> None:
    with pytest.raises(ComponentError, match="pe, supportive, mi, free"):
        script_of({"protocol": "hypnosis"})


def test_a_script_is_read_from_yaml_where_true_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("protocol: mi\ncases: 3\ntherapists: [true, pushing]\nstop: {minutes: 9}\n")
    assert read_script(path) == SimulationScript(
        protocol="mi", cases=3, therapists=("true", "pushing"), stop={"minutes": 9}  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("content", ["- a\n", "a: [\n", "\xff"])
def test_what_is_no_script_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.yaml"):
        read_script(path)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["rapport", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


def test_the_command_runs_a_file_or_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "a.yaml"
    script.write_text("protocol: free\ncases: 2\nseed: 3\nrecord: [deepdialogue]\n")
    assert command(monkeypatch, "simulate", str(script), "--out", str(tmp_path / "out"), "--workers", "1") == 0
    assert "2 sessions" in capsys.readouterr().out
    assert len(list((tmp_path / "out").rglob("free-F1_*.json"))) == 2
    assert command(monkeypatch, "simulate", "--protocol", "mi", "--seed", "3", "--json") == 0
    assert json.loads(capsys.readouterr().out)["protocol"] == "mi"


def test_the_command_prints_one_case_with_its_notice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "simulate", "--protocol", "supportive", "--seed", "1") == 0
    told = capsys.readouterr().out
    assert "Therapist: " in told and "Client: " in told and told.rstrip().endswith(NOTICE)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--protocol", "hypnosis"], "choose one of"),
        (["nowhere.yaml"], "cannot be read"),
        (["--protocol", "pe", "--cases", "3"], "--out DIR"),
        (["--therapist", "nobody"], "unknown therapist"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert command(monkeypatch, "simulate", *arguments) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1
