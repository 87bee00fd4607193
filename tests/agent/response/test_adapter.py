"""An adapter to the embedded model: its arithmetic against torch's, the cache's names, and what bad files end in."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from rapport.agent.response import smollm2, weights
from rapport.agent.response.convert import Adapter, main
from rapport.agent.response.gguf import in_halves, interleaved
from rapport.agent.response.prompts import small_model_prompt
from rapport.agent.response.responder import SmolLM2Responder
from rapport.agent.response.steps import Planner
from rapport.agent.response.weights import model_folder
from rapport.agent.stages import ReplyRequest
from rapport.persona.errors import ComponentError, InputError


def _adapter(path: Path, rows: int = 4, columns: int = 3) -> tuple[Path, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    factors = {
        "blk.0.attn_q.weight.lora_a": rng.normal(size=(2, columns)).astype(np.float16),
        "blk.0.attn_q.weight.lora_b": rng.normal(size=(rows, 2)).astype(np.float16),
    }
    save_file(factors, path, metadata={"rank": "2", "alpha": "6"})
    return path, factors


def test_a_change_is_what_torch_says(tmp_path: Path) -> None:
    path, factors = _adapter(tmp_path / "a.safetensors")
    a, b = (torch.from_numpy(factors[f"blk.0.attn_q.weight.lora_{k}"].astype(np.float32)) for k in "ab")
    x, weight = torch.randn(5, 3), torch.randn(4, 3)
    wanted = x @ weight.T + 6 / 2 * (x @ a.T @ b.T)
    merged = Adapter(path).added("blk.0.attn_q.weight", weight.numpy())
    assert np.allclose(x.numpy() @ merged.T, wanted.numpy(), atol=1e-4)


def test_other_matrices_stay_as_they_are(tmp_path: Path) -> None:
    weight = np.ones((4, 3), np.float32)
    assert Adapter(_adapter(tmp_path / "a.safetensors")[0]).added("blk.1.attn_q.weight", weight) is weight


def test_an_adapter_to_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="made for another"):
        Adapter(_adapter(tmp_path / "a.safetensors")[0]).added("blk.0.attn_q.weight", np.ones((8, 3), np.float32))


@pytest.mark.parametrize("content", [b"", b"GGUF", struct.pack("<Q", 1 << 60), struct.pack("<Q", 2) + b"{}"])
def test_what_is_no_adapter_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="rapport train reply"):
        Adapter(path)
    with pytest.raises(InputError, match="rapport train reply"):
        Adapter(tmp_path / "none.safetensors")


def test_rows_of_rotary_pairs_come_back_in_their_order() -> None:
    rows = np.arange(2 * 6, dtype=np.float32)[:, None]
    assert interleaved(rows, 2)[:, 0].tolist() == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
    assert np.array_equal(in_halves(interleaved(rows, 2), 2), rows)


def test_plain_and_adapted_models_lie_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPPORT_CACHE", str(tmp_path / "cache"))
    made: list[tuple[Any, ...]] = []
    monkeypatch.setattr(weights, "convert_in_subprocess", lambda *arguments: made.append(arguments))
    gguf, adapter = tmp_path / "x.gguf", _adapter(tmp_path / "a.safetensors")[0]
    gguf.write_bytes(b"123")
    plain, adapted = model_folder(gguf), model_folder(gguf, adapter)
    assert plain.name == "x-3-v1" and adapted.name.startswith("x-3-v1-") and plain.parent == adapted.parent
    assert model_folder(gguf, adapter) == adapted and len(made) == 2
    adapter.write_bytes(adapter.read_bytes() + b" ")
    assert model_folder(gguf, adapter) != adapted
    with pytest.raises(ComponentError, match=r"none\.safetensors"):
        model_folder(gguf, tmp_path / "none.safetensors")


def test_the_converter_tells_of_a_bad_adapter_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "x.gguf"), str(tmp_path), str(tmp_path / "a.safetensors")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the language model is asked for at each start; none is loaded."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(smollm2, "ChatSmolLM2", lambda **fields: found.append(fields))
    monkeypatch.setattr("rapport.agent.response.responder.trained_parts", lambda: (Planner(policy=object()), None))
    return found


@pytest.mark.parametrize(
    ("model", "gguf", "adapter"),
    [
        (None, None, None),
        ("x.gguf", "x.gguf", None),
        ("reply/adapter.safetensors", None, "reply/adapter.safetensors"),
        ("permissive", None, None),
    ],
)
def test_what_stands_behind_the_colon_names_the_weights(
    loaded: list[dict[str, Any]], model: str | None, gguf: str | None, adapter: str | None
) -> None:
    responder = SmolLM2Responder(model)
    assert (loaded[0]["gguf_path"], loaded[0]["adapter_path"]) == (gguf, adapter)
    assert (responder._planner.policy is None) == (model == "permissive")
    assert responder.capabilities.model == (model or "SmolLM2-135M-Instruct")


def test_a_taught_model_is_told_less(asked: Callable[..., ReplyRequest]) -> None:
    request = asked("I lost my job.", "sadness")
    reading = Planner().plan(request).reading
    told, constant = small_model_prompt(request, reading, "I'm sorry.")
    taught, constant_taught = small_model_prompt(request, reading, "I'm sorry.", taught=True)
    assert (constant, constant_taught) == (7, 1) and told[-3:] == taught[-3:] and len(taught) == 4
    assert str(told[0].content).startswith(str(taught[0].content))
