"""Text from outside (memory, persona cards, files) in prompts: quoted data, with marks that it cannot forge.

A quotation stands between quotation marks on one line. Inside it there are no quotation marks, no line breaks, no
control characters and no angle, square or curly brackets or bars, of which chat templates and headings are made; so no
text can end its quotation or look like a message of its own.
"""

from __future__ import annotations

import re
import unicodedata

_MARKS = str.maketrans({'"': "'", "\u201c": "'", "\u201d": "'", "\u00ab": "'", "\u00bb": "'", "\uff02": "'", "`": "'"})
_STRUCTURE = re.compile(r"[<>\[\]{}|\\]|#{2,}|={3,}|-{3,}|\*{2,}")
_ROLE = re.compile(r"\b(system|user|assistant|developer|human|tool)\s*:", re.I)


def bare(text: str, characters: int) -> str:
    """A text on one line without marks or structure, cut at a word within `characters`."""
    flat = unicodedata.normalize("NFKC", text[: characters * 4])
    flat = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in flat).translate(_MARKS)
    flat = " ".join(_ROLE.sub(r"\1", _STRUCTURE.sub(" ", flat)).split())
    return flat if len(flat) <= characters else flat[:characters].rsplit(" ", 1)[0] + " ..."


def quoted(text: str, characters: int) -> str:
    """The same between quotation marks."""
    return f'"{bare(text, characters)}"'
