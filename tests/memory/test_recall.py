"""Recall: what each part contributes, that facts are superseded, and that quick search finds what exact search does."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rapport.memory import index, scoring, vectors
from rapport.memory.database import Database
from rapport.memory.records import Recollection
from rapport.memory.scoring import WEIGHTS, Candidate, bm25, congruence, importance, parts, recency
from rapport.memory.store import SqlMemory
from rapport.persona.affect import VAD

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_score_is_the_sum_of_its_parts_and_every_part_shows() -> None:
    best = Candidate(1.0, 1.0, NOW.isoformat(), VAD(0.5), 1.0)
    assert parts(best, VAD(0.5), NOW) == pytest.approx(WEIGHTS)
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    worst = Candidate(-1.0, 0.0, "never", VAD(), 0.0)
    assert set(parts(worst, None, NOW).values()) == {0.0}


def test_recency_halves_with_the_half_life_and_survives_odd_times() -> None:
    then = (NOW - timedelta(days=scoring.HALF_LIFE_DAYS)).isoformat()
    assert recency(then, NOW) == pytest.approx(0.5)
    assert recency(then.removesuffix("+00:00"), NOW) == pytest.approx(0.5)
    assert recency("2030-01-01T00:00:00+00:00", NOW) == 1.0
    assert recency("yesterday", NOW) == 0.0


def test_words_count_more_when_they_are_rare_and_endings_do_not_matter() -> None:
    idf = {"exam": 3.0, "house": 0.5}
    assert bm25(["exam", "house"], "two exams", idf) > bm25(["exam", "house"], "a house", idf) > 0
    assert bm25(["exam"], "nothing of it", idf) == 0 == bm25([], "exam", {})


@given(st.lists(st.sampled_from(["dog", "exam", "house"]), max_size=30))
def test_bm25_stays_in_its_bounds(words: list[str]) -> None:
    assert 0 <= bm25(["dog", "exam"], " ".join(words), {"dog": 1.0, "exam": 2.0}) <= 1


def test_danger_weighs_most_and_feeling_more_than_none() -> None:
    assert importance(VAD(), 0, "crisis") == 1.0
    assert 0 == importance(VAD(), 0, None) < importance(VAD(-0.6, 0.8, -0.4), 0, None) <= 1
    assert importance(VAD(), 2, None) > 0


def test_a_feeling_like_the_present_one_is_nearer() -> None:
    assert congruence(VAD(-0.5), VAD(-0.6)) > congruence(VAD(0.5), VAD(-0.6)) >= 0
    assert congruence(VAD(0.5), None) == 0


@given(hnp.arrays(np.float32, (7, 26), elements=st.floats(-1, 1, width=32)))
def test_hamming_is_the_number_of_bits_that_differ(rows) -> None:
    coded = vectors.codes(rows)
    columns = np.ascontiguousarray(coded.view(np.uint64).T)
    bits = np.unpackbits(coded, axis=1)
    assert (vectors.hamming(columns, coded[0]) == (bits != bits[0]).sum(axis=1)).all()


def test_the_nearest_by_a_sampled_cut_are_the_nearest() -> None:
    distances = np.random.default_rng(0).normal(190, 14, 200_000).astype(np.uint16)
    found = vectors.nearest(distances, 5_000)
    assert 2_500 <= len(found) <= 12_000
    assert distances[found].max() < np.delete(distances, found).min()
    assert (vectors.nearest(distances[:50], 100) == np.arange(50)).all()


def test_the_codes_find_what_exact_search_finds() -> None:
    draw = np.random.default_rng(0)
    centres = draw.standard_normal((400, 384)).astype(np.float32)
    rows = centres[draw.integers(0, 400, 30_000)] + 1.2 * draw.standard_normal((30_000, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    known = index._Codes(48)
    known.add(list(range(20_000)), vectors.codes(rows[:20_000]).tobytes())
    known.add(list(range(20_000, 30_000)), vectors.codes(rows[20_000:]).tobytes())
    shares = []
    for query in rows[:40] + 0.05 * draw.standard_normal((40, 384)).astype(np.float32):
        near = vectors.nearest(vectors.hamming(known.columns, vectors.codes(query[None])[0]), 3_800)
        refined = near[np.argsort(-vectors.estimates(known.columns[:, near], query))[:475]]
        shares.append(np.isin(np.argsort(-(rows @ query))[:10], known.turn_ids[refined]).mean())
    assert np.mean(shares) >= 0.98


async def test_why_something_came_to_mind_is_told(bag, said) -> None:
    memory = SqlMemory(":memory:", embedder=bag)
    await memory.remember(said("the old piano is out of tune", 0, vad=VAD(-0.5)))
    await memory.remember(said("we had soup", 1, vad=VAD(0.5)))
    best, other = await memory.recall("the piano", person_id="ann", limit=2, mood=VAD(-0.5))
    assert isinstance(best, Recollection) and best.person.startswith("the old piano")
    assert set(best.parts) == set(WEIGHTS) and best.score == pytest.approx(sum(best.parts.values()))
    assert best.parts["words"] > 0 == other.parts["words"]
    assert best.parts["mood"] == pytest.approx(WEIGHTS["mood"]) and other.parts["mood"] < best.parts["mood"]
    assert best.vad == VAD(-0.5)


async def test_of_equal_memories_the_mood_decides(bag, said) -> None:
    memory = SqlMemory(":memory:", embedder=bag)
    for turn, vad in enumerate([VAD(-0.6), VAD(0.6), VAD(0.6)]):
        await memory.remember(said("we talked about the garden", turn, vad=vad))
    sad = await memory.recall("garden", person_id="ann", limit=3, mood=VAD(-0.6))
    glad = await memory.recall("garden", person_id="ann", limit=3, mood=VAD(0.6))
    assert sad[0].turn == 0 and [memory.turn for memory in glad][2] == 0


async def test_a_rare_word_brings_back_what_meaning_alone_would_not(bag, said) -> None:
    memory = SqlMemory(":memory:", embedder=bag)
    await memory.remember(said("Bartholomew came by to borrow a ladder", 0))
    for turn in range(1, 60):
        await memory.remember(said(f"who came to see us today number {turn}", turn))
    assert (await memory.recall("Who is Bartholomew today", person_id="ann", limit=3))[0].turn == 0


async def test_a_store_sees_what_another_process_wrote_and_erased(bag, said, tmp_path) -> None:
    path = str(tmp_path / "memory.db")
    first, second = SqlMemory(path, embedder=bag), SqlMemory(path, embedder=bag)
    await first.remember(said("my dog is here", 0))
    assert len(await second.recall("dog", person_id="ann", limit=5)) == 1
    await first.remember(said("my dog is gone", 1))
    assert len(await second.recall("dog", person_id="ann", limit=5)) == 2
    await first.remember(said("the cat is gone", 1))
    assert {m.person for m in await second.recall("dog", person_id="ann", limit=5)} == {
        "my dog is here",
        "the cat is gone",
    }
    await first.erase("ann")
    await first.remember(said("a new beginning", 0))
    assert [m.person for m in await second.recall("dog", person_id="ann", limit=5)] == ["a new beginning"]


async def test_newer_facts_supersede_older_ones(bag, said) -> None:
    memory = SqlMemory(":memory:", embedder=bag)
    talk = [
        "I have a dog.",
        "My dog Max loves the park.",
        "I live in York.",
        "I moved to Leeds.",
        "Max died last night.",
    ]
    for turn, text in enumerate(talk):
        await memory.remember(said(text, turn, emotion="sadness" if turn == 4 else "joy"))
    now = {(fact.kind, fact.subject): fact for fact in await memory.facts("ann")}
    assert {key: fact.value for key, fact in now.items()} == {("home", "self"): "Leeds", ("pet", "dog max"): "died"}
    assert now["pet", "dog max"].feeling == "sadness"
    assert (now["pet", "dog max"].session, now["pet", "dog max"].turn) == ("s1", 4)
    every = await memory.facts("ann", superseded=True)
    assert [(fact.value, fact.current) for fact in every] == [
        ("has one", False), ("called Max", False), ("York", False), ("Leeds", True), ("died", True),
    ]  # fmt: skip


async def test_facts_of_changed_words_go_with_them(bag, said) -> None:
    memory = SqlMemory(":memory:", embedder=bag)
    await memory.remember(said("I live in York.", 0))
    await memory.remember(said("I moved to Leeds.", 1))
    assert [fact.value for fact in await memory.facts("ann")] == ["Leeds"]
    await memory.remember(said("I moved the table.", 1))
    assert [fact.value for fact in await memory.facts("ann")] == ["York"]


async def test_a_recollection_carries_what_still_holds_of_it(bag, said) -> None:
    memory = SqlMemory(":memory:", embedder=bag)
    await memory.remember(said("My dog Max is three.", 0))
    (found,) = await memory.recall("dog", person_id="ann", limit=1)
    assert [fact.statement for fact in found.facts] == ["dog max: called Max"]
    await memory.remember(said("Max died.", 1))
    found = {m.turn: m for m in await memory.recall("dog Max", person_id="ann", limit=2)}
    assert not found[0].facts and [fact.value for fact in found[1].facts] == ["died"]


async def test_a_conversation_becomes_an_episode_with_its_arc(bag, said) -> None:
    memory = SqlMemory(":memory:", embedder=bag)
    felt = [("neutral", 0.0), ("fear", -0.7), ("joy", 0.8), ("neutral", 0.1)]
    for turn, (emotion, valence) in enumerate(felt):
        await memory.remember(said(f"this is {emotion} {turn}", turn, emotion=emotion, vad=VAD(valence)))
    (episode,) = await memory.episodes("ann")
    assert episode.turns == 4
    assert episode.arc == (("neutral", 0.0), ("fear", -0.7), ("joy", 0.8), ("neutral", 0.1))
    assert '"this is fear 1"' in episode.summary and '"this is joy 2"' in episode.summary


async def test_people_come_closer_with_turns_and_kind_words(bag, said) -> None:
    memory = SqlMemory(":memory:", embedder=bag)
    for turn in range(12):
        await memory.remember(said(f"hello {turn}", turn, vad=VAD(0.7, 0.3, 0.2)))
        await memory.remember(said(f"hello {turn}", turn, who="bob", vad=VAD(-0.7, 0.3, 0.2)))
    (ann,), (bob,) = await memory.closeness("ann"), await memory.closeness("bob")
    assert ann.turns == bob.turns == 12 and ann.familiarity == bob.familiarity
    assert 0 < bob.closeness < ann.closeness < 1
    assert await memory.closeness("nobody") == []


async def test_what_a_guard_found_is_kept_and_weighs(bag, said) -> None:
    memory = SqlMemory(":memory:", embedder=bag)
    await memory.remember(said("I do not want to live", 0, risk="crisis: suicide"))
    (talk,) = (await memory.export("ann"))["conversations"]
    assert talk["turns"][0]["risk"] == "crisis: suicide"
    (found,) = await memory.recall("live", person_id="ann", limit=1)
    assert found.parts["importance"] == pytest.approx(WEIGHTS["importance"])


async def test_a_turn_that_a_dead_process_left_is_digested_by_the_next(bag, said, tmp_path) -> None:
    path = str(tmp_path / "memory.db")
    memory = SqlMemory(path, embedder=bag)
    memory._wake = lambda: None  # as if it died right after the commit
    await memory.remember(said("My dog Max", 0))
    again = SqlMemory(path, embedder=bag)
    assert [fact.value for fact in await again.facts("ann")] == ["called Max"]
    assert len(await again.recall("dog", person_id="ann", limit=5)) == 1


async def test_vectors_of_another_model_are_left_out_not_compared(bag, said, tmp_path) -> None:
    class Other:
        def embed(self, texts):
            return np.ones((len(texts), 26), np.float32) / np.sqrt(26)

    path = str(tmp_path / "memory.db")
    await SqlMemory(path, embedder=bag).remember(said("my dog", 0))
    first = SqlMemory(path, embedder=bag)
    assert len(await first.recall("dog", person_id="ann", limit=5)) == 1
    other = SqlMemory(path, embedder=Other())
    assert await other.recall("zebra", person_id="ann", limit=5) == []
    await other.remember(said("a cat", 1))
    assert [m.turn for m in await other.recall("zebra", person_id="ann", limit=5)] == [1]


def test_people_who_were_silent_longest_are_dropped_from_memory_and_come_back(monkeypatch, bag, said, tmp_path) -> None:
    monkeypatch.setattr(index, "MOST_BYTES", 20)
    memory = SqlMemory(str(tmp_path / "memory.db"), embedder=bag)

    async def talk() -> None:
        for who in ("ann", "bob", "ann", "bob"):
            await memory.remember(said(f"hello from {who}", 0, who=who))
            assert [m.person for m in await memory.recall("hello", person_id=who, limit=3)] == [f"hello from {who}"]

    asyncio.run(talk())
    assert len(memory.recaller.index._people) == 1


async def test_no_byte_of_vectors_or_facts_stays_after_erase(bag, said, tmp_path) -> None:
    memory = SqlMemory(str(tmp_path / "memory.db"), embedder=bag)
    texts = [f"My dog Quirinus number {i} is afraid of thunderstorms" for i in range(40)]
    for turn, text in enumerate(texts):
        await memory.remember(said(text, turn))
        await memory.remember(said(f"nothing of it {turn}", turn, who="bob"))
    await memory.settle()
    signs = [vectors.packed(bag.embed([text])[0])[:24] for text in texts]
    signs += [vectors.codes(bag.embed([text]))[0].tobytes() for text in texts] + [
        b"Quirinus",
        b"quirinu",
        b"thunderstorm",
    ]
    before = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert all(sign in before for sign in signs)
    await memory.erase("ann")
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert not [sign for sign in signs if sign in content], file
    database = Database(str(tmp_path / "memory.db"))
    with database.reading() as session:
        connection = session.connection()
        assert connection.exec_driver_sql("SELECT count(*) FROM words WHERE words MATCH 'quirinus'").scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM words WHERE words MATCH 'nothing'").scalar() == 40
        for table in ("facts", "vectors", "episodes", "rapport", "turns", "affect"):
            left = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            assert left == {"facts": 0, "episodes": 1, "rapport": 1}.get(table, 40), table
