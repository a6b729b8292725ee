"""Entries of a stream that were given to somebody before, and messages of entries.

An entry that a consumer was given stays pending until it is finished. Whoever is late with one
loses it to the next that looks; and what a lost reply gave to this consumer it has to ask for::

    await entries.overdue(client, timeout_ms=60_000)
    -> [Message("1460462400000-0", b"{...}", attempts=2, ...)]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from psd.queue.inflight import InFlight
from psd.queue.interface import Message

READ_ENTRIES_MAX = 500
"""Entries of one read: a worker's batch."""


class StreamEntries:
    """Those of one consumer of a group; the client is that of the moment."""

    def __init__(self, key: str, group: str, consumer: str, in_flight: InFlight) -> None:
        self._key = key
        self._group = group
        self._consumer = consumer
        self._in_flight = in_flight

    async def overdue(self, client: Redis, timeout_ms: int) -> list[Message]:
        """What somebody, this consumer or another, has had for longer."""
        cursor: Any = "0-0"
        messages: list[Message] = []
        while len(messages) < self._in_flight.room:
            cursor, entries, *_ = await client.xautoclaim(
                self._key, self._group, self._consumer, timeout_ms, cursor, count=READ_ENTRIES_MAX
            )
            messages += await self._with_attempts(client, entries)
            if cursor in (b"0-0", "0-0"):
                break
        return messages

    async def lost(self, client: Redis, most: int) -> list[Message]:
        """Entries that are pending for this consumer and that it never saw."""
        pending = await client.xpending_range(
            self._key, self._group, "-", "+", most, consumername=self._consumer
        )
        ids = (_text(row["message_id"]) for row in pending)
        lost: list[Any] = [entry for entry in ids if not self._in_flight.holds(entry)]
        if not lost:
            return []
        entries = await client.xclaim(self._key, self._group, self._consumer, 0, lost)
        return await self._with_attempts(client, entries)

    async def _with_attempts(self, client: Redis, entries: Sequence[Any]) -> list[Message]:
        # A server before 7.0 answers nil for an entry that somebody deleted by hand.
        found = [(_text(entry), fields) for entry, fields in entries if entry is not None]
        found = [pair for pair in found if not self._in_flight.is_waiting(pair[0])]
        if not found:
            return []
        pipe = client.pipeline(transaction=False)
        for entry, _ in found:
            pipe.xpending_range(self._key, self._group, entry, entry, 1)
        return [
            message_of(entry, fields, rows[0]["times_delivered"] if rows else 1)
            for (entry, fields), rows in zip(found, await pipe.execute(), strict=True)
        ]


def message_of(entry: Any, fields: dict[Any, Any], attempts: int) -> Message:
    """The message that an entry is; its id tells when it was published."""
    entry_id = _text(entry)
    published_ms = int(entry_id.partition("-")[0])
    return Message(entry_id, fields.get(b"b", b""), attempts, published_ms * 1_000_000)


def _text(raw: Any) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)
