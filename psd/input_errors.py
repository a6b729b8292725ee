"""The root of the tree of errors, and its branch of those that the sender makes.

The whole tree is drawn in psd/errors.py, and everybody imports from there::

    try:
        await intake.accept(...)
    except InputError as error:      permanent: nothing was written, the same again fails again
        bury(message, error.code)
"""

from __future__ import annotations


class PsdError(Exception):
    """Root of the tree. ``code`` is stable and part of every interface."""

    code = "internal"
    retryable = False


class InputError(PsdError):
    """The input breaks a rule, and always will, but for a time ``excess_s`` out of bounds."""

    code = "invalid"

    def __init__(self, *told: str, excess_s: float = float("inf")) -> None:
        super().__init__(*told)
        self.excess_s = excess_s


class MalformedError(InputError):
    """The bytes are not one JSON object or msgpack map."""

    code = "malformed"


class WrongTypeError(InputError):
    """A field holds another type than its rule allows."""

    code = "wrong_type"


class UnknownCommandError(InputError):
    """No handler exists for this kind of event."""

    code = "unknown_command"


class UnknownThingError(InputError):
    """The thing is not named in the configuration."""

    code = "unknown_thing"


class InvalidTimeError(InputError):
    """The window of a report is empty or does not end after 1970 began."""

    code = "invalid_time"


class OutOfBoundsError(InputError):
    """A number, or a sum it would lead to, is past its limit."""

    code = "out_of_bounds"


class MissingIdError(InputError):
    """An event that is applied once per id came without one."""

    code = "missing_id"


class TooLateError(InputError):
    """The event is older than the oldest time that still books."""

    code = "too_late"


class TooEarlyError(InputError):
    """The event is further ahead of the clock than is allowed."""

    code = "too_early"


class TooLargeError(InputError):
    """More bytes, ids, things or reports than the limit."""

    code = "too_large"


class UnitError(InputError):
    """A unit that is none of what is measured: therms, where electricity is asked for."""

    code = "bad_unit"


class SignatureError(InputError):
    """What came is not signed by whoever it says it is of, or was long ago."""

    code = "bad_signature"


class UnsupportedCodingError(InputError):
    """A body is packed, or its text is written, in a way that nobody here reads."""

    code = "unsupported_coding"


class BadQueryError(InputError):
    """A question breaks a rule of its query; the message names field, value and rule."""

    code = "bad_query"


class ConflictError(InputError):
    """What is kept stands against the request, ``live`` for one: another state of it would not."""

    code = "conflict"
    live: int | None = None


class IdempotencyMismatchError(InputError):
    """An idempotency key, or the id of an event, came before with other content."""

    code = "idempotency_mismatch"


INPUT_ERRORS = {kind.code: kind for kind in InputError.__subclasses__()}
"""Input errors by code: how a code that came from a script or a dead letter becomes a class."""
