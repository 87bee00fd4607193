"""Components by name: choices are listed, missing packages named, nothing imported early, instances shared."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from rapport.agent import Agent, AgentConfig
from rapport.agent.registry import ComponentPool, check, components, create
from rapport.agent.stages import STAGES
from rapport.persona.card import Persona
from rapport.persona.errors import ComponentError

HEAVY = ("torch", "transformers", "gradio", "onnxruntime", "faster_whisper", "ctranslate2", "wgpu", "av", "sqlalchemy")


def package(folder: Path, name: str, entry_points: str, code: str = "", requires: str = "") -> None:
    """An installed distribution, as files in a folder on the path."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}")
    (info / "entry_points.txt").write_text(entry_points)
    (folder / f"{name.replace('-', '_')}.py").write_text(code)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_at_least_two_implementations(stage: str) -> None:
    assert len(components(stage)) >= 2


def test_an_unknown_stage_lists_the_stages() -> None:
    with pytest.raises(ComponentError, match=r"unknown stage 'smell'.*recognition.*memory"):
        components("smell")


@pytest.mark.parametrize("act", [check, create])
def test_an_unknown_component_lists_the_choices(act: Any) -> None:
    with pytest.raises(ComponentError, match=r"unknown voice component 'opera'; choose one of .*kokoro") as error:
        act("voice", "opera:tenor")
    assert "\n" not in str(error.value)


def test_an_agent_with_an_unknown_component_is_refused_when_it_is_made() -> None:
    with pytest.raises(ComponentError, match=r"unknown voice component 'opera'"):
        Agent(Persona(name="x"), AgentConfig(voice=["kokoro", "opera"]), pool=ComponentPool())


def test_a_component_whose_extra_is_missing_names_the_install(site: Path) -> None:
    package(
        site,
        "loud-voice",
        "[rapport.voice]\nloud = loud_voice:Loud [brass]\n",
        requires='Requires-Dist: no-such-brass-band>=1 ; extra == "brass"\nProvides-Extra: brass\n',
    )
    info = next(item for item in components("voice") if item.name == "loud")
    assert (info.installed, info.missing, info.target) == (False, ("no-such-brass-band",), "loud_voice:Loud")
    with pytest.raises(ComponentError, match=r'needs no-such-brass-band: pip install "loud-voice\[brass\]"'):
        create("voice", "loud")


def test_two_packages_that_declare_one_name_are_refused_by_name(site: Path) -> None:
    package(site, "one-voice", "[rapport.voice]\nsame = one_voice:One\n")
    package(site, "two-voice", "[rapport.voice]\nsame = two_voice:Two\n")
    with pytest.raises(ComponentError, match=r"two packages declare the voice component 'same'.*uninstall one"):
        components("voice")


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("odd_voice:Missing", ""),
        ("no_such_module_at_all:Odd", ""),
        ("odd_voice:Odd", "import no_such_module_at_all\n"),
        ("odd_voice:Odd", "this is no Python\n"),
        ("odd_voice:Odd", "raise RuntimeError('no licence file')\n"),
    ],
)
def test_a_component_that_cannot_be_imported_says_so_in_one_line(
    site: Path, monkeypatch: pytest.MonkeyPatch, target: str, code: str
) -> None:
    monkeypatch.delitem(sys.modules, "odd_voice", raising=False)
    package(site, "odd-voice", f"[rapport.voice]\nodd = {target}\n", code)
    with pytest.raises(ComponentError, match=r"voice component 'odd' cannot be imported") as error:
        create("voice", "odd")
    assert "\n" not in str(error.value)


def test_a_component_is_given_what_stands_after_the_colon(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "plain_voice", raising=False)
    code = "class Plain:\n    def __init__(self, model=None):\n        self.model = model\n"
    package(site, "plain-voice", "[rapport.voice]\nplain = plain_voice:Plain\n", code)
    assert create("voice", "plain").model is None
    assert create("voice", "plain:openai:gpt-4o").model == "openai:gpt-4o"


def test_a_component_is_imported_when_it_is_made_and_not_before(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lazy_voice", raising=False)
    code = "class Lazy:\n    def __init__(self, model=None):\n        pass\n"
    package(site, "lazy-voice", "[rapport.voice]\nlazy = lazy_voice:Lazy\n", code)
    components("voice")
    Agent(Persona(name="x"), AgentConfig(voice="lazy"))
    assert "lazy_voice" not in sys.modules
    create("voice", "lazy")
    assert "lazy_voice" in sys.modules


def test_listing_components_and_making_an_agent_import_nothing_heavy() -> None:
    code = f"""
import sys
from rapport.agent import Agent
from rapport.agent.registry import components
from rapport.agent.stages import STAGES
for stage in STAGES:
    components(stage)
Agent.from_persona("harbor")
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# --------------------------------------------------------------------------------------------------------------- pool


def test_a_pool_makes_each_component_once_however_many_ask_at_once() -> None:
    made: list[str] = []
    all_asked = threading.Event()

    def slow(stage: str, spec: str) -> object:
        assert all_asked.wait(10.0)
        made.append(f"{stage} {spec}")
        return object()

    pool = ComponentPool(slow)
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(pool.get("voice", "a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    all_asked.set()
    for thread in threads:
        thread.join()
    assert made == ["voice a"]
    assert len(got) == 8 and len({id(item) for item in got}) == 1
    assert pool.get("voice", "b") is not got[0]
    assert pool.get("memory", "a") is not got[0]


def test_a_pool_tries_again_what_could_not_start() -> None:
    attempts = iter([ComponentError("the model is still being converted"), None])

    def create_second_time(_: str, __: str) -> object:
        error = next(attempts)
        if error is not None:
            raise error
        return "voice"

    pool = ComponentPool(create_second_time)
    with pytest.raises(ComponentError):
        pool.get("voice", "a")
    assert pool.loaded("voice", "a") is None
    assert pool.get("voice", "a") == "voice"


def test_an_application_may_put_in_a_component_under_any_name() -> None:
    pool = ComponentPool()
    mine = object()
    pool.add("voice", "my own: voice", mine)
    agent = Agent(Persona(name="x"), AgentConfig(voice="my own: voice"), pool=pool)
    assert agent.runners["voice"].config.use == "my own: voice"
    assert pool.get("voice", "my own: voice") is mine
