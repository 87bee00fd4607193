"""Chat models by name."""

import pytest

from rapport.agent.chat_models import load_chat_model
from rapport.persona.errors import ComponentError


def test_a_chat_model_by_its_class() -> None:
    model = load_chat_model("langchain_core.language_models.fake_chat_models:ParrotFakeChatModel")
    assert model.invoke("hello").text == "hello"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        (None, "needs a chat model"),
        ("openai", "needs a chat model"),
        ("no_such_provider:x", "pip install langchain-no-such-provider"),
        ("json.decoder:JSONDecoder", "no LangChain chat model"),
    ],
)
def test_a_chat_model_that_cannot_be_had(name: str | None, hint: str) -> None:
    with pytest.raises(ComponentError, match=hint):
        load_chat_model(name)
