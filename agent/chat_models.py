"""Chat models of LangChain by name: `provider:model`, or the class of an application's own."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, cast

from langchain_core.language_models import BaseChatModel

from rapport.persona.errors import ComponentError


def load_chat_model(model: str | None) -> BaseChatModel:
    """A chat model by `provider:model` or `package.module:Class`. Raises ComponentError with what to do."""
    provider, _, name = (model or "").partition(":")
    if not provider or not name:
        raise ComponentError(
            "the component 'langchain' needs a chat model, e.g. 'langchain:openai:gpt-4o-mini' or "
            "'langchain:my_package.my_module:MyChatModel'"
        )
    if "." in provider:
        return _made(_imported(provider, f"{provider!r} cannot be imported; check the name"), name, {})
    package = f"langchain_{provider.replace('-', '_')}"
    extra = '"rapport-agent[openai]"' if provider == "openai" else package.replace("_", "-")
    module = _imported(package, f"chat models of {provider!r} need the package {package}; run: pip install {extra}")
    wanted = f"chat{provider.replace('-', '').replace('_', '')}"
    class_name = next((attribute for attribute in dir(module) if attribute.lower() == wanted), None)
    if class_name is None:
        raise ComponentError(
            f"{package} has no chat model named after {provider!r}; write 'langchain:{package}.<module>:<Class>'"
        )
    return _made(module, class_name, {"model": name})


def _imported(module: str, hint: str) -> Any:
    try:
        if importlib.util.find_spec(module) is None:
            raise ComponentError(hint)
        return importlib.import_module(module)
    except ImportError as error:
        raise ComponentError(f"{hint} ({error})") from error


def _made(module: Any, class_name: str, arguments: dict[str, str]) -> BaseChatModel:
    factory = getattr(module, class_name, None)
    if not (isinstance(factory, type) and issubclass(factory, BaseChatModel)):
        raise ComponentError(f"{module.__name__}:{class_name} is no LangChain chat model (BaseChatModel)")
    try:
        return cast("Any", factory)(**arguments)
    except Exception as error:  # keys, URLs and options are each provider's own affair
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ComponentError(f"{class_name} cannot start: {first_line}") from error
