"""The page of a trace: both drawings and every turn with its reasons, in one HTML file that needs no network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources

from rapport.apps.plot.figure import DARK, LIGHT, PLANE_PX, TIME_PX, heading
from rapport.apps.plot.paths import AXES, AffectPoint, explanation_texts, paths_of, signed
from rapport.apps.plot.plane import plane_svg
from rapport.apps.plot.strokes import legend_html, plot_style
from rapport.apps.plot.timeline import timeline_svg
from rapport.apps.traces import EvidenceSeen, TurnSeen

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page_html(turns: Sequence[TurnSeen]) -> str:
    """The page. It works without JavaScript, in light and dark, and on paper."""
    paths = paths_of(turns)
    title, subtitle = heading(turns)
    name = escape(paths.names[1])
    cards = "".join(_card(turn, point, paths.names) for turn, point in zip(turns, paths.person, strict=True))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<style>
:root {{ {_properties(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_properties(DARK)} }} }}
{plot_style()}{_read("page.css")}</style>
</head>
<body>
<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>
<figure>
{legend_html(paths)}
<div class="drawings">{plane_svg(paths, PLANE_PX)}{timeline_svg(paths, AXES, TIME_PX, PLANE_PX)}</div>
<figcaption>Left: the valence-arousal plane (Russell 1980). Right: valence, arousal and dominance, each from −1 to 1, \
over the turns. The person’s points are what was perceived of them in each turn; {name}’s are its emotion after it, \
and the dashed line is the slow mood beneath. Point at a turn, or step through them with Tab and the arrow \
keys.</figcaption>
</figure>
<ol class="turns">{cards}</ol>
<div id="note" hidden></div>
<script>{_read("page.js")}</script>
</body>
</html>
"""


def _card(turn: TurnSeen, point: AffectPoint, names: tuple[str, str]) -> str:
    perceived, felt = turn.perceived, turn.felt
    label = perceived.compound or perceived.fused.label
    reasons = [
        _likeliest(turn),
        *(
            f"{modality}: "
            + ", ".join(f"{c.text} {signed(c.weight)}" for c in perceived.evidence if c.modality == modality)
            for modality in dict.fromkeys(clue.modality for clue in perceived.evidence)
        ),
    ]
    if perceived.explanation is not None:
        reasons += explanation_texts(perceived.explanation)
    conflict = ""
    if perceived.conflict:
        conflict = f'<p class="conflict">{escape(perceived.conflict[:1].upper() + perceived.conflict[1:])}.</p>'
    return (
        f'<li id="turn-{point.at:g}" value="{point.at:g}">'
        f'<section class="person"><h2>{escape(names[0])} <em>{escape(label)}</em></h2>'
        f'<blockquote dir="auto">{_marked(turn.heard.text, perceived.evidence)}</blockquote>{conflict}'
        f"{_perceived_table(turn)}{_list(reasons)}</section>"
        f'<section class="agent"><h2>{escape(turn.persona.capitalize())} <em>{escape(felt.after.label)}</em></h2>'
        f'<blockquote dir="auto">{escape(turn.reply.text)}</blockquote>'
        f"{_felt_table(turn)}</section></li>"
    )


def _perceived_table(turn: TurnSeen) -> str:
    """A row for what was perceived, one for each modality when there are several, and one for the smoothed feeling."""
    perceived = turn.perceived
    sources = {"perceived": perceived.fused}
    if len(perceived.modalities) > 1:
        sources |= perceived.modalities
    rows = {
        source: _with_deviation(seen.vad.numbers, None if seen.vad_sd is None else seen.vad_sd.numbers)
        for source, seen in sources.items()
    }
    if perceived.smoothed is not None:
        rows["smoothed"] = _with_deviation(perceived.smoothed.vad.numbers, perceived.smoothed.sd.numbers)
    return _table(AXES, rows)


def _with_deviation(values: Sequence[float], deviations: Sequence[float] | None) -> list[str]:
    if deviations is None:
        return [signed(value) for value in values]
    return [f"{signed(value)} ± {sd:.2f}" for value, sd in zip(values, deviations, strict=True)]


def _felt_table(turn: TurnSeen) -> str:
    """Where the emotion is, how far it moved, the parts of the move that can be seen in two digits, and the mood."""
    felt = turn.felt
    moved = [after - before for before, after in zip(felt.before.vad.numbers, felt.after.vad.numbers, strict=True)]
    rows = {"emotion": felt.after.vad.numbers, "moved": moved}
    for cause in dict.fromkeys(cause for axis in AXES for cause in felt.because.get(axis, {})):
        parts = [felt.because.get(axis, {}).get(cause, 0.0) for axis in AXES]
        if any(abs(part) >= 0.005 for part in parts):
            rows[f"· {cause}"] = parts
    rows["mood"] = felt.after.mood.numbers
    return _table(AXES, {name: [signed(value) for value in values] for name, values in rows.items()})


def _table(heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(
        f"<tr><th>{escape(name)}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for name, cells in rows.items()
    )
    return f"<table><thead><tr><th></th>{top}</tr></thead><tbody>{body}</tbody></table>"


def _likeliest(turn: TurnSeen) -> str:
    probabilities = turn.perceived.fused.probabilities
    likeliest = [
        label
        for label in sorted(probabilities, key=lambda label: -probabilities[label])[:3]
        if probabilities[label] >= 0.01
    ]
    return ", ".join(f"{label} {probabilities[label]:.0%}" for label in likeliest)


def _list(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines if line)
    return f"<ul>{items}</ul>" if items else ""


def _marked(words: str, evidence: Sequence[EvidenceSeen]) -> str:
    """The words with those marked that carried the feeling, stronger where they weighed more."""
    weights = {clue.text.casefold(): clue.weight for clue in evidence if clue.modality == "text" and clue.text.strip()}
    if not weights:
        return escape(words)
    longest_first = sorted(weights, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)

    def mark(piece: str) -> str:
        weight = weights.get(piece.casefold())
        if weight is None:
            return escape(piece)
        kind = "pleasant" if weight > 0 else "unpleasant"
        return f'<mark class="{kind}" style="--weight:{min(1.0, abs(weight)):.2f}">{escape(piece)}</mark>'

    return "".join(mark(piece) for piece in pattern.split(words))


def _properties(palette: dict[str, str]) -> str:
    return "".join(f"--rp-{name}: {colour}; " for name, colour in palette.items())


def _read(name: str) -> str:
    return (resources.files("rapport.apps.plot") / name).read_text("utf-8")
