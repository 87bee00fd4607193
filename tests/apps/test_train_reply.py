"""Teaching the embedded model: which replies teach, how examples share rows, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rapport.apps.train.reply import train_reply
from rapport.apps.train.reply_data import Example, best_of, passing, personas, polished
from rapport.apps.train.reply_fit import ROW_TOKENS, pace, rows_of
from rapport.persona.errors import ComponentError, InputError


def example(kind: str = "first", words: str = "How is it?", *, relevance: float = 0.5, size: int = 10) -> Example:
    talk = tuple("abcdefgh"[k % 8] for k in range(size - 3))
    return Example(kind, ("x", "y"), talk, ("a", "b", "<|im_end|>"), "bad", words, relevance, 0.5)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("oh no.what happened", ["Oh no.", "What happened?"]),
        ("i hope its ok!!!", ["I hope its ok!"]),
        ("thats hard, i dont know. are you ok ?", ["That's hard, I don't know.", "Are you ok?"]),
        ("do a dance", ["Do a dance."]),
    ],
)
def test_chat_is_put_into_sentences(text: str, sentences: list[str]) -> None:
    assert polished(text) == sentences


def test_only_what_the_responder_would_say_teaches() -> None:
    told = "My dog died last night and I cannot sleep."
    assert passing(["I had a dog too.", "It must be hard to sleep now."], told, "bad", 2) == [
        "It must be hard to sleep now."
    ]
    assert passing(["How old was your dog?", "It must be hard to sleep now."], told, "bad", 2) == [
        "How old was your dog?"
    ]
    assert passing(["LOL, that must be hard."], told, "bad", 2) == []
    assert passing(["It must be hard.", "It must be hard."], told, "bad", 2) == ["It must be hard."]
    assert passing(["That's wonderful, your dog is a blessing."], told, "bad", 2) == []


def test_the_best_fill_each_kinds_share_and_nothing_comes_twice() -> None:
    found = [example(words=f"Is it {k}?", relevance=k / 100) for k in range(60)]
    found += [example(words=f"It is {k}.", relevance=k / 1000) for k in range(9)]
    found += [example("later", "Is it 59?", relevance=0.9), example("later", "Was it?"), example("support", "Why?")]
    chosen = best_of(found, 100, seed=0)
    assert sorted(e.words for e in chosen if e.kind == "first" and not e.states) == [
        f"Is it {k}?" for k in (56, 57, 58)
    ]
    assert sorted(e.words for e in chosen if e.states) == [f"It is {k}." for k in (6, 7, 8)]
    assert sorted(e.words for e in chosen if e.kind != "first") == ["Is it 59?", "Why?"]
    assert best_of(found, 100, seed=0) == chosen != best_of(found, 100, seed=1)


def test_a_statement_with_a_question_behind_it_is_better_than_either() -> None:
    assert example(words="It is hard. Is it new?").goodness > example(words="Is it new?").goodness
    assert example(relevance=0.6).goodness == example(relevance=0.9).goodness


def test_examples_share_a_row_and_see_themselves_alone() -> None:
    vocabulary = {token: k for k, token in enumerate([*"abcdefghxy", "<|im_end|>"])}
    (row,) = rows_of([example(size=5), example(size=6)], vocabulary, seed=0)
    assert row.ids[:2].tolist() == [8, 9] and len(row.ids) == 13
    assert row.positions.tolist() == [0, 1, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 7]
    assert row.learned.tolist() == [False] * 4 + [True] * 3 + [False] * 3 + [True] * 3
    mask = row.mask
    assert mask[1].nonzero()[0].tolist() == [0, 1]
    assert mask[6].nonzero()[0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert mask[8].nonzero()[0].tolist() == [0, 1, 7, 8]
    many = rows_of([example(size=100) for _ in range(12)], vocabulary, seed=0)
    assert len(many) == 3 and max(len(of.ids) for of in many) <= ROW_TOKENS


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    rates = [pace(k, 100) for k in range(100)]
    assert rates[0] == pytest.approx(1 / 6) and max(rates) == rates[5] == 1.0 and rates[-1] < 0.001
    assert np.all(np.diff(rates[6:]) < 0)


def test_personas_speak_differently() -> None:
    from rapport.agent.response.style import style_of

    styles = [style_of(persona) for persona in personas()]
    assert {style.length for style in styles} == {"brief", "short", "medium", "long"}
    assert any(style.questions_per_turn == 0 for style in styles) and any(style.formality >= 0.7 for style in styles)


def test_what_is_missing_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rapport.apps.cli import main

    def told() -> str:
        monkeypatch.setattr("sys.argv", ["rapport", "train", "reply", "--data", str(tmp_path), "--out", str(tmp_path)])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "train.jsonl" in told()
    monkeypatch.setattr("rapport.apps.train.reply.find_spec", lambda name: None)
    assert "rapport-agent[train]" in told()


@pytest.fixture(scope="module")
def base() -> Any:
    """The embedded model in PyTorch."""
    from rapport.agent.response.gguf import GGUFFile
    from rapport.agent.response.weights import embedded_gguf
    from rapport.apps.train.reply_network import base_model

    try:
        return base_model(GGUFFile(embedded_gguf()))
    except ComponentError as error:
        pytest.skip(f"the model is not here: {error}")


@pytest.mark.models
def test_the_base_says_what_the_responders_model_says(base: Any) -> None:
    import ctranslate2
    import torch
    from tokenizers import Tokenizer

    from rapport.agent.response.weights import embedded_gguf, model_folder

    folder = str(model_folder(embedded_gguf()))
    text = (
        "<|im_start|>user\nI lost my job today and I do not know how to tell my family.<|im_end|>\n"
        "<|im_start|>assistant\nIt is hard to lose a job. What would you like to say to them?<|im_end|>"
    )
    encoding = Tokenizer.from_file(f"{folder}/tokenizer.json").encode(text)
    generator = ctranslate2.Generator(folder, device="cpu", compute_type="float32", intra_threads=1)
    theirs = np.array(generator.score_batch([encoding.tokens])[0].log_probs)
    ids = torch.tensor([encoding.ids])
    with torch.no_grad():
        told = torch.log_softmax(base(ids).logits[0, :-1], dim=-1)
    ours = told.gather(1, ids[0, 1:, None])[:, 0].numpy()[: len(theirs)]
    # One has int8 weights, the other the four-bit weights that those were made of.
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.05)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99


@pytest.mark.models
def test_a_shared_row_costs_what_its_examples_cost(base: Any) -> None:
    from rapport.apps.train.reply_fit import mean_loss

    vocabulary = {token: 1000 + k for k, token in enumerate([*"abcdefghxy", "<|im_end|>"])}
    examples = [example(size=9), example(size=14)]
    apart = [rows_of([one], vocabulary, seed=0)[0] for one in examples]
    assert mean_loss(base, rows_of(examples, vocabulary, seed=0)) == pytest.approx(mean_loss(base, apart), abs=1e-4)


@pytest.mark.models
def test_a_few_replies_teach_in_two_steps(tmp_path: Path) -> None:
    from rapport.agent.response.convert import Adapter
    from rapport.agent.response.gguf import GGUFFile
    from rapport.agent.response.weights import ADAPTER_FILE, embedded_gguf

    answer = "That must be hard for you. How old was your cat?"
    talks = [
        {"conv_id": f"c{k}", "emotion": "sad", "situation": "s", "turns": [
            {"speaker": "speaker", "text": f"I am so sad, my old cat died {k} days ago and I miss it so much."},
            {"speaker": "listener", "text": answer if k % 2 else "It must be hard to miss your cat so much."},
        ]} for k in range(2, 60)
    ]  # fmt: skip
    support = {"emotion_type": "sadness", "dialog": [
        {"speaker": "usr", "text": "I feel so lonely since my friend moved away."},
        {"speaker": "sys", "text": "It must be lonely when a friend moved away. When did your friend move?",
         "strategy": "Question"},
    ]}  # fmt: skip
    for name, rows in (("empatheticdialogues", talks), ("esconv", [support])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path / "out"
    try:
        train_reply(tmp_path, out, tokens=600)
    except ComponentError as error:
        pytest.skip(f"the parts are not here: {error}")
    config = json.loads((out / "config.json").read_text())
    assert 1 <= config["rows"] <= 4 and config["counts"]["moments"] == 59
    assert config["held_out_loss"]["after"] < config["held_out_loss"]["before"]
    name, weight = "blk.29.ffn_down.weight", GGUFFile(embedded_gguf()).tensor("blk.29.ffn_down.weight")
    changed = np.abs(Adapter(out / ADAPTER_FILE).added(name, weight) - weight).max()
    assert 0 < changed < 0.1 and (out / ADAPTER_FILE).stat().st_size < 10_000_000
    assert "CC BY-NC" in (out / "MODEL_CARD.md").read_text()


@pytest.mark.models
def test_corpora_without_a_fit_reply_are_refused(tmp_path: Path) -> None:
    talk = {"conv_id": "c", "emotion": "sad", "situation": "s", "turns": [
        {"speaker": "speaker", "text": "My cat died."}, {"speaker": "listener", "text": "I had a cat once."},
    ]}  # fmt: skip
    support = {"emotion_type": "sadness", "dialog": [
        {"speaker": "usr", "text": "I feel lonely."}, {"speaker": "sys", "text": "Me too.", "strategy": "Others"},
    ]}  # fmt: skip
    for name, row in (("empatheticdialogues", talk), ("esconv", support)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text(json.dumps(row))
    with pytest.raises(InputError, match="whole corpora"):
        train_reply(tmp_path, tmp_path / "out")
