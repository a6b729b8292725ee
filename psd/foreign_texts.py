r"""Texts that somebody else wrote, made harmless for where they are shown. Pure.

Names, notes and owners come in from anybody who may write. On a terminal an escape sequence would
be carried out, and a spreadsheet computes a cell that begins like a formula::

    >>> on_terminal("run\x1b[2J")
    'run\\x1b[2J'
    >>> in_spreadsheet('=cmd|"/c calc"!A1'), in_spreadsheet("-5"), in_spreadsheet("0x12ab")
    ('\'=cmd|"/c calc"!A1', '-5', '0x12ab')

Nothing computes JSON, and its encoder escapes what ASCII has of control characters; others are
escaped for a terminal (:func:`json_on_terminal`). An error that quotes what was sent shows its
beginning (:func:`shown`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

SHOWN_CHARACTERS = 100

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_FORMULA_BEGINS = frozenset("=+-@\t\r\n|%")
_KEPT = frozenset("\n\t")


def on_terminal(text: str) -> str:
    """The text with everything that is not printable escaped, but for line ends and tabs."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _KEPT else _escaped(c) for c in text)


def on_one_line(text: str) -> str:
    """The same for a cell or a name: line ends and tabs are escaped too."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def json_on_terminal(text: str) -> str:
    r"""A JSON document that says the same without what is not printable, but for line ends.

    >>> json_on_terminal('{"name":"\x9b2J"}')
    '{"name":"\\u009b2J"}'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escaped_in_json(c) for c in text)


def in_spreadsheet(text: str) -> str:
    """A cell of a CSV file; what would be computed gets the apostrophe that marks a text."""
    if text and text[0] in _FORMULA_BEGINS and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def in_cells(row: Iterable[object]) -> list[object]:
    """A row of a CSV file, its texts as :func:`in_spreadsheet` has them."""
    return [in_spreadsheet(cell) if isinstance(cell, str) else cell for cell in row]


def shown(value: object) -> str:
    """What somebody sent, as an error shows it: a megabyte of it would stand in every answer.

    >>> shown("x" * 1_000_000)[-5:], shown("7"), shown(7)
    ("x'...", "'7'", '7')
    """
    if isinstance(value, str) and len(value) > SHOWN_CHARACTERS:
        return f"{value[:SHOWN_CHARACTERS]!r}..."
    text = repr(value)
    if isinstance(value, str) or len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[:SHOWN_CHARACTERS]}..."


def _escaped_in_json(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
