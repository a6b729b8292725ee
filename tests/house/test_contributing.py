"""CONTRIBUTING.md names what there is, and the hooks before a commit are what `make lint` runs."""

from __future__ import annotations

import importlib
import re
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))

STANDS_FOR = {"NAME": "rewards", "VERB": "book"}
"""What a reader puts into a path, as somebody did before."""

WRITTEN = {"-- @include", "area: what changed", "timeout_s", "Unreleased"}
"""What is no name of anything in the repository."""

OUTSIDE = re.compile(r"apt-get install .+|pre-commit install|~/.*|/docs|/v3/events|\.venv")

EXAMPLES = {
    "Add a setting": "ids_max",
    "Add a route": "/v3/reports",
    "Add a script": "reported",
    "Add a domain": "rewards",
}
"""Something that was added, by each list."""


def names(text: str) -> list[str]:
    """Everything that stands in backticks, without blocks of code."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [name.replace("\n", " ") for name in re.findall(r"`([^`]+)`", prose)]


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def path_of(name: str) -> Path:
    return ROOT / reduce(lambda text, pair: text.replace(*pair), STANDS_FOR.items(), name)


def imported(name: str) -> Any:
    """What a dotted name stands for; raises where there is none."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute)
        return found
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", sorted(set(names(PAGE)) - WRITTEN))
def test_what_the_page_names_exists(name: str) -> None:
    command = name.removeprefix(".venv/bin/")
    if name.startswith("make "):
        assert name.split()[1] in TARGETS
    elif command.startswith("python -m pytest "):
        assert (ROOT / command.split()[-1]).is_file()
    elif re.fullmatch(r"(psd|server|workers|tests)(\.\w+)+", name):
        assert imported(name) is not None
    elif not OUTSIDE.fullmatch(name) and command != "ruff format .":
        assert path_of(name).exists()


def test_every_target_that_the_page_shows_exists() -> None:
    shown = re.findall(r"^make ([a-z-]+)", PAGE, re.MULTILINE)
    assert len(shown) >= 3
    assert set(shown) <= TARGETS


@pytest.mark.parametrize(("title", "word"), EXAMPLES.items())
def test_every_place_of_a_list_knows_what_was_added_by_it(title: str, word: str) -> None:
    paths = [path_of(name) for name in names(section(title)) if "/" in name and "." in name]
    files = [path for path in paths if path.is_file() and path.suffix != ".lua"]
    assert len(files) >= 2
    # Where errors, settings and keys are made, none of these stands by its name.
    general = {"errors.py", "config_sources.py", "keys.py", "settings.py"}
    unaware = [
        path.name
        for path in files
        if path.name not in general and word not in path.read_text(encoding="utf-8")
    ]
    assert unaware == []


@pytest.mark.parametrize("title", EXAMPLES)
def test_a_list_is_short_and_in_order(title: str) -> None:
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", section(title), re.MULTILINE)]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert 3 <= len(numbers) <= 8


def test_every_kind_of_test_is_in_the_table() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    kinds = set(re.findall(r"^\| (\w+) \| `tests/\1` \|", PAGE, re.MULTILINE))
    assert kinds == folders - {"support", "golden", "__pycache__"}


def test_the_hooks_before_a_commit_are_what_make_lint_runs() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe
    lines = [line.strip().rstrip("; \\") for line in recipe[1].splitlines()]
    told = [line for line in lines if re.match(r"\$\(BIN\)/|luacheck ", line)]
    [local] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    hooks = [hook["entry"] for hook in local["hooks"]]
    assert hooks == [line.replace("$(BIN)", ".venv/bin") for line in told]
    assert len(hooks) == 5
    assert all(hook["language"] == "system" for hook in local["hooks"])
    assert not any(hook["pass_filenames"] for hook in local["hooks"])


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github").rglob("*.*")), ids=lambda path: path.name
)
def test_a_template_names_pages_that_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"\b[A-Z]+\.md\b", text):
        assert (ROOT / name).is_file()
    if path.parent.name == "ISSUE_TEMPLATE" and path.suffix == ".md":
        head = yaml.safe_load(text.split("---\n")[1])
        assert msgspec.convert(head, dict[str, str]).keys() == {"name", "about"}
