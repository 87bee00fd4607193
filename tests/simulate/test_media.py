"""Sessions performed: one clock for sound, faces and subtitles; two people in turn; files where they belong."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.testing import FakeAnimator, FakeEmotion, FakeRecognizer, FakeRenderer, FakeVoice
from rapport.apps import cli
from rapport.apps.simulate import media
from rapport.apps.simulate.api import simulate
from rapport.apps.simulate.command_media import expected_s, media_to, spelled
from rapport.apps.simulate.command_run import Way, run_to
from rapport.apps.simulate.layouts import read_any
from rapport.apps.simulate.media import Media, Studio, make_media
from rapport.apps.simulate.media_cast import PEOPLE, cast
from rapport.apps.simulate.media_heard import Ears
from rapport.apps.simulate.media_picture import Screen, band_height
from rapport.apps.simulate.media_stage import CUT_IN_S, FRAME_RATE_HZ, Performance, act, speak
from rapport.apps.simulate.media_subtitles import cues_of, srt, vtt
from rapport.apps.simulate.records import NOTICE, SessionRecord, Turn
from rapport.apps.simulate.script import script_of
from rapport.avatar.animation import VisemeAnimator
from rapport.avatar.face import BLENDSHAPE_INDEX
from rapport.persona.affect import VAD, AffectState
from rapport.persona.errors import ComponentError, InputError, StorageError
from rapport.speech.audio import SpokenClause, VoiceProfile
from rapport.speech.captions import LINE_CHARS, LINES
from rapport.speech.files import read_audio

VOICES = ("jf_alpha", "jf_nezumi", "jm_kumo")
TEN = {"protocol": "supportive", "seed": 7, "stop": {"exchanges": 5}}


class NotingVoice(FakeVoice):
    """Remembers what it was asked to say, and how."""

    def __init__(self) -> None:
        super().__init__(word_s=0.28)
        self.asked: list[tuple[str, AffectState, VoiceProfile]] = []

    async def speak(self, text: str, felt: AffectState, voice: VoiceProfile, seed: int) -> SpokenClause:
        self.asked.append((text, felt, voice))
        return await super().speak(text, felt, voice, seed)


@pytest.fixture(scope="module")
def session() -> SessionRecord:
    (found,) = simulate(**TEN)
    assert len(found.turns) == 10
    return found


@pytest.fixture(scope="module")
def short() -> SessionRecord:
    (found,) = simulate(protocol="free", seed=7, stop={"exchanges": 1})
    return found


@pytest.fixture(scope="module")
def performance(session: SessionRecord) -> Performance:
    return perform(session)


def perform(session: SessionRecord, voice: FakeVoice | None = None) -> Performance:
    return asyncio.run(speak(session, cast(session, VOICES), voice or FakeVoice(word_s=0.28)))


def talk(*texts: str, **turn: Any) -> SessionRecord:
    """A session of the therapist and the client by turns."""
    turns = [Turn(who=PEOPLE[i % 2], text=text, **turn) for i, text in enumerate(texts)]
    return SessionRecord(id="t", seed=1, turns=tuple(turns))


def silent(what: str, done: int, of: int) -> None:
    """Tells nobody."""


def test_the_two_speak_in_turn_and_never_at_once(session: SessionRecord, performance: Performance) -> None:
    assert [line.who for line in performance.lines] == [turn.who for turn in session.turns]
    assert [line.turn for line in performance.lines] == list(range(10))
    for line, after in pairwise(performance.lines):
        assert line.start_s < line.end_s < after.start_s
    assert performance.lines[-1].end_s < performance.audio.duration_s


def test_the_sound_of_every_sentence_is_where_its_line_says(performance: Performance) -> None:
    covered = np.zeros(len(performance.audio.samples), bool)
    for line in performance.lines:
        for start_s, clause in line.clauses:
            a = round(start_s * performance.audio.sample_rate_hz)
            b = a + len(clause.audio.samples)
            assert np.array_equal(performance.audio.samples[a:b], clause.audio.samples)
            covered[a:b] = True
    assert not performance.audio.samples[~covered].any()


def test_every_sentence_carries_its_speakers_voice_and_the_turns_feeling(session: SessionRecord) -> None:
    voice = NotingVoice()
    perform(session, voice)
    players = cast(session, VOICES)
    asked = iter(voice.asked)
    for turn in session.turns:
        rest = turn.text
        while rest:
            text, felt, profile = next(asked)
            assert rest.startswith(text)
            rest = rest[len(text) :].strip()
            assert felt.emotion == VAD(*turn.vad) and felt.mood == VAD(*turn.mood)
            assert profile == players[turn.who].voice
    assert next(asked, None) is None


def test_words_that_interrupt_come_at_once() -> None:
    turns = (
        Turn(who="therapist", text="Tell me."), Turn(who="client", text="It was late and -"),
        Turn(who="therapist", text="Let me stop you.", acts=("interrupt",)), Turn(who="client", text="Yes."),
    )  # fmt: skip
    lines = perform(SessionRecord(id="t", turns=turns)).lines
    gaps = [b.start_s - a.end_s for a, b in pairwise(lines)]
    assert gaps[1] <= CUT_IN_S + 1.0 / FRAME_RATE_HZ < min(gaps[0], gaps[2])


def test_what_cannot_be_said_is_left_out_and_a_session_without_words_is_refused() -> None:
    assert [line.turn for line in perform(talk("Hello.", "-", "Are you there?")).lines] == [0, 2]
    with pytest.raises(InputError, match="nobody says anything"):
        perform(talk("...", "-"))


def test_subtitles_have_every_word_in_order_and_at_most_two_lines(
    session: SessionRecord, performance: Performance
) -> None:
    cues = cues_of(performance)
    for who in PEOPLE:
        said = " ".join(turn.text for turn in session.turns if turn.who == who)
        assert " ".join(cue.text for cue in cues if cue.who == who).split() == said.split()
    for cue in cues:
        lines = cue.text.split("\n")
        assert len(lines) <= LINES and max(map(len, lines)) <= LINE_CHARS


def test_subtitles_are_in_time_with_the_sound(performance: Performance) -> None:
    cues = cues_of(performance)
    words = [
        (start_s + word.start_s, start_s + word.end_s, line.who)
        for line in performance.lines
        for start_s, clause in line.clauses
        for word in clause.words
    ]
    place = 0
    for cue, after in zip(cues, [*cues[1:], None], strict=True):
        mine = words[place : place + len(cue.text.split())]
        place += len(mine)
        assert cue.start_s == pytest.approx(mine[0][0])
        assert mine[-1][1] - 1e-6 <= cue.end_s <= mine[-1][1] + 0.31
        assert {who for *_, who in mine} == {cue.who}
        assert after is None or cue.end_s <= after.start_s + 1e-9
    assert place == len(words)


def test_a_voice_without_word_times_has_subtitles_within_each_sentence() -> None:
    class Wordless(FakeVoice):
        async def speak(self, text: str, felt: AffectState, voice: VoiceProfile, seed: int) -> SpokenClause:
            clause = await super().speak(text, felt, voice, seed)
            return SpokenClause(clause.text, clause.audio)

    found = perform(talk("word " * 60, "Yes."), Wordless())
    cues = cues_of(found)
    first = [cue for cue in cues if cue.who == "therapist"]
    assert len(first) >= 4 and all(a.end_s <= b.start_s for a, b in pairwise(cues))
    assert found.lines[0].start_s <= first[0].start_s < first[-1].end_s <= found.lines[1].start_s


@given(st.lists(st.text("abc ,.", min_size=1, max_size=300), min_size=1, max_size=4))
def test_any_text_makes_cues_that_are_in_order(texts: list[str]) -> None:
    session = talk(*(f"x {text}" for text in texts))
    found = perform(session)
    cues = cues_of(found)
    assert "".join("".join(cue.text.split()) for cue in cues) == "".join(
        "".join(clause.text.split()) for line in found.lines for _, clause in line.clauses
    )
    for a, b in pairwise(cues):
        assert a.start_s < b.start_s and a.end_s <= b.start_s + 1e-9
    assert all(cue.start_s <= cue.end_s <= found.audio.duration_s for cue in cues)


def test_subtitle_files_have_their_formats() -> None:
    cues = cues_of(perform(talk("Is 3 < 4 & so on?", "Yes. " + "I think so, all in all. " * 5)))
    blocks = srt(cues).strip().split("\n\n")
    assert blocks[0].split("\n")[0] == "1" and blocks[0].endswith("Therapist: Is 3 < 4 & so on?")
    assert re.fullmatch(r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}", blocks[1].split("\n")[1])
    assert [("Client:" in block) for block in blocks] == [False, True, *[False] * (len(cues) - 2)]
    text = vtt(cues)
    assert text.startswith("WEBVTT\n\n") and NOTICE in text
    assert "<v Therapist>Is 3 &lt; 4 &amp; so on?" in text and text.count("-->") == len(cues)


def test_the_speaker_speaks_and_the_other_listens(session: SessionRecord, performance: Performance) -> None:
    tracks = asyncio.run(act(performance, session, VisemeAnimator(f"{FRAME_RATE_HZ:g}")))
    times_s = np.arange(performance.frames) / FRAME_RATE_HZ
    for who in PEOPLE:
        assert len(tracks[who]) == performance.frames
        mine = np.zeros(performance.frames, bool)
        for line in performance.lines:
            if line.who == who:
                mine |= (times_s >= line.start_s) & (times_s < line.end_s)
        jaw = tracks[who].weights[:, BLENDSHAPE_INDEX["jawOpen"]]
        assert jaw[mine].std() > 4 * jaw[~mine].std()
        # A listener lives: it blinks and moves its head.
        assert tracks[who].weights[~mine][:, BLENDSHAPE_INDEX["eyeBlinkLeft"]].max() > 0.8
        assert tracks[who].head_pose[~mine].std(axis=0).min() > 0
        steps = np.abs(np.diff(tracks[who].head_pose, axis=0))
        assert steps.max() < np.radians(6.0)
    # Positive yaw turns to the face's left, the right of the picture, where the client sits.
    assert tracks["therapist"].head_pose[:, 1].mean() > 0.1 and tracks["client"].head_pose[:, 1].mean() < -0.1


def test_the_picture_shows_both_faces_the_words_and_the_notice(performance: Performance) -> None:
    cues = cues_of(performance)
    screen = Screen(performance, cues)
    left, right = (np.full((256, 256, 3), grey, np.uint8) for grey in (60, 200))
    speaking = screen.picture(round((cues[0].start_s + 0.2) * FRAME_RATE_HZ), left, right)
    quiet = screen.picture(0, left, right)
    assert speaking.shape == (256 + band_height(256), 512, 3) and speaking.shape[0] % 2 == 0
    assert (speaking[:256, :250] == 60).all() and (speaking[:256, 262:] == 200).all()
    rows = slice(256 + band_height(256) // 3, 256 + 2 * band_height(256) // 3)
    assert np.ptp(quiet[rows, :, 0]) == 0 and np.ptp(speaking[rows, :, 0]) > 100
    assert np.ptp(quiet[-12:, :, 0]) > 60
    bar = speaking[257].astype(int)
    assert (bar[:256] != bar[300]).any() and (bar[256:] == bar[300]).all()


def test_clients_look_and_sound_as_their_profiles_say() -> None:
    for session in simulate(protocol="free", cases=12, seed=3):
        profile = session.profile
        assert profile is not None
        players = cast(session, VOICES)
        assert players == cast(session, VOICES)
        assert players["client"].face.age == profile.age
        assert players["therapist"].face.gender == (1.0 if profile.therapist.gender == "male" else 0.0)
        one, other = (players[who].voice for who in PEOPLE)
        for gender, voice in ((profile.therapist.gender, one), (profile.gender, other)):
            assert gender == "non-binary" or next(iter(voice.styles))[1] == gender[0]
        assert one.styles != other.styles or other.pitch_scale / one.pitch_scale > 1.25


def test_english_voices_are_preferred_and_two_of_one_gender_get_two_of_them() -> None:
    voices = (*VOICES, "af_heart", "bf_emma", "am_puck", "bm_george")
    seen = set[str]()
    for session in simulate(protocol="free", cases=12, seed=3):
        names = [next(iter(player.voice.styles)) for player in cast(session, voices).values()]
        assert len(set(names)) == 2
        seen.update(names)
    assert seen == set(voices) - set(VOICES)


def test_a_voice_without_styles_is_told_apart_by_its_pitch(session: SessionRecord) -> None:
    players = cast(session, ())
    assert players["client"].voice.styles == players["therapist"].voice.styles == {}
    assert players["client"].voice.pitch_scale > 1.25 * players["therapist"].voice.pitch_scale


# ------------------------------------------------------------------------------------------------------------- files


def fake_studio(kind: str, ears: Ears | None = None) -> Studio:
    faces = (FakeAnimator(), FakeRenderer(size=32)) if kind == "video" else None
    return Studio(FakeVoice(word_s=0.05), faces, ears)


def made(session: SessionRecord, studio: Studio, out: Path) -> list[Media]:
    return list(make_media([session], studio, out, silent))


def test_the_video_lasts_as_long_as_its_sound(short: SessionRecord, tmp_path: Path) -> None:
    (one,) = made(short, fake_studio("video"), tmp_path)
    with av.open(str(one.path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == (64, 32 + band_height(32))
        pictures = sum(1 for _ in container.decode(video))
        container.seek(0)
        sound_s = sum(frame.samples for frame in container.decode(audio)) / audio.rate
    assert pictures / FRAME_RATE_HZ == pytest.approx(one.duration_s, abs=0.05)
    assert sound_s == pytest.approx(one.duration_s, abs=0.12)
    assert one.turns == 2


def test_everything_is_in_deepdialogues_layout(session: SessionRecord, tmp_path: Path) -> None:
    (one,) = made(session, fake_studio("audio"), tmp_path)
    folder = tmp_path / "data" / "dialogues_true_rules" / "supportive-S1_1_10"
    assert one.path == folder / "supportive-S1_1_10_full.wav"
    assert {path.name for path in folder.iterdir()} == {
        "segments", *(f"supportive-S1_1_10_full.{suffix}" for suffix in ("wav", "srt", "vtt")),
    }  # fmt: skip
    segments = sorted((folder / "segments").iterdir())
    assert [path.name[:8] for path in segments] == [f"{i:03d}_LLM{1 + (i - 1) % 2}" for i in range(1, 11)]
    whole = read_audio(one.path)
    assert whole.duration_s == pytest.approx(one.duration_s)
    assert sum(read_audio(path).duration_s for path in segments) < whole.duration_s
    (back,) = read_any(tmp_path)
    assert [turn.text for turn in back.turns] == [turn.text for turn in session.turns]


def test_what_is_finished_stays_and_what_was_interrupted_is_made_again(short: SessionRecord, tmp_path: Path) -> None:
    class Stopped(FakeRenderer):
        async def render(self, track: Any, face: Any) -> Any:
            async for picture in super().render(track, face):
                yield picture
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(short, Studio(FakeVoice(word_s=0.05), (FakeAnimator(), Stopped(size=32))), tmp_path)
    assert not list(tmp_path.rglob("*.mp4*"))
    (one,) = made(short, fake_studio("video"), tmp_path)
    before = one.path.read_bytes()
    assert made(short, fake_studio("video"), tmp_path) == []
    assert one.path.read_bytes() == before


def test_what_is_heard_is_measured_beside_what_was_asked(session: SessionRecord, tmp_path: Path) -> None:
    ears = Ears(FakeRecognizer("nothing of the kind"), FakeEmotion(VAD(-0.5, 0.2, 0.0), modality="voice"))
    (one,) = made(session, fake_studio("audio", ears), tmp_path)
    (path,) = tmp_path.rglob("*_heard.json")
    told = json.loads(path.read_text())
    assert told == one.heard
    assert 0.8 < told["wer"] <= 1.2 and told["arousal_r"] is None
    assert [turn["asked_vad"] for turn in told["turns"]] == [list(turn.vad) for turn in session.turns]
    assert {tuple(turn["heard_vad"]) for turn in told["turns"]} == {(-0.5, 0.2, 0.0)}


def test_a_folder_that_cannot_be_written_is_told_in_one_line(session: SessionRecord, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the way")
    with pytest.raises(StorageError, match=r"cannot be written .*run the same command again"):
        made(session, fake_studio("audio"), tmp_path)


def test_a_runs_folder_gets_media_of_every_session(tmp_path: Path) -> None:
    script = script_of({"protocol": "free", "cases": 2, "therapists": ["true", "absent"], "stop": {"exchanges": 1}})
    run_to(script, tmp_path, Way(1))
    found = media_to(tmp_path, fake_studio("audio"), 9)
    assert len({one.path for one in found}) == 4 and all(one.path.exists() for one in found)
    assert {one.path.relative_to(tmp_path).parts[0] for one in found} == {"media"}
    assert media_to(tmp_path, fake_studio("audio"), 9) == []


def test_of_many_sessions_the_first_are_performed_and_the_rest_is_estimated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_to(script_of({"protocol": "free", "cases": 5, "stop": {"exchanges": 1}}), tmp_path, Way(1))
    found = media_to(tmp_path, fake_studio("audio"), 2, quiet=False)
    assert [one.path.name.split("_")[1] for one in found] == ["1", "2"]
    told = " ".join(capsys.readouterr().err.split())
    assert "first 2 of 5 sessions" in told and "--media-sessions 5 performs all" in told
    assert "2 of 5 sessions performed" in told and "left" in told
    assert len(media_to(tmp_path, fake_studio("audio"), 5)) == 3


def test_a_sessions_sound_is_estimated_from_its_words(session: SessionRecord) -> None:
    words = sum(len(turn.text.split()) for turn in session.turns)
    assert words / 3.0 < expected_s(session) < words / 1.5


@pytest.mark.parametrize(("seconds", "told"), [(40, "40 s"), (720, "12 min"), (12000, "3 h 20 min")])
def test_durations_are_spelled_as_people_say_them(seconds: float, told: str) -> None:
    assert spelled(seconds) == told


# ---------------------------------------------------------------------------------------------------------- commands


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["rapport", "simulate", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


def test_the_command_performs_what_it_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(media, "open_studio", fake_studio)
    options = ("--protocol", "pe", "--session", "P10", "--exchanges", "1", "--media", "video", "--out", str(tmp_path))
    assert command(monkeypatch, *options, "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["media"]
    assert Path(one["path"]).name == "pe-P10_1_2.mp4" and Path(one["path"]).exists()
    assert command(monkeypatch, *options) == 0
    assert "0 of 1 sessions performed" in capsys.readouterr().err


def test_exchanges_go_over_a_script_and_leave_its_other_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("protocol: free\nstop: {minutes: 30, exchanges: 9}\n")
    assert command(monkeypatch, str(file), "--exchanges", "1", "--out", str(tmp_path / "out")) == 0
    script = json.loads((tmp_path / "out" / "script.json").read_text())
    assert script["stop"]["minutes"] == 30 and script["stop"]["exchanges"] == 1


@pytest.mark.parametrize(
    ("lacks", "says"),
    [("voice", "voice component 'kokoro' needs"), ("encoder", "no H.264 encoder"), ("out", "say with --out DIR")],
)
def test_what_is_missing_is_told_in_one_line_before_any_work(
    lacks: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(stage: str, spec: str) -> Any:
        raise ComponentError(f"{stage} component {spec!r} needs something: pip install it")

    def no_encoder() -> str:
        raise ComponentError("this build of PyAV has no H.264 encoder")

    monkeypatch.setattr(media, "create", refuse)
    if lacks == "encoder":
        monkeypatch.setattr(media, "h264_encoder", no_encoder)
    out = () if lacks == "out" else ("--out", str(tmp_path / "run"))
    assert command(monkeypatch, "--media", "video", *out) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.models
def test_two_real_voices_and_faces(tmp_path: Path) -> None:
    pytest.importorskip("wgpu")
    from rapport.avatar.renderer import WgpuRenderer

    (session,) = simulate(protocol="free", seed=3, stop={"exchanges": 1})
    studio = media.open_studio("audio")
    studio = Studio(studio.voice, (VisemeAnimator(f"{FRAME_RATE_HZ:g}"), WgpuRenderer("/draft", size=128)), studio.ears)
    (one,) = made(session, studio, tmp_path)
    assert one.turns == 2 and one.heard is not None
    assert one.heard["wer"] < 0.35
    with av.open(str(one.path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) / FRAME_RATE_HZ == pytest.approx(one.duration_s, abs=0.05)
    # Each half moves while its person speaks, and the two faces differ.
    left, right = pictures[0][:128, :128].astype(int), pictures[0][:128, 128:].astype(int)
    assert np.abs(left - right).mean() > 4
