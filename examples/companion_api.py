"""A web service with a companion in it: the page, an endpoint that answers one line, and the event stream.

uvicorn examples.companion_api:app

GET  /                      the page to talk on
POST /api/reply             {"text": "..."} -> {"text": ..., "you": ..., "agent": ...}
WS   /api/events            every event of a turn as JSON (docs/embed.md)
"""

from __future__ import annotations

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from rapport.agent import Agent
from rapport.agent.config import AgentConfig
from rapport.apps.demo.serving import mount
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.stream import events_route
from rapport.persona.errors import InputError


class Line(BaseModel):
    text: str = Field(max_length=4000)


class Answer(BaseModel):
    text: str
    you: str
    """What was read in the person."""
    agent: str
    """What the agent feels."""


def create_app(config: AgentConfig | None = None, sessions: Sessions | None = None) -> FastAPI:
    """The service. Every request to the endpoint is a conversation of its own."""
    config = config or AgentConfig()
    quiet = config.text_only().model_copy(update={"memory": config.memory.model_copy(update={"use": "none"})})
    app = FastAPI(title="Companion")

    @app.post("/api/reply")
    def reply(line: Line) -> Answer:
        agent = Agent.from_config(quiet)
        try:
            said = agent.say(line.text)
        except InputError as error:
            raise HTTPException(422, str(error)) from None
        return Answer(text=said.text, you=said.perceived.label, agent=said.felt.label)

    app.router.routes.append(events_route(lambda: Agent.from_config(quiet), "/api/events"))
    return mount(app, "/", config, sessions=sessions)


def __getattr__(name: str) -> FastAPI:
    """`app` is made when a server asks for it, not when somebody imports this file."""
    if name == "app":
        return create_app()
    raise AttributeError(name)
