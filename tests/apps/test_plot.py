"""Plots of traces: what is read, where it is drawn, and that a page needs nothing but itself."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rapport.agent.testing import FakeResponder, fake_agent
from rapport.agent.trace import write_traces
from rapport.apps import cli
from rapport.apps.plot.figure import DARK, LIGHT, figure_png, figure_svg
from rapport.apps.plot.page import page_html
from rapport.apps.plot.paths import AffectPaths, AffectPoint, paths_of
from rapport.apps.plot.plane import plane_position, plane_svg
from rapport.apps.plot.strokes import SEGMENTS, clock_time, legend, line
from rapport.apps.plot.timeline import timeline_svg
from rapport.apps.traces import TurnSeen, read_turns
from rapport.persona.affect import VAD
from rapport.persona.errors import ComponentError

NASTY = '<script>alert(1)</script> & "quotes" \' ]]> <!-- '
AXES = ("valence", "arousal", "dominance")


def vad_of(valence: float, arousal: float = 0.0, dominance: float = 0.0) -> dict[str, float]:
    return {"valence": valence, "arousal": arousal, "dominance": dominance}


def turn_of(number: int, *, session: str = "s", persona: str = "harbor", valence: float = 0.5, **perceived: Any) -> Any:
    """One turn as `--trace` writes it, with the least that a picture needs."""
    state = {"label": "neutral", "vad": vad_of(0.1), "mood": vad_of(0.2)}
    return {
        "session": session,
        "turn": number,
        "persona": persona,
        "heard": {"text": f"I lost my keys, {number} times."},
        "perceived": {
            "fused": {"label": "sadness", "vad": vad_of(valence, -0.3)},
            "evidence": [{"modality": "text", "text": "lost", "weight": -0.4}],
            **perceived,
        },
        "felt": {
            "before": state,
            "after": {**state, "label": "joy", "vad": vad_of(0.4)},
            "because": {"valence": {"stimulus": 0.2, "personality": 0.1}},
        },
        "reply": {"text": "Where did you see them last?"},
    }


def seen(*turns: Any) -> list[TurnSeen]:
    return [TurnSeen.model_validate(turn) for turn in turns]


RICH = turn_of(
    3,
    conflict="the words are pleasant, but the voice is unpleasant",
    compound="sadly fearful",
    explanation={"key_observations": ["The voice is flat."], "interpretation": "A loss.", "conclusion": "Sadness."},
    smoothed={"vad": vad_of(0.3), "sd": vad_of(0.2, 0.3, 0.4)},
)

# -------------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    "layout",
    [
        lambda turns: "\n".join(map(json.dumps, turns)),
        lambda turns: "\r\n".join(map(json.dumps, turns)) + "\r\n\r\n",
        lambda turns: "\n".join(json.dumps(turn, indent=2) for turn in turns),
        lambda turns: "\ufeff" + "".join(map(json.dumps, turns)),
    ],
    ids=["lines", "CRLF", "indented", "BOM and no line ends"],
)
def test_a_trace_is_read_in_any_layout(layout: Callable[[list[Any]], str], tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(layout([turn_of(1), turn_of(2)]).encode())
    assert [turn.turn for turn in read_turns(path)] == [1, 2]


def test_what_the_agent_traces_is_what_is_drawn(tmp_path: Path) -> None:
    agent = fake_agent(rendering=None, voice=None)
    traces = [agent.say(line).trace for line in ("I lost my job today.", "Thank you.")]
    write_traces(tmp_path / "trace.jsonl", traces)
    turns = read_turns(tmp_path / "trace.jsonl")
    paths = paths_of(turns)
    assert [point.words for point in paths.person] == ["I lost my job today.", "Thank you."]
    for point, trace in zip(paths.person, traces, strict=True):
        assert point.vad == VAD(**trace.perceived.fused.vad.model_dump())
        assert point.smoothed is not None
        assert point.smoothed[0] == VAD(**trace.perceived.smoothed.vad.model_dump())
    assert [p.vad for p in paths.agent[1:]] == [VAD(**t.felt.after.vad.model_dump()) for t in traces]
    assert page_html(turns).count('<li id="turn-') == 2


def broken(change: Callable[[Any], None]) -> str:
    turn = turn_of(1)
    change(turn)
    return json.dumps(turn)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"\xff\xfe\x00\x80", "cannot be read as text"),
        (b"{", "trace.jsonl:1: is no JSON"),
        (json.dumps(turn_of(1)).encode() + b"\n\nhello", "trace.jsonl:3: is no JSON"),
        (json.dumps(turn_of(1)).encode()[:-1], "trace.jsonl:1: is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "is no trace of a turn"),
        (b"3", "is no trace of a turn"),
        (b'{"name": "package", "version": 1}', "session: field required"),
        (broken(lambda t: t["perceived"]["fused"]["vad"].pop("arousal")).encode(), "fused.vad.arousal"),
        (broken(lambda t: t["perceived"]["fused"]["vad"].update(valence=1.5)).encode(), "fused.vad.valence"),
        (broken(lambda t: t["perceived"]["fused"]["vad"].update(valence=float("nan"))).encode(), "fused.vad.valence"),
        (broken(lambda t: t.update(turn="first")).encode(), "turn: input should be"),
    ],
)
def test_a_file_that_is_no_trace_is_one_line_and_exit_code_two(
    content: bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trace.jsonl").write_bytes(content)
    for command, out in (("plot", "affect.html"), ("export", "affect.emotionml")):
        assert run(monkeypatch, command, "trace.jsonl", "--out", out) == 2
        error = capsys.readouterr().err
        assert len(error.strip().splitlines()) == 1 and says in error, error
        assert not Path(out).exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing.jsonl", "--out", "a.html"], "there is no such file"),
        ([".", "--out", "a.html"], "cannot be read as text"),
        (["trace.jsonl", "--out", "a.pdf"], ".html page, an .svg figure or a .png picture"),
        (["trace.jsonl", "--out", "a"], ".html page, an .svg figure or a .png picture"),
        (["trace.jsonl", "--out", "nowhere/a.html"], "cannot be written"),
    ],
)
def test_bad_names_are_one_line_and_exit_code_two(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trace.jsonl").write_text(json.dumps(turn_of(1)))
    assert run(monkeypatch, "plot", *arguments) == 2
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1 and says in error, error


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the command, in this process."""
    monkeypatch.setattr(sys, "argv", ["rapport", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


# ---------------------------------------------------------------------------------------------------------------- paths


def test_the_agents_path_begins_at_its_rest() -> None:
    paths = paths_of(seen(turn_of(1), turn_of(2)))
    assert [point.at for point in paths.person] == [1, 2]
    assert [point.at for point in paths.agent] == [0.5, 1, 2]
    assert paths.agent[0].vad == VAD(0.1) and paths.agent[1].vad == VAD(0.4)


def test_conversations_in_one_file_follow_one_another_and_are_not_joined() -> None:
    turns = seen(turn_of(4), turn_of(5), turn_of(1), turn_of(2, session="other"))
    paths = paths_of(turns)
    assert [point.at for point in paths.person] == [4, 5, 6, 7]
    assert [point.begins for point in paths.person] == [True, False, True, True]
    drawn = timeline_svg(paths, AXES, 490, 440)
    assert drawn.count('class="break"') == 2
    trails = [e.get("d", "") for e in ElementTree.fromstring(drawn).iter("path") if e.get("class") == "trail"]
    assert {d.count("M") for d in trails} == {3}


def test_what_later_versions_add_is_shown() -> None:
    (point,) = paths_of(seen(RICH)).person
    assert point.conflict and point.smoothed == (VAD(0.3), (0.2, 0.3, 0.4))
    told = "\n".join(point.reasons)
    for expected in ("sadly fearful", "text: lost (−0.40)", "the voice is unpleasant", "The voice is flat.", "A loss."):
        assert expected in told
    page = page_html(seen(RICH))
    for expected in (
        "The words are pleasant, but the voice is unpleasant.",
        "+0.30 ± 0.20",
        "smoothed ± 1 SD",
        "words and voice or face disagree",
        'class="conflict"',
        'class="band"',
    ):
        assert expected in page
    plain = page_html(seen(turn_of(1)))
    assert "smoothed" not in plain and "disagree" not in plain and 'class="band"' not in plain


# ------------------------------------------------------------------------------------------------------------- drawings

unit = st.floats(-1, 1)
vads = st.builds(VAD, unit, unit, unit)
points = st.lists(
    st.builds(
        AffectPoint,
        st.floats(0, 1e5),
        vads,
        st.sampled_from(["joy", NASTY]),
        st.sampled_from(["", "yes", NASTY]),
        st.sampled_from([(), (NASTY, "because")]),
        st.none() | vads,
        st.none() | st.tuples(vads, st.tuples(*[st.floats(0, 3)] * 3)),
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
)


@given(points, points, st.sampled_from(["second", "turn"]), st.sampled_from([240, 440]))
def test_any_paths_make_well_formed_drawings(
    person: list[AffectPoint], agent: list[AffectPoint], unit: Any, size: float
) -> None:
    paths = AffectPaths(person, agent, unit, ("you", NASTY))
    for drawn in (plane_svg(paths, size), timeline_svg(paths, AXES[:2], size, size)):
        root = ElementTree.fromstring(drawn)
        assert not list(root.iter("script"))
        assert not re.search(r"[\" ML](nan|-?inf)[\" L]", drawn)


@given(vads, st.sampled_from([240.0, 440.0]))
def test_every_feeling_lies_inside_the_plane(vad: VAD, size: float) -> None:
    x, y = plane_position(vad, size)
    assert 0 < x < size and 0 < y < size


def test_pleasant_is_right_and_active_is_up() -> None:
    x, y = plane_position(VAD(0.8, 0.6, 0.0), 440)
    middle_x, middle_y = plane_position(VAD(), 440)
    assert x > middle_x and y < middle_y


def test_names_stand_apart_when_both_feel_the_same() -> None:
    same = AffectPoint(1, VAD(0.2, 0.2), "joy", "yes")
    drawn = ElementTree.fromstring(plane_svg(AffectPaths([same], [same], "turn"), 440))
    names = [e for e in drawn.iter("text") if "now" in e.get("class", "")]
    assert [e.text for e in names] == ["you · joy", "agent · joy"]
    first, second = (float(e.get("y", "")) for e in names)
    assert abs(first - second) > 15


def test_short_conversations_are_numbered_and_long_ones_are_not() -> None:
    short, long = (paths_of(seen(*(turn_of(i) for i in range(1, n + 1)))) for n in (5, 60))
    assert ">5</text></g>" in plane_svg(short, 440)
    assert ">60</text></g>" not in plane_svg(long, 440)


def test_a_long_line_goes_through_means_of_blocks() -> None:
    many = [AffectPoint(i, VAD(0.5 if i % 2 else -0.5), "x") for i in range(1000)]
    d = line(many, lambda point: (point.at, 100 * point.vad.valence))
    steps = re.findall(r"[ML](\S+) ([^ML]+)", d)
    assert SEGMENTS / 2 < len(steps) <= SEGMENTS + 1
    assert all(abs(float(y)) < 10 for _, y in steps), "neighbours cancel out"
    assert len(re.findall("[ML]", line(many[:100], lambda point: (point.at, 0.0)))) == 100


def test_times_are_read_as_a_clock() -> None:
    assert [clock_time(t) for t in (0, 9.9, 75, 3600)] == ["0:00", "0:09", "1:15", "60:00"]


def test_the_legend_names_what_is_there() -> None:
    plain = [text for _, _, text in legend(AffectPaths([AffectPoint(1, VAD(), "x")], [AffectPoint(1, VAD(), "x")]))]
    assert plain == ["you", "agent"]
    assert len(legend(paths_of(seen(RICH)))) == 5


# ------------------------------------------------------------------------------------------------------------- the page


def test_a_page_needs_nothing_but_itself() -> None:
    page = page_html(seen(turn_of(1), RICH))
    assert not re.search(r"""(src|href|srcset|action)\s*=|url\(|@import|https?:|//cdn|fetch\(|XMLHttp""", page)
    assert "default-src 'none'" in page and "prefers-color-scheme: dark" in page
    assert all(colour in page for colour in (*LIGHT.values(), *DARK.values()))


def test_without_scripts_every_point_tells_its_words_and_reasons_and_takes_the_focus() -> None:
    page = page_html(seen(turn_of(1), RICH))
    (svg,) = re.findall(r"<svg class=\"rp-plot rp-plane\".*?</svg>", page, re.DOTALL)
    marks = [g for g in ElementTree.fromstring(svg).iter("g") if g.get("class") == "point"]
    assert len(marks) == 5, "two turns of both, and the agent's rest"
    assert all(mark.get("tabindex") == "0" for mark in marks)
    titles = [mark.findtext("title") or "" for mark in marks]
    assert "“I lost my keys, 1 times.”" in titles[0] and "text: lost (−0.40)" in titles[0]
    assert any("valence moved +0.30: stimulus +0.20, personality +0.10" in title for title in titles)


def test_words_that_carried_the_feeling_are_marked() -> None:
    page = page_html(seen(turn_of(1)))
    assert 'I <mark class="unpleasant" style="--weight:0.40">lost</mark> my keys' in page
    twice = turn_of(1)
    twice["heard"]["text"] = "Lost and <b>lost</b>, but lostness is no loss"
    assert page_html(seen(twice)).count("<mark ") == 2


def test_everything_that_anybody_says_is_escaped() -> None:
    turn = json.loads(json.dumps(RICH))
    turn["heard"]["text"] = turn["reply"]["text"] = turn["persona"] = turn["session"] = NASTY
    turn["perceived"] |= {"conflict": NASTY, "compound": NASTY, "explanation": {"key_observations": [NASTY]}}
    turn["perceived"]["fused"] |= {"label": NASTY, "probabilities": {NASTY: 1.0}}
    turn["perceived"]["evidence"] = [{"modality": "text", "text": NASTY, "weight": 1}]
    turn["felt"]["because"] = {"valence": {NASTY: 0.1}}
    page, figure = page_html(seen(turn)), figure_svg(seen(turn))
    assert page.lower().count("<script") == 1 and "<script>alert" not in page.lower()
    assert "<script" not in figure.lower()
    ElementTree.fromstring(figure)


async def test_a_conversation_with_a_nasty_answer_is_drawn() -> None:
    agent = fake_agent(response=FakeResponder([NASTY]), voice=None, rendering=None)
    events = [event async for event in agent.converse(NASTY)]
    trace = events[-1].reply.trace  # type: ignore[union-attr]
    turns = [TurnSeen.model_validate_json(trace.model_dump_json())]
    ElementTree.fromstring(figure_svg(turns))
    assert "<script>alert" not in page_html(turns)


# ----------------------------------------------------------------------------------------------------------- the figure


def test_a_figure_is_one_document_without_properties_of_a_page() -> None:
    figure = figure_svg(seen(turn_of(1), RICH))
    ElementTree.fromstring(figure)
    assert "var(" not in figure and LIGHT["person"] in figure
    assert "“I lost my keys, 1 times.”" in figure and "Two feelings in conversation" in figure


def test_a_picture_shows_both_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trace.jsonl").write_text("\n".join(json.dumps(turn_of(i, valence=-0.6 + i / 5)) for i in range(1, 5)))
    assert run(monkeypatch, "plot", "trace.jsonl", "--out", "affect.PNG") == 0
    picture = Image.open(io.BytesIO(Path("affect.PNG").read_bytes())).convert("RGB")
    assert picture.width == 2000
    counts = {colour: n for n, colour in picture.getcolors(1 << 24) or []}
    for side in ("person", "agent"):
        assert counts.get(tuple(bytes.fromhex(LIGHT[side][1:])), 0) > 500


def test_a_figure_quotes_the_turns_that_moved_most() -> None:
    turns = [turn_of(i) for i in range(1, 41)]
    for turn in turns:
        moved = 0.9 if turn["turn"] % 4 == 0 else 0.11
        turn["felt"]["after"]["vad"] = vad_of(moved)
    figure = figure_svg(seen(*turns))
    quoted = [
        int(n) for n in re.findall(r"I lost my keys, (\d+) times", re.sub("<title>.*?</title>", "", figure, flags=re.S))
    ]
    assert quoted == sorted(quoted) and len(quoted) == 12
    assert sum(n % 4 == 0 for n in quoted) == 10


def test_a_thousand_turns_are_drawn_in_seconds(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text("\n".join(json.dumps(turn_of(i)) for i in range(1, 1001)))
    begin_s = time.process_time()
    turns = read_turns(path)
    page, figure = page_html(turns), figure_png(turns)
    assert time.process_time() - begin_s < 10
    assert page.count('<li id="turn-') == 1000 and len(page) < 8_000_000
    assert Image.open(io.BytesIO(figure)).width == 2000


def test_a_machine_without_fonts_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import resvg_py

    drawn = resvg_py.svg_to_bytes

    def without_fonts(*args: Any, **options: Any) -> bytes:
        return drawn(*args, **{**options, "skip_system_fonts": True})

    monkeypatch.setattr(resvg_py, "svg_to_bytes", without_fonts)
    with pytest.raises(ComponentError, match="no font"):
        figure_png(seen(turn_of(1)))
