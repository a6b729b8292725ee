"""Parts of Lua scripts: what a part brings to the others, and what it keeps to itself. Pure.

A script is its parts one behind the other, and Lua allows 200 local names in that. So names that no
other part of a script includes are put into a block of their part::

    local WIDE = 3                          local place
    local function halved(a, b) ... end     do
    local function place(leaf) ... end      local WIDE = 3
                                            local function halved(a, b) ... end
                                            function place(leaf) ... end
                                            end

which is the same program. Only names that begin a line are looked at: those inside functions are
nobody else's by Lua's own rules. Functions that a script does not use do not travel with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from functools import cache

NAMES_MAX = 200
"""Lua 5.1 compiles no function with more local names than this."""

_DECLARED = re.compile(r"^local (?:function (\w+)|(\w+(?:, *\w+)*))(?=[ (=]|$)", re.MULTILINE)
_OPENING = re.compile(r"(?:do|for|function|if|local function|while)\b(?!.*\bend$)")
_WORD = re.compile(r"[A-Za-z_]\w*")
_FUNCTION = re.compile(r"^local function (\w+)\(.*\n(?: .*\n|\n)*end\n", re.MULTILINE)


@cache
def declared(text: str) -> tuple[str, ...]:
    """The names that a part declares at the beginning of a line, in order."""
    return tuple(name for names in _declarations(text) for name in names)


def most_at_once(source: str) -> int:
    """The most names that a script declares at the beginning of lines and holds at one place.

    A function has its own.
    """
    functions, most = [[0]], 0
    for line in source.splitlines():
        functions[-1][-1] += _number_of(line)
        most = max(most, sum(functions[-1]))
        if _OPENING.match(line):
            if "function" in line.split("(", 1)[0].split():
                functions.append([])
            functions[-1].append(0)
        elif line == "end":
            functions[-1].pop()
            if not functions[-1]:
                functions.pop()
    return most


def without_unused(texts: Mapping[str, str]) -> dict[str, str]:
    """The parts of one script without the functions that nothing in it names.

    A script makes all of its functions anew with each call, some 0.3 us each, and what is never
    called is mostly brought by a part of which the script uses something else.
    """
    left = dict(texts)
    while True:
        named = Counter(_WORD.findall("\n".join(left.values())))

        def kept(found: re.Match[str], named: Counter[str] = named) -> str:
            own = _WORD.findall(found[0]).count(found[1])
            return found[0] if named[found[1]] > own else ""

        shorter = {part: _FUNCTION.sub(kept, text) for part, text in left.items()}
        if shorter == left:
            return left
        left = shorter


def scoped(text: str, used_elsewhere: Collection[str]) -> str:
    """The part with its own names in a block, and those that others include before it."""
    shared = [
        name
        for names in _declarations(text)
        if any(each in used_elsewhere for each in names)
        for name in names
    ]
    brought = set(shared)
    if len(brought) == len(set(declared(text))) or _is_used_before(text, brought):
        return text

    def without_local(match: re.Match[str]) -> str:
        if not brought.issuperset(_names(match)):
            return match[0]
        is_assigned = match[1] is not None or "=" in text[match.end() :].partition("\n")[0]
        return match[0].removeprefix("local ") if is_assigned else ""

    body = _DECLARED.sub(without_local, text)
    before = f"local {', '.join(shared)}\n" if shared else ""
    return f"{before}do\n{body}end\n"


def _number_of(line: str) -> int:
    return sum(map(len, _declarations(line))) if line.startswith("local ") else 0


def _is_used_before(text: str, brought: Collection[str]) -> bool:
    """Whether a name means something else above its own line, as in ``local redis = f(redis)``."""
    seen: set[str] = set()
    for line in text.splitlines():
        names = declared(line)
        found = set(_WORD.findall(line))
        if names:
            found = set(_WORD.findall(line.partition("=")[2])) if "=" in line else set()
        if (found & set(brought)) - seen:
            return True
        seen.update(names)
    return False


def _declarations(text: str) -> list[list[str]]:
    return [_names(match) for match in _DECLARED.finditer(text)]


def _names(match: re.Match[str]) -> list[str]:
    return [match[1]] if match[1] else [name.strip() for name in match[2].split(",")]
