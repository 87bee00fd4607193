"""Turns a stream of text into clauses to speak: the first short and early, the rest whole, nothing cut inside a number.

`ClauseSplitter` is fed text as a model writes it and gives clauses as soon as they may be spoken. Joined by blanks,
the clauses are the cleaned text again, less the sentences that were left out (repeated ones, those above the limit,
an unfinished last one).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

FIRST_CLAUSE_WORDS = 3
"""The first clause may end at a comma once it has this many words."""
LATER_CLAUSE_WORDS = 8
"""Later clauses of a long sentence end at a comma once they have this many, with as many still possible behind."""
LONGEST_CLAUSE_WORDS = 40
"""A sentence that runs on without punctuation is cut after this many words."""

_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'*_])(?:(?:[Mm]rs?|[Mm]s|[Dd]r|[Pp]rof|[Jj]r|vs|approx|dept|[Ee]\.g|[Ii]\.e|U\.S|U\.K)|[A-HJ-Z])\.$"
)
_NUMERO = re.compile(r"(?:^|\s)[Nn]o\.$")
_HOUR = re.compile(r"\b[AaPp]\.m\.$")
_SENTENCE_END = re.compile(
    r"[.!?…]+[\"')\]*_]*(?=\s)|\n[^\S\n]*\n|\n(?=[^\S\n]*(?:[-*+•]|\d{1,2}[.)])[^\S\n])",
)
"""Closing punctuation before white space, an empty line, or the line before an item of a list."""
_COMMA = re.compile(r"[,;:](?=\s)|(?<=\s)[-–—]+(?=\s)|—(?=\w)")

_CONJUNCTIONS = frozenset(
    ["that", "because", "and", "but", "so", "when", "while", "if", "who", "where", "how", "what", "since", "although"]
)

_THINKING_DONE = re.compile(r"<think>.*?</think>", re.S | re.I)
_THINKING = re.compile(r"<think>.*?(?:</think>|$)", re.S | re.I)
_TAG = re.compile(r"<\|[^|>]*\|>|</?[A-Za-z][^<>]{0,60}>")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_ROLE = re.compile(
    r"^\s*(?:\*\*)?(?:assistant|ai|bot|user|human|system|listener|response|reply)(?:\*\*)?\s*:\s*", re.I | re.M
)
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}\s+|[-*+•]\s+|>\s+|\d{1,2}[.)]\s+(?=\D))", re.M)
_STAGE_DIRECTION = re.compile(r"\*(?:smiles?|nods?|sighs?|laughs?|pauses?|hugs?|chuckles?|leans?)\b[^*]{0,60}\*", re.I)
_EMPHASIS = re.compile(r"\*{1,3}|_{2,3}|(?<!\w)_|_(?!\w)|`+|~~|#{2,}")
_PICTURES = re.compile(
    "[\U0001f000-\U0001faff\U00002600-\U000027bf\U00002b00-\U00002bff\U0001f1e6-\U0001f1ff\ufe0f\u200d\u20e3]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufffd]")


def clean(text: str) -> str:
    """Text as it is to be spoken: without markdown, markup, role labels, pictures and control characters, blanks
    single."""
    out = text
    while True:
        before = out
        for pattern in (_CONTROL, _THINKING, _TAG, _ROLE, _LINE_MARK, _STAGE_DIRECTION):
            out = pattern.sub("", out)
        out = _LINK.sub(r"\1", out)
        out = _EMPHASIS.sub("", _PICTURES.sub("", out))
        out = re.sub(r"\s+([,.!?;:])", r"\1", " ".join(out.split()))
        # One mark may hide another ("**Assistant:**"), so go on until nothing changes.
        if out == before:
            return out


def split_sentences(text: str) -> list[str]:
    """Sentences of a text; abbreviations, initials and decimals do not end one. The last may be unfinished."""
    sentences: list[str] = []
    rest = text
    while (end := _sentence_end(rest)) > 0:
        sentences.append(rest[:end].strip())
        rest = rest[end:]
    return [sentence for sentence in (*sentences, rest.strip()) if sentence]


def _sentence_end(text: str) -> int:
    """Where the first sentence of a text ends; 0 when its end is not in sight."""
    for match in _SENTENCE_END.finditer(text):
        head = text[: match.end()]
        follows = text[match.end() :].lstrip()[:1]
        if _ABBREVIATION.search(head):
            continue
        if (_NUMERO.search(head) and follows.isdigit()) or (_HOUR.search(head) and follows.islower()):
            continue
        return match.end()
    return 0


def is_finished(sentence: str) -> bool:
    """Whether a sentence ends as one does, rather than being broken off."""
    return re.search(r"[.!?…][\"')\]]*$", sentence) is not None


def same_sentence_key(sentence: str) -> str:
    """What two sentences share when they say the same in the same words."""
    return " ".join(re.findall(r"\w+", sentence.lower()))


class ClauseSplitter:
    """Collects text and gives it back in clauses.

    `said` are replies of earlier turns: a sentence that repeats one of theirs, or one of this reply, is left out. At
    most `max_sentences` sentences are given, of which `max_questions` are questions; behind the first one, none that
    brings them above `max_words` words together. `feed` and `finish` return the clauses that have become ready.
    """

    def __init__(
        self,
        max_sentences: int = 3,
        said: Iterable[str] = (),
        *,
        max_questions: int | None = None,
        max_words: int | None = None,
    ) -> None:
        self._questions_left = math.inf if max_questions is None else max_questions
        self._words_left = math.inf if max_words is None else max_words
        self._buffer = ""
        self._left = max(1, max_sentences)
        self._said = {same_sentence_key(s) for text in said for s in split_sentences(clean(text))}
        self._begun = ""
        """What was already given of the sentence that is being read."""
        self._given = 0

    @property
    def full(self) -> bool:
        """Whether nothing more will be given: the writer may stop."""
        return self._left == 0

    def feed(self, text: str) -> list[str]:
        """Take in more text."""
        self._buffer += text
        ready: list[str] = []
        if self._thinks():
            return ready
        while not self.full and (end := _sentence_end(self._buffer)) > 0:
            sentence, self._buffer = self._buffer[:end], self._buffer[end:]
            ready += self._sentence(clean(sentence))
        return ready if self.full else [*ready, *self._early()]

    def finish(self) -> list[str]:
        """The writer is done. An unfinished last sentence is left out unless nothing else was said."""
        ready = self.feed("\n\n") if is_finished(self._buffer.rstrip(" *_`\n")) else self.feed("")
        last, self._buffer = clean(self._buffer), ""
        if self.full or self._given or not last:
            return ready
        return [*ready, *self._sentence(last)]

    def _thinks(self) -> bool:
        """Drop a model's spoken-to-itself part; true while it is still open."""
        self._buffer = _THINKING_DONE.sub("", self._buffer)
        return "<think>" in self._buffer.lower()

    def _sentence(self, sentence: str) -> list[str]:
        begun, self._begun = self._begun, ""
        key = same_sentence_key(f"{begun} {sentence}")
        if not key or (not begun and key in self._said):
            return []
        asks = sentence.endswith("?")
        if not begun:
            if asks and self._questions_left < 1:
                return []
            if self._given and len(sentence.split()) > self._words_left:
                self._left = 0
                return []
        self._questions_left -= asks
        self._words_left -= len(sentence.split())
        self._said.add(key)
        self._left -= 1
        self._given += 1
        return split_long(sentence) if sentence else []

    def _early(self) -> list[str]:
        """The first clause of a reply's first sentence while it is still being written, once it is long enough and can
        be no repetition. Later sentences wait until they are whole: by then there is something to listen to."""
        if (self._given and not self._begun) or self._questions_left < 1:  # it may become a question
            return []
        least = LATER_CLAUSE_WORDS if self._begun else FIRST_CLAUSE_WORDS
        for match in _COMMA.finditer(self._buffer):
            raw = self._buffer[: match.end()]
            head = clean(raw)
            if len(head.split()) < least:
                continue
            key = same_sentence_key(head)
            if _open_markup(raw) or (not self._begun and any(said.startswith(key) for said in self._said)):
                return []
            return self._give(head, match.end())
        if len(self._buffer.split()) > LONGEST_CLAUSE_WORDS and not _open_markup(self._buffer):
            head = re.match(rf"(?:\s*\S+){{{LONGEST_CLAUSE_WORDS}}}(?=\s)", self._buffer)
            if head is not None and clean(head.group()):
                return self._give(clean(head.group()), head.end())
        return []

    def _give(self, head: str, end: int) -> list[str]:
        self._buffer = self._buffer[end:]
        self._begun = f"{self._begun} {head}".strip()
        self._words_left -= len(head.split())
        self._given += 1
        return [head]


def _open_markup(raw: str) -> bool:
    """Whether a tag or link is still open, so that what follows decides what is spoken."""
    return raw.count("<") > raw.count(">") or raw.count("[") > raw.count("]")


def split_long(sentence: str) -> list[str]:
    """A sentence in clauses of speakable length: cut behind commas that leave enough words on both sides."""
    clauses: list[str] = []
    start = 0
    for match in _COMMA.finditer(sentence):
        head, tail = sentence[start : match.end()], sentence[match.end() :]
        if len(head.split()) >= LATER_CLAUSE_WORDS and len(tail.split()) >= FIRST_CLAUSE_WORDS:
            clauses.append(head.strip())
            start = match.end()
    words = sentence[start:].split()
    while len(words) > LONGEST_CLAUSE_WORDS:
        clauses.append(" ".join(words[:LONGEST_CLAUSE_WORDS]))
        words = words[LONGEST_CLAUSE_WORDS:]
    if words:
        clauses.append(" ".join(words))
    return clauses


def split_opening(sentence: str) -> list[str]:
    """A reply's first sentence in clauses, the first of them short where the sentence is long: it is what the person
    waits for. The cut falls behind a comma or colon, else before a conjunction."""
    words = sentence.split()
    if len(words) <= LATER_CLAUSE_WORDS:
        return [sentence]
    for k in range(FIRST_CLAUSE_WORDS, len(words) - 1):
        if words[k - 1][-1] in ",;:" or words[k].lower() in _CONJUNCTIONS:
            return [" ".join(words[:k]), *split_long(" ".join(words[k:]))]
    return split_long(sentence)


def speakable(text: str, *, max_sentences: int = 3, said: Sequence[str] = ()) -> list[str]:
    """A whole text in clauses, by the same rules as a stream."""
    splitter = ClauseSplitter(max_sentences, said)
    return [*splitter.feed(text), *splitter.finish()]


def held_back(text: str, stops: Sequence[str]) -> int:
    """How many last characters of a growing text may yet turn out to begin a stop text, or are half of a character."""
    longest = len(text) - len(text.rstrip("\ufffd"))
    for stop in stops:
        for n in range(min(len(stop) - 1, len(text)), longest, -1):
            if text.endswith(stop[:n]):
                longest = n
                break
    return longest
