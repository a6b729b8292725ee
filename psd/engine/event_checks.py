"""What holds for single numbers and texts of any event, and how an error shows them.

``check_value("value", 2**53)`` raises ``value: 9007199254740992 must lie within +-(2^53 - 1)``.
"""

from __future__ import annotations

from psd.engine.events import ID_MAX, VALUE_MAX
from psd.errors import OutOfBoundsError, TooLargeError, WrongTypeError

EVENT_ID_BYTES_MAX = 256
SHOWN_CHARACTERS_MAX = 100


def check_int64(name: str, number: int) -> None:
    """Refuse a number that has no room in 64 bits."""
    if not -ID_MAX - 1 <= number <= ID_MAX:
        raise WrongTypeError(f"{name}: {shown_number(number)} is not a 64-bit integer")


def check_value(name: str, number: int) -> None:
    """Refuse a number that Redis, which computes in doubles, would round."""
    if not -VALUE_MAX <= number <= VALUE_MAX:
        check_int64(name, number)
        raise OutOfBoundsError(f"{name}: {number} must lie within +-(2^53 - 1)")


def shown_number(number: int) -> str:
    """A sender's number as an error shows it: decoders take up to 4,300 digits."""
    digits = str(number)
    return digits if len(digits) <= SHOWN_CHARACTERS_MAX else f"{digits[:SHOWN_CHARACTERS_MAX]}..."


def shown(text: str) -> str:
    """A sender's text as an error shows it: a megabyte of it would stand in every answer."""
    return (
        repr(text) if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]!r}..."
    )


def check_event_id(event_id: str) -> None:
    """Refuse an id past its limit."""
    if len(event_id.encode()) > EVENT_ID_BYTES_MAX:
        raise TooLargeError(f"id: more than {EVENT_ID_BYTES_MAX} bytes")
