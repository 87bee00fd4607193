"""The released file formats of text corpora, on small files made up in their layout; what is said of broken ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rapport.apps.evaluate.corpora import has_parts, read_emobank, read_goemotions, read_mahaemotions
from rapport.apps.evaluate.tables import read_csv, read_lines, read_tsv
from rapport.persona.affect import GOEMOTIONS28
from rapport.persona.errors import InputError

LABELS = GOEMOTIONS28.labels
EMOBANK = 'id,split,V,A,D,text\na,train,3.0,2.9,3.1,"He said ""NA"", twice"\nb,test,4.2,3.5,3.3,null\n'


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_goemotions_as_released(tmp_path: Path):
    file = write(tmp_path / "train.tsv", 'odd\x85 text\t1,27\tabc\nplain, with "quotes"\t0\tdef\n')
    read = read_goemotions(file, LABELS)
    assert read.texts == ["odd\x85 text", 'plain, with "quotes"']
    assert [np.flatnonzero(row).tolist() for row in read.targets] == [[1, 27], [0]]


@pytest.mark.parametrize("line", ["no tabs", "text\tjoy\tid", "text\t28\tid", "text\t-1\tid", "text\t\tid"])
def test_a_line_that_is_not_goemotions_is_named(tmp_path: Path, line: str):
    file = write(tmp_path / "train.tsv", f"fine\t0\tid\n{line}\n")
    with pytest.raises(InputError, match=r"train.tsv, line 2: expected text, label ids 0-27"):
        read_goemotions(file, LABELS)


def test_emobank_as_released_and_in_parts(tmp_path: Path):
    file = write(tmp_path / "emobank.csv", EMOBANK)
    assert has_parts(file)
    assert read_emobank(file).texts == ['He said "NA", twice', "null"]
    test = read_emobank(file, "test")
    assert test.texts == ["null"]
    assert test.targets.tolist() == [pytest.approx([4.2, 3.5, 3.3])]
    part = write(tmp_path / "dev.csv", "id,V,A,D,text\na,3.0,2.9,3.1,NA\n")
    assert not has_parts(part)
    assert read_emobank(part).texts == ["NA"]
    with pytest.raises(InputError, match="no column split"):
        read_emobank(part, "test")
    with pytest.raises(InputError, match="no rows whose split is dev"):
        read_emobank(file, "dev")


@pytest.mark.parametrize("ratings", ["3.0,,3.1", "3.0,high,3.1", "3.0,nan,3.1", "3.0,5.2,3.1"])
def test_a_rating_that_is_none_is_named(tmp_path: Path, ratings: str):
    file = write(tmp_path / "dev.csv", f"id,V,A,D,text\na,3,3,3,fine\nb,{ratings},x\n")
    with pytest.raises(InputError, match=r"dev.csv, line 3: V, A and D must be numbers from 1 to 5"):
        read_emobank(file)


def test_mahaemotions_mixes_cases(tmp_path: Path):
    file = write(
        tmp_path / "validation.csv", 'Tweet,Label\n"एक, दोन",Respect\nतीन,respect\nचार,Anger/Disgust\nपाच,Disgust\n'
    )
    assert read_mahaemotions(file) == [
        ("एक, दोन", "respect"), ("तीन", "respect"), ("चार", "anger/disgust"), ("पाच", "disgust"),
    ]  # fmt: skip
    broken = write(tmp_path / "broken.csv", "Tweet,Label\nएक,\n")
    with pytest.raises(InputError, match=r"broken.csv, line 2: no Label; expected one of anger"):
        read_mahaemotions(broken)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "goemotions": ("fine\t0\tid\nthen\t1,2\tid2\n", lambda path: read_goemotions(path, LABELS).texts),
    "emobank": (EMOBANK, lambda path: read_emobank(path).texts),
    "mahaemotions": ("Tweet,Label\nएक,Fear\n", read_mahaemotions),
}
corpora = pytest.mark.parametrize("corpus", READERS)


@corpora
def test_a_byte_order_mark_and_carriage_returns_change_nothing(tmp_path: Path, corpus: str):
    text, read = READERS[corpus]
    expected = read(write(tmp_path / "plain", text))
    assert read(write(tmp_path / "bom", text, "utf-8-sig")) == expected
    assert read(write(tmp_path / "crlf", text.replace("\n", "\r\n"))) == expected


@corpora
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"fine\t0\tid\n\xff\xfe\t0\tid\n", "line 2: byte 0xff is not UTF-8"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path: Path, corpus: str, content: bytes, says: str):
    file = tmp_path / "given.file"
    file.write_bytes(content)
    with pytest.raises(InputError, match=says) as told:
        READERS[corpus][1](file)
    assert "given.file" in str(told.value) and "\n" not in str(told.value)


@corpora
def test_a_missing_file_or_a_folder_is_named(tmp_path: Path, corpus: str):
    with pytest.raises(InputError, match=r"nowhere.csv was expected as a file and is not there"):
        READERS[corpus][1](tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="is a folder"):
        READERS[corpus][1](tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,c\n1,2\n", "line 1: no column b; the corpus has the columns a, b, by commas"),
        ("a,b\n", "has a header and no rows"),
        ("a,b\n1\n", "line 2: 1 fields, but the header has 2"),
        ("a,b\n1,2,3\n", "line 2: 3 fields"),
        ('a,b\n1,"2\n3,4\n', "broken CSV"),
        ('a,b\n1,"2" x\n', "line 2: broken CSV"),
    ],
)
def test_a_broken_csv_is_named(tmp_path: Path, text: str, says: str):
    with pytest.raises(InputError, match=says):
        list(read_csv(write(tmp_path / "t.csv", text), ("a", "b"), "the corpus"))


def test_a_csv_row_is_known_by_the_line_it_begins_at(tmp_path: Path):
    file = write(tmp_path / "t.csv", ' a ,b\r\n"two\r\nlines",NA\r\n\r\nx,\r\n')
    rows = list(read_csv(file, ("a", "b"), "the corpus"))
    assert [(row.line, row.fields) for row in rows] == [
        (2, {"a": "two\r\nlines", "b": "NA"}),
        (5, {"a": "x", "b": ""}),
    ]


def test_a_tsv_field_is_unquoted_only_where_it_was_quoted(tmp_path: Path):
    file = write(tmp_path / "t.tsv", 'a\tb\n"He said ""no""."\t"so" and "so"\n"open\t""\n')
    rows = [row.fields for row in read_tsv(file, ("a", "b"), "the corpus")]
    assert rows == [{"a": 'He said "no".', "b": '"so" and "so"'}, {"a": '"open', "b": ""}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a\tc\n1\t2\n", "line 1: no column b"),
        ("a,b\n1,2\n", "line 1: no column a, b; the corpus has the columns a, b, by tabs"),
        ("a\tb\n", "header and no rows"),
        ("a\tb\n1\t2\n1\n", "line 3: 1 fields"),
    ],
)
def test_a_broken_tsv_is_named(tmp_path: Path, text: str, says: str):
    with pytest.raises(InputError, match=says):
        list(read_tsv(write(tmp_path / "t.tsv", text), ("a", "b"), "the corpus"))


def test_only_newlines_end_lines(tmp_path: Path):
    file = write(tmp_path / "t.txt", "one\u2028still one\r\n\r\ntwo\x0cstill two")
    assert read_lines(file) == [(1, "one\u2028still one"), (3, "two\x0cstill two")]
