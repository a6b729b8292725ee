"""Who decides next: one at a time about each subject, each decision with a number of its own.

::

    async with turns.turn("boards") as turn:            0 others decide about boards now
        if not await ledger.barred(owner):              what is looked at stands still
            made = await turn.archived(Barred(...))     version 1460462400001, on the disk
            await carry_out(made)

So the order of versions is the order in which decisions were made and carried out, and what was
archived was never refused afterwards. A turn is renewed for as long as it takes, so it is short: a
process that dies in one holds others up for TURN_MS. What it had archived and not carried out is
done by the next replay, as with messages: its caller was told nothing.

Versions are given by the store, one more each time whatever the clocks say. On a store that has
lost the last one they go on above what lies in the archive, by the numbers that order it
(psd/archive/numbers.py): no clock that is behind makes a new decision look older.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
import weakref
from collections.abc import AsyncIterator, Iterator

import msgspec

from psd.archive.decisions import COMMAND, D, Decision, entry_of
from psd.archive.entries import Entry
from psd.archive.numbers import StoreNumbers
from psd.archive.writer import NO_ARCHIVE, Appends
from psd.clock import Clock
from psd.errors import ArchiveUnavailableError, OutcomeUnknownError, StoreUnavailableError
from psd.failpoints import reach
from psd.store.keys import decisions_key
from psd.store.redis import Store
from psd.store.scripts import Script
from psd.store.trail import Aside, trail_of

TURN_MS = 3_000
"""For so long after it was renewed last a turn is nobody else's; a decision takes some 0.05 s."""

RENEW_EVERY_S = 0.5

FRESH_S = 1.0
"""What was renewed longer ago is renewed before anything is done in it: a trip to the store takes
less than what is left then (``redis.timeout_s`` is 1.5 s)."""

WAIT_MAX_S = 1.5
"""A request is answered within 2 s, if only with 503."""

PATIENT_S = 15.0
"""A replay waits until the turn of whoever was killed is over; a copy of the store may hold it."""

POLL_S = 0.02
END_AGAIN_S = 0.1


class Turn:
    """The turn of one task; made by :meth:`Turns.turn`."""

    def __init__(self, turns: Turns, subject: str, floor: int) -> None:
        self._turns = turns
        self._subject = subject
        self._mark = secrets.token_hex(8)
        self._floor = floor
        self._since_s = 0.0
        self.version = 0

    async def archived(self, decision: D) -> D:
        """The decision with its version, once the archive has it: it may be carried out.

        Raises ArchiveUnavailableError, StoreUnavailableError when the turn is over (nothing was
        done then), and OutcomeUnknownError when that came of writing to the archive.
        """
        await self._hold()
        made = msgspec.structs.replace(decision, version=self.version)
        await self._turns.append(made)
        reach("decision_archived")
        try:
            await self._hold()
        except StoreUnavailableError as error:
            raise OutcomeUnknownError(f"{error}; ask again to have it carried out") from error
        return made

    async def _hold(self) -> None:
        """See that the turn lasts for another trip to the store."""
        if time.monotonic() > self._since_s + FRESH_S:
            await self.go_on()

    async def go_on(self) -> None:
        """Keep the turn for as long again, with another version.

        Raises StoreUnavailableError when somebody else may have had it.
        """
        if not await self._ask(TURN_MS, had=True):
            raise StoreUnavailableError(f"{self._subject}: the turn to change it is over")

    async def renew(self) -> None:
        """Keep the turn until this is cancelled, or it is somebody else's."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            # A store that is away is asked again: whoever wants to do something in it, finds out.
            with contextlib.suppress(StoreUnavailableError):
                if not await self._ask(TURN_MS, had=True):
                    return

    async def take(self) -> bool:
        """Whether it is this one's turn now."""
        if not self._floor:
            self._floor = await self._turns.floor()
        return await self._ask(TURN_MS, had=False)

    async def end(self) -> bool:
        """Let others have their turn; False while the store does not answer."""
        try:
            await self._ask(0, had=True)
        except StoreUnavailableError:
            return False
        return True

    async def _ask(self, lifetime_ms: int, *, had: bool) -> bool:
        since_s = time.monotonic()
        asked = (self._mark, lifetime_ms, self._floor, int(had))
        number = await self._turns.number(self._subject, *asked)
        self._since_s = since_s if number else float("-inf")
        self.version = max(self.version, number)
        return bool(number)


class Turns:
    """Gives turns; one a process, which says in ``archive`` where its decisions are kept."""

    def __init__(
        self, store: Store, clock: Clock, numbers: StoreNumbers, archive: Appends = NO_ARCHIVE
    ) -> None:
        self._store = store
        self._clock = clock
        self._numbers = numbers
        self._archive = archive
        self._script = Script("decisions.turn")
        # Tasks of this process wait here, in order, and not at the store.
        self._ending: set[asyncio.Task[None]] = set()
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def turn(self, subject: str, floor: int = 0) -> AsyncIterator[Turn]:
        """The turn to decide about a subject.

        A replay gives the version of what it carries out again as ``floor``, so that later ones are
        greater, and is patient.

        Raises StoreUnavailableError when others have it for long.
        """
        lock = self._locks.setdefault(subject, asyncio.Lock())
        async with lock:
            turn = Turn(self, subject, floor)
            renewing: asyncio.Task[None] | None = None
            try:
                await self._wait(subject, turn, PATIENT_S if floor else WAIT_MAX_S)
                renewing = asyncio.create_task(turn.renew(), name="turn")
                yield turn
            finally:
                if renewing is not None:
                    renewing.cancel()
                # Also of a request that ran out of time: the next one need not wait then.
                await asyncio.shield(self._end(turn))

    async def floor(self) -> int:
        """A version above those in the archive. One trip."""
        return await self._numbers.version_floor() + 1

    async def append(self, decision: D) -> None:
        """Keep a decision in the archive: from here on, something may have been done."""
        trail = trail_of(COMMAND)
        if trail is not None:
            trail.sent()
        try:
            await self._archive.append(self._entries(decision))
        except ArchiveUnavailableError:
            if trail is not None:
                trail.took_back()
            raise

    def _entries(self, decision: Decision) -> Iterator[Entry]:
        """The entry of a decision, when an archive asks for it: it gets a number above this one."""
        self._numbers.follow(decision.version)
        yield entry_of(decision, self._clock.now_ms())

    async def number(self, subject: str, *asked: str | int) -> int:
        """What the script answers about the turn of a subject."""
        keys = (decisions_key(f"turn:{subject}"), decisions_key("last"))
        # Who has the turn is nothing that the request is about.
        with Aside():
            number = await self._store.writes.call(("EVALSHA", self._script.sha, 2, *keys, *asked))
        return int(number)

    async def close(self) -> None:
        """Leave turns that could not be ended to their lifetime."""
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _end(self, turn: Turn) -> None:
        if not await turn.end():
            # Else a store that was away for a moment would keep others waiting until it is over.
            task = asyncio.create_task(self._end_later(turn), name="turn")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end_later(self, turn: Turn) -> None:
        give_up_s = time.monotonic() + TURN_MS / 1000
        while time.monotonic() < give_up_s:
            await asyncio.sleep(END_AGAIN_S)
            if await turn.end():
                return

    async def _wait(self, subject: str, turn: Turn, wait_s: float) -> None:
        give_up_s = time.monotonic() + wait_s
        while not await turn.take():
            if time.monotonic() > give_up_s:
                raise StoreUnavailableError(
                    f"{subject}: another process changes it just now; nothing was done"
                )
            await asyncio.sleep(POLL_S)
