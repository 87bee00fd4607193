"""`rapport plot`: a trace as a page, a figure or a picture, by the ending of the file's name."""

from __future__ import annotations

from pathlib import Path

from rapport.apps.plot.figure import figure_png, figure_svg
from rapport.apps.plot.page import page_html
from rapport.apps.traces import read_turns
from rapport.persona.errors import InputError, StorageError


def plot(trace: Path, out: Path) -> None:
    """Draw the turns of `trace` into `out`, an .html page, an .svg figure or a .png picture of it.

    Raises:
        InputError: another ending, or a trace that cannot be read or is none.
        ComponentError: a PNG on a machine without fonts.
        StorageError: `out` cannot be written.
    """
    kind = out.suffix.lower()
    if kind not in {".html", ".svg", ".png"}:
        raise InputError(f"{out}: the plot is an .html page, an .svg figure or a .png picture; name it so")
    turns = read_turns(trace)
    if kind == ".png":
        data = figure_png(turns)
    else:
        data = (page_html(turns) if kind == ".html" else figure_svg(turns)).encode()
    try:
        out.write_bytes(data)
    except OSError as error:
        raise StorageError(f"{out}: cannot be written ({error.strerror}); choose another place") from None
