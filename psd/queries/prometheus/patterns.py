r"""Patterns after ``=~`` that leave parts of a name open, tried name by name. Pure.

This is how a query editor looks for a name of which somebody typed a part::

    pattern = parsed_pattern(".*ste.*")
    pattern.matches("steps")            -> True
    parsed_pattern("(?i).*STE.*")       -> the same without regard to case
    parsed_pattern("cal.*|st.*ps")      -> either
    parsed_pattern("st[ea]ps")          -> None: brackets are no part of this

A pattern is about the whole name, as in Prometheus. Nothing is tried twice: a name takes as many
steps as it has characters, however long the pattern is.
"""

from __future__ import annotations

import re

import msgspec

from psd.errors import TooLargeError

ALTERNATIVES_MAX = 16
"""Alternatives of one pattern, each of which may be tried on half a million users."""

BLIND = "(?i)"
OPEN = ".*"

LITERAL = r"[A-Za-z0-9_ :/@#%&=,;~<>!\"'-]|\\[^A-Za-z0-9]"
"""A character that stands for itself, with a backslash where it means something otherwise."""

_WORD = re.compile(rf"\.\*|(?:{LITERAL})+", re.ASCII)
_PARTS = re.compile(rf"(?:\.\*|{LITERAL})+", re.ASCII)
_ESCAPED = re.compile(r"\\(.)")


class Pattern(msgspec.Struct, frozen=True):
    """Alternatives, each the texts around its open parts; without any of these, one text."""

    alternatives: tuple[tuple[str, ...], ...]
    is_blind: bool = False

    def matches(self, name: str) -> bool:
        """Whether the whole of a name is like this."""
        name = name.lower() if self.is_blind else name
        return any(_is_like(name, texts) for texts in self.alternatives)


def parsed_pattern(text: str) -> Pattern | None:
    """A pattern with open parts or without regard to case; None where it is anything else."""
    is_blind = text.startswith(BLIND)
    text = text.removeprefix(BLIND)
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    parts = text.split("|")
    if not all(_PARTS.fullmatch(part) for part in parts):
        return None
    alternatives = tuple(_texts(part.lower() if is_blind else part) for part in parts)
    if not is_blind and all(len(texts) == 1 for texts in alternatives):
        return None
    if len(parts) > ALTERNATIVES_MAX:
        raise TooLargeError(
            f"query: {len(parts)} alternatives of a pattern, at most {ALTERNATIVES_MAX} are allowed"
        )
    return Pattern(alternatives, is_blind)


def unescaped(literal: str) -> str:
    """What a text of such characters says."""
    return _ESCAPED.sub(r"\1", literal)


def _texts(part: str) -> tuple[str, ...]:
    """``.*st.*ps`` is an empty text, ``st`` and ``ps``."""
    found = [""]
    for word in _WORD.findall(part):
        if word != OPEN:
            found[-1] = unescaped(word)
        elif found[-1] or len(found) == 1:
            found.append("")
    return tuple(found)


def _is_like(name: str, texts: tuple[str, ...]) -> bool:
    first, *others = texts
    if not others:
        return name == first
    if not name.startswith(first):
        return False
    at = len(first)
    for text in others[:-1]:
        found = name.find(text, at)
        if found < 0:
            return False
        at = found + len(text)
    return name.endswith(others[-1]) and len(name) - len(others[-1]) >= at
