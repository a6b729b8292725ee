"""Who decides next: one at a time about each subject, each decision with a number of its own.

::

    async with turns.turn("boards") as turn:            0 others decide about boards now
        if not await ledger.barred(owner):              what is looked at stands still
            made = await turn.archived(Barred(...))     version 1460462400001, on the disk
            await carry_out(made)

So the order of versions is the order in which decisions were made and carried out, and what was
archived was never refused afterwards. A process that dies in its turn holds others up for TURN_MS;
what it had archived and not carried out is done by the next replay, as with messages: its caller
was told nothing.

Versions are given by the store, one more each time whatever the clocks say. They begin at the
clock's milliseconds only to go on rising on a store that has lost the last number, such as a
copy of yesterday.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
import weakref
from collections.abc import AsyncIterator

import msgspec

from psd.archive.decisions import COMMAND, D, entry_of
from psd.archive.writer import NO_ARCHIVE, Appends
from psd.clock import Clock
from psd.errors import ArchiveUnavailableError, OutcomeUnknownError, StoreUnavailableError
from psd.failpoints import reach
from psd.store.keys import decisions_key
from psd.store.redis import Store
from psd.store.scripts import load_script
from psd.store.trail import Aside, trail_of

TURN_MS = 10_000
"""Some hundred times what a decision takes; a longer one keeps its turn by :meth:`Turn.go_on`."""

ARCHIVE_BEFORE_S = 5.0
"""What would be archived later than this into a turn might be carried out behind its end."""

CARRY_OUT_BEFORE_S = 8.0
"""A trip to the store takes less than what is then left (``redis.timeout_s`` is 1.5 s)."""

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
        if time.monotonic() > self._since_s + ARCHIVE_BEFORE_S:
            raise StoreUnavailableError(f"{self._subject}: it took too long; nothing was done")
        made = msgspec.structs.replace(decision, version=self.version)
        await self._turns.append(made)
        reach("decision_archived")
        if time.monotonic() > self._since_s + CARRY_OUT_BEFORE_S:
            raise OutcomeUnknownError(
                f"{self._subject}: the archive took too long; ask again to have it carried out"
            )
        return made

    async def go_on(self) -> None:
        """Keep the turn for as long again, with another version.

        Raises StoreUnavailableError when somebody else may have had it.
        """
        if not await self._ask(TURN_MS, had=True):
            raise StoreUnavailableError(f"{self._subject}: the turn to change it is over")

    async def take(self) -> bool:
        """Whether it is this one's turn now."""
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
        asked = (self._mark, lifetime_ms, self._floor or self._turns.now_ms(), int(had))
        number = await self._turns.number(self._subject, *asked)
        if number:
            self.version, self._since_s = number, since_s
        return bool(number)


class Turns:
    """Gives turns; one a process, which says in ``archive`` where its decisions are kept."""

    def __init__(self, store: Store, clock: Clock, archive: Appends = NO_ARCHIVE) -> None:
        self._store = store
        self._clock = clock
        self._archive = archive
        self._script = load_script("decisions.turn")
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
            try:
                await self._wait(subject, turn, PATIENT_S if floor else WAIT_MAX_S)
                yield turn
            finally:
                # Also of a request that ran out of time: the next one need not wait then.
                await asyncio.shield(self._end(turn))

    def now_ms(self) -> int:
        """The clock's milliseconds."""
        return self._clock.now_ms()

    async def append(self, decision: D) -> None:
        """Keep a decision in the archive: from here on, something may have been done."""
        trail = trail_of(COMMAND)
        if trail is not None:
            trail.sent()
        now_ms = self._clock.now_ms()
        # Made when it is asked for: without an archive it is not.
        try:
            await self._archive.append(entry_of(each, now_ms) for each in (decision,))
        except ArchiveUnavailableError:
            if trail is not None:
                trail.took_back()
            raise

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
            # Else a store that was away for a moment would keep others waiting for 10 s.
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
