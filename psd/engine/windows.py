"""A window of an activity, and what report stands there. Pure.

A report with the window of an older one replaces it (docs/architecture.md). Whoever is about to
send one can ask what it would replace, or what became of the one that it sent::

    report(value=90, ts1=ts2=1460422800) is booked
    Window(thing=1, uid=7, aid=41, ts1=1460422800, ts2=1460422800)
    -> StandingReport("booked", atid=0, value=90)

An increment is no report: it stands before those of its second, and nothing replaces it.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Window(msgspec.Struct, frozen=True, gc=False):
    """What tells a report from others: ``thing`` is the configured number."""

    thing: int
    uid: int
    aid: int
    ts1: int
    ts2: int


class StandingReport(msgspec.Struct, frozen=True, gc=False):
    """What stands; ``atid`` and ``value`` mean something where it is ``booked``."""

    status: Literal["booked", "absent", "withdrawn"]
    atid: int = 0
    value: int = 0

    @property
    def counts(self) -> bool:
        """Whether it adds to a sum; a report of 0 counts like none."""
        return self.status == "booked" and self.value != 0


ABSENT = StandingReport("absent")
WITHDRAWN = StandingReport("withdrawn")
