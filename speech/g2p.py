"""English text to phonemes in misaki's American alphabet, the one that Kokoro was trained on.

    >>> [w.phonemes for w in phonemize("I read it yesterday.")]
    ['ˌI', 'ɹˈɛd', 'ɪt', 'jˈɛstəɹdˌA']

Words come from misaki's two American lexicons, read as data (180,000 words, Apache-2.0). Their entries tell apart
noun, verb, adjective and past tense where a word sounds differently (record, live, read, close, use); since no tagger
is at hand, a few rules on the neighbouring words choose. Endings (-s, -ed, -ing, 's) follow misaki's rules. Words
that no lexicon knows go to the letter-to-sound model of `rapport.speech.letters`, or to another that the caller names.

The alphabet: IPA with one letter per diphthong or affricate (A I O W Y for the vowels of day, my, go, now, boy;
ʤ ʧ), ᵻ and ᵊ for reduced vowels, T for the flap in "city", ˈ and ˌ before a stressed vowel.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

from rapport.persona.errors import ComponentError
from rapport.speech.heteronyms import VOWELS, Context, Tag, part_of_speech
from rapport.speech.letters import spell_out_sounds
from rapport.speech.normalize import spoken_words
from rapport.speech.reading_tables import word_set

STRESS_MARKS = "ˈˌ"
_PRIMARY, _SECONDARY = STRESS_MARKS
_FLAPPING_BEFORE = frozenset("AIOWYiuæɑəɛɪɹʊʌ")
"""Sounds after which an American t before a vowel becomes a flap."""


LetterToSound = Callable[[str], str]
"""A written word in lower case to its phonemes."""


@dataclass(frozen=True)
class PhonemizedWord:
    """A written word, its phonemes (spaces between the words that are said for it), and the punctuation after it."""

    text: str
    phonemes: str
    after: str = ""


def phonemize(text: str, spell: LetterToSound = spell_out_sounds) -> list[PhonemizedWord]:
    """Phonemes of English text, one entry per written word, in order. `spell` reads words that no lexicon knows.

    Words that have no reading (other scripts, stray symbols) keep their entry with empty phonemes.
    """
    tokens = spoken_words(text)
    said = [(i, word) for i, token in enumerate(tokens) for word in token.words]
    shouting = sum(len(w) > 1 for _, w in said) > 1 and all(w.isupper() for _, w in said)
    words = [w.lower() if shouting and w not in {"I"} else w for _, w in said]
    breaks = [k + 1 == len(said) or (said[k + 1][0] != i and bool(tokens[i].after)) for k, (i, _) in enumerate(said)]
    sounds: list[list[str]] = [[] for _ in tokens]
    next_sound = ""
    for k in range(len(words) - 1, -1, -1):  # backwards: the, a and to depend on the sound that follows
        phrase_end = breaks[k]
        context = Context(words, k, _phrase_bounds(breaks, k), "" if phrase_end else next_sound, phrase_end)
        phonemes = _word(context, spell)
        sounds[said[k][0]].insert(0, phonemes)
        next_sound = phonemes or next_sound
    return [
        PhonemizedWord(t.text, " ".join(s for s in sound if s), t.after)
        for t, sound in zip(tokens, sounds, strict=True)
    ]


def _phrase_bounds(breaks: Sequence[bool], index: int) -> tuple[int, int]:
    start = index
    while start > 0 and not breaks[start - 1]:
        start -= 1
    end = index
    while not breaks[end]:
        end += 1
    return start, end + 1


# ------------------------------------------------------------------------------------------------------------- words

_INITIALISMS = word_set(
    "adhd ai aids bbc cbt ceo cd cia cpr cv diy dj dna dvd er eu fbi fyi gp gps hiv hr html http icu id idk imo iq irs "
    "it iv kfc lgbt lol mba mri ngo nhs ocd ok omg pc pdf phd pm pms pr ptsd rip sms sos suv tbh tv ufo uk un us usa "
    "usb vip vr"
)
_AMBIGUOUS_INITIALISMS = word_set("ai aids er hr id it iv ok pr pm rip us un")
"""Read letter by letter only in capitals: they are words as well."""
_RESPELLED = {
    "lol": "el oh el", "tbh": "to be honest", "idk": "I don't know", "omg": "oh my god", "imo": "in my opinion",
    "btw": "by the way", "pls": "please", "thx": "thanks", "hmm": "hm", "mhm": "mm hm", "shh": "sh", "im": "I'm",
    "ive": "I've", "dont": "don't", "cant": "can't", "didnt": "didn't", "isnt": "isn't", "thats": "that's",
    "youre": "you're", "doesnt": "doesn't", "wont": "won't", "oclock": "o'clock",
}  # fmt: skip
_FIXED = {
    "hm": "hˈʌm", "mm": "mˈm", "sh": "ʃˈʃ", "miz": "mˈɪz", "haha": "hɑhˈɑ", "aww": "ˈɔ", "aw": "ˈɔ",
    "o'clock": "əklˈɑk",
}  # fmt: skip


def _word(context: Context, spell: LetterToSound) -> str:
    word = context.word
    lower = word.lower()
    if lower in _RESPELLED and not (word.isupper() and lower in _INITIALISMS):
        return " ".join(w.phonemes for w in phonemize(_RESPELLED[lower], spell))
    found = _function_word(context) or _FIXED.get(lower)
    if found is None:
        found = _initials(word) or _lookup_any(word, context) or _elongated(word, context)
    if found is None:
        found = spell(lower) if any(c in "aeiouy" for c in lower) else _letter_names(word)
    return found.replace("ɾ", "T").replace("ʔ", "t")


def _function_word(context: Context) -> str | None:
    """Words whose sound hangs on what follows, and weak forms, as misaki has them."""
    word, lower, before_vowel = context.word, context.word.lower(), context.before_vowel
    if lower == "a":
        return "ˈA" if context.phrase_end or (word == "A" and context.neighbour(-1)) else "ɐ"
    if lower == "an" and word != "AN":
        return "ɐn"
    if word == "I":
        return "ˌI"
    if word == "am":
        return "æm" if before_vowel is None or not context.neighbour(-1) else "ɐm"
    if lower == "to" and word != "TO":
        return {None: "tu", False: "tə", True: "tʊ"}[before_vowel]
    if lower == "the":
        return "ði" if before_vowel else "ðə"
    if lower == "in" and word != "IN":
        return "ˈɪn" if before_vowel is None else "ɪn"
    if lower == "used":
        used_to = context.neighbour(1) == "to" and context.neighbour(-1) not in {"was", "is", "are", "be", "being"}
        return "jˈust" if used_to or context.neighbour(-1) in {"get", "got", "getting"} else "jˈuzd"
    return None


def _initials(word: str) -> str | None:
    """Names of the letters for words such as PTSD or TV."""
    lower = word.lower()
    plural = word.endswith("s") and word[:-1].isupper() and len(word) > 2
    letters = word[:-1] if plural else word.removesuffix("'s")
    if not letters.isalpha() or not (
        letters.isupper() or (lower in _INITIALISMS and lower not in _AMBIGUOUS_INITIALISMS)
    ):
        return None
    known = letters.lower() in _INITIALISMS or len(letters) == 1
    pronounceable = letters.lower() in _golds() or letters.lower() in _silvers() or letters in _golds()
    if not known and (pronounceable or (len(letters) > 4 and re.search("[AEIOUY]", letters))):
        return None
    names = _letter_names(letters)
    return add_s(names) if plural or word != letters else names


def _letter_names(word: str) -> str:
    """The letters' names, the last one stressed."""
    golds = _golds()
    names = [cast("str", golds[c.upper()]) for c in word if c.isalpha() and c.isascii()]
    text = "".join(restressed(n, "secondary") for n in names)
    head, mark, tail = text.rpartition(_SECONDARY)
    return f"{head}{_PRIMARY}{tail}" if mark else text


def _lookup_any(word: str, context: Context) -> str | None:
    """From the lexicons, whole or by its ending; a capital gives an unstressed word some stress."""
    stress = "primary" if word.isupper() and len(word) > 1 else "some" if word != word.lower() else None
    for spelling in dict.fromkeys((word, word.lower(), word.capitalize())):
        found = _lookup(spelling, context) or _inflected(spelling, context)
        if found is not None:
            return restressed(found, stress) if stress else found
    return None


def _elongated(word: str, context: Context) -> str | None:
    """sooo, nooooo, heyyy: three or more equal letters count as two, or as one."""
    if not re.search(r"(.)\1\1", word):
        return None
    for kept in (r"\1\1", r"\1"):
        if found := _lookup_any(re.sub(r"(.)\1{2,}", kept, word), context):
            return found
    return None


def _lookup(word: str, context: Context) -> str | None:
    entry = _golds().get(word) or _silvers().get(word)
    if entry is None or isinstance(entry, str):
        return entry
    tag = part_of_speech(context, entry)
    return entry.get(tag) or entry["DEFAULT"]


def _known(word: str) -> bool:
    return word in _golds() or word in _silvers()


def _inflected(word: str, context: Context) -> str | None:
    """misaki's rules for -s, -'s, -ed and -ing (stop, stopped) on a stem that is in the lexicons."""
    if word.endswith("'") and _known(word[:-1]):
        return _lookup(word[:-1], context)
    for ending, restored, add in _ENDINGS:
        bare = word.removesuffix(ending)
        if len(bare) < 2 or bare == word or word.endswith(("ss", "dd")):
            continue
        stems = [bare + restored]
        if ending in {"ed", "ing"} and bare[-1] == bare[-2]:
            stems.append(bare[:-1])
        for stem in stems:
            if found := _lookup(stem, context):
                return add(found)
    return None


def add_s(stem: str) -> str:
    """The ending -s: voiceless after p t k f θ, a syllable after hissing sounds, else z."""
    if stem[-1:] in "ptkfθ":
        return f"{stem}s"
    return f"{stem}ᵻz" if stem[-1:] in "szʃʒʧʤ" else f"{stem}z"


def add_ed(stem: str) -> str:
    """The ending -ed: t after voiceless sounds, a syllable after t and d (with a flap after a vowel), else d."""
    last = stem[-1:]
    if last in "pkfθʃsʧ":
        return f"{stem}t"
    if last == "d":
        return f"{stem}ᵻd"
    if last != "t":
        return f"{stem}d"
    return f"{stem[:-1]}ɾᵻd" if stem[-2:-1] in _FLAPPING_BEFORE else f"{stem}ᵻd"


def add_ing(stem: str) -> str:
    """The ending -ing, with a flap for a t after a vowel."""
    return f"{stem[:-1]}ɾɪŋ" if stem.endswith("t") and stem[-2:-1] in _FLAPPING_BEFORE else f"{stem}ɪŋ"


def _after(sound: str) -> Callable[[str], str]:
    return lambda stem: stem + sound


_ENDINGS: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("'s", "", add_s), ("s", "", add_s), ("es", "", add_s), ("ies", "y", add_s),
    ("'d", "", add_ed), ("d", "", add_ed), ("ed", "", add_ed), ("ied", "y", add_ed),
    ("ing", "", add_ing), ("ing", "e", add_ing), ("in'", "", _after("ɪn")),
    ("'ll", "", _after("ᵊl")), ("'ve", "", _after("əv")), ("'re", "", _after("əɹ")),
)  # fmt: skip
"""Written ending, what its stem has in its place, and how it sounds."""


def restressed(phonemes: str, stress: Literal["primary", "secondary", "some"]) -> str:
    """Phonemes with their strongest stress made primary, made secondary, or given if there was none ("some")."""
    if stress == "secondary":
        return phonemes.replace(_SECONDARY, "").replace(_PRIMARY, _SECONDARY)
    if _PRIMARY in phonemes or (stress == "some" and _SECONDARY in phonemes):
        return phonemes
    if _SECONDARY in phonemes:
        return phonemes.replace(_SECONDARY, _PRIMARY)
    vowel = next((i for i, c in enumerate(phonemes) if c in VOWELS), None)
    mark = _PRIMARY if stress == "primary" else _SECONDARY
    return phonemes if vowel is None else f"{phonemes[:vowel]}{mark}{phonemes[vowel:]}"


# ---------------------------------------------------------------------------------------------------------- lexicons

Lexicon = Mapping[str, "str | Mapping[Tag, str | None]"]


@cache
def _golds() -> Lexicon:
    """misaki's hand-checked lexicon."""
    return _read_lexicon("us_gold.json")


@cache
def _silvers() -> Lexicon:
    """misaki's larger, machine-made lexicon: second choice."""
    return _read_lexicon("us_silver.json")


def _read_lexicon(name: str) -> Lexicon:
    spec = importlib.util.find_spec("misaki")  # finds the package without running it: misaki.en needs spaCy
    if spec is None or spec.origin is None:
        raise ComponentError("the English lexicons are missing; pip install misaki")
    try:
        return cast("Lexicon", json.loads((Path(spec.origin).parent / "data" / name).read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise ComponentError(
            f"misaki's lexicon {name} cannot be read ({error}); reinstall it: pip install --force-reinstall misaki"
        ) from None
