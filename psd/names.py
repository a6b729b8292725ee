"""The names that settings give, and the rules that they keep. Pure.

A thing's name goes through everything that psd speaks: a path of /v1, a comma separated list of
/v3, a metric of PromQL, ``PSD_THINGS="steps=1:steps"``, ``psd import --thing steps=COLUMN``. So it
is a word: the letters, digits and underscores of ASCII, a letter first::

    thing_problem("energy_mwh", 9, "mWh")   -> ""
    thing_problem("a,b", 9, "")             -> "a name is 1 to 64 letters, digits ..."

A topic's or channel's name is one that nsqd takes, with either queue. Whoever gives a name that is
none is told which are, and the one that is likely meant::

    unknown("step", ["calories", "steps"])  -> "is unknown; known are calories, steps; did you ..."
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

THING = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)

THING_RULE = "a name is 1 to 64 letters, digits and _ of ASCII, and begins with a letter"

OWN_PREFIX = "psd_"
"""Metrics that psd itself has: ``psd_sum`` holds all things."""

THING_ID_MAX = 2**31 - 1
"""A thing's number is part of keys, where Lua writes what is past 10^14 with an exponent: two would
share one. Thing 0 is that of counts."""

UNIT_CHARACTERS_MAX = 32

TOPIC = re.compile(r"(?=.{1,64}\Z)[.a-zA-Z0-9_-]+(#ephemeral)?")
"""What nsqd accepts as the name of a topic or a channel."""

TOPIC_RULE = "1 to 64 of the characters . a-z A-Z 0-9 _ - are allowed"


def thing_problem(name: str, number: int, unit: str) -> str:
    """What is wrong with a thing, or an empty text."""
    if not THING.fullmatch(name):
        return THING_RULE
    if name.lower().startswith(OWN_PREFIX):
        return f"names that begin with {OWN_PREFIX} are those of psd's own metrics"
    if not 1 <= number <= THING_ID_MAX:
        return f"id {number} must lie between 1 and {THING_ID_MAX}"
    if len(unit) > UNIT_CHARACTERS_MAX or not unit.isprintable() or "," in unit:
        return f"unit {unit[:64]!r} is at most {UNIT_CHARACTERS_MAX} characters without a comma"
    if unit != unit.strip():
        return f"unit {unit!r} begins or ends with a blank"
    return ""


COMPARED_CHARACTERS = 64
"""Nobody means one of our names with more, and what compares them is quadratic."""


def nearest(name: str, known: Iterable[str], likeness: float = 0.0) -> str | None:
    """Which of the known names is most like this one; None where none is so much like it."""
    found = difflib.get_close_matches(name[:COMPARED_CHARACTERS], [*known], n=1, cutoff=likeness)
    return found[0] if found else None


def unknown(name: str, known: Iterable[str]) -> str:
    """What is said of a name behind itself: which are known, and which of them is likely meant."""
    listed = [*known]
    meant = nearest(name, listed, 0.6)
    hint = f"; did you mean {meant}?" if meant else ""
    return f"is unknown; known are {', '.join(listed)}{hint}"
