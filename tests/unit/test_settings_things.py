"""Things of the settings: which names, numbers and units there may be, wherever they are said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.cli.imports.importing import named_things
from psd.config import Settings, Thing, default_things
from psd.config_sources import load_settings
from psd.config_things import needed_thing
from psd.embedded.settings_file import settings_toml
from psd.errors import ConfigError
from psd.names import THING, THING_ID_MAX
from psd.operations.setting_rows import things_text
from psd.prometheus.parser import parsed, parsed_selector
from psd.prometheus.selection import SUMS, selected
from psd.prometheus.tree import Sum
from psd.queries.parsing import from_pairs
from psd.queries.questions import QueryRules, sum_question
from psd.queries.requests import SumQuery

WORDS = ("sum", "topk", "by", "without", "increase", "offset", "inf", "nan", "all", "uid", "and")


def by_environment(_folder: Path, things: dict[str, tuple[object, str]]) -> Settings:
    pairs = ",".join(f"{name}={number}:{unit}" for name, (number, unit) in things.items())
    return load_settings(environ={"PSD_THINGS": pairs}).settings


def by_flag(_folder: Path, things: dict[str, tuple[object, str]]) -> Settings:
    pairs = ",".join(f"{name}={number}:{unit}" for name, (number, unit) in things.items())
    return load_settings(flags={"things": pairs}).settings


def by_file(folder: Path, things: dict[str, tuple[object, str]]) -> Settings:
    file = folder / "settings.toml"
    lines = [
        f"{msgspec.json.encode(name).decode()} = "
        f"{{ id = {msgspec.json.encode(number).decode()}, "
        f"unit = {msgspec.json.encode(unit).decode()} }}"
        for name, (number, unit) in things.items()
    ]
    file.write_text("[things]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return load_settings(file).settings


Load = Callable[[dict[str, tuple[object, str]]], Settings]

SOURCES = {"environment": by_environment, "flag": by_flag, "file": by_file}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each test writes its file anew."""
    return tmp_path_factory.mktemp("things")


@pytest.fixture(params=SOURCES)
def load(request: pytest.FixtureRequest, folder: Path) -> Load:
    """Loads things by one of the ways in which they may be said."""
    return lambda things: SOURCES[request.param](folder, things)


NAMES = ["", " ", "a b", "a.b", "a-b", "a/b", "ä", "٣", "1", "1a", "_a", "__name__", "a" * 65]
NAMES += ["psd_sum", "psd_x", "PSD_sum", "a%", "a{", "a\x00", "a;b", "'a'", "a\n"]


@pytest.mark.parametrize("name", [*NAMES, "a,b", "a=b", "a:b"])
def test_a_name_that_is_no_word_is_refused_by_a_file(folder: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"^things\..*: (a name is 1 to 64|names that begin)"):
        by_file(folder, {"steps": (1, ""), name: (2, "")})


@pytest.mark.parametrize("name", [name for name in NAMES if name.strip() == name != "a\x00"])
def test_a_name_that_is_no_word_is_refused_everywhere(load: Load, name: str) -> None:
    with pytest.raises(ConfigError, match=r"^things"):
        load({"steps": (1, ""), name: (2, "")})


@pytest.mark.parametrize("number", [0, -1, THING_ID_MAX + 1, 2**53 + 1, 2**63, 2**70])
def test_a_number_that_keys_cannot_hold_is_refused(load: Load, number: int) -> None:
    with pytest.raises(ConfigError, match=rf"things.*{number}|things\.steps\.id"):
        load({"steps": (number, "")})


@pytest.mark.parametrize("number", [True, 1.5, 1.0, "", "x", "1.0", "\uff11", " "])
def test_a_number_is_a_whole_one(folder: Path, number: object) -> None:
    with pytest.raises(ConfigError, match=r"^things\.steps"):
        by_file(folder, {"steps": (number, "")})


@pytest.mark.parametrize(
    "pair", ["steps", "steps=", "steps=x", "steps=+1", "steps=1.0", "=1", "\uff11=1"]
)
def test_a_pair_is_a_name_and_a_number(pair: str) -> None:
    with pytest.raises(ConfigError, match="things"):
        load_settings(environ={"PSD_THINGS": f"calories=2,{pair}"})


@pytest.mark.parametrize("unit", ["a" * 33, "a\tb", "a\nb"])
def test_a_unit_is_a_short_text(load: Load, unit: str) -> None:
    with pytest.raises(ConfigError, match=r"unit|Invalid|Illegal|invalid"):
        load({"steps": (1, unit)})


def test_a_name_is_said_once(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"things\.steps: said twice, with ids 1, 2"):
        load_settings(environ={"PSD_THINGS": "steps=1,steps=2"})
    with pytest.raises(ConfigError, match=r"things\.steps: said twice, with ids 1, 1"):
        load_settings(flags={"things": "steps=1:m, steps=1"})
    file = folder / "settings.toml"
    file.write_text("[things]\nsteps = { id = 1 }\nsteps = { id = 2 }\n")
    with pytest.raises(ConfigError, match=re.escape(str(file))):
        load_settings(file)


def test_a_number_is_that_of_one_thing(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"things\.likes: id 1 is already 'steps'"):
        load({"steps": (1, ""), "likes": (1, "")})


@pytest.mark.parametrize("text", ["", ",", " , "])
def test_there_is_at_least_one_thing(text: str) -> None:
    with pytest.raises(ConfigError, match="things: there must be at least one"):
        load_settings(environ={"PSD_THINGS": text})


@pytest.mark.parametrize("lines", ["things = 5", "[things]\nsteps = 5", "[things.steps]\nunit='m'"])
def test_a_table_that_is_none_is_refused(folder: Path, lines: str) -> None:
    file = folder / "settings.toml"
    file.write_text(lines)
    with pytest.raises(ConfigError, match=r"^things"):
        load_settings(file)


def test_every_name_that_the_original_and_psd_have_is_a_word() -> None:
    assert all(THING.fullmatch(name) for name in default_things())


@given(
    st.from_regex(THING, fullmatch=True).filter(lambda name: not name.lower().startswith("psd_"))
)
def test_a_name_comes_through_everything_that_psd_speaks(name: str) -> None:
    """Lists of /v1 and /v3, PromQL, PSD_THINGS, files, columns of an import."""
    passes_through(name)


@pytest.mark.parametrize("name", WORDS)
def test_words_of_expressions_are_names_too(name: str) -> None:
    passes_through(name)


def passes_through(name: str) -> None:
    things = {name: Thing(7, "k W/h:m"), f"{name[:60]}_too"[:64]: Thing(THING_ID_MAX, "°")}
    if len(things) < 2:
        return
    text = ",".join(things_text(things))
    settings = load_settings(environ={"PSD_THINGS": text}).settings
    assert settings.things == things
    numbers = {each: thing.id for each, thing in things.items()}
    query = from_pairs([("thing", ",".join(things)), ("uid", "1"), ("end", "9")], SumQuery)
    assert sum_question(query, QueryRules(numbers), 10).things == numbers
    assert quote(name, safe="") == name
    assert [each.thing for each in selected(parsed_selector(name), numbers).metrics] == [name]
    summed = parsed(f"sum by (uid) ({name})")
    assert isinstance(summed, Sum)
    assert name != SUMS
    assert named_things((f"{name}=A B",), settings) == {name: "A B"}
    toml = settings_toml(settings)
    assert f'[things."{name}"]' in toml


def test_a_thing_that_is_needed_and_missing_is_named() -> None:
    with pytest.raises(ConfigError, match=r"things\.signals: missing, needed by the weekly"):
        needed_thing({"steps": Thing(1)}, "signals", "the weekly rewards")
    assert needed_thing({"steps": Thing(1)}, "steps", "it") == 1


@pytest.mark.parametrize("key", ["queue.topic", "queue.channel", "queue.deadletter_topic"])
@pytest.mark.parametrize("name", ["", "a b", "a\nb", "ä", "a" * 65, "a/b", "a,b"])
@pytest.mark.parametrize("kind", ["nsq", "stream"])
def test_a_topic_is_one_that_nsqd_takes_whatever_queue_there_is(
    key: str, name: str, kind: str
) -> None:
    with pytest.raises(ConfigError, match=rf"{re.escape(key)} = .*1 to 64"):
        load_settings(flags={key: name, "queue.kind": kind})


def test_dead_letters_do_not_come_back_as_messages() -> None:
    with pytest.raises(ConfigError, match=r"queue\.deadletter_topic = 'psd': that is queue\.topic"):
        load_settings(flags={"queue.deadletter_topic": "psd"})
