r"""Which series a selector is about. Pure.

A thing is a metric by its own name, and by ``psd_sum{thing="steps"}``. Names of users, atids and
boards are written out, alone or as alternatives::

    selected(parsed_selector('steps{uid=~"7|8",atid="2"}'), {"steps": 1})
    -> Selection(metrics=[Metric("steps", "steps", 1)], uids=[7, 8], boards=None,
                 atids=frozenset({2}), is_split=True)

``atid`` and ``board`` are labels of series that are asked for by them: whoever does not mention
``atid`` gets all atids added up. ``!=""`` and ``=~".+"`` ask for a label whatever it says. Metrics
and things, of which there are few, may also be meant by a pattern: ``{__name__=~".*ste.*"}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum

import msgspec

from psd.errors import BadQueryError, TooLargeError
from psd.names import unknown
from psd.prometheus.patterns import LITERAL, parsed_pattern, unescaped
from psd.prometheus.tree import Matcher, Selector
from psd.queries.ids import asked_ids, asked_users
from psd.queries.shown import asked_names
from psd.queries.things import asked_thing

SUMS = "psd_sum"
"""The metric that has all things, told apart by the label ``thing``."""

NAMES_MAX = 1000
"""Alternatives of one matcher."""


class Present(Enum):
    """A label that is asked for whatever it says."""

    PRESENT = "present"


PRESENT = Present.PRESENT

Wanted = list[str] | Present | None
"""The values of a label that were asked for; None where nothing was said."""

_WHATEVER = frozenset({".+", "(.+)"})
_ANYTHING = frozenset({".*", "(.*)", ""})
_LITERAL = re.compile(rf"(?:{LITERAL})+", re.ASCII)


class Metric(msgspec.Struct, frozen=True):
    """A thing under one of its two names."""

    name: str
    thing: str
    number: int

    @property
    def labels(self) -> dict[str, str]:
        """What tells its series from those of other metrics."""
        if self.name == SUMS:
            return {"__name__": SUMS, "thing": self.thing}
        return {"__name__": self.name}


class Selection(msgspec.Struct, frozen=True):
    """What a selector asks for; ``uids`` and ``boards`` None is everybody.

    ``names`` are of the users that were asked for by name.
    """

    metrics: list[Metric]
    uids: list[int] | None
    boards: list[str] | Present | None
    atids: frozenset[int] | None
    is_split: bool
    names: Mapping[int, str] = {}


def selected(selector: Selector, things: Mapping[str, int]) -> Selection:
    """Check a selector; raises BadQueryError or TooLargeError."""
    known = {"__name__": [*sorted(things), SUMS], "thing": sorted(things)}
    wanted = {
        label: _wanted(
            [each for each in selector.matchers if each.label == label], known.get(label, ())
        )
        for label in ("__name__", "thing", "uid", "atid", "board")
    }
    uids, atids, board = wanted["uid"], wanted["atid"], wanted["board"]
    return Selection(
        metrics=_metrics(selector.name, wanted["__name__"], wanted["thing"], things),
        uids=asked_users(uids, "uid") if isinstance(uids, list) else None,
        boards=list(dict.fromkeys(board)) if isinstance(board, list) else board,
        atids=frozenset(asked_ids(atids, "atid")) if isinstance(atids, list) else None,
        is_split=atids is not None,
        names=asked_names(uids) if isinstance(uids, list) else {},
    )


def all_metrics(things: Mapping[str, int]) -> list[Metric]:
    """Every thing under both of its names."""
    own = [Metric(name, name, things[name]) for name in sorted(things)]
    return [*own, *(Metric(SUMS, name, things[name]) for name in sorted(things))]


def _metrics(
    name: str | None, names: Wanted, asked: Wanted, things: Mapping[str, int]
) -> list[Metric]:
    if name is not None and names is not None:
        raise BadQueryError(f"query: __name__ is said twice, {name!r} and in a matcher")
    if name is None and names is None:
        raise BadQueryError("query: a metric is missing, such as steps or psd_sum")
    known = all_metrics(things)
    if names is not PRESENT:
        wanted = [name] if name is not None else names
        assert isinstance(wanted, list)
        for each in wanted:
            if each != SUMS and each not in things:
                listed = [*sorted(things), SUMS]
                raise BadQueryError(f"query: metric {each[:64]!r} {unknown(each, listed)}")
        known = [metric for metric in known if metric.name in wanted]
    if asked is None:
        return known
    return _with_thing(known, asked, things)


def _with_thing(known: list[Metric], asked: Wanted, things: Mapping[str, int]) -> list[Metric]:
    """Those of psd_sum, which alone has the label."""
    found = [metric for metric in known if metric.name == SUMS]
    if not found:
        raise BadQueryError(f"query: thing is a label of {SUMS} alone")
    if not isinstance(asked, list):
        return found
    for each in asked:
        asked_thing(each, things, "query: thing")
    return [metric for metric in found if metric.thing in asked]


def _wanted(matchers: Sequence[Matcher], known: Sequence[str]) -> Wanted:
    """What all matchers of one label leave; patterns choose among the ``known`` values."""
    found: Wanted = None
    for matcher in matchers:
        one = _values(matcher, known)
        if isinstance(one, list) and isinstance(found, list):
            found = [each for each in found if each in one]
        elif isinstance(one, list) or found is None:
            found = one
    return found


def _values(matcher: Matcher, known: Sequence[str]) -> Wanted:
    label, operator, value = matcher.label, matcher.operator, matcher.value
    if operator == "=":
        return [value]
    if (operator == "!=" and not value) or (operator == "=~" and value in _WHATEVER):
        return PRESENT
    if operator == "=~" and value in _ANYTHING:
        return None
    if operator != "=~":
        raise BadQueryError(f'query: {label}{operator}"..." is not answered; say = or =~')
    pattern = parsed_pattern(value) if known else None
    if pattern is not None:
        return [each for each in known if pattern.matches(each)]
    return _alternatives(label, value)


def _alternatives(label: str, pattern: str) -> list[str]:
    """The literals of ``a|b`` or ``(a|b)``."""
    inner = pattern[1:-1] if pattern.startswith("(") and pattern.endswith(")") else pattern
    parts = inner.split("|")
    if len(parts) > NAMES_MAX:
        raise TooLargeError(
            f"query: {len(parts)} alternatives of {label}, at most {NAMES_MAX} are allowed"
        )
    for part in parts:
        if not _LITERAL.fullmatch(part):
            raise BadQueryError(
                f"query: {label}=~{pattern[:64]!r} is not answered; name what is meant: 'a|b'"
            )
    return list(dict.fromkeys(unescaped(part) for part in parts))
