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
    │   ├── TooLargeError           too_large        more bytes, ids or reports than allowed
    │   ├── UnitError               bad_unit         a unit of something else than what is measured
    │   ├── ConflictError           conflict         what is kept stands against it
    │   ├── IdempotencyMismatchError  idempotency_mismatch  this key or id came with other content
    │   ├── SignatureError          bad_signature    not by whom it says it is
    │   ├── UnsupportedCodingError  unsupported_coding  packed or written in a way that is not read
    │   └── BadQueryError           bad_query        a question that has no answer
    ├── NotFoundError               not_found        nothing is kept under this name
    ├── UnpricedError               unpriced         a strict question about energy without a price
    ├── ChangedError                changed          it is not as the request took it to be
    ├── OrderError                  out_of_order     a week before this one was never computed
    ├── RequestInHandError          request_in_hand  the same request is not answered yet
    ├── DetailExpiredError          detail_expired   the range needs buckets past their retention
    ├── AccessError                 no_access        whoever asks may not have this
    │   ├── UnauthorizedError       unauthorized     nobody whom psd knows
    │   └── ForbiddenError          forbidden        known, and not allowed to do this
    ├── PaymentError                payment_failed   somebody's bank, or Stripe, says no
    ├── ForeignPageError            foreign_page     a page of another site asks, through a browser
    ├── UnavailableError            (retryable)      a dependency did not answer; nothing was done
    │   ├── OutcomeUnknownError     outcome_unknown  a write was sent, and what became of it is not
    │   │                                            known; or only a part of it is done
    │   ├── BusyError               busy             too much waits for the store; nothing was done
    │   ├── StoreUnavailableError   store_unavailable
    │   │   ├── MisplacedError      misplaced        not executed: other nodes have the keys
    │   │   └── UnfitStoreError     store_unfit      a server that psd must not work with answers
    │   ├── QueueUnavailableError   queue_unavailable
    │   │   └── PartlyQueuedError   partly_queued    the queue has some of the messages for sure
    │   ├── ArchiveUnavailableError archive_unavailable
    │   ├── SourceUnavailableError  source_unavailable  a source of activity or vehicles
    │   ├── ServerUnavailableError  server_unavailable  a psd server that a client asks
    │   ├── WatchersError           too_many_watchers  as many watch as one process serves
    │   ├── RunInProgressError      run_in_progress  another process computes the same just now
    │   ├── PaymentUnavailableError payment_unavailable  Stripe does not answer
    │   ├── DeviceUnavailableError  device_unavailable   a plug does not answer
    │   └── KeysUnavailableError    keys_unavailable the keys that verify JWTs cannot be read
    ├── StartError                  start_failed     what psd starts or binds would not
    ├── StoreError                  store_error      Redis refused a command of psd
    ├── SourceError                 source_error     a source answers what cannot be worked with
    ├── ClientError                 client_error     an answer to a client that is none of these
    ├── ShapeError                  bad_shape        stored bytes that no script writes
    └── ConfigError                 bad_config       a setting is unknown or contradictory

The server maps these classes to HTTP statuses in one table (server/errors.py); workers
pause on retryable ones and send input errors to the dead letter with their code. Those of the
sender stand in psd/input_errors.py, retryable ones in psd/unavailable_errors.py.
"""

from __future__ import annotations

from psd.input_errors import (
    INPUT_ERRORS,
    BadQueryError,
    ConflictError,
    IdempotencyMismatchError,
    InputError,
    InvalidTimeError,
    MalformedError,
    MissingIdError,
    OutOfBoundsError,
    PsdError,
    SignatureError,
    TooEarlyError,
    TooLargeError,
    TooLateError,
    UnitError,
    UnknownCommandError,
    UnknownThingError,
    UnsupportedCodingError,
    WrongTypeError,
)
from psd.unavailable_errors import (
    ArchiveUnavailableError,
    BusyError,
    DeviceUnavailableError,
    KeysUnavailableError,
    MisplacedError,
    OutcomeUnknownError,
    PartlyQueuedError,
    PaymentUnavailableError,
    QueueUnavailableError,
    RunInProgressError,
    ServerUnavailableError,
    SourceUnavailableError,
    StoreUnavailableError,
    UnavailableError,
    UnfitStoreError,
    WatchersError,
)

__all__ = [
    "INPUT_ERRORS",
    "ArchiveUnavailableError",
    "BadQueryError",
    "BusyError",
    "ConflictError",
    "DeviceUnavailableError",
    "IdempotencyMismatchError",
    "InputError",
    "InvalidTimeError",
    "KeysUnavailableError",
    "MalformedError",
    "MisplacedError",
    "MissingIdError",
    "OutOfBoundsError",
    "OutcomeUnknownError",
    "PartlyQueuedError",
    "PaymentUnavailableError",
    "PsdError",
    "QueueUnavailableError",
    "RunInProgressError",
    "ServerUnavailableError",
    "SignatureError",
    "SourceUnavailableError",
    "StoreUnavailableError",
    "TooEarlyError",
    "TooLargeError",
    "TooLateError",
    "UnavailableError",
    "UnfitStoreError",
    "UnitError",
    "UnknownCommandError",
    "UnknownThingError",
    "UnsupportedCodingError",
    "WatchersError",
    "WrongTypeError",
]


class NotFoundError(PsdError):
    """Nothing is kept under this name, or it is not for whoever asks."""

    code = "not_found"


class UnpricedError(PsdError):
    """Some energy has no price, and whoever asks takes no bill without it."""

    code = "unpriced"


class ChangedError(PsdError):
    """The request was made for a version of something that is another one by now."""

    code = "changed"


class OrderError(PsdError):
    """A week cannot be computed, because one before it never was."""

    code = "out_of_order"


class RequestInHandError(PsdError):
    """A request with the same idempotency key is being worked on; its answer is not known yet."""

    code = "request_in_hand"


class DetailExpiredError(PsdError):
    """The range needs detail that has expired.

    ``resolution`` is the finest level that answers it exactly: "day", "month" or "year".
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


class PaymentError(PsdError):
    """A payment was refused, for this ``reason``; ``intent`` is what it would have been."""

    code = "payment_failed"

    def __init__(self, message: str, *, reason: str = "", intent: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.intent = intent


class ForeignPageError(PsdError):
    """An open server was asked under a name that is not its own, or by a page of another site."""

    code = "foreign_page"


class StartError(PsdError):
    """A port is taken, a folder is in use, or an embedded server does not come up."""

    code = "start_failed"


class StoreError(PsdError):
    """Redis refused a command: a foreign key in psd's place, or a defect of psd."""

    code = "store_error"


class SourceError(PsdError):
    """A source refused its client, or answered what is not its protocol."""

    code = "source_error"


class ClientError(PsdError):
    """A server answered a client with what no other class stands for, or not as psd does.

    ``code`` is the server's where it said one; ``status`` is that of HTTP.
    """

    code = "client_error"

    def __init__(self, message: str, *, status: int, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.detail = message
        if code:
            self.code = code


class ShapeError(PsdError):
    """Stored bytes are none that the scripts write; ``psd verify`` reports and replaces them."""

    code = "bad_shape"


class ConfigError(PsdError):
    """A setting is unknown, malformed or contradicts another one."""

    code = "bad_config"
