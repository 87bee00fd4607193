"""Learned fusion: any subset of modalities, the form of its network, broken model folders, and what was measured."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.agent.perception.fusion_attention import (
    FEATURES,
    MODALITIES,
    MODEL_FOLDER,
    AttentionFusion,
    features,
    forward,
    weight_shapes,
)
from rapport.agent.perception.knowledge import ekman_probabilities
from rapport.persona.affect import EKMAN7, GOEMOTIONS28, VAD, EmotionDistribution, EmotionEstimate, Evidence, Modality
from rapport.persona.errors import ComponentError

unit = st.floats(-1, 1)
shipped = pytest.mark.skipif(not (MODEL_FOLDER / "weights.npz").is_file(), reason="the fusion model is not there")


def drawn(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: 0.3 * rng.normal(size=shape) for name, shape in weight_shapes().items()}


def save(folder: Path, weights: dict[str, np.ndarray], labels: tuple[str, ...] = EKMAN7.labels) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / "weights.npz", **{name: w.astype(np.float32) for name, w in weights.items()})  # type: ignore[arg-type]
    (folder / "config.json").write_text(json.dumps({"labels": labels}), "utf-8")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> AttentionFusion:
    return AttentionFusion(str(save(tmp_path_factory.mktemp("fusion"), drawn())))


def estimate(vad: VAD, modality: Modality, sd: float = 0.35) -> EmotionEstimate:
    taxonomy = GOEMOTIONS28 if modality == "text" else EKMAN7
    evidence = (Evidence(modality, "a clue", vad.valence),)
    return EmotionEstimate(taxonomy.around(vad), vad, (sd, sd, sd), modality, evidence)


@given(st.lists(st.sampled_from(MODALITIES), min_size=1, max_size=4), unit, unit, st.floats(1e-9, 5.0))
async def test_any_estimates_fuse_to_a_sane_one(
    made: AttentionFusion, modalities: list[Modality], v: float, a: float, sd: float
):
    fused = await made.fuse([estimate(VAD(v, a), m, sd) for m in modalities])
    assert fused.modality is None
    assert all(0.05 <= x <= 1.0 for x in fused.vad_sd)
    assert fused.distribution.taxonomy is (GOEMOTIONS28 if "text" in modalities else EKMAN7)
    assert len(fused.evidence) == len(modalities)


async def test_order_does_not_matter_and_nothing_is_unknown(made: AttentionFusion):
    told = [estimate(VAD(0.5), "text"), estimate(VAD(-0.5), "voice"), estimate(VAD(0, 0.5), "face")]
    first, *others = [await made.fuse(list(order)) for order in itertools.permutations(told)]
    for other in others:
        assert other.distribution == first.distribution
        assert other.vad_sd == first.vad_sd
    assert await made.fuse([]) == EmotionEstimate.unknown()


@pytest.mark.parametrize("there", [t for t in itertools.product([True, False], repeat=3) if any(t)])
def test_what_stands_in_a_missing_place_does_not_matter(there: tuple[bool, bool, bool]):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(1, 3, FEATURES))
    other = np.where(np.array(there)[None, :, None], rows, rng.normal(size=rows.shape) * 100)
    for one, two in zip(
        forward(drawn(), rows, np.array([there])), forward(drawn(), other, np.array([there])), strict=True
    ):
        assert one == pytest.approx(two, abs=1e-12)


def test_rows_do_not_see_one_another():
    rng = np.random.default_rng(2)
    rows, there = rng.normal(size=(5, 3, FEATURES)), np.array([[True, True, False]] * 4 + [[False, True, True]])
    together = forward(drawn(), rows, there)
    for i in range(5):
        for whole, one in zip(together, forward(drawn(), rows[i : i + 1], there[i : i + 1]), strict=True):
            assert whole[i] == pytest.approx(one[0])


def test_features_are_finite_for_certain_and_blind_estimates():
    certain = EmotionEstimate(EmotionDistribution.certain(EKMAN7, "joy"), VAD(1, 1, 1), (1e-12, 1.0, 50.0), "voice")
    assert features(certain).shape == (FEATURES,)
    assert np.isfinite(features(certain)).all()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / "weights.npz").unlink(), "rapport train fusion"),
        (lambda f: (f / "config.json").unlink(), "rapport train fusion"),
        (lambda f: (f / "config.json").write_text("{", "utf-8"), "cannot be loaded"),
        (lambda f: (f / "config.json").write_text('{"labels": ["joy"]}', "utf-8"), "labels are not Ekman's"),
        (lambda f: (f / "weights.npz").write_bytes(b"no zip"), "cannot be loaded"),
        (lambda f: np.savez(f / "weights.npz", query=np.zeros(3)), "cannot be loaded"),
        (lambda f: save(f, drawn() | {"query": np.zeros(3)}), "query must be"),
        (lambda f: save(f, drawn() | {"query": np.full(32, np.nan)}), "finite"),
        (lambda f: np.savez(f / "weights.npz", query=np.array([object()])), "cannot be loaded"),
    ],
    ids=["no weights", "no config", "broken config", "other labels", "no zip", "few arrays", "shape", "NaN", "pickle"],
)
def test_a_broken_folder_is_one_clear_line(tmp_path: Path, damage, says: str):
    folder = save(tmp_path / "model", drawn())
    damage(folder)
    with pytest.raises(ComponentError, match=says) as error:
        AttentionFusion(str(folder))
    assert "\n" not in str(error.value)


def sure_of(label: str, modality: Modality) -> EmotionEstimate:
    """What a recogniser says that gives seven tenths to one label."""
    p = EmotionDistribution(EKMAN7, tuple(0.7 if name == label else 0.05 for name in EKMAN7.labels))
    return EmotionEstimate(p, p.vad, (0.35, 0.3, 0.25), modality)


@pytest.fixture(scope="module")
def fusion() -> AttentionFusion:
    return AttentionFusion()


@shipped
class TestShipped:
    def test_it_is_small_and_has_a_card(self):
        files = {path.name: path.stat().st_size for path in MODEL_FOLDER.iterdir()}
        assert set(files) == {"weights.npz", "config.json", "MODEL_CARD.md"}
        assert sum(files.values()) < 300_000

    @pytest.mark.parametrize("label", EKMAN7.labels)
    async def test_modalities_that_agree_are_believed(self, fusion: AttentionFusion, label: str):
        told = [sure_of(label, m) for m in MODALITIES]
        fused = await fusion.fuse(told)
        assert EKMAN7.labels[int(np.argmax(ekman_probabilities(fused.distribution)))] == label

    async def test_uncertainty_grows_on_the_mean_when_one_is_removed_or_contradicts(self, fusion: AttentionFusion):
        async def mean_sd(rows: list[list[EmotionEstimate]]) -> float:
            return float(np.mean([(await fusion.fuse(row)).vad_sd for row in rows]))

        labels = EKMAN7.labels
        agreeing = [[sure_of(label, m) for m in MODALITIES] for label in labels]
        whole = await mean_sd(agreeing)
        for k, m in enumerate(MODALITIES):
            removed = [row[:k] + row[k + 1 :] for row in agreeing]
            contradicting = [
                [*row[:k], sure_of(labels[(i + shift) % 7], m), *row[k + 1 :]]
                for i, row in enumerate(agreeing)
                for shift in range(1, 7)
            ]
            assert await mean_sd(removed) > whole, f"without {m}"
            assert await mean_sd(contradicting) > whole, f"with another {m}"
