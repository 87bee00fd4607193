"""Chat models as writers, and a person who takes one side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage

from rapport.apps.simulate.acts import CLIENT_ACTS, THERAPIST_ACTS
from rapport.apps.simulate.api import simulate
from rapport.apps.simulate.models import CLIENT_TASKS, THERAPIST_TASKS, ModelWriter, load_model, load_writers, tidy
from rapport.apps.simulate.play import act_of, play
from rapport.apps.simulate.script import script_of
from rapport.apps.simulate.session import Writers
from rapport.apps.simulate.words import ClientWish, Said, TherapistWish, read_words
from rapport.persona.errors import ComponentError, InputError, StageError

CALM = ClientWish(("rate",), 0.8, "fear", 0.7, 0.1, "80")


def model(*answers: str) -> GenericFakeChatModel:
    def messages() -> Iterator[BaseMessage]:
        yield from (AIMessage(answer) for answer in answers)

    return GenericFakeChatModel(messages=messages())


class Noting(GenericFakeChatModel):
    """Keeps the prompts that it is given."""

    seen: ClassVar[list[str]] = []

    def _generate(self, messages: list[BaseMessage], *args: object, **kwargs: object) -> object:  # type: ignore[override]
        self.seen.append("\n".join(str(message.content) for message in messages))
        return super()._generate(messages, *args, **kwargs)  # type: ignore[arg-type]


def test_every_act_can_be_asked_of_a_model() -> None:
    assert set(CLIENT_TASKS) == set(CLIENT_ACTS) and set(THERAPIST_TASKS) == set(THERAPIST_ACTS)


def test_the_prompt_holds_the_state_and_the_last_turns() -> None:
    noting = Noting(messages=iter([AIMessage("Eighty."), AIMessage("Stay with it.")]))
    noting.seen.clear()
    writer = ModelWriter(noting)
    assert writer.client(CALM, [Said("therapist", "What is your SUDS?")]) == "Eighty."
    writer.therapist(TherapistWish("probe", "fear", 10), [])
    assert all(part in noting.seen[0] for part in ("very distressed", "fear", "number 80", "What is your SUDS?"))
    assert "from 0 to 10" in noting.seen[1]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Client: I am afraid.", "I am afraid."),
        ('"I am afraid." (sighs)', "I am afraid."),
        ("*looks away* I am afraid.\nTherapist: And now?", "I am afraid."),
        ("One. Two. Three. Four.", "One. Two. Three."),
        ("   ", ""),
    ],
)
def test_what_a_model_adds_is_taken_away(raw: str, clean: str) -> None:
    assert tidy(raw, 3) == clean


def test_a_model_that_is_silent_or_fails_is_a_stage_error() -> None:
    with pytest.raises(StageError, match="no words"):
        ModelWriter(model("(silence)")).client(CALM, [])
    with pytest.raises(StageError, match="the therapist's model failed"):
        ModelWriter(model()).therapist(TherapistWish("greet", "neutral", 100), [])


def test_a_session_may_have_a_model_on_one_side() -> None:
    writers = Writers(client=ModelWriter(model(*["I do not know."] * 99)), names=("fake", "rules"))
    (record,) = simulate(writers, protocol="free", cases=1, seed=2)
    assert {t.text for t in record.turns if t.who == "client"} == {"I do not know."}
    assert record.writers == {"client": "fake", "therapist": "rules"} and not record.failed


def test_writers_are_loaded_by_name() -> None:
    assert load_model("rules", 0) is None
    assert load_writers("rules", "rules", 0).client is None
    with pytest.raises(ComponentError, match="choose rules, embedded, or langchain"):
        load_model("gpt", 0)
    with pytest.raises(ComponentError, match="langchain"):
        load_model("langchain:", 0)


@pytest.mark.models
def test_the_embedded_model_writes_a_session() -> None:
    stop = {"exchanges": 3}
    (record,) = simulate(
        protocol="supportive", seed=1, models={"client": "embedded", "therapist": "embedded"}, stop=stop
    )
    assert len(record.turns) == 6 and not record.failed
    assert all(turn.text for turn in record.turns)


def test_our_own_therapists_sentences_are_heard_as_what_they_are() -> None:
    words = read_words("therapist_words.yaml")["acts"]
    acts = ("probe", "hold", "breathe", "reassure", "ground", "end_exposure", "validate", "greet", "advise", "confront")
    right = {act: sum(act_of(text) == act for text in words[act]) / len(words[act]) for act in acts}
    assert {act: share for act, share in right.items() if share < 0.5} == {}


def answers(*lines: str | None) -> tuple[list[str], object]:
    left, told = iter(lines), list[str]()
    return told, lambda who: next(left, None)


def test_a_person_can_be_the_therapist() -> None:
    told, ask = answers("Hello.", "How high is your distress, from 0 to 100?", "Take a deep breath.", None)
    record = play(script_of({"seed": 3}), "therapist", "P10", 1, ask, lambda who, text: told.append(text))  # type: ignore[arg-type]
    assert [turn.acts[0] for turn in record.turns if turn.who == "therapist"] == ["greet", "probe", "breathe"]
    assert len(told) == 3 and len(record.ratings) == 1
    assert record.writers["therapist"] == "person"


def test_a_person_can_be_the_client_and_their_ratings_are_kept() -> None:
    told, ask = answers("Hello.", "Yes.", "85", "I see the road.", None)
    record = play(script_of({"seed": 3}), "client", "P10", 1, ask, lambda who, text: told.append(text))  # type: ignore[arg-type]
    assert [value for _, value in record.ratings] == [85]
    assert [turn.who for turn in record.turns][-1] == "therapist"


def test_a_crisis_in_a_persons_words_is_answered_with_help_and_flagged() -> None:
    told, ask = answers("I want to kill myself tonight.", None)
    record = play(script_of({"seed": 3}), "client", None, 1, ask, lambda who, text: told.append(text))  # type: ignore[arg-type]
    assert record.turns[1].flag.startswith("crisis")
    assert "crisis" in record.stopped
    assert any("help" in text.lower() for text in told)


def test_playing_an_unknown_session_lists_the_choices() -> None:
    with pytest.raises(InputError, match="P5, P10"):
        play(script_of({}), "client", "P9", 1, lambda who: None, lambda who, text: None)
