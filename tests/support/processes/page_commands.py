r"""Commands of a page for operators, and what they say there.

In a block without a language a line that begins with ``$`` is a command; what follows it is what it
says. A shell that remembers what the ones before it have set runs them::

    script_of([("echo 1", "1\n"), ("echo 2", "2\n")])     -> a script that prints @0@ 1 @1@ 2
    said_in(what it printed)                              -> ["1\n", "2\n"]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
FENCE = re.compile(r"^```([\w -]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"^@\d+@\n", re.MULTILINE)
COMMANDS_MIN = 10

PageCommand = tuple[str, str]
"""A command, and what it says."""


def commands_of(page: str) -> list[PageCommand]:
    """Each command of a page with what it says."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = [block for name, block in FENCE.findall(text) if not name and block.startswith("$ ")]
    found = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)
    assert len(found) >= COMMANDS_MIN, (page, found)
    return [(command, said) for command, said in found]


def script_of(commands: Sequence[PageCommand], here: Callable[[str], str] = str) -> str:
    """A script of all of them, each told by a line; ``here`` writes a text as it is run."""
    return "".join(f"echo '@{n}@'\n{here(command)}\n" for n, (command, _) in enumerate(commands))


def said_in(printed: str) -> list[str]:
    """What each of them has said."""
    return MARK.split(printed)[1:]
