"""Sessions: the protocols keep to what they promise, records repeat byte for byte, flawed therapists do worse."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest

from rapport.apps.simulate.acts import ESCONV_STRATEGIES, THERAPIST_ACTS
from rapport.apps.simulate.api import simulate
from rapport.apps.simulate.case import CaseProfile, draw_case
from rapport.apps.simulate.grammar import Grammar, slots_of
from rapport.apps.simulate.measures import measure
from rapport.apps.simulate.protocols.contract import View
from rapport.apps.simulate.protocols.exposure import AWAY_FOR, PHASES, ProlongedExposure
from rapport.apps.simulate.protocols.names import load_protocol, protocol_names
from rapport.apps.simulate.records import SessionRecord, read_line
from rapport.apps.simulate.session import Frame, Writers, run_case
from rapport.apps.simulate.therapists import KEPT, THERAPISTS, therapist_named
from rapport.apps.simulate.trajectory import BENCHMARK_ORDER
from rapport.apps.simulate.words import ClientWish, Said, TherapistWish, echo_of, read_words
from rapport.persona.errors import ComponentError, InputError, StageError


def sessions(protocol: str = "pe", cases: int = 3, seed: int = 7, **keys: object) -> list[SessionRecord]:
    return list(simulate(protocol=protocol, cases=cases, seed=seed, **keys))


def test_the_six_phases_come_in_the_benchmarks_order() -> None:
    assert [s.session for s in sessions(cases=1)] == list(BENCHMARK_ORDER)


def test_one_seed_gives_the_same_bytes_and_another_does_not() -> None:
    lines = [s.line() for s in sessions()]
    assert lines == [s.line() for s in sessions()]
    assert lines != [s.line() for s in sessions(seed=8)]


@pytest.mark.parametrize("protocol", ["pe", "supportive", "mi", "free"])
def test_turns_alternate_time_goes_on_and_lines_read_back(protocol: str) -> None:
    for session in sessions(protocol):
        turns = session.turns
        assert len(turns) >= 9 and turns[-1].acts == ("close",)
        assert all(a.who != b.who for a, b in pairwise(turns))
        assert all(a.end_s == pytest.approx(b.start_s, abs=0.02) for a, b in pairwise(turns))
        assert all(-1 <= x <= 1 for turn in turns for x in (*turn.vad, *turn.mood))
        assert all(turn.text and "{" not in turn.text for turn in turns)
        assert read_line(session.line(), "x") == session


def test_exposure_lasts_thirty_to_forty_five_minutes_and_asks_for_ratings_about_every_five() -> None:
    for session in sessions(cases=8, sessions=["P10"]):
        minutes = [minute for minute, _ in session.ratings]
        assert 25 <= session.turns[-1].end_s / 60 <= 50
        gaps = [b - a for a, b in pairwise(minutes)][:-1]
        assert gaps and all(3.5 <= gap <= 9 for gap in gaps)


def test_only_the_two_rated_phases_carry_ratings() -> None:
    for session in sessions():
        assert bool(session.ratings) == (session.session in {"P6", "P10"})


def test_exposure_holds_and_repeats() -> None:
    used = Counter(act for s in sessions(cases=5, sessions=["P10"]) for turn in s.turns for act in turn.acts)
    assert used["hold"] > 5 and used["repeat"] > 2


def test_turns_per_phase_are_near_the_published_means() -> None:
    found = sessions(cases=30)
    for phase in PHASES:
        mean = sum(len(s.turns) for s in found if s.session == phase.key) / 30
        assert abs(mean - phase.turns[0]) < 0.12 * phase.turns[0], phase.key


def test_a_client_who_stays_away_is_grounded_and_then_exposure_stops() -> None:
    protocol = ProlongedExposure()
    plan = protocol.sessions(CaseProfile(), random.Random(1))[1]
    course = protocol.course(plan, CaseProfile(), random.Random(1))
    for _ in PHASES[1].opening:
        assert course.next(View()) is not None
    said = []
    for i in range(20):
        step = course.next(View(minute=5 + i / 100, exchanges=5 + i, client_acts=("dissociate",)))
        if step is None:
            break
        said.append(step)
    assert [step.act for step in said[: AWAY_FOR - 1]] == ["ground"] * (AWAY_FOR - 1)
    assert [step.act for step in said[AWAY_FOR - 1 :]] == ["end_exposure", "ground", "validate", "close"]
    assert said[-1].stop.startswith("safety stop")


def test_one_who_turns_away_is_paced_not_pushed() -> None:
    protocol = ProlongedExposure()
    plan = protocol.sessions(CaseProfile(), random.Random(1))[1]
    course = protocol.course(plan, CaseProfile(), random.Random(1))
    for _ in PHASES[1].opening:
        course.next(View())
    step = course.next(View(minute=3, exchanges=4, client_acts=("avoid",)))
    assert step is not None and step.act == "pace"


def test_supportive_listening_goes_through_its_stages_with_esconvs_strategies() -> None:
    found = sessions("supportive", cases=100)
    stages = list(dict.fromkeys(turn.stage for turn in found[0].turns))
    assert stages[0] == "exploration" and "comforting" in stages and "action" in stages
    for stage, strategy, share in (("exploration", "Question", 0.51), ("action", "Providing Suggestions", 0.25)):
        acts = [
            act for s in found for turn in s.turns[2:-2] if turn.who == "therapist" and turn.stage == stage
            for act in turn.acts
        ]  # fmt: skip
        used = sum(ESCONV_STRATEGIES.get(act) == strategy for act in acts)  # type: ignore[call-overload]
        assert abs(used / len(acts) - share) < 0.12, stage
    assert len(set(ESCONV_STRATEGIES.values())) == 7  # and "Others", which every other act is


def test_supportive_listening_takes_distress_as_far_as_in_esconv() -> None:
    found = sessions("supportive", cases=60)
    first = [s.turns[1].state.suds for s in found if s.turns[1].state]
    last = [s.turns[-2].state.suds for s in found if s.turns[-2].state]
    # ESConv's intensities are 1 to 5: 4.07 before and 2.08 after, over the train part's 910 dialogues.
    assert abs(1 + sum(first) / 60 / 25 - 4.07) < 0.5
    assert abs(1 + sum(last) / 60 / 25 - 2.08) < 0.6


def test_motivational_interviewing_draws_out_more_change_talk_than_confronting_does() -> None:
    def change(therapist: str) -> float:
        found = [measure(s)["change_talk"] for s in sessions("mi", cases=40, therapists=[therapist])]
        return sum(found) / len(found)

    assert change("true") > change("pushing") + 0.05


@pytest.fixture(scope="module")
def at_the_end() -> dict[str, dict[str, float]]:
    """Mean measures of imaginal exposure by therapist, over the same twenty cases."""
    found: dict[str, dict[str, float]] = {}
    for therapist in THERAPISTS:
        figures = [measure(s) for s in sessions(cases=20, therapists=[therapist], sessions=["P10"])]
        found[therapist] = {name: sum(f[name] for f in figures) / 20 for name in ("suds_end", "trust", "empathy")}
    return found


@pytest.mark.parametrize("fault", [name for name in THERAPISTS if name != "true"])
def test_every_flawed_therapist_ends_worse_than_the_true_one(
    fault: str, at_the_end: dict[str, dict[str, float]]
) -> None:
    true, flawed = at_the_end["true"], at_the_end[fault]
    assert flawed["suds_end"] > true["suds_end"] + 4
    assert flawed["trust"] < true["trust"] - 0.05
    assert flawed["empathy"] < true["empathy"] - 0.05


def test_faults_leave_the_frame_alone() -> None:
    for session in sessions(cases=2, therapists=["pushing"]):
        kept = [
            act for turn in session.turns for act in turn.acts if act in {"greet", "close"} and turn.who == "therapist"
        ]
        assert kept == ["greet", "close"]
    assert not {act for therapist in THERAPISTS.values() for act in therapist.faults} & KEPT


def test_an_interrupting_therapist_cuts_words() -> None:
    texts = [turn.text for s in sessions(therapists=["interrupting"]) for turn in s.turns if turn.who == "client"]
    assert any(text.endswith(" -") for text in texts)


class Failing:
    """A writer that fails at certain calls."""

    def __init__(self, fails: set[int]) -> None:
        self.calls, self._fails = 0, fails

    def client(self, wish: ClientWish, so_far: Sequence[Said]) -> str:
        self.calls += 1
        if self.calls in self._fails:
            raise StageError("the model is away")
        return f"I feel {wish.feeling}."

    def therapist(self, wish: TherapistWish, so_far: Sequence[Said]) -> str:
        raise AssertionError("the rules write this side")


def frame() -> Frame:
    return Frame(load_protocol("supportive"), therapist_named("true"), 1, guard=lambda text: "")


def test_a_writer_that_fails_once_is_tried_again() -> None:
    (record,) = run_case(frame(), draw_case(0, 1), 0, Writers(client=Failing({3}), names=("failing", "rules")))
    assert (record.attempts, record.failed) == (2, "")
    assert record.turns[-1].acts == ("close",)


def test_a_writer_that_fails_twice_marks_the_session_and_keeps_its_turns() -> None:
    (record,) = run_case(frame(), draw_case(0, 1), 0, Writers(client=Failing(set(range(3, 99)))))
    assert record.attempts == 2 and "away" in record.failed
    (once,) = run_case(frame(), draw_case(0, 1), 0, Writers(client=Failing({3, 6})))
    assert len(once.turns) >= 4 and once.failed


def test_the_guard_reads_what_models_write_on_their_side_only() -> None:
    read: list[str] = []
    watched = Frame(
        load_protocol("supportive"), therapist_named("true"), 1, guard=lambda text: read.append(text) or "x"
    )
    (record,) = run_case(watched, draw_case(0, 1), 0, Writers(client=Failing(set())))
    assert read == [turn.text for turn in record.turns if turn.who == "client"]
    assert {turn.flag for turn in record.turns if turn.who == "client"} == {"x"}


def test_stop_rules_end_a_session_and_say_so() -> None:
    (short,) = sessions("supportive", cases=1, stop={"exchanges": 4})
    assert short.stopped == "stop rule: 4 exchanges" and len(short.turns) == 8
    (timed,) = sessions("supportive", cases=1, stop={"minutes": 5})
    assert "5 minutes" in timed.stopped and timed.turns[-1].end_s < 8 * 60


def test_no_side_repeats_itself_word_for_word_too_soon() -> None:
    for session in sessions(cases=4):
        for who in ("therapist", "client"):
            texts = [turn.text for turn in session.turns if turn.who == who]
            assert all(a != b for a, b in pairwise(texts) if len(a.split()) > 4), session.id


def test_the_grammars_have_words_for_every_act_and_know_every_slot() -> None:
    client, therapist = read_words("client_words.yaml"), read_words("therapist_words.yaml")
    assert set(therapist["acts"]) == set(THERAPIST_ACTS)
    given = {"word", "noun", "rating", "line", "scale", "scale_told"}
    for stories in ("traumas.yaml", "troubles.yaml"):
        for story in read_words(stories).values():
            for words in (client, therapist):
                known = (
                    given | set(words["slots"]) | set(story) | {"topic", "event", "name", "hopeful", "sense", "trigger"}
                )
                known |= {"fact", "hurt", "keep", "change", "now", "blame", "belief"}
                templates = [
                    text for act in words["acts"].values()
                    for band in (act.values() if isinstance(act, dict) else [act]) for text in band
                ]  # fmt: skip
                slots = {slot.removesuffix("_low").removesuffix("_cap") for slot in slots_of(templates)}
                assert slots <= known | {"after"}, slots - known


def test_the_rules_words_pass_the_guard() -> None:
    from rapport.agent.safety.levels import Level
    from rapport.agent.safety.rules import by_rules

    texts = {
        turn.text for protocol in ("pe", "supportive", "mi") for s in sessions(protocol, cases=2) for turn in s.turns
    }
    assert not [text for text in texts if by_rules(text).level is Level.CRISIS]


def test_the_grammar_refuses_circles_and_unknown_slots() -> None:
    with pytest.raises(InputError, match="circle"):
        Grammar({"a": ["{b}"], "b": ["{a}"]}, random.Random(0)).say(["{a}"])
    with pytest.raises(InputError, match="no list 'nothing'"):
        Grammar({}, random.Random(0)).say(["{nothing}"])


def test_the_grammar_uses_every_variant_before_one_comes_again() -> None:
    variants = [str(i) for i in range(9)]
    grammar = Grammar({}, random.Random(3))
    said = [grammar.say(variants) for _ in range(27)]
    assert all(sorted(said[i : i + 9]) == variants for i in (0, 9, 18))
    assert all(a != b for a, b in pairwise(said))


def test_protocols_are_found_by_name() -> None:
    assert set(protocol_names()) >= {"pe", "supportive", "mi", "free"}
    with pytest.raises(ComponentError, match="choose one of pe, supportive"):
        load_protocol("hypnosis")
    with pytest.raises(InputError, match="choose one of true"):
        therapist_named("perfect")


@pytest.mark.parametrize(
    ("said", "echo"),
    [
        ("I managed three weeks last year, so I can.", "you managed three weeks last year, so you can"),
        ("Well. My daughter asked why I smell like that.", "your daughter asked why you smell like that"),
        ("To tell it I was the one they left. Yes.", ""),
        ("I do not like who I am after the second bottle.", "you do not like who you are after the second bottle"),
        ("We were together for six years.", ""),
        ("I feel so very tired of it all.", ""),
        ("", ""),
    ],
)
def test_a_sentence_is_given_back_turned_to_you(said: str, echo: str) -> None:
    assert echo_of(said) == echo
