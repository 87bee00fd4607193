"""The event stream as JSON over a WebSocket, for clients that draw and play for themselves.

    client -> {"text": "I lost my job today.", "audio": true, "face": true}
           <- {"version": 1, "type": "heard", "text": ...} and every other event of the turn, the last one "done"

docs/embed.md lists every message. A field may be added within a version; what is there keeps its name and meaning.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from rapport.agent import events as ev
from rapport.agent.agent import Agent
from rapport.apps.demo.clips import Clip, encode
from rapport.persona.affect import VAD, AffectState, EmotionEstimate
from rapport.persona.errors import InputError
from rapport.speech.audio import Audio

if TYPE_CHECKING:
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

VERSION = 1
PATH = "/rapport-events"
MAX_MESSAGE_CHARACTERS = 100_000
_WANTED = ("audio", "face")


def events_route(make_agent: Callable[[], Agent], path: str = PATH) -> WebSocketRoute:
    """A route for Starlette or FastAPI: every connection talks to an agent of its own, until it is closed."""
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocketDisconnect

    async def connect(socket: WebSocket) -> None:
        await socket.accept()
        agent = make_agent()
        try:
            while True:
                await _answer(agent, await socket.receive_text(), socket)
        except WebSocketDisconnect:
            return

    return WebSocketRoute(path, connect)


def event_record(event: ev.Event, *, audio: bool = False, face: bool = False) -> dict[str, Any] | None:
    """An event as JSON's types; None for those that only a page in this process can use (pictures).

    `audio` adds each clause's sound as a WAV in base64, `face` its track: weights per frame as ARKit names them, head
    pose and gaze in radians.
    """
    told = _record(event, audio=audio, face=face)
    return None if told is None else {"version": VERSION, "type": type(event).__name__.lower(), **told}


async def _answer(agent: Agent, message: str, socket: WebSocket) -> None:
    try:
        text, wanted = _request(message)
    except InputError as error:
        await socket.send_json({"version": VERSION, "type": "refused", "reason": str(error)})
        return
    async with aclosing(agent.converse(text, draw=False)) as events:
        async for event in events:
            if (record := event_record(event, **wanted)) is not None:
                await socket.send_json(record)


def _request(message: str) -> tuple[str, dict[str, bool]]:
    told = 'send JSON such as {"text": "Hello.", "audio": false, "face": false}'
    if len(message) > MAX_MESSAGE_CHARACTERS:
        raise InputError(f"a message may have {MAX_MESSAGE_CHARACTERS:,} characters")
    try:
        data: object = json.loads(message)
    except (ValueError, RecursionError):
        raise InputError(told) from None
    match data:
        case {"text": str(text)}:
            given = cast("dict[str, object]", data)
            return text, {name: given.get(name) is True for name in _WANTED}
        case _:
            raise InputError(told)


def _record(event: ev.Event, *, audio: bool, face: bool) -> dict[str, Any] | None:
    match event:
        case ev.Heard():
            return {"text": event.transcript.text, "language": event.transcript.language}
        case ev.Risk():
            return {"level": str(event.found.level), "kind": str(event.found.kind)}
        case ev.Perceived():
            return {
                "fused": _estimate(event.fused),
                "modalities": {str(name): _estimate(estimate) for name, estimate in event.modalities.items()},
                "conflict": None if event.conflict is None else event.conflict.description,
            }
        case ev.Felt():
            return {"before": _state(event.before), "after": _state(event.after)}
        case ev.Planned():
            plan = event.plan
            return {
                "event": plan.event,
                "emotion": plan.emotion,
                "cause": plan.cause,
                "goal": plan.goal,
                "strategy": plan.strategy,
            }
        case ev.Clause():
            return {"index": event.index, "text": event.text}
        case ev.Spoken():
            clause = event.clause
            return {
                "index": event.index,
                "start_s": event.start_s,
                "duration_s": clause.audio.duration_s,
                "words": [[w.text, w.start_s, w.end_s] for w in clause.words],
                **({"audio": _wav(clause.audio)} if audio else {}),
            }
        case ev.Face() if face:
            track = event.track
            return {
                "index": event.index,
                "start_s": track.start_s,
                "frame_rate_hz": track.frame_rate_hz,
                "weights": track.weights.round(4).tolist(),
                "head_pose": track.head_pose.round(5).tolist(),
                "gaze": track.gaze.round(5).tolist(),
            }
        case ev.Failed():
            return {
                "stage": event.stage,
                "component": event.component,
                "error": event.error,
                "fallback": event.fallback,
            }
        case ev.Interrupted():
            return {"heard_until_s": event.heard_until_s, "heard_text": event.heard_text}
        case ev.Refused():
            return {"reason": event.reason}
        case ev.Done():
            return {"text": event.reply.text, "trace": event.reply.trace.model_dump(mode="json")}
        case _:
            return None


def _estimate(estimate: EmotionEstimate) -> dict[str, Any]:
    return {
        "label": estimate.label,
        "probabilities": estimate.distribution.as_dict(),
        "vad": _vad(estimate.vad),
        "vad_sd": list(estimate.vad_sd),
    }


def _state(state: AffectState) -> dict[str, Any]:
    return {"label": state.label, "vad": _vad(state.emotion), "mood": _vad(state.mood)}


def _vad(vad: VAD) -> list[float]:
    return list(vad.as_tuple())


def _wav(audio: Audio) -> str:
    data, _ = encode(Clip(0, 0.0, audio))
    return base64.b64encode(data).decode("ascii")
