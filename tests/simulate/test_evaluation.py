"""Sessions that are there already: who is compared with whom, and what transcripts without times and feelings show."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from rapport.apps import cli
from rapport.apps.simulate.api import simulate
from rapport.apps.simulate.command_run import Way, run_to
from rapport.apps.simulate.evaluation import evaluate
from rapport.apps.simulate.layouts import convert
from rapport.apps.simulate.measures import MEASURES
from rapport.apps.simulate.records import NOTICE, SessionRecord
from rapport.apps.simulate.script import script_of
from rapport.persona.errors import InputError


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """run/ with two therapists, other/ with a third and the same clients, late/ with other clients, tvt/ and dd/."""
    root = tmp_path_factory.mktemp("runs")
    run_to(script_of({"cases": 4, "seed": 7, "therapists": ["true", "breathless"]}), root / "run", Way(1))
    for name, keys in (("other", {"therapists": ["pushing"]}), ("late", {"seed": 8})):
        lines = "".join(s.line() for s in simulate(**{"cases": 4, "seed": 7, **keys}))  # type: ignore[arg-type]
        (root / f"{name}.jsonl").write_text(lines)
    convert(root / "other.jsonl", "thousand-voices", root / "tvt")
    convert(root / "other.jsonl", "deepdialogue", root / "dd")
    return root


def test_a_runs_own_summary_comes_out_again(runs: Path) -> None:
    again, told = evaluate([runs / "run"]).summary(), json.loads((runs / "run" / "summary.json").read_text())
    for part in ("sessions", "baseline", "stopped", "therapists", "acts", "comparisons", "published", "trajectory"):
        assert again[part] == told[part], part
    assert again["notice"] == NOTICE


def test_every_measure_of_a_run_has_an_interval(runs: Path) -> None:
    summary = evaluate([runs / "run"]).summary()
    found = {name: row for by in summary["therapists"].values() for rows in by.values() for name, row in rows.items()}
    assert set(found) == set(MEASURES) - {"change_talk"}  # which is of motivational interviewing
    assert all(row["low"] <= row["mean"] <= row["high"] for row in found.values())
    assert all(row["low"] <= row["difference"] <= row["high"]
               for c in summary["comparisons"] for row in c["measures"].values())  # fmt: skip


def test_folders_with_the_same_clients_are_compared_case_by_case(runs: Path) -> None:
    summary = evaluate([runs / "run", runs / "other.jsonl"]).summary()
    assert list(summary["therapists"]) == ["run: true", "run: breathless", "other: pushing"]
    rows = [c for c in summary["comparisons"] if c["session"] == "P10"]
    assert [(c["of"], c["with"], c["paired"]) for c in rows] == [
        ("run: true", "run: breathless", True), ("run: true", "other: pushing", True),
    ]  # fmt: skip


def test_folders_with_other_clients_are_compared_as_two_groups(runs: Path) -> None:
    summary = evaluate([runs / "other.jsonl", runs / "late.jsonl"]).summary()
    (row,) = [c for c in summary["comparisons"] if c["session"] == "P10"]
    assert not row["paired"]
    trust = row["measures"]["trust"]
    assert trust["low"] < trust["difference"] < trust["high"]
    assert trust["difference"] == pytest.approx(trust["mean"] - trust["other"], abs=1e-3)


def test_therapists_may_be_compared_with_any_of_them(runs: Path) -> None:
    found = evaluate([runs / "run"])
    assert {c["of"] for c in found.summary("breathless")["comparisons"]} == {"breathless"}
    with pytest.raises(InputError, match="no 'kind'; choose one of true, breathless"):
        found.summary("kind")


def test_thousand_voices_are_measured_by_their_words(runs: Path) -> None:
    found = evaluate([runs / "tvt"])
    summary = found.summary()
    (figures,) = summary["therapists"].values()
    assert set(figures) == {"P5", "P6", "P7", "P8", "P10", "P11"}
    assert {"suds_peak", "talk_ratio", "empathy", "lexical_rapport"} <= set(figures["P10"])
    assert not {"trust", "intensity", "felt_intensity", "minutes"} & set(figures["P10"])
    assert "CC BY-NC" in summary["sources"][0]["about"] and not summary["personality"]
    assert "trajectory" not in summary and summary["published"]


def test_clients_of_two_sources_are_the_same_only_with_the_same_profile(runs: Path) -> None:
    summary = evaluate([runs / "run", runs / "tvt"]).summary()
    # The layout does not hold personality, so that nobody can know that they are the same.
    assert {c["paired"] for c in summary["comparisons"] if c["with"].startswith("tvt")} == {False}


class Fixed:
    """Reads the same feeling everywhere."""

    def __call__(self, sessions: list[SessionRecord]) -> list[SessionRecord]:
        afraid = {"vad": (-0.8, 0.85, -0.7), "feeling": "fear"}
        return [
            s.model_copy(update={"turns": tuple(t.model_copy(update=afraid) for t in s.turns)}) for s in sessions
        ]  # fmt: skip


def test_feelings_read_in_words_give_trajectories_and_their_scores(runs: Path) -> None:
    reference = {str(i): (5.0, 9.0, 8.0, 7.0, 6.0, 5.0) for i in range(1, 5)}
    summary = evaluate([runs / "tvt"], Fixed()).summary(reference=reference)  # type: ignore[arg-type]
    rows = summary["trajectory"]["rows"]
    assert [(row["against"], row["of"], row["n"]) for row in rows] == [
        ("expected shape", "felt_intensity", 4), ("reference", "felt_intensity", 4),
    ]  # fmt: skip
    assert rows[1]["mean"] == [10.0] * 6 and rows[1]["pearson"] is None
    assert rows[1]["rmse"] == pytest.approx((sum((10 - x) ** 2 for x in reference["1"]) / 6) ** 0.5, abs=1e-3)


def test_a_reference_of_other_clients_is_refused(runs: Path) -> None:
    with pytest.raises(InputError, match="none of the clients of true, who are called 1, 2, 3"):
        evaluate([runs / "run"]).summary(reference={"subject 9": (5.0, 9.0, 8.0, 7.0, 6.0, 5.0)})


def test_trajectories_have_intervals_and_ratios_to_the_first(runs: Path) -> None:
    rows = evaluate([runs / "run"]).summary()["trajectory"]["rows"]
    assert [row["ratios_to_baseline"] is None for row in rows] == [True, False]
    for row in rows:
        for name, (low, high) in row["intervals"].items():
            assert low <= row[name] <= high
    assert rows[1]["ratios_to_baseline"]["r_dtw"] == pytest.approx(rows[0]["dtw"] / rows[1]["dtw"], abs=1e-3)


def test_deepdialogue_keeps_its_dialogues_apart(runs: Path, tmp_path: Path) -> None:
    summary = evaluate([runs / "dd"]).summary()
    (figures,) = summary["therapists"].values()
    assert figures["D1"]["turns"]["n"] == 24 and "felt_intensity" in figures["D1"]
    assert summary["cases"] == {} and "published" not in summary
    # The same file name in two folders of one writer is two dialogues.
    for name in ("a", "b"):
        folder = tmp_path / "data" / f"dialogues_{name}"
        folder.mkdir(parents=True)
        turns = [{"speaker": "LLM1", "text": "Look!"}, {"speaker": "LLM2", "text": "Hm."}]
        (folder / "Art_1_2.json").write_text(json.dumps({"model1": "m", "model2": name, "conversation": turns}))
    assert len({m.case for m in evaluate([tmp_path]).measured}) == 2


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["run", "empty.jsonl"], "empty.jsonl: holds no sessions"),
        (["run", "run"], "named twice"),
        (["nothing"], "no such file"),
        (["blank"], "no file like"),
    ],
)
def test_what_cannot_be_read_is_refused(runs: Path, names: list[str], says: str) -> None:
    (runs / "empty.jsonl").write_text("")
    (runs / "blank").mkdir(exist_ok=True)
    with pytest.raises(InputError, match=says):
        evaluate([runs / name for name in names])


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["rapport", "evaluate-sessions", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


def test_the_command_writes_figures_and_page(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, page = tmp_path / "r.json", tmp_path / "r.html"
    both = [str(runs / "run"), str(runs / "tvt")]
    assert command(monkeypatch, *both, "--json", str(figures), "--html", str(page)) == 0
    told = capsys.readouterr().out
    assert "run: true" in told and NOTICE in told
    summary: dict[str, Any] = json.loads(figures.read_text())
    assert summary["sessions"] == 72 and [s["sessions"] for s in summary["sources"]] == [48, 24]
    text = page.read_text()
    for part in ("Sessions measured", "Therapists compared", "Single sessions", "Beside published sessions", NOTICE):
        assert part in text
    assert "different clients" in text and "CC BY-NC" in text
    assert set(re.findall(r"https?://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}
    (data,) = re.findall(r'<script type="application/json" id="sessions">(.*?)</script>', text, re.DOTALL)
    imported = [s for s in json.loads(data) if s["id"].startswith("tvt")]
    # Without times and feelings the turns stand in order, and no feeling is claimed.
    assert imported and all(not s["timed"] and [t["s"] for t in s["turns"]] == list(range(len(s["turns"])))
                            and {t["v"] for t in s["turns"]} == {None} for s in imported)  # fmt: skip
    assert "neuroticism" not in imported[0]["about"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--json", "{tmp}/nowhere/r.json"], "name a file in a folder that exists"),
        (["--judge", "gpt"], "langchain"),
        (["--emotion", "prosody"], "reads the voice"),
        (["--reference", "{tmp}/none.json"], "cannot be read"),
        (["--baseline", "kind"], "choose one of true, breathless"),
    ],
)
def test_what_cannot_work_is_one_line_and_code_2(
    runs: Path, tmp_path: Path, words: list[str], says: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert command(monkeypatch, str(runs / "run"), *(word.format(tmp=tmp_path) for word in words)) == 2
    told = capsys.readouterr().err
    assert says in told.replace("\n", " ")


@pytest.mark.models
def test_the_embedded_reader_hears_fear_in_exposure(runs: Path) -> None:
    from rapport.apps.simulate.words_read import WordsReader

    figures = evaluate([runs / "tvt"], WordsReader("minilm")).summary()["therapists"]["Thousand Voices of Trauma"]
    assert figures["P10"]["felt_intensity"]["mean"] > figures["P11"]["felt_intensity"]["mean"]
