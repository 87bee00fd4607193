"""The loop: what is heard becomes an answer.

from rapport.agent import Agent

agent = Agent.from_persona("harbor")
print(agent.say("I lost my job today.").text)
"""

from rapport.agent.agent import Agent
from rapport.agent.config import AgentConfig, StageConfig, load_config
from rapport.agent.stages import Utterance

__all__ = ["Agent", "AgentConfig", "StageConfig", "Utterance", "load_config"]
