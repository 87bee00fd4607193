"""What the README and the documents say is run, and what they show is what ships."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from rapport.agent.config import AgentConfig

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- (?P<file>\S+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)


def blocks(language: str) -> list[tuple[str, str | None, str]]:
    return [
        (f"{document.name}:{document.read_text()[: m.start()].count(chr(10)) + 1}", m["file"], m["text"])
        for document in DOCUMENTS
        for m in BLOCK.finditer(document.read_text())
        if m["language"] == language
    ]


SNIPPETS = [(where, text) for where, file, text in blocks("python") if file is None]
FILES = [(where, file, text) for language in ("python", "toml") for where, file, text in blocks(language) if file]


@pytest.mark.models
@pytest.mark.parametrize(("where", "code"), SNIPPETS, ids=[where for where, _ in SNIPPETS])
def test_snippet_runs(where: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, where, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize(("where", "file", "text"), FILES, ids=[file for _, file, _ in FILES])
def test_shown_file_is_the_file(where: str, file: str, text: str) -> None:
    assert (ROOT / file).read_text() == text


def test_the_plugin_is_shown() -> None:
    assert {Path(file).name for _, file, _ in FILES} == {"rapport_hum.py", "pyproject.toml"}


@pytest.mark.parametrize("text", [text for _, _, text in blocks("yaml")])
def test_configuration_is_valid(text: str) -> None:
    AgentConfig.model_validate(yaml.safe_load(text))


def test_commands_exist() -> None:
    from typer.main import get_command

    from rapport.apps.cli import app

    known = get_command(app).commands  # type: ignore[attr-defined]
    lines = [line for _, _, text in blocks("") for line in text.splitlines() if line.startswith("rapport ")]
    commands = [shlex.split(line, comments=True) for line in lines]
    assert commands
    for words in commands:
        command = known[words[1]]
        if hasattr(command, "commands"):
            command = command.commands.get(words[2]) or command.commands["run"]  # which need not be named
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, words
