"""The branch of errors that trying again can help: something did not answer, or has no room.

The whole tree is drawn in psd/errors.py, and everybody imports from there::

    try:
        await intake.accept(...)
    except UnavailableError:        retryable: the message goes back to the queue, HTTP is 503
        await pause()
"""

from __future__ import annotations

from psd.input_errors import PsdError


class UnavailableError(PsdError):
    """A dependency did not answer in time."""

    code = "unavailable"
    retryable = True


class OutcomeUnknownError(UnavailableError):
    """A request has written, or may have, and was not answered whole; it may be sent again."""

    code = "outcome_unknown"


class BusyError(UnavailableError):
    """There is no room now; what waits is answered in ``retry_after_s``. Nothing was done."""

    code = "busy"

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreUnavailableError(UnavailableError):
    """Redis is away, stalled, or refuses to work (loading, read-only, out of memory)."""

    code = "store_unavailable"


class MisplacedError(StoreUnavailableError):
    """A node of a cluster did not execute a command: another node has its keys, or will have them.

    ``moved`` is the slot and node that it named, if it did.
    """

    code = "misplaced"

    def __init__(self, message: str, *, moved: str = "") -> None:
        super().__init__(message)
        self.moved = moved


class UnfitStoreError(StoreUnavailableError):
    """The server that answers is none to work with: it evicts, is a replica, is another store.

    ``check`` is the readiness check that says so, ``found`` what is wrong, ``remedy`` what to do.
    """

    code = "store_unfit"

    def __init__(self, message: str, *, check: str = "", found: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.check = check
        self.found = found
        self.remedy = remedy

    @property
    def is_passing(self) -> bool:
        """Whether it may be over in a moment, without anybody who changes a setting."""
        return self.check == "role"


class QueueUnavailableError(UnavailableError):
    """No queue address can be reached."""

    code = "queue_unavailable"


class PartlyQueuedError(QueueUnavailableError):
    """The queue stopped answering amid several messages.

    In their order, it has the first ``queued``; of the next ``unknown`` nothing is known; the
    rest were never sent.
    """

    code = "partly_queued"

    def __init__(self, message: str, *, queued: int = 0, unknown: int = 0) -> None:
        super().__init__(message)
        self.queued = queued
        self.unknown = unknown


class ArchiveUnavailableError(UnavailableError):
    """The archive cannot be written: its disk is full, or fails."""

    code = "archive_unavailable"


class SourceUnavailableError(UnavailableError):
    """A source of activity, or of descriptions of vehicles, does not answer."""

    code = "source_unavailable"


class ServerUnavailableError(UnavailableError):
    """A psd server cannot be reached, breaks off, or has no room for a client just now."""

    code = "server_unavailable"


class WatchersError(UnavailableError):
    """As many watch as one process serves, or it is about to end; another one may have room."""

    code = "too_many_watchers"


class RunInProgressError(UnavailableError):
    """Another process holds the lock of the weekly job; nothing was changed."""

    code = "run_in_progress"


class PaymentUnavailableError(UnavailableError):
    """Stripe does not answer, or not as it should; the same idempotency key may be tried again."""

    code = "payment_unavailable"


class DeviceUnavailableError(UnavailableError):
    """A device of a site does not answer in time, or not as it should."""

    code = "device_unavailable"


class KeysUnavailableError(UnavailableError):
    """The keys that verify JWTs were never read, or are no keys."""

    code = "keys_unavailable"
