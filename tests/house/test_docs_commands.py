"""Every command line that a page shows is one that psd understands: its command and its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from psd.cli.main import psd as command_line

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
OVERVIEW = re.compile(r"^\| `(psd [a-z-]+(?: [a-z-]+)*)` \|(.*)$", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
ANYWHERE = {"--help"}


def named(words: list[str]) -> tuple[click.Command, set[str]]:
    """The command that these words begin with, and all options that may stand on its line.

    ``add|rm`` are both of them, and have the options of either.
    """
    context, found = click.Context(command_line), [command_line]
    options = {*ANYWHERE, *spelled(command_line)}
    for word in words:
        groups = [each for each in found if isinstance(each, click.Group)]
        if not groups or word == "COMMAND":
            break
        below = [groups[0].get_command(context, each) for each in word.split("|")]
        found = [each for each in below if each is not None]
        assert len(found) == len(below), f"{word!r} of psd {' '.join(words)} is no command"
        options |= {option for each in found for option in spelled(each)}
    return found[0], options


def spelled(command: click.Command) -> list[str]:
    return [each for one in command.params for each in (*one.opts, *one.secondary_opts)]


def lines(text: str) -> Iterator[list[str]]:
    """The words behind ``psd`` of each command line: in backticks, and in blocks of code."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    shown = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for each in [*shown, *re.findall(r"`([^`\n]+)`", prose)]:
        found = re.match(r"\s*(?:\$ |\S*/)?psd ([a-z-].*)", each)
        if found:
            line = re.split(r" [|#>]|&&|  ", found[1])[0]
            yield re.sub(r"--(?:set|config) \S+ ?", "", line).split()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_line_of_a_page_has_a_command_and_its_options(path: Path) -> None:
    unknown = []
    for words in lines(path.read_text(encoding="utf-8")):
        told = [word.partition("=")[0] for word in words if word.startswith("--")]
        _, options = named([word for word in words if not word.startswith("-")])
        unknown += [f"psd {' '.join(words)}: {each}" for each in told if each not in options]
    assert unknown == []


def test_the_overview_names_options_that_the_commands_have() -> None:
    rows = OVERVIEW.findall((ROOT / "docs" / "operations.md").read_text(encoding="utf-8"))
    assert len(rows) > 60
    unknown = {}
    for name, told in rows:
        _, options = named(name.split()[1:])
        missing = set(OPTION.findall(re.sub(r"`psd [^`]+`", "", told))) - options
        if missing:
            unknown[name] = missing
    assert unknown == {}


def test_what_no_command_has_would_be_seen() -> None:
    assert [*lines("```\npsd top steps --limit 3 | head\n```\n`psd doctor`")] == [
        ["top", "steps", "--limit", "3"],
        ["doctor"],
    ]
    assert "--limit" in named(["top", "steps"])[1]
    assert "--nope" not in named(["top", "steps"])[1]
