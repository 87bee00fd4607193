"""Chat models as writers: the act and the state come from the simulation, the words from a model.

"embedded" is the SmolLM2 that ships with Rapport, "langchain:PROVIDER:MODEL" any chat model of LangChain. The prompt
says who speaks, what is to be done in this turn and how it feels; what comes back is stripped of stage directions and
cut to a few sentences. A model that fails or returns nothing is a StageError: the session is tried again once, then
marked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from rapport.apps.simulate.acts import ClientAct, TherapistAct
from rapport.apps.simulate.session import Writers
from rapport.apps.simulate.words import HIGH, LOW, ClientWish, Said, TherapistWish
from rapport.persona.errors import ComponentError, StageError

MAX_SENTENCES = {"client": 5, "therapist": 2}
TURNS_SHOWN = 4
GUARDED = 0.4
"""Disclosure below which a client is told to hold back."""

CLIENT_TASKS: Mapping[ClientAct, str] = {
    "greet": "greet the therapist", "agree": "agree, a little unsure", "ask": "ask a worried question "
    "about the therapy",
    "rate": "say the number {rating} as your distress", "refuse_rating": "refuse to give a number",
    "narrate": "go on telling what happened", "hot_spot": "tell the worst moment",
    "here_and_now": "tell it in the present tense as if it was happening", "feel": "say that you feel {feeling}",
    "blame_self": "blame yourself for it", "belief": "say what it made you believe about yourself or others",
    "avoid": "turn away from the subject", "dissociate": "sound far away and numb, in very few words",
    "numb": "say that you feel nothing", "relief": "say that it is a little easier", "insight": "say what you see anew",
    "hope": "name something that could help", "context": "say how it limits your days", "trouble": "tell your trouble",
    "withdraw": "answer in one or two words", "protest": "say that you do not feel heard",
    "change_talk": "give a reason to change", "sustain_talk": "give a reason to stay as you are",
    "commit": "say what you will do", "thanks": "thank the therapist and say goodbye",
}  # fmt: skip
THERAPIST_TASKS: Mapping[TherapistAct, str] = {
    "greet": "greet the client warmly", "small_talk": "ask about the week", "rationale": "explain why "
    "facing the memory helps",
    "expect": "say what to expect from exposure", "consent": "ask whether the client is willing to begin",
    "begin_memory": "ask the client to close the eyes and tell the memory in the present tense",
    "go_on": "ask what happens next", "hot_spot": "stay at the hardest moment and ask for details",
    "hold": 'say "stay with it" in your own way', "repeat": "ask to tell it once more from the start",
    "pace": "slow down and give room", "ground": "bring the client back to the room, naming what is here",
    "probe": "ask for a distress rating from 0 to {scale}", "praise": "acknowledge the effort",
    "end_exposure": "end the exposure and let the memory fade", "open_question": "ask one open question",
    "closed_question": "ask one yes-or-no question", "feeling_question": "ask what the client feels or thinks",
    "reflect": "reflect the feeling: {feeling}", "paraphrase": "paraphrase what was said",
    "validate": "say why the feeling makes sense", "affirm": "name a strength that shows",
    "summarise": "summarise so far",
    "disclose_self": "share a small experience of your own", "inform": "give one fact about such reactions",
    "suggest": "offer an idea and ask whether it fits", "evoke": "ask for the client's own reasons to change",
    "scale_question": "ask how important change is from 0 to 10", "plan": "ask for a first small step",
    "homework": "agree on homework", "close": "close the session warmly", "reassure": "say that all is well and safe",
    "breathe": "tell the client to take a deep breath", "interrupt": "break in with another question",
    "advise": "give direct advice", "push": "push for the hardest part at once", "confront": "confront the client",
    "brush_off": "move on without warmth",
}  # fmt: skip

_STAGE = re.compile(r"\*[^*]{0,200}\*|\([^)]{0,200}\)|\[[^\]]{0,200}\]")
_SPEAKER = re.compile(r"^\s*(?:therapist|client|assistant|user|you|me)\s*:\s*", re.IGNORECASE)
_OTHER_TURN = re.compile(r"\n\s*(?:therapist|client|user|assistant)\s*:.*", re.IGNORECASE | re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class ModelWriter:
    """Writes either side's words with a chat model.

    Args:
        model: any LangChain chat model.
        about: who the client is and what it is about, one or two sentences; both sides' prompts hold it.
    """

    def __init__(self, model: BaseChatModel, about: str = "") -> None:
        self._model = model
        self._about = about

    def client(self, wish: ClientWish, so_far: Sequence[Said]) -> str:
        tasks = "; then ".join(CLIENT_TASKS[act] for act in wish.acts)
        feeling = _feeling(wish.feeling)
        level = "calm" if wish.distress < LOW else "distressed" if wish.distress < HIGH else "very distressed"
        # What stays the same comes first, alone: models keep its attention state.
        system = (
            f"You play a client in a simulated therapy session used for training. {self._about} Speak in the first"
            " person, in plain spoken words, one to four sentences. No stage directions."
        )
        task = (
            f"You are {level} ({round(100 * wish.distress)} of 100) and feel {feeling}."
            f" {'You hold back.' if wish.disclosure < GUARDED else 'You speak openly.'} Now: {tasks}."
        ).format(rating=wish.rating, feeling=feeling)
        return self._ask("client", system, task, so_far)

    def therapist(self, wish: TherapistWish, so_far: Sequence[Said]) -> str:
        system = (
            "You play the therapist in a simulated session used for training. Be brief and warm: one or two sentences."
            " No stage directions."
        )
        task = f"Now: {THERAPIST_TASKS[wish.act]}.".format(scale=wish.scale, feeling=_feeling(wish.feeling))
        return self._ask("therapist", system, task, so_far)

    def _ask(self, who: str, system: str, task: str, so_far: Sequence[Said]) -> str:
        told = "\n".join(f"{said.who.capitalize()}: {said.text}" for said in so_far[-TURNS_SHOWN:])
        messages: list[BaseMessage] = [
            SystemMessage(system),
            HumanMessage(
                f"{told}\n\n{task} Write only the {who}'s words." if told else f"{task} Write only the words."
            ),
        ]
        try:
            answer = self._model.invoke(messages)
        except Exception as error:  # a provider may fail in any way
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise StageError(f"the {who}'s model failed: {reason}") from error
        text = tidy(answer.text, MAX_SENTENCES[who])
        if not text:
            raise StageError(f"the {who}'s model returned no words")
        return text


def _feeling(name: str) -> str:
    return "tense" if name == "neutral" else name


def tidy(text: str, sentences: int) -> str:
    """Words alone: without stage directions, names of speakers, other people's turns, and what goes on too long."""
    text = _STAGE.sub(" ", _OTHER_TURN.sub("", text))
    text = _SPEAKER.sub("", text).strip().strip('"“”').strip()
    parts = _SENTENCE.split(" ".join(text.split()))
    return " ".join(parts[:sentences])


def load_model(spec: str, seed: int) -> BaseChatModel | None:
    """A writer's model by name; None for "rules". Raises ComponentError for another name or a model that cannot
    start."""
    name, _, model = spec.partition(":")
    if spec == "rules":
        return None
    if name == "embedded":
        from rapport.agent.response.smollm2 import ChatSmolLM2

        # A temperature draws the first word by the seed, so that two sessions do not begin alike.
        return ChatSmolLM2(max_tokens=70, temperature=0.7, seed=seed % 2**31, no_repeat_ngram=4)
    if name == "langchain":
        from rapport.agent.chat_models import load_chat_model

        return load_chat_model(model)
    raise ComponentError(
        f"unknown writer {spec!r}; choose rules, embedded, or langchain:PROVIDER:MODEL such as "
        f"langchain:openai:gpt-4o-mini"
    )


def load_writers(client: str, therapist: str, seed: int) -> Writers:
    """Writers of both sides by name. One model serves both sides where both name the same."""
    models = {spec: load_model(spec, seed) for spec in dict.fromkeys((client, therapist))}
    wrote = {spec: ModelWriter(model) for spec, model in models.items() if model is not None}
    return Writers(wrote.get(client), wrote.get(therapist), (client, therapist))
