"""Dead letters of the configured queue: looked at, replayed and dropped, by the command and HTTP.

::

    desk = LetterDesk(runtime)
    await desk.look(100)               -> LettersFound([Letter("0f2a...", ...)], away="")
    await desk.replay(["0f2a..."])     -> LetterRun(done=["0f2a..."], came_back=[])

Letters are taken out of the queue to be looked at and put back at the end
(psd/queue/deadletter.py), so two who look at the same time see each a part. Within a process one
waits for the other.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from psd.clock import utc_text
from psd.config import QueueSettings
from psd.errors import NotFoundError, PsdError, QueueUnavailableError
from psd.foreign_texts import on_one_line
from psd.queries.depth import depth_of
from psd.queue.deadletter import INSPECT_CHANNEL, LETTERS_MAX, DeadLetterBox, Letter
from psd.queue.letter_runs import Action, LetterRun, act
from psd.runtime import Runtime


class LettersFound(msgspec.Struct, frozen=True):
    """Letters, oldest first; ``away`` says what of the queue was not reached."""

    letters: list[Letter]
    away: str


class LetterDesk:
    """Looks after the dead letter of a runtime's queue."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._turn = asyncio.Lock()

    async def look(self, limit: int) -> LettersFound:
        """The letters that are there, all of which stay.

        Where there are some, a look ends when none came for a while; where the queue says that
        there are none, at once.
        """
        if await self._is_known_empty():
            return LettersFound([], "")
        async with self._box() as box:
            found = [*await box.take(limit), *box.newer.values()]
            away = await box.away()
        return LettersFound([held.letter for held in found[:limit]], away)

    async def find(self, letter_id: str, limit: int = LETTERS_MAX) -> Letter:
        """One of them; raises NotFoundError, or QueueUnavailableError where it may be away."""
        seen = await self.look(limit)
        for letter in seen.letters:
            if letter.id == letter_id:
                return letter
        if seen.away:
            raise QueueUnavailableError(seen.away)
        raise NotFoundError(f"no letter {on_one_line(letter_id)[:64]} among the first {limit}")

    async def replay(self, ids: Collection[str] = ()) -> LetterRun:
        """Publish these again, or all: each that was there when it began, once."""
        return await self._run(DeadLetterBox.replay, ids)

    async def drop(self, ids: Collection[str] = ()) -> LetterRun:
        """Delete these for good, or all."""
        return await self._run(DeadLetterBox.drop, ids)

    async def _run(self, action: Action, ids: Collection[str]) -> LetterRun:
        async with self._box() as box:
            return await act(box, action, ids)

    async def _is_known_empty(self) -> bool:
        """Whether every server of the queue says so; one that does not answer may have some.

        With nsqlookupd these are the nsqd that have the topic by its word, which are all that a
        look would reach; so where it says that none has it, there is no letter either.
        """
        queue = self._runtime.settings.queue
        if queue.kind == "nsq" and not _tells_all(queue):
            return False
        letters = msgspec.structs.replace(
            queue, topic=queue.deadletter_topic, channel=INSPECT_CHANNEL
        )
        try:
            depth = await depth_of(letters, self._runtime.store)()
        except PsdError:
            return False
        return depth == 0 or (depth is None and bool(queue.lookupd_addresses))

    @asynccontextmanager
    async def _box(self) -> AsyncIterator[DeadLetterBox]:
        settings = self._runtime.settings.queue
        async with self._turn:
            queue = self._runtime.new_queue(
                settings.deadletter_topic, INSPECT_CHANNEL, max_in_flight=LETTERS_MAX
            )
            async with DeadLetterBox(
                queue, clock=self._runtime.clock, touch_every_s=settings.msg_timeout_s / 3
            ) as box:
                yield box


def _tells_all(queue: QueueSettings) -> bool:
    """Whether each nsqd that letters are read of is asked for its depth as well."""
    if queue.lookupd_addresses:
        # Behind TLS nsqlookupd is not asked for depths (psd/queue/nsq_stats.py).
        return not queue.nsqd_tls
    return len(queue.nsqd_http_addresses) >= len(queue.nsqd_addresses)


def readable(letter: Letter) -> dict[str, Any]:
    """The letter for people and for JSON; without ``cut_bytes`` where nothing was cut."""
    fields = {**msgspec.structs.asdict(letter), "first_seen": utc_text(letter.first_seen_s)}
    del fields["first_seen_s"], fields["body"]
    if not letter.cut_bytes:
        del fields["cut_bytes"]
    text = letter.body.decode(errors="replace")
    # Anything else may be a sequence that takes over the terminal.
    if text.encode() == letter.body and all(c.isprintable() or c in "\n\t" for c in text):
        return {**fields, "body": text}
    return {**fields, "body_base64": base64.b64encode(letter.body).decode()}
