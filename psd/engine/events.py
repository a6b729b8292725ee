"""What may be booked: reports, counts, and activities that are taken back.

A message of the queue becomes these (psd/engine/event_rules.py). ``Report(thing=1, atid=2, aid=3,
uid=7, value=10, ts1=1496539746, ts2=1496539747)`` is the total of an activity over two seconds;
what another domain keeps of a message is a :class:`Change`.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence

import msgspec

VALUE_MAX = 2**53 - 1
"""Largest magnitude of a value, a booking and a sum: Redis computes in doubles."""

ID_MAX = 2**63 - 1
ID_MIN = -(2**63)
TIME_END_S = 7_258_118_400
"""2200-01-01 00:00:00 UTC, the first second that cannot be booked."""


class Report(msgspec.Struct, frozen=True, gc=False):
    """Activity ``aid`` of type ``atid`` of owner ``uid`` totals ``value`` from ``ts1`` to ``ts2``.

    ``thing`` is the configured number. With ``event_id`` it is an increment instead: ``value``
    is added at ``ts2`` once for that id, and ``ts1`` equals ``ts2``. ``name`` is the owner's, if it
    was given by one.
    """

    thing: int
    uid: int
    atid: int
    aid: int
    value: int
    ts1: int
    ts2: int
    event_id: str | None = None
    name: str | None = None

    def identity(self) -> bytes | None:
        """What a later report replaces: that of the same window; of an increment nothing."""
        if self.event_id is not None:
            return None
        return _WINDOW.pack(self.uid, self.thing, self.aid, self.ts1, self.ts2)


class Count(msgspec.Struct, frozen=True, gc=False):
    """``value`` more of the global ``name`` at second ``ts``, applied once for ``event_id``."""

    name: str
    value: int
    ts: int
    event_id: str


class Withdrawal(msgspec.Struct, frozen=True, gc=False):
    """Activity ``aid`` of owner ``uid`` never was, of each of these things (withdrawal.py).

    ``by`` says so at ``time_s``, and why in ``note``.
    """

    uid: int
    aid: int
    things: tuple[int, ...]
    note: str
    by: str
    time_s: int
    name: str | None = None


class Change(msgspec.Struct, frozen=True):
    """What another domain keeps of a message; it was so at ``time_s``. The engine books none."""

    time_s: int

    def identity(self) -> bytes | None:
        """What a later change of this kind replaces, None for one that stands beside every other.

        Of all changes with the same identity ``psd replay`` keeps the one that was accepted last,
        and leaves out the others. So it names the same thing only for changes of which the last
        one alone leaves what all of them leave, whatever is kept between them. A reading of a
        meter at a second replaces an earlier one: ``b"m-1 1606636800"``. What is merged by its own
        time, and not by when it came, replaces nothing but what says the same.
        """
        return None

    def parts(self) -> Sequence[bytes]:
        """The same of parts that are replaced one by one; none where it is one or stands whole.

        Changes of several kinds may have the same parts, and no others name one as they do.
        """
        return ()

    def without(self, replaced: Collection[int]) -> Change | None:
        """What is left of it without these parts, by their places; None for nothing."""
        return None


_WINDOW = struct.Struct(">5q")

Event = Report | Count | Withdrawal
"""What the engine books."""

Accepted = Event | Change
"""What a message may hold."""


def second_of(event: Accepted) -> int:
    """When an event happened."""
    if isinstance(event, Report):
        return event.ts2
    return event.ts if isinstance(event, Count) else event.time_s
