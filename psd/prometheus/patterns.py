r"""Patterns after ``=~`` that leave parts of a name open, tried name by name. Pure.

This is how a query editor looks for a name of which somebody typed a part::

    pattern = parsed_pattern(".*ste.*")
    pattern.matches("steps")            -> True
    parsed_pattern("(?i).*STE.*")       -> the same without regard to case
    parsed_pattern("cal.*|st.*ps")      -> either
    parsed_pattern("st[ea]ps")          -> None: brackets are no part of this

A pattern is about the whole name, as in Prometheus. What a text between two open parts has taken
it keeps, so that nothing is tried twice, whatever was asked.
"""

from __future__ import annotations

import re

from psd.errors import TooLargeError

ALTERNATIVES_MAX = 16
"""Alternatives of one pattern: 0.7 s for half a million users, and 0.6 s for one alternative."""

CHARACTERS_MAX = 1000

BLIND = "(?i)"
OPEN = ".*"

LITERAL = r"[A-Za-z0-9_ :/@#%&=,;~<>!\"'-]|\\[^A-Za-z0-9]"
"""A character that stands for itself, with a backslash where it means something otherwise."""

_WORD = re.compile(rf"\.\*|(?:{LITERAL})+", re.ASCII)
_PART = re.compile(rf"(?:\.\*|{LITERAL})+", re.ASCII)
_ESCAPED = re.compile(r"\\(.)")


class Pattern:
    """One pattern; made by ``parsed_pattern``."""

    def __init__(self, alternatives: list[list[str]], *, is_blind: bool) -> None:
        flags = re.DOTALL | (re.IGNORECASE if is_blind else 0)
        self._expression = re.compile("|".join(map(_expression, alternatives)), flags)

    def matches(self, name: str) -> bool:
        """Whether the whole of a name is like this."""
        return self._expression.fullmatch(name) is not None


def parsed_pattern(text: str) -> Pattern | None:
    """A pattern with open parts or without regard to case; None where it is anything else.

    Raises TooLargeError.
    """
    is_blind = text.startswith(BLIND)
    inner = text.removeprefix(BLIND)
    if inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1]
    parts = inner.split("|")
    if not all(_PART.fullmatch(part) for part in parts):
        return None
    alternatives = [_texts(part) for part in parts]
    if not is_blind and all(len(texts) == 1 for texts in alternatives):
        return None
    if len(parts) > ALTERNATIVES_MAX or len(text) > CHARACTERS_MAX:
        raise TooLargeError(
            f"query: a pattern of {len(parts)} alternatives and {len(text)} characters, at most "
            f"{ALTERNATIVES_MAX} and {CHARACTERS_MAX} are allowed"
        )
    return Pattern(alternatives, is_blind=is_blind)


def unescaped(literal: str) -> str:
    """What a text of such characters says."""
    return _ESCAPED.sub(r"\1", literal)


def _texts(part: str) -> list[str]:
    """The texts around the open parts: of ``.*st.*ps`` an empty one, ``st`` and ``ps``."""
    found = [""]
    for word in _WORD.findall(part):
        if word == OPEN:
            found.append("")
        else:
            found[-1] = unescaped(word)
    return found


def _expression(texts: list[str]) -> str:
    first, *others = map(re.escape, texts)
    if not others:
        return first
    between = "".join(f"(?>.*?{text})" for text in others[:-1] if text)
    return f"{first}{between}.*{others[-1]}"
