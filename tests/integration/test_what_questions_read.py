"""How much of psd a command is that asks the store: modules and scripts, and no clock.

``psd query`` is waited for by somebody, so it has a third of a second. What it imports and reads
is what that goes to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from psd.config import Settings
from psd.config_sources import load_settings
from psd.domain import parts
from psd.domains import domains, named
from psd.energy.domain import ENERGY
from psd.energy.part import EnergyPart
from psd.runtime import Runtime, open_runtime, open_service
from psd.store import scripts

DOMAINS = {domain.name for domain in domains()}

OTHERS = {"aiohttp", "grpc", "nsq", "numpy", "opentelemetry", "psutil", "pyarrow", "rich"}
"""What none of them needs for a few lines that nobody looks at on a terminal."""

SAID = """
import json, sys
from psd.__main__ import main
try:
    main()
except SystemExit:
    pass
from psd.store import scripts
print('\\n' + json.dumps([sorted(sys.modules), len(scripts.read_sources())]))
"""


class Taken(NamedTuple):
    """What a command imported, and how many scripts it read."""

    modules: set[str]
    scripts: int

    def parts(self) -> set[str]:
        """Domains of which it made what a process has."""
        return {name for name in DOMAINS if f"psd.{name}.part" in self.modules}


def taken(redis_url: str, *words: str) -> Taken:
    arguments = ["psd", "--set", f"redis.url={redis_url}", "--set", "redis.durability=fast", *words]
    code = f"import sys; sys.argv = {arguments!r}\n{SAID}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    modules, read = json.loads(done.stdout.splitlines()[-1])
    return Taken(set(modules), read)


@pytest.mark.parametrize(
    ("words", "made", "read"),
    [
        ("query steps 7 2016-04-12 2016-04-13", set(), 1),
        ("energy plans ls", {"energy"}, 1),
        ("charging plugs", {"charging"}, 1),
        ("rewards weeks", {"rewards"}, 1),
        ("swaps driver 1", {"swaps"}, 2),
    ],
)
def test_a_question_opens_no_domain_but_its_own_and_reads_the_scripts_that_it_calls(
    redis_url: str, words: str, made: set[str], read: int
) -> None:
    found = taken(redis_url, *words.split())
    assert "psd.store.redis" in found.modules
    assert found.parts() == made
    assert found.modules & OTHERS == set()
    assert found.scripts <= read


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    own = {"redis.url": redis_url, "redis.durability": "fast", "archive.folder": str(tmp_path)}
    return load_settings(flags=own).settings


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """By what domains were opened, each time that one was."""
    lines: list[str] = []

    def seen(line: str) -> Any:
        lines.append(line)
        return named(line)

    monkeypatch.setattr(parts, "named", seen)
    return lines


async def test_a_domain_is_opened_when_it_is_asked_for_and_once(
    settings: Settings, opened: list[str]
) -> None:
    runtime = await open_runtime(settings)
    assert opened == []
    energy = runtime.part(EnergyPart)
    assert opened == [ENERGY.open]
    assert runtime.part(EnergyPart) is energy is runtime.parts["energy"]
    assert len([*runtime.parts.values()]) == len(opened) == len(runtime.parts)
    await runtime.close()


async def test_whoever_serves_has_every_domain_and_every_script_at_its_start(
    settings: Settings, opened: list[str]
) -> None:
    runtime = await open_service(settings, "psd-test")
    assert sorted(opened) == sorted(domain.open for domain in domains() if domain.open)
    late = {name for name, what in vars(Runtime).items() if isinstance(what, cached_property)}
    assert late <= set(vars(runtime))
    sources = set(scripts.read_sources())
    assert {scripts.load_script(name).source for name in scripts.script_names()} <= sources
    await runtime.close()


async def test_a_script_that_is_broken_is_an_error_of_the_start_of_whoever_serves(
    settings: Settings, opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lua" / "engine" / "broken.lua"
    path.parent.mkdir(parents=True)
    path.write_text("-- Broken.\n-- Mode: reads\nreturn 1\n", encoding="utf-8")
    monkeypatch.setattr(scripts, "lua_folder", lambda: tmp_path / "lua")
    with pytest.raises(ValueError, match="engine/broken"):
        await open_service(settings, "psd-test")
    assert opened == []
