"""What is stripped before speaking, and how written English is read aloud."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.speech.markup import speakable
from rapport.speech.normalize import spoken_words
from rapport.speech.numbers import cardinal, ordinal, year


def read(text: str) -> str:
    return " ".join(word for token in spoken_words(speakable(text)) for word in token.words)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("**Hello** there 😊, I'm *so* happy! :)", "Hello there, I'm so happy!"),
        ("# Title\n- one\n- two", "Title one two"),
        ("<emo>sad</emo> I <b>know</b> &amp; care", "sad I know & care"),
        ("See [this page](https://x.org/a_b) now", "See this page now"),
        ("Use `pip` or ~~that~~", "Use pip or that"),
        ("It’s “fine”…", 'It\'s "fine"…'),
        ("a\x00b\x07 c\u200bd", "a b c d"),
        ("2 < 3 and 5 > 4", "2 < 3 and 5 > 4"),
        ("snake_case stays", "snake_case stays"),
        ("wait... what -- now", "wait… what—now"),
    ],
)
def test_markup_and_emoji_are_stripped(written: str, plain: str) -> None:
    assert speakable(written) == plain


@pytest.mark.parametrize("text", ["", "   ", "!?…", "😂😂", "***", "<br>", "—", "\x00\x01"])
def test_nothing_to_say_becomes_empty(text: str) -> None:
    assert speakable(text) == ""


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "3 apples, 1,234,567 pears",
            "three apples one million two hundred thirty four thousand five hundred sixty seven pears",
        ),
        ("-2 and 3.14", "minus two and three point one four"),
        ("the 21st of May", "the twenty first of May"),
        ("May 5, 2021", "May fifth twenty twenty one"),
        ("2024-12-01", "december first twenty twenty four"),
        ("in 1905 and the 1990s", "in nineteen oh five and the nineteen nineties"),
        ("since 2007", "since two thousand seven"),
        ("at 3:30 pm, 9:05 or 7am", "at three thirty P M nine oh five or seven A M"),
        (
            "$5.50, $1, £20 million, $3k",
            "five dollars and fifty cents one dollar twenty million pounds three thousand dollars",
        ),
        ("50% of 10kg", "fifty percent of ten kilograms"),
        ("1/2 cup, 24/7, 5-10 days", "one half cup twenty four seven five to ten days"),
        ("Dr. Smith on Main St. in the U.S.", "doctor Smith on Main street in the U S"),
        ("e.g. this vs. that, etc.", "for example this versus that etcetera"),
        ("call 988 or 555-123-4567", "call nine eight eight or five five five one two three four five six seven"),
        ("mail bob.lee@mail.org", "mail bob dot lee at mail dot org"),
        ("https://www.example.com/page?x=1", "example dot com slash page"),
        ("café and naïve", "cafe and naive"),
        ("COVID-19, mp3, well-known", "COVID nineteen mp three well known"),
        ("No. 5", "number five"),
        (
            "25/12/2024 or 3 March 2021",
            "december twenty fifth twenty twenty four or the third of March twenty twenty one",
        ),
        ("10:00-11:30 on Mon-Fri", "ten o'clock to eleven thirty on monday to friday"),
        ("20 °C at 50 km/h", "twenty degrees celsius at fifty kilometers per hour"),
        ("10 lbs and 5'10\"", "ten pounds and five foot ten"),
        ("3 x 4, 2<3, π ≈ 3", "three times four two less than three pi approximately three"),
        ("+1 (555) 123-4567", "plus one five five five one two three four five six seven"),
        ("5€ or 10 £, $5/month", "five euros or ten pounds five dollars per month"),
        ("2½ hours, ½ cup", "two and a half hours one half cup"),
        ("version 2.0.1 on 5G", "version two point zero point one on five G"),
        ("Henry VIII, chapter IV, World War II", "Henry the eighth chapter four World War two"),
        ("AT&T, R&B and C#", "A T and T R and B and C sharp"),
        ("in 1800 and 1900", "in eighteen hundred and nineteen hundred"),
        ("foo.bar.co.uk/path", "foo dot bar dot co dot uk slash path"),
        ("J. R. R. Tolkien, Ph.D.", "J R R Tolkien P H D"),
        ("I am ❤️ fine 👨‍👩‍👧", "I am fine"),
    ],
)
def test_readings(written: str, said: str) -> None:
    assert read(written) == said


def test_the_written_word_stays_beside_its_reading() -> None:
    tokens = spoken_words("It cost $5 (really), okay?")
    assert [t.text for t in tokens] == ["It", "cost", "$5", "(really),", "okay?"]
    assert tokens[2].words == ("five", "dollars")
    assert [t.after for t in tokens] == ["", "", ",", ",", "?"]


def test_a_dot_that_belongs_to_a_title_does_not_end_the_sentence() -> None:
    assert [t.after for t in spoken_words("Mr. Lee left.")] == ["", "", "."]
    assert [t.after for t in spoken_words("I said no. Then I left.")][2] == "."


def test_other_scripts_have_no_reading_but_keep_their_place() -> None:
    tokens = spoken_words("你好 friend")
    assert [(t.text, t.words) for t in tokens] == [("你好", ()), ("friend", ("friend",))]


@pytest.mark.parametrize(("number", "words"), [(0, "zero"), (110, "one hundred ten"), (1_000_001, "one million one")])
def test_cardinals(number: int, words: str) -> None:
    assert " ".join(cardinal(number)) == words


@pytest.mark.parametrize(
    ("number", "words"), [(3, "third"), (12, "twelfth"), (20, "twentieth"), (101, "one hundred first")]
)
def test_ordinals(number: int, words: str) -> None:
    assert " ".join(ordinal(number)) == words


@pytest.mark.parametrize(
    ("number", "words"), [(1900, "nineteen hundred"), (2000, "two thousand"), (2010, "twenty ten")]
)
def test_years(number: int, words: str) -> None:
    assert " ".join(year(number)) == words


@given(st.text(max_size=200))
def test_any_text_is_stripped_once_and_for_all_and_read_in_plain_letters(text: str) -> None:
    plain = speakable(text)
    assert speakable(plain) == plain
    for token in spoken_words(plain):
        for word in token.words:
            assert word.isascii() and word.replace("'", "").isalpha()


@given(st.integers(0, 10**14))
def test_cardinals_differ_for_different_numbers(number: int) -> None:
    assert cardinal(number) != cardinal(number + 1)
