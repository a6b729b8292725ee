"""Include lines of Lua files: what a file uses of which part, held against both. Pure.

A file names what it takes of another one, so that a reader knows where a word comes from, and
whoever changes a part who uses it::

    -- @include lib/leaf: leaf_sum, leaf_position

A part has as many of these lines as its names need. What is named and not brought, named and not
used, or used and not named is a ValueError before anything reaches Redis; luacheck holds the same
by Lua's own rules of scope.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from psd.store.lua_parts import declared

Names = Mapping[str, list[str]]
"""Names by the part that brings them."""

_LINE = re.compile(r"^-- @include\b(.*)$", re.MULTILINE)
_FORM = re.compile(r" (\w+/\w+): (\w+(?:, \w+)*)")
_TEXTS_AND_COMMENTS = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|--[^\n]*")
_KEY = re.compile(r"(?<=[{,])\s*\w+\s*=(?!=)")
_WORD = re.compile(r"(?<![\w:])(?<![\w)\]]\.)[A-Za-z_]\w*")
_BOUND = re.compile(
    r"\blocal (?!function\b)(\w+(?:, *\w+)*)"
    r"|\bfunction\b[ \w.]*\(([^)]*)\)"
    r"|\bfor ([\w, ]+?) (?:in|=)"
)


@cache
def included(part: str, text: str) -> Names:
    """What a file includes, part by part in the order of its lines."""
    found: dict[str, list[str]] = {}
    for match in _LINE.finditer(text):
        form = _FORM.fullmatch(match[1])
        if form is None:
            raise ValueError(f"{part}: {match[0]!r} is not '-- @include <part>: <name>, <name>'")
        named = found.setdefault(form[1], [])
        for name in form[2].split(", "):
            if name in named:
                raise ValueError(f"{part} includes {name} of {form[1]} twice")
            named.append(name)
    return found


def check_includes(texts: Mapping[str, str]) -> None:
    """Raise ValueError unless each file of a script names what it uses of the others, and no more.

    ``texts`` are the files of one script by their parts' names.
    """
    brought_by: dict[str, str] = {}
    for part, text in texts.items():
        for name in declared(text):
            other = brought_by.setdefault(name, part)
            if other != part:
                raise ValueError(f"{name} is a name of {other} and of {part}")
    for part, text in texts.items():
        _check_file(part, text, brought_by)


def _check_file(part: str, text: str, brought_by: Mapping[str, str]) -> None:
    named: set[str] = set()
    for other, names in included(part, text).items():
        for name in names:
            if brought_by.get(name) != other:
                raise ValueError(f"{part} includes {name} of {other}, which has no such name")
        named.update(names)
    unused = sorted(named - _mentioned(text))
    if unused:
        raise ValueError(f"{part} includes {', '.join(unused)} and does not use it")
    for name in sorted(_free(text) - named):
        other = brought_by.get(name, part)
        if other != part:
            raise ValueError(f"{part} uses {name} of {other} and does not include it")


@cache
def _mentioned(text: str) -> frozenset[str]:
    """Every word outside texts and comments that is no field of a table."""
    return frozenset(_WORD.findall(_TEXTS_AND_COMMENTS.sub("''", text)))


@cache
def _free(text: str) -> frozenset[str]:
    """Those that the file does not bind anywhere, and that are not only keys of tables."""
    code = _TEXTS_AND_COMMENTS.sub("''", text)
    bound = {
        name.strip()
        for match in _BOUND.finditer(code)
        for name in (match[1] or match[2] or match[3] or "").split(",")
    }
    return frozenset(_WORD.findall(_KEY.sub("", code))) - bound
