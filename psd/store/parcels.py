"""Which commands of a call travel in one trip, and how their replies come together. Pure.

Each command may travel alone, but a transaction is one parcel; and what WAIT stands behind must be
of the connection that it waits on, so that is cut into parcels of a trip's cost that end with a
WAIT each. The fewest replicas that any of them tells of have all of it::

    EVALSHA (8 ms) EVALSHA (8 ms) WAIT        -> [EVALSHA WAIT] [EVALSHA WAIT]
    replies [a, 2] [b, 1]                     -> a b 1
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from psd.errors import PsdError
from psd.store.sending import Command

Part = Sequence[int]
"""Positions of commands; that of a WAIT may be of several parts."""


def parts_of(
    commands: Sequence[Command], costs: Sequence[float], part_cost_us: float
) -> list[Part]:
    """The positions of each parcel's commands."""
    if any(command[0] in ("MULTI", "WATCH") for command in commands):
        return [range(len(commands))]
    waits = [at for at, command in enumerate(commands) if command[0] == "WAIT"]
    parts: list[Part] = []
    for before, wait in pairwise([-1, *waits]):
        part: list[int] = []
        cost = 0.0
        for at in range(before + 1, wait):
            if part and cost + costs[at] > part_cost_us:
                parts.append([*part, wait])
                part, cost = [], 0.0
            part.append(at)
            cost += costs[at]
        parts.append([*part, wait])
    rest = waits[-1] + 1 if waits else 0
    return [*parts, *([at] for at in range(rest, len(commands)))]


def together(
    number: int, parts: Sequence[Part], found: Sequence[Sequence[Any] | PsdError]
) -> list[Any]:
    """Replies by position, errors among them."""
    replies: list[Any] = [None] * number
    seen = [False] * number
    for part, answered in zip(parts, found, strict=True):
        for place, at in enumerate(part):
            reply = answered if isinstance(answered, PsdError) else answered[place]
            replies[at] = fewer(replies[at], reply) if seen[at] else reply
            seen[at] = True
    return replies


def fewer(known: Any, reply: Any) -> Any:
    """The worse of two replies to one WAIT."""
    if isinstance(known, BaseException):
        return known
    if isinstance(reply, BaseException):
        return reply
    return min(known, reply)
