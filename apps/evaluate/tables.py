"""Reads the text and table files of public corpora, and says which line of which file is not as it was released."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rapport.persona.errors import InputError


class Row(NamedTuple):
    """A row of a table: the line it begins at (the header is line 1), and its fields by column."""

    line: int
    fields: dict[str, str]


def fault(path: Path, line: int, expected: str) -> InputError:
    """The error for a line that is not as it was released."""
    return InputError(f"{path}, line {line}: {expected}")


def require(path: Path) -> None:
    """Raise InputError that names the file which was expected, unless it is there."""
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "is not there"
        raise InputError(f"{path} was expected as a file and {found}; give the released file")


def read_text(path: Path) -> str:
    """A file's text, which must be UTF-8, without the byte order mark that some releases begin with.

    Raises:
        InputError: the file is missing, unreadable, empty, or another encoding; the message names the line.
    """
    require(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise fault(path, line, f"byte {raw[error.start]:#04x} is not UTF-8; save the file as UTF-8") from None
    if not text.strip():
        raise InputError(f"{path} is empty")
    return text


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers from 1.

    Only the newline ends a line, with or without a carriage return before it: `str.splitlines` would also split at the
    odd control character inside a comment.
    """
    lines = read_text(path).split("\n")
    return [(number, line.rstrip("\r")) for number, line in enumerate(lines, start=1) if line.strip()]


def read_csv(path: Path, columns: Sequence[str], corpus: str) -> Iterator[Row]:
    """The rows of a CSV with a header, as strings: no field is ever taken for a missing value.

    Raises:
        InputError: a column is missing, a row is short, the quotes do not close, or there are no rows.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader)]
        missing = [name for name in columns if name not in header]
        if missing:
            raise fault(
                path, 1, f"no column {', '.join(missing)}; {corpus} has the columns {', '.join(columns)}, by commas"
            )
        rows = 0
        line = reader.line_num + 1
        for values in reader:
            if any(value.strip() for value in values):
                if len(values) != len(header):
                    raise fault(path, line, f"{len(values)} fields, but the header has {len(header)}; check the quotes")
                yield Row(line, dict(zip(header, values, strict=True)))
                rows += 1
            line = reader.line_num + 1
    except csv.Error as error:
        raise fault(path, reader.line_num, f"broken CSV ({error}); check the quotes") from None
    if not rows:
        raise InputError(f"{path} has a header and no rows")


def read_tsv(path: Path, columns: Sequence[str], corpus: str) -> Iterator[Row]:
    """The rows of a tab-separated table with a header, one a line.

    A field in quotes, in which every quote is doubled, is taken for what stands between them (pandas writes a field
    that way where it holds a quote); any other quote belongs to the text.
    """
    (_, first), *lines = read_lines(path)
    header = [name.strip() for name in first.split("\t")]
    missing = [name for name in columns if name not in header]
    if missing:
        raise fault(path, 1, f"no column {', '.join(missing)}; {corpus} has the columns {', '.join(columns)}, by tabs")
    if not lines:
        raise InputError(f"{path} has a header and no rows")
    for line, text in lines:
        values = [_unquoted(value) for value in text.split("\t")]
        if len(values) != len(header):
            raise fault(path, line, f"{len(values)} fields, but the header has {len(header)}; expected them by tabs")
        yield Row(line, dict(zip(header, values, strict=True)))


def _unquoted(value: str) -> str:
    if len(value) < 2 or not (value[0] == value[-1] == '"'):
        return value
    inner = value[1:-1].replace('""', "\0")
    return value if '"' in inner else inner.replace("\0", '"')


def label_in(labels: Sequence[str], given: str, path: Path, line: int, column: str) -> str:
    """A label of a closed set, whatever its case and the spaces around it."""
    label = given.strip().casefold()
    if label not in labels:
        said = f"unknown {column} {given.strip()!r}" if label else f"no {column}"
        raise fault(path, line, f"{said}; expected one of {', '.join(labels)}")
    return label
