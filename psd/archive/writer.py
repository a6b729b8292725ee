"""The archive as workers and servers use it: append, and know that it is kept.

Appends that wait while one fsync runs go together with the next one (group commit), so that
many small writers cost one fsync a time. Two batches of 500 and one HTTP write, all within
one fsync of 4 ms, are one write of 1001 entries.

An append that fails raises :class:`~psd.errors.ArchiveUnavailableError`, which is retryable:
a full disk pauses the worker and answers HTTP with 503, until there is room again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Protocol

from psd.archive.entries import Entry
from psd.archive.files import DayFiles
from psd.archive.health import Health
from psd.archive.order import Stamp
from psd.config import ArchiveSettings
from psd.errors import ArchiveUnavailableError, ConfigError, PsdError
from psd.observe.metrics import Metrics

PROBE_BYTES = 1 << 20
"""A group of messages is hardly larger, so that where this finds room, the next one does."""

PROBE_TIMEOUT_S = 1.5

NAME_EVERY_S = 1.0
"""A store that was emptied under a busy process has its name again after this."""

StoreIdentity = Callable[[], Awaitable[str]]


Numbers = Callable[[int], Awaitable[Stamp]]
"""Gives what orders the messages accepted by now: a number above all of what was booked before.

Its argument is when they were accepted, in milliseconds. Raises StoreUnavailableError: what cannot
be put in order is not accepted.
"""


class OwnNumbers:
    """The numbers of a process that has its archive for itself, and no store."""

    def __init__(self) -> None:
        self._last = 0

    async def next(self, accepted_ms: int) -> Stamp:
        """By its own clock."""
        self._last = max(self._last + 1, accepted_ms * 1000)
        return Stamp(self._last, accepted_ms)


class Appends(Protocol):
    """What keeps accepted messages."""

    async def append(self, entries: Iterable[Entry]) -> None:
        """Returns when all entries are kept."""
        ...

    async def readiness(self) -> dict[str, str]:
        """Check name -> ``ok``, ``ok: <advice>`` or what is wrong."""
        ...

    async def close(self) -> None:
        """Wait for what is being written, and close."""
        ...


class NoArchive:
    """Keeps nothing: ``archive.enabled = false``, and commands that accept nothing."""

    async def append(self, entries: Iterable[Entry]) -> None:
        """Nothing to do; the entries are not even made."""

    async def readiness(self) -> dict[str, str]:
        """Nothing to check."""
        return {}

    async def close(self) -> None:
        """Nothing to do."""


NO_ARCHIVE = NoArchive()


class _EntryGroup:
    """Entries that go to the disk together, and who waits for that."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.written: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Archive:
    """The day files of this process; one instance serves one event loop."""

    def __init__(
        self,
        settings: ArchiveSettings,
        metrics: Metrics,
        identity: StoreIdentity | None = None,
        numbers: Numbers | None = None,
    ) -> None:
        self._files = DayFiles(Path(settings.folder), settings.keep_days)
        self._health = Health(Path(settings.folder), metrics)
        self._identity = identity
        self._numbers = numbers or OwnNumbers().next
        self._store = ""
        self._asked_at_s = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._metrics = metrics
        self._forming: _EntryGroup | None = None
        self._writing: asyncio.Task[None] | None = None

    async def append(self, entries: Iterable[Entry]) -> None:
        """Returns when all entries are on the disk.

        Safe to repeat after an error: an entry that stands twice is booked once. Their number is
        asked for after this was called, so that it is above that of whatever was booked before.
        """
        entries = list(entries)
        if not entries:
            return
        if self._forming is None:
            self._forming = _EntryGroup()
        group = self._forming
        group.entries += entries
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_groups(), name="archive")
        await asyncio.shield(group.written)

    async def readiness(self) -> dict[str, str]:
        """The check ``archive``: whether the last write failed, or one now would.

        A process that is not ready gets nothing to write, so it tries here: bytes of a probe are
        brought to the disk while writes fail, and an empty file is made while they do not.
        """
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                return {"archive": await asyncio.to_thread(self._found)}
        except TimeoutError:
            return {"archive": f"no answer within {PROBE_TIMEOUT_S:g} s"}

    def _found(self) -> str:
        try:
            self._files.check(PROBE_BYTES if self._health.is_failing else 0)
        except OSError as error:
            self._health.failed(error, is_probe=True)
        else:
            self._health.worked()
        return self._health.found()

    async def close(self) -> None:
        """Wait for what is being written, and close the file."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        self._files.close()

    async def _write_groups(self) -> None:
        try:
            while self._forming is not None:
                group, self._forming = self._forming, None
                await self._write(group)
        finally:
            self._writing = None

    async def _write(self, group: _EntryGroup) -> None:
        entries = group.entries
        started = time.perf_counter()
        try:
            await self._name_files()
            stamp = await self._numbers(entries[-1].accepted_ms)
            size = await asyncio.to_thread(self._files.write, entries, stamp)
        except OSError as exc:
            self._health.failed(exc)
            error = ArchiveUnavailableError(f"archive: {exc}")
            error.__cause__ = exc
            _fail(group, error)
            return
        except PsdError as error:
            _fail(group, error)
            return
        except BaseException:
            group.written.cancel()
            raise
        self._health.worked()
        self._metrics.archive_seconds.observe(time.perf_counter() - started)
        self._metrics.archived.inc(len(entries))
        self._metrics.archived_bytes.inc(size)
        group.written.set_result(None)

    async def _name_files(self) -> None:
        """Learn what the store calls itself, and now and then whether it is still that one.

        No write but the first waits for that: a store that stalls must not hold the disk up.
        """
        if self._identity is None:
            return
        if not self._store:
            self._store = await self._identity()
        elif self._asking is None and time.monotonic() - self._asked_at_s >= NAME_EVERY_S:
            self._asking = asyncio.create_task(self._ask_again(self._identity), name="identity")
        self._files.belong_to(self._store)

    async def _ask_again(self, identity: StoreIdentity) -> None:
        # What cannot be learnt now is asked again; the booking says what is wrong.
        with contextlib.suppress(PsdError):
            self._store = await identity()
        self._asked_at_s = time.monotonic()
        self._asking = None


def _fail(group: _EntryGroup, error: PsdError) -> None:
    group.written.set_exception(error)
    # Whoever waited may be gone; then nobody else would ever ask for it.
    group.written.exception()


def open_archive(
    settings: ArchiveSettings,
    metrics: Metrics,
    identity: StoreIdentity | None = None,
    numbers: Numbers | None = None,
) -> Appends:
    """The configured archive; raises :class:`ConfigError` when its folder cannot be written.

    ``identity`` tells what the store calls itself, for the names of the files; ``numbers`` gives
    what they are ordered by, and fails while the store is away.
    """
    if not settings.enabled:
        return NoArchive()
    try:
        DayFiles(Path(settings.folder), settings.keep_days).check()
    except OSError as exc:
        raise ConfigError(
            f"archive.folder = {settings.folder!r}: cannot be written ({exc.strerror}); choose "
            "another folder, or archive.enabled = false"
        ) from exc
    return Archive(settings, metrics, identity, numbers)
