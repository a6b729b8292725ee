"""Every error psd raises, with its stable code and whether trying again can help.

::

    PsdError
    ├── InputError                  the sender is wrong; permanent; nothing was written
    │   ├── MalformedError          malformed        not JSON or msgpack, or not one object
    │   ├── WrongTypeError          wrong_type       a field has another type than its rule
    │   ├── UnknownCommandError     unknown_command  no handler for this kind of event
    │   ├── UnknownThingError       unknown_thing    a thing that is not configured
    │   ├── InvalidTimeError        invalid_time     ts2 <= 0 or ts1 > ts2
    │   ├── OutOfBoundsError        out_of_bounds    a number past its limit
    │   ├── MissingIdError          missing_id       an increment or count without an id
    │   ├── TooLateError            too_late         older than the oldest time that still books
    │   ├── TooEarlyError           too_early        further ahead of the clock than is allowed
    │   └── TooLargeError           too_large        more bytes, ids or reports than allowed
    ├── DetailExpiredError          detail_expired   the range needs buckets past their retention
    ├── AccessError                 no_access        whoever asks may not have this
    │   ├── UnauthorizedError       unauthorized     nobody whom psd knows
    │   └── ForbiddenError          forbidden        known, and not allowed to do this
    ├── UnavailableError            (retryable)      a dependency did not answer; nothing is known
    │   ├── StoreUnavailableError   store_unavailable
    │   ├── QueueUnavailableError   queue_unavailable
    │   ├── ArchiveUnavailableError archive_unavailable
    │   └── KeysUnavailableError    keys_unavailable the keys that verify JWTs cannot be read
    ├── StartError                  start_failed     what psd starts or binds would not
    ├── StoreError                  store_error      Redis refused a command of psd
    ├── ShapeError                  bad_shape        stored bytes that no script writes
    └── ConfigError                 bad_config       a setting is unknown or contradictory

The server maps these classes to HTTP statuses in one table (server/errors.py); workers
pause on retryable ones and send input errors to the dead letter with their code.
"""

from __future__ import annotations


class PsdError(Exception):
    """Root of the tree. ``code`` is stable and part of every interface."""

    code = "internal"
    retryable = False


class InputError(PsdError):
    """The input breaks a rule; the same input will always break it."""

    code = "invalid"


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


class DetailExpiredError(PsdError):
    """The range needs detail that has expired.

    ``resolution`` names the finest level that still answers the range exactly:
    ``"day"``, ``"month"`` or ``"year"``.
    """

    code = "detail_expired"

    def __init__(self, message: str, resolution: str) -> None:
        super().__init__(message)
        self.resolution = resolution


class AccessError(PsdError):
    """Whoever asks may not have this; ``challenge`` is what WWW-Authenticate says of it."""

    code = "no_access"

    def __init__(self, message: str, challenge: str = "") -> None:
        super().__init__(message)
        self.challenge = challenge


class UnauthorizedError(AccessError):
    """The request does not say who asks, or says it with a token that is not valid."""

    code = "unauthorized"

    def __init__(self, message: str, challenge: str = 'error="invalid_token"') -> None:
        super().__init__(message, challenge)


class ForbiddenError(AccessError):
    """Who asks is known and lacks a scope, or asks for what is another owner's."""

    code = "forbidden"

    def __init__(self, message: str, challenge: str = 'error="insufficient_scope"') -> None:
        super().__init__(message, challenge)


class UnavailableError(PsdError):
    """A dependency did not answer in time; whether a write happened is unknown."""

    code = "unavailable"
    retryable = True


class StoreUnavailableError(UnavailableError):
    """Redis is away, stalled, or refuses to work (loading, read-only, out of memory)."""

    code = "store_unavailable"


class QueueUnavailableError(UnavailableError):
    """No queue address can be reached."""

    code = "queue_unavailable"


class ArchiveUnavailableError(UnavailableError):
    """The archive cannot be written: its disk is full, or fails."""

    code = "archive_unavailable"


class KeysUnavailableError(UnavailableError):
    """The keys that verify JWTs were never read, or are no keys."""

    code = "keys_unavailable"


class StartError(PsdError):
    """A port is taken, a folder is in use, or an embedded server does not come up."""

    code = "start_failed"


class StoreError(PsdError):
    """Redis refused a command: a foreign key in psd's place, or a defect of psd."""

    code = "store_error"


class ShapeError(PsdError):
    """Stored bytes are none that the scripts write; ``psd verify`` reports and replaces them."""

    code = "bad_shape"


class ConfigError(PsdError):
    """A setting is unknown, malformed or contradicts another one."""

    code = "bad_config"


INPUT_ERRORS: dict[str, type[InputError]] = {
    kind.code: kind
    for kind in (
        MalformedError,
        WrongTypeError,
        UnknownCommandError,
        UnknownThingError,
        InvalidTimeError,
        OutOfBoundsError,
        MissingIdError,
        TooLateError,
        TooEarlyError,
        TooLargeError,
    )
}
"""Input errors by code: how a code that came from a script or a dead letter becomes a class."""
