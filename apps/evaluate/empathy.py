"""`rapport eval empathy`: how responders answer people in need, by one ruler for them and for the human answers."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from rapport.agent.perception.text import MiniLMEmotion
from rapport.agent.perception.text_model import ContextTurn
from rapport.agent.response.clauses import is_finished, same_sentence_key, split_sentences
from rapport.agent.response.empathy import EmpathyScorer
from rapport.agent.response.plan import Reading, read
from rapport.agent.response.responder import ADAPTER_SUFFIX, SmolLM2Responder
from rapport.agent.response.rules import RuleResponder
from rapport.agent.response.scoring import emotional_fit
from rapport.agent.response.strategy import STRATEGIES, StrategyPolicy
from rapport.agent.response.style import questions_in, style_of
from rapport.agent.stages import EmpathyPlan, ReplyRequest, Responder
from rapport.apps.evaluate.empathy_data import Context, read_contexts
from rapport.apps.evaluate.metrics import Floats, Ints, accuracy, bootstrap, interval, macro_f1
from rapport.apps.evaluate.report import flags, progress_of
from rapport.memory.embedding import MiniLMEmbedder
from rapport.persona.affect import EKMAN7, AffectState, EmotionDistribution, EmotionEstimate
from rapport.persona.card import load_persona
from rapport.persona.errors import InputError

_PATIENCE_S = 360.0
"""What a reply may take here: a slow machine is not to change what is judged."""

RESPONDERS: Mapping[str, Callable[[], Responder]] = {
    "rules": RuleResponder,
    "single": partial(SmolLM2Responder, candidates=1, rules=False),
    "chain": SmolLM2Responder,
}
"""What can be compared: rules alone; the embedded model's one reply; the best of its candidates and the rules'."""
TAUGHT: Mapping[str, str] = {"taught-single": "single", "taught-chain": "chain"}
"""The same with an adapter (`rapport train reply`), and what each is compared with."""
HUMAN = "human"


@dataclass(frozen=True)
class Answer:
    """A reply with what it was made from."""

    responder: str
    context: str
    seeker: str
    emotion: str
    reply: str
    plan: EmpathyPlan | None
    latency_s: float | None
    first_clause_s: float | None


@dataclass(frozen=True)
class EmpathyReport:
    """Figures by responder, the human answers among them, each with its 95 % interval over contexts."""

    file: Path
    n: int
    seed: int
    figures: Mapping[str, Mapping[str, float | None]]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]
    differences: Mapping[str, Mapping[str, Mapping[str, tuple[float, float, float]]]]
    """Per responder and what it is compared with (the human answers, and of one with an adapter the same without):
    by figure the mean of the paired difference, and its interval."""
    strategy: Mapping[str, float]
    """`accuracy` and `macro_f1` of the policy against the annotated strategies; empty where there are none."""
    answers: Sequence[Answer]

    def as_dict(self) -> dict[str, Any]:
        return {
            "task": "empathy",
            "file": str(self.file),
            "n": self.n,
            "seed": self.seed,
            "responders": {
                name: {**figures, "intervals": self.intervals[name]} for name, figures in self.figures.items()
            },
            "differences": self.differences,
            "strategy": self.strategy,
        }

    def write(self, path: Path) -> None:
        _write(path, json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n")

    def write_replies(self, path: Path) -> None:
        """One JSON object a line: responder, context, seeker, reply, plan, times."""
        _write(path, "".join(json.dumps(asdict(answer), ensure_ascii=False) + "\n" for answer in self.answers))

    def show(self) -> None:
        table = Table("", *self.figures, box=None, pad_edge=False)
        for name in next(iter(self.figures.values())):
            cells = [_cell(figures[name], self.intervals[who].get(name)) for who, figures in self.figures.items()]
            table.add_row(name, *(cell.replace("[", r"\[") for cell in cells))
        console = Console(soft_wrap=True)
        console.print(f"empathy: {self.file}, n = {self.n}, seed {self.seed}", highlight=False, markup=False)
        console.print(table)
        for name, of in self.differences.items():
            for other, found in of.items():
                if other != HUMAN:
                    table = Table("", f"{name} less {other}", box=None, pad_edge=False)
                    for figure, (mean, low, high) in found.items():
                        table.add_row(figure, f"{mean:+.3f} \\[{low:+.3f}, {high:+.3f}]")
                    console.print(table)
        for name, value in self.strategy.items():
            console.print(f"strategy {name}: {value:.3f}", highlight=False)


def empathy(
    file: Path,
    responders: Sequence[str],
    *,
    n: int = 200,
    seed: int = 0,
    persona: str = "harbor",
    adapter: Path | None = None,
) -> EmpathyReport:
    """Let responders answer `n` contexts of a file, and judge their replies and the human ones.

    Args:
        adapter: what the responders of TAUGHT add to the embedded model.

    Raises:
        InputError: the file is neither EmpatheticDialogues nor ESConv, a responder or persona is unknown, or one wants
            an adapter and none is given.
    """
    made = responders_with(adapter)
    unknown = [name for name in responders if name not in made]
    if unknown:
        hint = "; give --adapter FILE" if unknown[0] in TAUGHT else f"; choose from {', '.join((*RESPONDERS, *TAUGHT))}"
        raise InputError(f"{'no adapter for' if unknown[0] in TAUGHT else 'unknown'} responder {unknown[0]!r}{hint}")
    contexts = read_contexts(file, n, seed)
    requests = _requests(contexts, persona, seed)
    answers = [
        Answer(HUMAN, c.name, c.seeker, r.perceived.label, c.human, None, None, None)
        for c, r in zip(contexts, requests, strict=True)
    ]
    for name in responders:
        answers += asyncio.run(_answers(name, made[name](), contexts, requests))
    readings = [read(request) for request in requests]
    judge, embedder = EmpathyScorer(), MiniLMEmbedder()
    figures: dict[str, dict[str, float | None]] = {}
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    measured: dict[str, _Measured] = {}
    for name in (HUMAN, *responders):
        own = [answer for answer in answers if answer.responder == name]
        measured[name] = _measured(own, requests, readings, judge, embedder)
        figures[name], intervals[name] = _figures(own, measured[name], seed)
    differences = {
        name: {
            other: _paired(measured[name], measured[other], seed)
            for other in (HUMAN, TAUGHT.get(name, HUMAN))
            if other in measured
        }
        for name in responders
    }
    return EmpathyReport(
        file, len(contexts), seed, figures, intervals, differences, _strategies(contexts, requests), answers
    )


def responders_with(adapter: Path | None) -> dict[str, Callable[[], Responder]]:
    """What can be compared, by name: RESPONDERS, and with an adapter TAUGHT too. Raises InputError for another file."""
    if adapter is None:
        return dict(RESPONDERS)
    if adapter.suffix != ADAPTER_SUFFIX:
        raise InputError(f"{adapter}: is no adapter; give the {ADAPTER_SUFFIX} file that `rapport train reply` wrote")
    one = partial(SmolLM2Responder, str(adapter), candidates=1, rules=False)
    return {**RESPONDERS, "taught-single": one, "taught-chain": partial(SmolLM2Responder, str(adapter))}


@dataclass(frozen=True)
class _Measured:
    """One number per reply for everything that has a mean, and each reply's words."""

    rows: Mapping[str, Floats]
    tokens: Sequence[Sequence[str]]


def _requests(contexts: Sequence[Context], persona: str, seed: int) -> list[ReplyRequest]:
    reader, card = MiniLMEmotion(), load_persona(persona)
    nothing = EmotionDistribution.certain(EKMAN7, "neutral")
    return [
        ReplyRequest(
            text=context.seeker,
            perceived=reader.read(context.seeker) or EmotionEstimate(nothing, nothing.vad),
            felt=AffectState(),
            persona=card,
            history=context.history,
            seed=seed,
            budget_s=_PATIENCE_S,
        )
        for context in contexts
    ]


async def _answers(
    name: str, responder: Responder, contexts: Sequence[Context], requests: Sequence[ReplyRequest]
) -> list[Answer]:
    out: list[Answer] = []
    with progress_of(name, len(requests)) as advance:
        for context, request in zip(contexts, requests, strict=True):
            began_s, first_s = time.perf_counter(), None
            plan, clauses = None, list[str]()
            async for item in responder.respond(request):
                if isinstance(item, str):
                    first_s = first_s or time.perf_counter() - began_s
                    clauses.append(item)
                elif isinstance(item, EmpathyPlan):
                    plan = item
            latency_s = time.perf_counter() - began_s
            label = request.perceived.label
            out.append(Answer(name, context.name, context.seeker, label, " ".join(clauses), plan, latency_s, first_s))
            advance(1)
    return out


def _measured(
    answers: Sequence[Answer],
    requests: Sequence[ReplyRequest],
    readings: Sequence[Reading],
    judge: EmpathyScorer,
    embedder: MiniLMEmbedder,
) -> _Measured:
    scores = [judge.score(answer.seeker, [answer.reply]) for answer in answers]
    replies, seekers = embedder.embed([a.reply for a in answers]), embedder.embed([a.seeker for a in answers])
    own = [{same_sentence_key(s) for s in split_sentences(a.seeker)} for a in answers]
    lengths = [len(a.reply.split()) for a in answers]
    ranges = [style_of(request.persona).words for request in requests]
    rows = {
        "reactions": np.array([float(s.reactions[0]) for s in scores]),
        "interpretations": np.array([float(s.interpretations[0]) for s in scores]),
        "explorations": np.array([float(s.explorations[0]) for s in scores]),
        "relevance": np.einsum("ij,ij->i", replies, seekers).astype(np.float64),
        "fit": np.array([emotional_fit(a.reply, g, r) for a, g, r in zip(answers, readings, requests, strict=True)]),
        "words": np.array(lengths, np.float64),
        "in_range": np.array([float(least <= n <= most) for n, (least, most) in zip(lengths, ranges, strict=True)]),
        "questions": np.array([float(questions_in(a.reply)) for a in answers]),
        "cut_off": np.array([float(not is_finished(a.reply)) for a in answers]),
        "echoes": np.array(
            [
                float(any(same_sentence_key(s) in said for s in split_sentences(a.reply)))
                for a, said in zip(answers, own, strict=True)
            ]
        ),
    }
    return _Measured(rows, [re.findall(r"[\w']+", answer.reply.lower()) for answer in answers])


def _figures(
    answers: Sequence[Answer], measured: _Measured, seed: int
) -> tuple[dict[str, float | None], dict[str, tuple[float, float]]]:
    names, tokens = list(measured.rows), measured.tokens
    table = np.stack([measured.rows[name] for name in names], axis=1)

    def means(drawn: Ints) -> Floats:
        return table[drawn].mean(axis=0)

    samples = bootstrap(means, len(answers), seed)
    sentences = [same_sentence_key(s) for answer in answers for s in split_sentences(answer.reply)]
    found: dict[str, float | None] = dict(zip(names, (float(v) for v in table.mean(axis=0)), strict=True))
    found["distinct_1"], found["distinct_2"] = distinct(tokens, 1), distinct(tokens, 2)
    found["repeated_sentences"] = 1.0 - len(set(sentences)) / max(1, len(sentences))
    times = [answer.latency_s for answer in answers if answer.latency_s is not None]
    firsts = [answer.first_clause_s for answer in answers if answer.first_clause_s is not None]
    found["latency_s_p50"] = float(np.median(times)) if times else None
    found["first_clause_s_p50"] = float(np.median(firsts)) if firsts else None
    return found, {name: interval(samples[:, k]) for k, name in enumerate(names)}


def distinct(replies: Sequence[Sequence[str]], size: int) -> float:
    """Distinct-n (Li et al. 2016, arXiv 1510.03055): different runs of `size` words over all of them."""
    runs = [tuple(words[k : k + size]) for words in replies for k in range(len(words) - size + 1)]
    return len(set(runs)) / len(runs) if runs else 0.0


def _paired(one: _Measured, other: _Measured, seed: int) -> dict[str, tuple[float, float, float]]:
    """What the first has above the second on the same contexts: means and intervals by figure, Distinct-2 included."""
    names = list(one.rows)
    table = np.stack([one.rows[name] - other.rows[name] for name in names], axis=1)

    def statistics(drawn: Ints) -> Floats:
        more = distinct([one.tokens[int(k)] for k in drawn], 2) - distinct([other.tokens[int(k)] for k in drawn], 2)
        return np.append(table[drawn].mean(axis=0), more)

    samples = bootstrap(statistics, len(table), seed)
    found = statistics(np.arange(len(table)))
    return {name: (float(found[k]), *interval(samples[:, k])) for k, name in enumerate([*names, "distinct_2"])}


def _strategies(contexts: Sequence[Context], requests: Sequence[ReplyRequest]) -> dict[str, float]:
    """The policy's likeliest strategy against the annotated one."""
    policy = StrategyPolicy()
    found: list[str] = []
    given: list[str] = []
    for context, request in zip(contexts, requests, strict=True):
        if context.strategy is None:
            continue
        turns = [
            ContextTurn(words, same_speaker=k == 0)
            for exchange in context.history
            for k, words in enumerate((exchange.person, exchange.agent))
            if words
        ]
        previous = ["question" if e.agent.rstrip().endswith("?") else "reflection" for e in context.history]
        odds = policy.distribution(
            [*turns, ContextTurn(context.seeker, same_speaker=True)], emotion=request.perceived.label, previous=previous
        )
        found.append(max(odds, key=lambda name: odds[name]))
        given.append(context.strategy)
    if not given:
        return {}
    found_flags, given_flags = flags(found, STRATEGIES), flags(given, STRATEGIES)
    return {"accuracy": accuracy(found_flags, given_flags), "macro_f1": macro_f1(found_flags, given_flags)}


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def _cell(value: float | None, span: tuple[float, float] | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f} [{span[0]:.3f}, {span[1]:.3f}]" if span is not None else f"{value:.3f}"
