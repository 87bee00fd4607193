"""How English words sound: lexicon, heteronyms, weak forms, endings, initials and words that no lexicon holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.speech.g2p import add_ed, add_ing, add_s, phonemize, restressed
from rapport.speech.letters import from_arpabet, spell_out_sounds

KOKORO_SYMBOLS = set("AIOQSTWYᵊabdefhijklmnpstuvwzɑɐæɔəɛɜɡɪŋɹʃʤʧʊʌʒðθˈˌᵻ ")


def sounds(text: str) -> list[str]:
    return [w.phonemes for w in phonemize(text)]


@pytest.mark.parametrize(
    ("sentence", "word", "phonemes"),
    [
        ("I read it yesterday.", 1, "ɹˈɛd"),
        ("I will read it.", 2, "ɹˈid"),
        ("She has read it.", 2, "ɹˈɛd"),
        ("I live here.", 1, "lˈɪv"),
        ("We saw live music.", 2, "lˈIv"),
        ("She lives alone.", 1, "lˈɪvz"),
        ("It saves lives.", 2, "lˈIvz"),
        ("Close the door.", 0, "klˈOz"),
        ("You are close to me.", 2, "klˈOs"),
        ("They use it.", 1, "jˈuz"),
        ("What is the use?", 3, "jˈus"),
        ("I used to run.", 1, "jˈust"),
        ("I used it.", 1, "jˈuzd"),
        ("Please record this.", 1, "ɹəkˈɔɹd"),
        ("It broke a record.", 3, "ɹˈɛkəɹd"),
        ("Emotional abuse hurts.", 1, "əbjˈus"),
        ("Don't abuse it.", 1, "əbjˈuz"),
        ("He wound up alone.", 1, "wˈWnd"),
        ("The wound healed.", 1, "wˈund"),
        ("He began to wind down.", 3, "wˈInd"),
    ],
)
def test_heteronyms_follow_their_neighbours(sentence: str, word: int, phonemes: str) -> None:
    assert sounds(sentence)[word] == phonemes


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("the apple, the dog", ["ði", "ˈæpᵊl", "ðə", "dˈɔɡ"]),
        ("a dog, an apple", ["ɐ", "dˈɔɡ", "ɐn", "ˈæpᵊl"]),
        ("to eat, to run, to", ["tʊ", "ˈit", "tə", "ɹˈʌn", "tu"]),
    ],
)
def test_articles_and_to_depend_on_the_sound_that_follows(text: str, phonemes: list[str]) -> None:
    assert sounds(text) == phonemes


def test_a_function_word_is_full_at_the_end_of_a_phrase() -> None:
    assert sounds("Can you?")[0] != sounds("Yes, you can.")[2]


@pytest.mark.parametrize(
    ("word", "phonemes"),
    [
        ("PTSD", "pˌitˌiˌɛsdˈi"),
        ("TVs", "tˌivˈiz"),
        ("NASA", "nˈæsə"),
        ("U.S.", "jˈu ˈɛs"),
        ("I'm", "ˌIm"),
        ("sooooo", "sˌO"),
        ("$5", "fˈIv dˈɑləɹz"),
        ("city", "sˈɪTi"),
        ("Maria's", "mˈɑɹiəz"),
    ],
)
def test_single_words(word: str, phonemes: str) -> None:
    assert sounds(word) == [phonemes]


def test_shouting_is_read_as_words() -> None:
    assert sounds("I AM SO HAPPY")[-1] == "hˈæpi"


def test_unknown_words_get_a_plausible_sound() -> None:
    assert sounds("Zyborvex")[0].strip("ˈˌ")[0] == "z"
    assert spell_out_sounds("kat") == "kˈæt"
    assert len(spell_out_sounds("a" * 500)) < 2000


def test_words_without_a_reading_stay_silent_in_their_place() -> None:
    assert [(w.text, bool(w.phonemes)) for w in phonemize("你好 friend 123")] == [
        ("你好", False),
        ("friend", True),
        ("123", True),
    ]


def test_punctuation_stays_beside_the_word() -> None:
    assert [w.after for w in phonemize("Well, really? Yes!")] == [",", "?", "!"]


@pytest.mark.parametrize(
    ("stem", "s", "ed"), [("kˈæt", "s", "ɾᵻd"), ("dˈɔɡ", "z", "d"), ("kˈɪs", "ᵻz", "t"), ("nˈid", "z", "ᵻd")]
)
def test_endings(stem: str, s: str, ed: str) -> None:
    assert add_s(stem).endswith(s)
    assert add_ed(stem).endswith(ed)
    assert add_ing(stem).endswith("ɪŋ")


def test_stress_is_given_only_where_there_is_none() -> None:
    assert restressed("ænd", "some") == "ˌænd"
    assert restressed("hˈæpi", "some") == "hˈæpi"
    assert restressed("sˌO", "primary") == "sˈO"


def test_arpabet_becomes_misaki() -> None:
    assert from_arpabet(["HH", "AH0", "L", "OW1"]) == "həlˈO"


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=80))
def test_any_text_gives_symbols_that_the_voice_knows(text: str) -> None:
    for word in phonemize(text):
        assert set(word.phonemes) <= KOKORO_SYMBOLS
        assert word.after in {"", *",.;:!?…—"}
