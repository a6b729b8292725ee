"""What becomes of an event that is to be booked. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from psd.errors import InputError, OutOfBoundsError

Status = Literal["booked", "unchanged", "duplicate", "withdrawn", "refused"]
"""``withdrawn`` is a report of an activity that was withdrawn: it is in order, and not booked."""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one event; ``error`` is set exactly when it was refused."""

    status: Status
    error: InputError | None = None


UNCHANGED = Outcome("unchanged")
BOOKED = Outcome("booked")
DUPLICATE = Outcome("duplicate")
REFUSED = Outcome(
    "refused", OutOfBoundsError("value: it would take a sum past +-(2^53 - 1); nothing was written")
)
WITHDRAWN = Outcome("withdrawn")
OUTCOMES = (UNCHANGED, BOOKED, DUPLICATE, REFUSED, WITHDRAWN)
"""Outcomes by the codes that book.lua returns."""
