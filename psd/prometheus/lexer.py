r"""The words of a PromQL expression, and the durations in it. Pure.

::

    tokens_of('increase(steps{uid="7"}[1h])')
    -> name increase, ( , name steps, { , name uid, = , text 7, }, [ , duration 1h, ] , ), end
    duration_ms("1h30m")   -> 5_400_000

Texts stand in double or single quotes with Go's escapes, or in backquotes without any.
"""

from __future__ import annotations

import re
from typing import Literal, cast

import msgspec

from psd.errors import BadQueryError

CHARACTERS_MAX = 65_536
"""An expression that names 1,000 users has some 20,000."""

DURATION_MAX_MS = 1000 * 366 * 86_400_000
"""A thousand years: longer than all that can be booked, and short enough for a double."""

Kind = Literal["name", "text", "duration", "number", "sign", "end"]

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
      |(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
      |(?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+(?![A-Za-z0-9_.]))
      |(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.]))
      |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
      |(?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],:@])""",
    re.ASCII | re.VERBOSE,
)
_PART = re.compile(r"([0-9]+)(ms|[smhdwy])", re.ASCII)
_UNITS_MS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
    "y": 365 * 86_400_000,
}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_THEMSELVES = frozenset("\\\"'")


class Token(msgspec.Struct, frozen=True):
    """One word and where it begins; of a text, what it says."""

    kind: Kind
    text: str
    at: int


def tokens_of(expression: str) -> list[Token]:
    """All words, an ``end`` behind them; raises BadQueryError."""
    if len(expression) > CHARACTERS_MAX:
        raise BadQueryError(f"query: {len(expression)} characters, at most {CHARACTERS_MAX}")
    found: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            shown = expression[at : at + 20]
            raise BadQueryError(f"query: cannot be read from character {at} on: {shown!r}")
        kind, text = match.lastgroup, match[0]
        if kind != "blank":
            said = _unquoted(text, at) if kind == "text" else text
            found.append(Token(cast(Kind, kind), said, at))
        at = match.end()
    return [*found, Token("end", "", at)]


def duration_ms(text: str) -> int:
    """A duration such as ``1h30m``; raises BadQueryError past a thousand years."""
    # Of a longer number nobody needs the value to know that it is too much.
    parts = [(number[:19], unit) for number, unit in _PART.findall(text)]
    total_ms = sum(int(number) * _UNITS_MS[unit] for number, unit in parts)
    if total_ms > DURATION_MAX_MS:
        raise BadQueryError(f"query: {text[:40]!r} is longer than a thousand years")
    return total_ms


def _unquoted(text: str, at: int) -> str:
    inner = text[1:-1]
    if text[0] == "`":
        return inner

    def character(match: re.Match[str]) -> str:
        escape = match[1]
        if len(escape) > 1:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPED and escape not in _THEMSELVES:
            raise BadQueryError(f"query: unknown escape \\{escape} in the text at character {at}")
        return _ESCAPED.get(escape, escape)

    return _ESCAPE.sub(character, inner)
