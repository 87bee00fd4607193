"""Set-level scores and hit rate by emotion wheels, against values worked out by hand on small made-up wheels."""

from __future__ import annotations

from pathlib import Path

import pytest

from rapport.apps.evaluate.wheels import hit_rate, listed, own_wheels, read_wheels, set_scores
from rapport.persona.affect import EKMAN7, EMPATHETIC32, GOEMOTIONS28
from rapport.persona.errors import ComponentError, InputError

# Two wheels that differ in where "worry" belongs; three more are copies of the first.
FIRST = "level1,level2,level3\nJoy,glee,fun\n,,thrill\n,pride,triumph\nFear,worry,unease\n"
SECOND = "level1,level2,level3\nJoy,glee,fun\n,,thrill\n,pride,triumph\nSadness,worry,unease\n"
FORMAT = (
    'name,format\nglee,"gleeful,gleefully"\nmerriment,"[\'merry\']"\nworry,worried\ntension,worried\nfear,fearful\n'
)


def folder(path: Path) -> Path:
    path.mkdir()
    for k in range(1, 6):
        (path / f"wheel{k}.csv").write_text(SECOND if k == 2 else FIRST, "utf-8")
    (path / "format.csv").write_text(FORMAT, "utf-8")
    header = ",".join(f"word_run{k},synonym_run{k}" for k in range(1, 9))
    rows = [
        ("glee", "['merriment']", "joy", ""),
        ("worry", "['tension', 'strain']", "fun", ""),
        ("pride", "", "fear", "tension"),
    ]
    lines = [",".join(f'"{cell}"' for cell in (*row, *([""] * 12))) for row in rows]
    (path / "synonym.csv").write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


def test_a_label_goes_form_base_word_group(tmp_path: Path):
    wheels = read_wheels(folder(tmp_path / "wheels"))
    first, second = wheels.level1[0], wheels.level1[1]
    assert wheels.cluster("gleefully", first) == "joy"  # form, base and word are one
    assert wheels.cluster("merry", first) == "joy"  # merry -> merriment -> glee -> joy
    # worried -> {worry, tension}; worry -> worry, tension -> {fear, worry}: "fear" comes first and is on wheel 1 only.
    assert wheels.cluster("worried", first) == "fear"
    assert wheels.cluster("worried", second) == "sadness"
    assert wheels.cluster("strain", first) is None  # a base only where format.csv has it
    assert wheels.cluster("triumph", wheels.level2[0]) is None
    assert wheels.level2[0]["joy"] == "glee" and wheels.level2[0]["triumph"] == "pride"
    assert wheels.clusters([" Merry ", "neutral", "FEARFUL"], first) == {"joy", "fear"}


def test_set_scores_by_hand(tmp_path: Path):
    wheels = read_wheels(folder(tmp_path / "wheels"))
    given = [["gleeful", "fearful"], ["worried"], ["nothing"], ["merry"]]
    found = [["merry"], ["merry", "worried"], ["merry"], []]
    # Wheel 1: {joy, fear}/{joy}, {fear}/{joy, fear}, not counted, {joy}/{}: precision 1, 1/2, 0; recall 1/2, 1, 0.
    one = 2 * 0.5 * 0.5 / (0.5 + 0.5)
    # Wheel 2 lacks "fear": {joy}/{joy}, {sadness}/{joy, sadness}, not counted, {joy}/{}: recall 1, 1, 0.
    two = 2 * 0.5 * (2 / 3) / (0.5 + 2 / 3)
    scores = set_scores(given, found, wheels)
    assert scores["precision"] == pytest.approx(0.5)
    assert scores["recall"] == pytest.approx((4 * 0.5 + 2 / 3) / 5)
    assert scores["f1"] == pytest.approx((4 * one + two) / 5)


def test_hit_rate_by_hand(tmp_path: Path):
    wheels = read_wheels(folder(tmp_path / "wheels"))
    rate = hit_rate(["gleeful", "fearful", "neutral"], [["merry", "worried"], ["gleeful"], ["merry"]], wheels)
    assert rate == pytest.approx((4 * 1 / 2 + 1 / 1) / 5)  # on wheel 2 "fearful" is not counted
    with pytest.raises(InputError, match="none of the given labels is on a wheel"):
        hit_rate(["neutral"], [["merry"]], wheels)


def test_nothing_found_at_all_scores_zero(tmp_path: Path):
    wheels = read_wheels(folder(tmp_path / "wheels"))
    assert set_scores([["merry"]], [[]], wheels) == {"f1": 0, "precision": 0, "recall": 0}


def test_a_folder_without_the_wheels_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="is no folder"):
        read_wheels(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"has neither format.xlsx nor format.csv"):
        read_wheels(tmp_path)
    made = folder(tmp_path / "wheels")
    (made / "wheel4.csv").write_text("level1,level2\nJoy,glee\n", "utf-8")
    with pytest.raises(InputError, match=r"wheel4.csv, line 1: no column level3"):
        read_wheels(made)


def test_a_workbook_needs_openpyxl_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = folder(tmp_path / "wheels")
    (made / "wheel1.csv").unlink()
    (made / "wheel1.xlsx").write_bytes(b"no workbook")
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(
        ComponentError, match=r"wheel1.xlsx is read with openpyxl: pip install openpyxl, or save it as CSV"
    ):
        read_wheels(made)


def test_workbooks_read_as_the_same_tables(tmp_path: Path):
    openpyxl = pytest.importorskip("openpyxl", reason="workbooks are read with openpyxl, which is not installed")
    expected = read_wheels(folder(tmp_path / "csv"))
    made = folder(tmp_path / "xlsx")
    import csv

    for name in ("wheel1", "synonym"):
        book = openpyxl.Workbook()
        with (made / f"{name}.csv").open(newline="") as file:
            for row in csv.reader(file):
                book.active.append([cell or None for cell in row])
        book.save(made / f"{name}.xlsx")
        (made / f"{name}.csv").unlink()
    read = read_wheels(made)
    assert (read.bases, read.words, read.level1, read.level2) == (
        expected.bases, expected.words, expected.level1, expected.level2,
    )  # fmt: skip
    (made / "wheel1.xlsx").write_bytes(b"no workbook")
    with pytest.raises(InputError, match="cannot be read as a workbook"):
        read_wheels(made)


def test_labels_of_a_cell():
    assert listed("['glad', \"merry\"]") == listed("glad, merry") == ["glad", "merry"]
    assert listed("[]") == listed("") == []


@pytest.mark.parametrize("taxonomy", [EKMAN7, GOEMOTIONS28, EMPATHETIC32], ids=lambda t: t.name)
def test_our_own_wheel_knows_the_labels_of_our_taxonomies(taxonomy):
    wheels = own_wheels()
    groups = {label: wheels.cluster(label, wheels.level1[0]) for label in taxonomy.labels}
    assert [label for label, group in groups.items() if group is None] == [n for n in ("neutral",) if n in groups]
    assert not {"anger", "joy"} & set(groups) or groups["anger"] != groups["joy"]
    assert hit_rate(["anger", "joy"], [["furious"], ["sad"]], wheels) == 0.5
