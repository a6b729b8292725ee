"""Signing in by name and password, which takes its time and cannot be tried for long.

Ten failures in 15 minutes under one name, or from one address, and the next is not looked at::

    psd:pages:{pages}:failed:<hash of "name amp">     the seconds of its last ten failures
    10 of them since 900 s -> BusyError, 429, Retry-After: until the first of them is 900 s old

One password is checked at a time in a process: who tries many cannot take more than a core, and
none is looked at while a failure before it is not noted yet.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from psd.access.pages.page_users import PageUser, PageUsers
from psd.access.pages.passwords import UNKNOWN, is_right
from psd.clock import Clock
from psd.errors import BusyError
from psd.store.keys import pages_key
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.trail import Aside

FAILURES_MAX = 10
WINDOW_S = 900


class SignIns:
    """Checks names and passwords against the users of a store."""

    def __init__(self, store: Store, users: PageUsers, clock: Clock) -> None:
        self._store = store
        self._users = users
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def user(self, name: str, password: str, address: str) -> PageUser | None:
        """The user, None for a wrong pair; raises BusyError after too many of these."""
        places = [_place("name", name), _place("address", address)]
        async with self._one_at_a_time:
            await self._check(places)
            user = await self._users.find(name)
            kept = UNKNOWN if user is None else user.password
            if await asyncio.to_thread(is_right, password, kept) and user is not None:
                return user
            await self._note(places)
            return None

    async def _check(self, places: Sequence[str]) -> None:
        commands: list[Command] = [("LRANGE", place, 0, FAILURES_MAX - 1) for place in places]
        now_s = self._clock.now_s()
        for failures in await self._store.reads.call_all(commands):
            if len(failures) < FAILURES_MAX:
                continue
            wait_s = int(failures[-1]) + WINDOW_S - now_s
            if wait_s > 0:
                raise BusyError(
                    f"sign in: {FAILURES_MAX} times in {WINDOW_S // 60} minutes it was wrong; "
                    f"try again in {-(-wait_s // 60)} minutes",
                    retry_after_s=wait_s,
                )

    async def _note(self, places: Sequence[str]) -> None:
        now_s = self._clock.now_s()
        commands: list[Command] = []
        for place in places:
            commands += [
                ("LPUSH", place, now_s),
                ("LTRIM", place, 0, FAILURES_MAX - 1),
                ("EXPIRE", place, WINDOW_S),
            ]
        with Aside():
            await self._store.writes.call_all(commands)


def _place(kind: str, value: str) -> str:
    """Where failures are noted; neither a name nor an address can be read there."""
    text = f"{kind} {value}".encode("utf-8", "replace")
    return pages_key(f"failed:{hashlib.sha256(text).hexdigest()}")
