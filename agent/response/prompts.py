"""What the language models are told: who they are, how they feel, what was said. Recalled words enter as quotations
only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from rapport.agent.response.feelings import Tone, felt_in_words
from rapport.agent.response.plan import Reading
from rapport.agent.response.style import style_in_words, style_of
from rapport.agent.safety.quoting import bare, quoted
from rapport.agent.stages import ReplyRequest
from rapport.persona.card import Persona

_EXAMPLES: Mapping[Tone, Sequence[tuple[str, str, str]]] = {
    # Per tone: the aim, what a person said, and what was answered. Short, because the small model reads them every
    # time.
    "bad": (
        (
            "They feel hurt. Aim: name what they feel.",
            "My sister forgot my birthday again.",
            "It sounds painful that your sister forgot your birthday. Being forgotten by somebody so close makes "
            "you wonder "
            "how much you matter to her. Have you told her how it felt?",
        ),
        (
            "They feel nervous. Aim: help them tell more.",
            "I have to give a talk tomorrow and I can't sleep.",
            "I can hear how nervous you are. The night before a talk can feel very long. "
            "Which part of the talk worries you the most?",
        ),
    ),
    "good": (
        (
            "They feel proud. Aim: strengthen what is good.",
            "I finally passed my driving test!",
            "I'm really glad to hear that you finally passed your driving test. All those hours of practice were "
            "worth it. "
            "Where will you drive first?",
        ),
        (
            "They feel grateful. Aim: strengthen what is good.",
            "My neighbour brought me soup when I was ill.",
            "How good to hear that your neighbour brought you soup. It is a quiet kind of love when somebody thinks of "
            "you. How did you feel when it stood at your door?",
        ),
    ),
    "plain": (
        (
            "They feel calm. Aim: help them tell more.",
            "I started to paint on Sundays.",
            "So you started to paint on Sundays. A blank page can be a good place to rest. What do you like to paint?",
        ),
        (
            "They feel thoughtful. Aim: help them tell more.",
            "I walked past my old house yesterday.",
            "I see, you walked past your old house yesterday. Places keep so much of what happened in them. "
            "What did you think of when you saw it?",
        ),
    ),
}
_AIMS: Mapping[str, str] = {
    "question": "help them tell more",
    "restatement": "say back what they said",
    "reflection": "name what they feel",
    "self_disclosure": "be open about what you are",
    "affirmation": "strengthen what is good",
    "suggestions": "offer one small step",
    "information": "answer what they asked",
    "others": "keep the talk friendly",
}


def shortened(text: str, characters: int) -> str:
    """A text cut at a word within this many characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[:characters].rsplit(" ", 1)[0] + " ..."


def small_model_system(persona: Persona, *, taught: bool = False) -> str:
    """The part of the small model's prompt that a persona's every turn shares.

    Args:
        taught: whether the model has learned the work; another is told it in words.
    """
    who = (
        f"You are {persona.name.capitalize()}, a computer program that listens to people. "
        f"{bare(persona.manner or 'Calm and warm.', 160)} {style_in_words(style_of(persona))}"
    )
    if taught:
        return who
    return (
        f"{who} You answer in two short sentences about what the person said, and you end with one gentle question "
        "about it. You never talk about yourself."
    )


def small_model_prompt(
    request: ReplyRequest, reading: Reading, opening: str, *, taught: bool = False
) -> tuple[list[BaseMessage], int]:
    """Messages for the embedded model, which goes on from `opening`, and how many of the first come again each turn.

    A model that was `taught` by such prompts needs neither the examples nor the instructions.
    """
    messages: list[BaseMessage] = [SystemMessage(small_model_system(request.persona, taught=taught))]
    for aim, said, answer in () if taught else _EXAMPLES[reading.tone]:
        messages += [SystemMessage(aim), HumanMessage(said), AIMessage(answer)]
    constant = len(messages)
    for exchange in list(request.history)[-2:]:
        messages += [HumanMessage(shortened(exchange.person, 200)), AIMessage(shortened(exchange.agent, 200))]
    messages += [
        SystemMessage(_note(request, reading)),
        HumanMessage(shortened(request.text, 500)),
        AIMessage(opening),
    ]
    return messages, constant


def _note(request: ReplyRequest, reading: Reading) -> str:
    """Both feelings, the aim, what the guard wants heeded, and one memory: more would lead so small a model astray."""
    note = (
        f"They feel {reading.plan.emotion}. You feel {felt_in_words(request.felt)}. "
        f"Aim: {_AIMS.get(reading.plan.strategy, reading.plan.goal)}."
    )
    if request.guidance:
        note += f" Careful: {bare(request.guidance, 300)}"
    if request.recalled:
        note += f" Earlier they told you: {quoted(request.recalled[0].person, 120)}"
    return note
