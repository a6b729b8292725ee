"""What holds for single numbers and texts of any event.

``check_value("value", 2**53)`` raises ``value: 9007199254740992 must lie within +-(2^53 - 1)``.
"""

from __future__ import annotations

from psd.engine.events import ID_MAX, ID_MIN, VALUE_MAX
from psd.errors import OutOfBoundsError, TooLargeError, WrongTypeError
from psd.foreign_texts import shown

EVENT_ID_BYTES_MAX = 256


def check_int64(name: str, number: int) -> None:
    """Refuse a number that has no room in 64 bits."""
    if not ID_MIN <= number <= ID_MAX:
        raise WrongTypeError(f"{name}: {shown(number)} is not a 64-bit integer")


def check_value(name: str, number: int) -> None:
    """Refuse a number that Redis, which computes in doubles, would round."""
    if not -VALUE_MAX <= number <= VALUE_MAX:
        check_int64(name, number)
        raise OutOfBoundsError(f"{name}: {number} must lie within +-(2^53 - 1)")


def check_event_id(event_id: str) -> None:
    """Refuse an id past its limit."""
    if len(event_id.encode()) > EVENT_ID_BYTES_MAX:
        raise TooLargeError(f"id: more than {EVENT_ID_BYTES_MAX} bytes")
