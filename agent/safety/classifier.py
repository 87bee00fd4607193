"""The classifier: a MiniLM encoder taught to tell danger from figures of speech, stories, the past and denials.

It says how probable any risk is, how probable a crisis, and of what kind. It is shipped whole (model/, with its card;
made again by `rapport train safety`), with weights in int8.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rapport.agent.perception.links import sigmoid
from rapport.agent.safety.levels import KINDS, Kind, Level
from rapport.agent.safety.spelling import plain
from rapport.memory.embedding import wordpiece
from rapport.persona.errors import ComponentError

MODEL_FOLDER = Path(__file__).parent / "model"
WINDOW_WORDS = 48
"""Words that are read at a time."""
_STEP_WORDS = 32
_MOST_WINDOWS = 4
"""Of a longer text, the beginning, the end and the windows with the most words of ALARMING are read."""

ALARMING = re.compile(
    r"suicid|\bkill|\bdie\b|\bdying|\bdead\b|death|murder|\bhurt|abus|\brape|\bbeat|\bhit\b|weapon|\bgun\b|knife|overdos|"
    r"\bpills?\b|hopeless|worthless|depress|self.?harm|\bcut\b|bleed|blood|breath|hospital|ambulance|emergency|\bstab|"
    r"attack|violen|threat|scared|terrif|afraid|\bend it|give up|giving up|empty|numb|lonel|hate myself|burden|pregnan|"
    r"cancer|\bchok|faint|unconscious|cry|alone|panic|worst|miserabl|desperat|no one|nobody",
    re.I,
)
"""Words that tell of distress, or play with it."""

RISK_SHARE = 0.5
"""How much the logit of any risk counts beside that of a crisis: the network tells a crisis from a concern less surely
than from nothing, and a crisis that looks like a concern should not be lost for it. Of the crises told by authors that
a network had not met it found 72 % instead of 70 % with 2 % false alarms."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """What the classifier makes of a text."""

    risk: float
    """How probable any risk is, in [0, 1]."""
    crisis: float
    """How probable a crisis is, in [0, 1]."""
    kind: Kind
    """The likeliest kind, if there is a risk at all."""


@dataclass(frozen=True)
class Thresholds:
    """Probabilities from which a text counts as a risk and as a crisis, by the level that the rules gave it.

    The more the rules found, the less the classifier has to say; chosen on texts that took no part in training.
    """

    risk: tuple[float, float, float]
    """Where the rules found nothing, a concern, a crisis."""
    crisis: tuple[float, float, float]

    def level(self, judged: Judgement, by_rules: Level) -> Level:
        if judged.crisis >= self.crisis[by_rules]:
            return Level.CRISIS
        return Level.CONCERN if judged.risk >= self.risk[by_rules] else Level.NONE


class RiskClassifier:
    """The network of a model folder. Safe from several threads.

    Raises:
        ComponentError: the folder holds no such model.
    """

    def __init__(self, folder: Path = MODEL_FOLDER) -> None:
        import onnxruntime

        runtime = cast(Any, onnxruntime)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            found = json.loads((folder / "config.json").read_text("utf-8"))["thresholds"]
            self.thresholds = Thresholds(tuple(found["risk"]), tuple(found["crisis"]))
            model = (folder / "model.onnx").read_bytes()
            self._session: Any = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except (OSError, ValueError, KeyError, TypeError, *_unreadable(runtime)) as error:
            raise ComponentError(
                f"{folder} holds no safety model ({error}); make it with `rapport train safety`"
            ) from None
        self._tokenizer = wordpiece()

    def judge(self, text: str) -> Judgement:
        """Probabilities for a text of any length: those of its gravest window."""
        return max((self._read(window) for window in windows(plain(text))), key=lambda j: (j.crisis, j.risk))

    def _read(self, flat: str) -> Judgement:
        ids = np.array([self._tokenizer.encode(flat).ids], np.int64)
        level, kind = self._session.run(["level", "kind"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        any_risk, a_crisis = np.asarray(level[0], np.float64)
        leaning = (a_crisis + RISK_SHARE * any_risk) / (1 + RISK_SHARE)
        risk, crisis = sigmoid(np.array([any_risk, leaning])).tolist()
        return Judgement(max(risk, crisis), crisis, KINDS[int(np.argmax(kind[0]))])


def _unreadable(runtime: Any) -> tuple[type[Exception], ...]:
    """What the runtime raises for files that hold no model it can run; they have no common class of their own."""
    state = runtime.capi.onnxruntime_pybind11_state
    return state.Fail, state.InvalidProtobuf, state.InvalidGraph, state.InvalidArgument, state.NotImplemented


def windows(flat: str) -> list[str]:
    """The stretches of a plain text that are read: all of a short text, the most alarming ones of a long one."""
    words = flat.split()
    if len(words) <= WINDOW_WORDS:
        return [flat]
    starts = [*range(0, len(words) - WINDOW_WORDS, _STEP_WORDS), len(words) - WINDOW_WORDS]
    every = [" ".join(words[start : start + WINDOW_WORDS]) for start in starts]
    if len(every) <= _MOST_WINDOWS:
        return every
    inner = sorted(every[1:-1], key=lambda window: -len(ALARMING.findall(window)))
    return [every[0], *inner[: _MOST_WINDOWS - 2], every[-1]]


@cache
def shipped_classifier() -> RiskClassifier:
    """The shipped classifier, loaded once for all agents."""
    return RiskClassifier()
