"""What is written above each script, and what no script may call."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from psd.store.scripts import load_script, lua_folder, script_names
from tests.support.servers.redis_server import RedisServer

NAMES = tuple(script_names())
LUA_FILES = sorted(lua_folder().rglob("*.lua"))
PYTHON_FILES = sorted((Path(__file__).parents[2] / "psd").rglob("*.py"))

FORBIDDEN = {
    *("KEYS", "SCAN", "HSCAN", "SSCAN", "ZSCAN", "TIME", "RANDOMKEY", "HRANDFIELD"),
    *("SRANDMEMBER", "ZRANDMEMBER", "SPOP", "FLUSHDB", "FLUSHALL", "EVAL", "SELECT"),
}
"""Slow on a large store, different on each run, or reaching past the owner's keys."""


def header(name: str) -> str:
    """The comment block that opens an entry script, without its include lines."""
    text = (lua_folder() / f"{name.replace('.', '/')}.lua").read_text(encoding="utf-8")
    match = re.match(r"(?:--.*\n)+", text)
    assert match, f"{name} does not open with its header"
    lines = [line for line in match[0].splitlines() if not line.startswith("-- @include")]
    return "\n".join(line.removeprefix("--").rstrip() for line in lines)


def body(name: str) -> str:
    """The script itself, without comments."""
    text = (lua_folder() / f"{name.replace('.', '/')}.lua").read_text(encoding="utf-8")
    return re.sub(r"--.*", "", text)


@pytest.mark.parametrize("name", NAMES)
def test_a_header_opens_with_the_purpose_in_a_sentence(name: str) -> None:
    purpose = header(name).splitlines()[0]
    assert re.match(r" [A-Z][a-z]+ .+", purpose), purpose


@pytest.mark.parametrize("part", ["Returns:", "Errors:", "Mode:", "Idempotent:", "Cost:"])
@pytest.mark.parametrize("name", NAMES)
def test_a_header_says_what_a_caller_must_know(name: str, part: str) -> None:
    assert re.search(rf"^ {part} \S+", header(name), re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_header_describes_exactly_the_slots_that_are_used(name: str) -> None:
    described = set(re.findall(r"^ (KEYS|ARGV)(?:\[\d+\])?  +\S", header(name), re.MULTILINE))
    assert described == {"KEYS", "ARGV"}
    numbered = set(re.findall(r"^ ((?:KEYS|ARGV)\[\d+\])  +\S", header(name), re.MULTILINE))
    used = set(re.findall(r"(?:KEYS|ARGV)\[\d+\]", body(name)))
    assert numbered == used


@pytest.mark.parametrize("name", NAMES)
def test_an_error_that_a_script_answers_stands_in_its_header(name: str) -> None:
    answered = set(re.findall(r"PSD_[A-Z_]+", load_script(name).source))
    assert answered == set(re.findall(r"PSD_[A-Z_]+", header(name)))


@pytest.mark.parametrize("path", LUA_FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_script_calls_nothing_that_is_slow_random_or_a_clock(path: Path) -> None:
    text = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
    assert not set(re.findall(r"'([A-Z]+)'", text)) & FORBIDDEN
    assert not re.search(r"math\.random|os\.|redis\.pcall|\bKEYS\s*=", text)


@pytest.mark.parametrize("path", LUA_FILES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_file_that_others_include_opens_with_what_it_is(path: Path) -> None:
    assert re.match(r"-- [A-Z][a-z]+[ :].+", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_script_has_exactly_one_caller(name: str) -> None:
    calls = [
        path.name
        for path in PYTHON_FILES
        for _ in re.findall(rf'Script\("{re.escape(name)}"\)', path.read_text("utf-8"))
    ]
    assert len(calls) == 1, calls


@pytest.mark.parametrize("name", NAMES)
def test_redis_compiles_a_script_with_thirty_names_more(
    engine_server: RedisServer, name: str
) -> None:
    """Lua allows 200 at once: a change must not meet the limit where it is made."""
    more = "".join(f"local more_{number} = {number}\n" for number in range(30))
    with engine_server.sync_client() as client:
        assert client.script_load(more + load_script(name).source)
