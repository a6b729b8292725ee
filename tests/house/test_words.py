"""One word for one thing: the glossary of docs/architecture.md, held against the whole tree."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.sources import PACKAGES, ROOT, source_of, text_of

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

MIRRORED = ("cli", "client", "openapi", "routes", "handlers")
"""Rooms whose files are called for what they are about, as another room calls it."""

SHAPE = frozenset(
    {
        *("answers", "asking", "booking", "commands", "configuration", "decisions", "domain"),
        *("client", "dialect", "domains"),
        *("endpoints", "errors", "keys", "original", "part", "preview", "questions", "requests"),
        *("readings", "settings", "store"),
    }
)
"""Files that a domain has like every other one, or that stand between two layers."""

LAYERED = frozenset({"activities", "series", "sums"})
"""What psd/queries answers with what psd/engine reads."""


def table(heading: str) -> list[list[str]]:
    """The cells of the table of the page that begins so."""
    lines = PAGE.partition(heading + "\n")[2].splitlines()[1:]
    rows: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


GLOSSARY = table("| word | meaning | in code |")
FORBIDDEN = table("| say | not | but in |")
CLASSES = {word: place.strip("`") for word, _, place in GLOSSARY if place}
EXEMPT = {word: frozenset(re.findall(r"`([^`]+)`", places)) for word, _, places in FORBIDDEN}


def listed(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(",")]


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (each for each in (ROOT / package).rglob("*.py") if "proto" not in each.parts)


def texts() -> Iterator[Path]:
    yield from sources()
    yield from (ROOT / "lua").rglob("*.lua")
    yield from (ROOT / "docs").glob("*.md")
    yield from (ROOT / "conf").glob("*")
    yield ROOT / "README.md"


@cache
def defined() -> Mapping[str, list[str]]:
    """Where each class of the tree is, by its name."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sources():
        for name in source_of(path).classes:
            found[name].append(path.relative_to(ROOT).as_posix())
    return found


@cache
def aliases() -> Mapping[str, list[str]]:
    """Where each name of a module stands for a type, by its name."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sources():
        for name in source_of(path).aliases:
            found[name].append(path.relative_to(ROOT).as_posix())
    return found


def synonyms(text: str, words: list[str]) -> list[str]:
    """Which of these words a text has: as it stands, in parts of names, joined or not."""
    return [word for word in words if any_of((word,)).search(text)]


@cache
def any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """One of these words."""
    found = "|".join(word.replace("_", "_?") for word in words)
    return re.compile(rf"(?i)(?<![a-z0-9])(?:{found})s?(?![a-z0-9])")


def test_a_word_is_defined_once() -> None:
    words = [word for word, *_ in GLOSSARY]
    assert len(words) >= 30
    assert len({word.casefold() for word in words}) == len(words)
    assert all(meaning for _, meaning, _ in GLOSSARY)


@pytest.mark.parametrize("word", CLASSES)
def test_the_class_of_a_word_is_where_the_glossary_says_and_nowhere_else(word: str) -> None:
    module, _, name = CLASSES[word].rpartition(".")
    assert hasattr(import_module(module), name)
    assert name == word.title().replace(" ", "")
    home = module.replace(".", "/") + ".py"
    others = {*defined().get(name, ()), *aliases().get(name, ())} - {home}
    # The client takes events of any shape, and says so in a type of that name.
    assert {each for each in others if not each.startswith("psd/client/")} == set()


def test_a_class_has_a_name_of_its_own() -> None:
    twice = {name: paths for name, paths in defined().items() if len(paths) > 1}
    assert twice == {}


def test_a_file_has_a_name_of_its_own() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sources():
        room = path.parent.relative_to(ROOT).as_posix()
        is_shared = path.stem in SHAPE | LAYERED or path.stem.startswith("__")
        if not is_shared and not room.endswith(MIRRORED):
            found[path.stem].append(room)
    twice = {name: rooms for name, rooms in found.items() if len(rooms) > 1}
    assert twice == {}


@pytest.mark.parametrize("row", FORBIDDEN, ids=lambda row: row[0])
def test_a_thing_is_not_called_by_another_word(row: list[str]) -> None:
    word, others, _ = row
    found = {
        path.relative_to(ROOT).as_posix(): told
        for path in texts()
        if any_of(tuple(listed(others))).search(text_of(path))
        and (told := synonyms(text_of(path), listed(others)))
    }
    found.pop("docs/architecture.md")
    assert {path: told for path, told in found.items() if path not in EXEMPT[word]} == {}


def test_an_exemption_is_needed() -> None:
    for word, others, _ in FORBIDDEN:
        for path in EXEMPT[word]:
            text = (ROOT / path).read_text(encoding="utf-8")
            assert synonyms(text, listed(others)), f"{path} says none of: {others}"


@pytest.mark.parametrize(
    "text", ["user_id = 7", "def of_user_ids(userID)", '{"userId": 7}', "owner_user_id", "a userid"]
)
def test_another_word_is_found_however_it_is_written(text: str) -> None:
    assert synonyms(text, ["user_id"]) == ["user_id"]


@pytest.mark.parametrize("text", ["uid", "user identity", "a user id", "user_idle", "superuserid"])
def test_a_word_that_only_looks_like_it_is_left_alone(text: str) -> None:
    assert synonyms(text, ["user_id"]) == []
