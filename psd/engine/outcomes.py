"""What becomes of an event that is to be booked. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from psd.errors import InputError, OutOfBoundsError, TooLargeError

Status = Literal["booked", "unchanged", "duplicate", "withdrawn", "refused"]
"""``withdrawn`` is a report of an activity that was withdrawn: it is in order, and not booked."""

Fenced = Literal["superseded"]
"""Somebody has booked for the owner with a greater number (psd/engine/fences.py). Only whoever
fences what he books is told this: nothing that comes as a message does."""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one event; ``error`` is set exactly when it was refused."""

    status: Status | Fenced
    error: InputError | None = None


UNCHANGED = Outcome("unchanged")
BOOKED = Outcome("booked")
DUPLICATE = Outcome("duplicate")
REFUSED = Outcome(
    "refused", OutOfBoundsError("value: it would take a sum past +-(2^53 - 1); nothing was written")
)
WITHDRAWN = Outcome("withdrawn")
HOUR_FULL = Outcome(
    "refused",
    TooLargeError("aid: this hour has 4096 reports of the activity, as many as one may have"),
)
SUPERSEDED = Outcome("superseded")
OUTCOMES = {
    0: UNCHANGED,
    1: BOOKED,
    2: DUPLICATE,
    3: REFUSED,
    4: WITHDRAWN,
    6: SUPERSEDED,
    7: HOUR_FULL,
}
"""Outcomes by the codes that book.lua returns; 5 is withdraw.lua's."""
