"""The lock of the weekly job: one run at a time, and none for ever.

The lock lives 30 s and is held on to every 10; a killed run's ends by itself, or at once when
its process was on this machine and is gone. Publishing checks the lock in the same script, so a
run that was suspended and overtaken publishes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator

import msgspec

from psd.errors import RunInProgressError, StoreUnavailableError
from psd.rewards.keys import rewards_key
from psd.store.records import json_record
from psd.store.redis import Store
from psd.store.scripts import Script

log = logging.getLogger(__name__)

LIFETIME_MS = 30_000
HOLD_EVERY_S = 10.0


class Holder(msgspec.Struct, frozen=True):
    """Who holds the lock; ``mark`` is different for each run."""

    host: str
    pid: int
    mark: str


_read = json_record(Holder, "rewards: the lock's holder")


class JobLock:
    """Made for one process; :meth:`held` is the run."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._script = Script("rewards.hold_lock")
        self._key = rewards_key("lock")

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[bytes]:
        """The lock's value while it is held; raises RunInProgressError when another has it."""
        me = Holder(socket.gethostname(), os.getpid(), secrets.token_hex(8))
        value = msgspec.json.encode(me)
        await self._take(value)
        holding = asyncio.create_task(self._hold(value))
        try:
            yield value
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
            with contextlib.suppress(StoreUnavailableError):
                await self._store.run(self._script, self._key, value, 0)

    async def holder(self) -> Holder | None:
        """Who holds the lock now."""
        value = await self._store.reads.call(("GET", self._key))
        return None if value is None else _read(value)

    async def _take(self, value: bytes) -> None:
        for _ in range(2):
            taken = await self._store.writes.call(
                ("SET", self._key, value, "NX", "PX", LIFETIME_MS)
            )
            if taken:
                return
            held = await self._store.reads.call(("GET", self._key))
            if held is None:
                continue
            holder = _read(held)
            if not _is_gone(holder):
                raise RunInProgressError(
                    f"rewards: process {holder.pid} on {holder.host} computes just now; "
                    f"if it was killed, its lock ends within {LIFETIME_MS // 1000} s"
                )
            log.info("a killed run is taken over", extra={"pid": holder.pid})
            await self._store.run(self._script, self._key, held, 0)
        raise RunInProgressError("rewards: another process computes just now")

    async def _hold(self, value: bytes) -> None:
        while True:
            await asyncio.sleep(HOLD_EVERY_S)
            try:
                held = await self._store.run(self._script, self._key, value, LIFETIME_MS)
            except StoreUnavailableError as error:
                log.warning("the lock could not be held on to", extra={"error": str(error)})
                continue
            if not held:
                log.error("the lock was lost: this run will publish nothing")
                return


def _is_gone(holder: Holder) -> bool:
    """Whether the holder was a process of this machine that has ended."""
    if holder.host != socket.gethostname() or holder.pid == os.getpid():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
