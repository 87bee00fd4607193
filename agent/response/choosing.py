"""From what a small model wrote, several times over, to the one reply that is spoken.

Every text is reduced to the sentences that may be said, completed by the rules where something is missing, and scored;
what the rules alone would say is a candidate like the others, so a bad day of the model costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapport.agent.response.clauses import clean, same_sentence_key, split_sentences
from rapport.agent.response.deliberation import Candidate, Deliberation
from rapport.agent.response.exemplars import Exemplar
from rapport.agent.response.filters import objection
from rapport.agent.response.rules import Writer
from rapport.agent.response.scoring import Scorer, total
from rapport.agent.response.steps import Steps
from rapport.agent.response.style import in_style
from rapport.agent.stages import ReplyRequest

_TURNS_READ = 2
"""What the person said in so many turns before counts as told."""
_TURNS_SAID = 4
"""No sentence of so many of the agent's last turns is said again."""


_FEELS = re.compile(
    r"\bI(?:'m| am) (?:\w+ ){0,2}(?:sorry|glad|happy|pleased|delighted|thrilled|relieved|sad|impressed|proud)\b"
    r"|\bmakes me\b|\bI (?:love|feel)\b|\bfor you\b|\bwith you\b|\bI'd be\b|\bfingers crossed\b"
)
"""An exemplar's answer that has a feeling of the listener's in it."""


class Chooser:
    """Reduces, completes and ranks the candidates of one reply.

    Args:
        opening: the reply's first sentence, which is being spoken already.
        rules: whether exemplars compete, or what the rules would say where there are none; without, the rules only
            stand in where nothing else is left.
    """

    def __init__(
        self, request: ReplyRequest, steps: Steps, writer: Writer, opening: str, scorer: Scorer, *, rules: bool = True
    ) -> None:
        self._request, self._steps, self._writer, self._opening = request, steps, writer, opening
        self._scorer, self._rules = scorer, rules
        self._limit = request.max_sentences - 1
        history = list(request.history)
        self._told = " ".join((*(exchange.person for exchange in history[-_TURNS_READ:]), request.text))
        said = [opening, request.text, *(exchange.agent for exchange in history[-_TURNS_SAID:])]
        self._said = {same_sentence_key(sentence) for text in said for sentence in split_sentences(clean(text))}
        self._by_rules = writer.rest(opening, self._limit)
        self._question = next((s for s in self._by_rules if s.endswith("?")), "")
        self._statement = next((s for s in self._by_rules if not s.endswith("?")), "")

    def choose(self, written: Sequence[str], note: str = "") -> Deliberation:
        """The candidates, best first, from the texts that a model wrote, of which there may be none."""
        drafts = [draft for text in written if (draft := self._reduced(text)) is not None]
        ruled = Candidate(" ".join(self._by_rules), "rules")
        if self._rules:
            drafts += [draft for each in self._steps.alike if (draft := self._from(each)) is not None]
        if not drafts or (self._rules and not self._steps.alike):
            drafts.append(ruled)
        unlike = list({same_sentence_key(draft.text): draft for draft in reversed(drafts)}.values())[::-1]
        replies = [f"{self._opening} {draft.text}".strip() for draft in unlike]
        scores = self._scorer.scores(self._request, self._steps.reading, replies, [len(d.faults) for d in unlike])
        scored = [
            Candidate(draft.text, draft.origin, draft.faults, found, total(found))
            for draft, found in zip(unlike, scores, strict=True)
        ]
        # Of equals the earlier counts, so the same scores give the same reply.
        ranked = sorted(scored, key=lambda candidate: -round(candidate.total, 6))
        return Deliberation(self._opening, tuple(ranked), self._steps.sources, note)

    def _from(self, exemplar: Exemplar) -> Candidate | None:
        """What may be said of an exemplar's answer behind the opening, with a feeling in it; None when nothing is
        left."""
        left = [s for s in exemplar.sentences if same_sentence_key(s) not in self._said]
        if left and len(left) < self._limit and not _FEELS.search(exemplar.answer):
            left = [sentence for sentence in (self._writer.reaction(), *left) if sentence]
        kept: list[str] = []
        questions, words = self._writer.questions_left, len(self._opening.split())
        for sentence in left:
            asks = sentence.endswith("?")
            words += len(sentence.split())
            if asks and questions < 1:
                continue
            if len(kept) >= self._limit or (kept and words > self._writer.style.words[1]):
                break
            kept.append(in_style(sentence, self._writer.style))
            questions -= asks
        if kept and self._question and len(kept) < self._limit and not kept[-1].endswith("?"):
            kept.append(self._question)
        return Candidate(" ".join(kept), "exemplar") if kept else None

    def _reduced(self, text: str) -> Candidate | None:
        """A text's sentences that may be spoken; None when none is left."""
        kept: list[str] = []
        faults: list[str] = []
        questions = self._writer.questions_left
        least, most = self._writer.style.words
        words = len(self._opening.split())
        for sentence in split_sentences(clean(text)):
            asks = sentence.endswith("?")
            fault = self._fault(sentence, kept, questions)
            if fault is not None:
                faults.append(fault)
                continue
            more = len(sentence.split())
            if len(kept) >= self._limit or (kept and words >= least and words + more > most):
                break
            kept.append(in_style(sentence, self._writer.style))
            words += more
            questions -= asks
            if asks:
                break
        if not kept:
            return None
        if len(kept) < self._limit:
            # A statement wants a question behind it, and a question alone sounds like an interview.
            if self._question and not kept[-1].endswith("?"):
                return Candidate(" ".join([*kept, self._question]), "both", tuple(faults))
            if self._statement and len(kept) == 1 and kept[0].endswith("?"):
                return Candidate(" ".join([self._statement, *kept]), "both", tuple(faults))
        return Candidate(" ".join(kept), "model", tuple(faults))

    def _fault(self, sentence: str, kept: Sequence[str], questions: int) -> str | None:
        key = same_sentence_key(sentence)
        if key in self._said or key in {same_sentence_key(before) for before in kept}:
            return "said before"
        if sentence.endswith("?") and questions < 1:
            return "one question too many"
        return objection(sentence, self._told, self._steps.reading.tone)
