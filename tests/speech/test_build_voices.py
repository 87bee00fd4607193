"""English voices: made from published tables, and read back as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rapport.persona.errors import InputError
from rapport.speech import build_voices
from rapport.speech.build_voices import RANK, TOLERANCE, VOICES, build, factorised, main
from rapport.speech.kokoro_model import MAX_PHONEMES, STYLE_SIZE, LowRank, load_styles

Floats = NDArray[np.float32]


def table(seed: int, rank: int = RANK) -> Floats:
    rng = np.random.default_rng(seed)
    weights, directions = rng.standard_normal((MAX_PHONEMES, rank)), rng.standard_normal((rank, STYLE_SIZE))
    return (rng.standard_normal(STYLE_SIZE) + 0.1 * weights @ directions).astype(np.float32)


FEW = VOICES[:2]


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(build_voices, "VOICES", FEW)
    for seed, name in enumerate(FEW):
        table(seed).tofile(tmp_path / f"{name}.bin")
    return tmp_path


def test_a_table_of_low_rank_comes_back_as_it_was() -> None:
    parts = factorised(table(0))
    assert parts.weights.shape == (MAX_PHONEMES, RANK)
    assert np.abs(parts.table() - table(0)).max() < TOLERANCE


def test_a_table_that_would_lose_something_is_refused() -> None:
    with pytest.raises(InputError, match="no table of rank 8"):
        factorised(table(0, rank=RANK + 1))


def test_the_file_holds_every_voice_and_is_the_same_each_time(published: Path) -> None:
    first, second = published / "first.npz", published / "second.npz"
    build(published, first)
    build(published, second)
    assert first.read_bytes() == second.read_bytes()
    with np.load(first, allow_pickle=False) as archive:
        for seed, name in enumerate(FEW):
            made = LowRank(*(archive[f"{name}/{field}"] for field in LowRank._fields)).table()
            assert np.abs(made - table(seed)).max() < TOLERANCE


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, np.full(STYLE_SIZE, np.nan, np.float32).tobytes()])
def test_what_is_no_table_is_named(published: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (published / f"{FEW[1]}.bin").write_bytes(content)
    with pytest.raises(SystemExit):
        main([str(published), str(published / "out.npz")])
    said = capsys.readouterr().err
    assert FEW[1] in said
    assert said.count("\n") == 1


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), str(tmp_path / "out.npz")])
    assert "kokoro-js" in capsys.readouterr().err


def test_shipped_voices_are_whole_and_differ() -> None:
    styles = load_styles()
    assert set(VOICES) < set(styles)
    for name in VOICES:
        assert styles[name].shape == (MAX_PHONEMES, STYLE_SIZE)
        assert np.isfinite(styles[name]).all()
    firsts = np.stack([styles[name][100] for name in sorted(styles)])
    apart = np.linalg.norm(firsts[:, None] - firsts[None], axis=-1) + 10 * np.eye(len(firsts))
    assert apart.min() > 0.5
