"""The ledger of a network in Redis: events, objects, indexes. What is decided is in ledger.py.

::

    await store.append(Append(id="f3b1", event=..., versions={...}, ...))    -> (7, True)
    await store.around("main", [before("driver", 1, place)])                 -> Around(7, [...])
    await store.events("main", [3, 5])                                       -> {3: ..., 5: ...}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from psd.errors import ChangedError, ConflictError, ShapeError, StoreError
from psd.store.kept import write_in_order, write_kept
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import Script
from psd.swaps.append import Append, Member, Named
from psd.swaps.around_asks import END_S, Ask
from psd.swaps.keys import (
    NETWORKS_KEY,
    changes_key,
    counts_key,
    events_key,
    index_key,
    names_key_of,
    network_root,
    noted_key,
    object_key,
    rejected_key,
    seen_key,
    unsettled_key,
)
from psd.swaps.swap_events import AnyEvent, Numbered, Swap, decode_event, encode_event

ASKS_MAX = 500
"""Questions of one call, some 3 ms."""

THERE_MAX = 500
"""Batteries of one call, some 5 ms."""

EVENTS_AT_ONCE = 500

_pack = msgspec.msgpack.Encoder().encode


class Around(msgspec.Struct, frozen=True):
    """Neighbours by question, as of one moment in which ``last`` was the newest event."""

    last: int
    found: list[Numbered | None]


class SwapsStore:
    """Reads and appends."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._append = Script("swaps.append")
        self._around = Script("swaps.around")
        self._there = Script("swaps.there")
        self._known: set[str] = set()
        self._epoch = -1

    async def append(self, network: str, append: Append) -> tuple[int, bool]:
        """The number of the event, and whether it is new: an id has one for ever. 1 trip.

        Raises ChangedError where something is of another version, and ConflictError where a name
        or a number is another's.
        """
        event = append.event
        call: Command = (
            *("EVALSHA", self._append.sha, 1, network_root(network), event.id),
            *(encode_event(event), append.n, append.packed()),
        )
        try:
            *_, (n, is_new) = await write_in_order(self._store, self._noting(network), [call])
        except StoreError as error:
            raise _refusal(error) from error
        self._known.add(network)
        return int(n), bool(is_new)

    def _noting(self, network: str) -> list[Command]:
        """The command that makes a network known, unless this process did."""
        if self._epoch != self._store.writes.epoch:
            self._epoch = self._store.writes.epoch
            self._known.clear()
        return [] if network in self._known else [("SADD", NETWORKS_KEY, network)]

    async def around(self, network: str, asks: Sequence[Ask]) -> Around:
        """Neighbours of places. 1 trip; with more than ASKS_MAX the moments differ."""
        root = network_root(network)
        commands: list[Command] = [
            ("EVALSHA", self._around.sha, 1, root, _pack(asks[start : start + ASKS_MAX]))
            for start in range(0, max(len(asks), 1), ASKS_MAX)
        ]
        replies = await self._store.reads.call_all(commands)
        found = [
            _numbered(int(n), held) if n else None
            for _, *pairs in replies
            for n, held in zip(pairs[::2], pairs[1::2], strict=True)
        ]
        return Around(min(int(reply[0]) for reply in replies), found)

    async def stations_of(
        self, network: str, batteries: int, until: int | None = None
    ) -> list[int | None]:
        """Stations of the batteries 1 to so many, 0 for none, by their transactions.

        None is where a battery without any was registered then; now that is known. A trip for
        THERE_MAX batteries, so that others come in between.
        """
        root, end = network_root(network), "+inf" if until is None else str(until)
        found: list[int | None] = []
        for first in range(1, batteries + 1, THERE_MAX):
            last = min(first + THERE_MAX - 1, batteries)
            told = await self._store.reads.call(
                ("EVALSHA", self._there.sha, 1, root, first, last, end)
            )
            found += [None if each < 0 else int(each) for each in told]
        return found

    async def events(self, network: str, numbers: Iterable[int]) -> dict[int, AnyEvent]:
        """Events by number; those that there are not are left out. 1 trip for EVENTS_AT_ONCE."""
        key, wanted = events_key(network), sorted(set(numbers))
        found: dict[int, AnyEvent] = {}
        for start in range(0, len(wanted), EVENTS_AT_ONCE):
            some = wanted[start : start + EVENTS_AT_ONCE]
            replies = await self._store.reads.call_all(
                [("XRANGE", key, f"{n}-0", f"{n}-0") for n in some]
            )
            for n, reply in zip(some, replies, strict=True):
                if reply:
                    found[n] = _event(n, reply[0][1][1])
        return found

    async def transactions(self, network: str, numbers: Iterable[int]) -> dict[int, Numbered]:
        """Those of these events that are transactions."""
        found = await self.events(network, numbers)
        return {n: Numbered(n, event) for n, event in found.items() if isinstance(event, Swap)}

    async def stream(self, network: str, after: int, limit: int) -> list[tuple[int, AnyEvent]]:
        """Events behind a number, in their order. 1 trip."""
        reply = await self._store.reads.call(
            ("XRANGE", events_key(network), f"({after}-0" if after else "-", "+", "COUNT", limit)
        )
        return _streamed(reply)

    async def newest(
        self, network: str, limit: int
    ) -> tuple[list[tuple[int, AnyEvent]], dict[str, int]]:
        """The newest events, newest first, and the number of objects by kind. 1 trip."""
        reply, flat = await self._store.reads.call_all(
            [newest_events(network, limit), ("HGETALL", counts_key(network))]
        )
        counts = {kind.decode(): int(n) for kind, n in zip(flat[::2], flat[1::2], strict=True)}
        return _streamed(reply), counts

    async def seen(self, network: str, id_: str) -> int | None:
        """The number that an id got."""
        held = await self._store.reads.call(("HGET", seen_key(network), id_))
        return None if held is None else int(held)

    async def corrections(self, network: str, numbers: Sequence[int]) -> dict[int, int]:
        """Rejected ones of these, and the correction of each. 1 trip."""
        if not numbers:
            return {}
        held = await self._store.reads.call(("HMGET", rejected_key(network), *numbers))
        return {n: int(by) for n, by in zip(numbers, held, strict=True) if by is not None}

    async def ids_of(
        self, network: str, names: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], int]:
        """Ids by kind and unique name; unknown names are left out. 1 trip."""
        if not names:
            return {}
        commands: list[Command] = [
            ("HGET", names_key_of(network, kind), name) for kind, name in names
        ]
        replies = await self._store.reads.call_all(commands)
        return {
            each: int(held) for each, held in zip(names, replies, strict=True) if held is not None
        }

    async def objects(self, network: str, wanted: Sequence[Named]) -> dict[Named, dict[str, str]]:
        """Fields of objects, their version among them; unknown ones are left out. 1 trip."""
        if not wanted:
            return {}
        commands: list[Command] = [
            ("HGETALL", object_key(network, kind, number)) for kind, number in wanted
        ]
        replies = await self._store.reads.call_all(commands)
        return {
            each: {
                field.decode(): value.decode()
                for field, value in zip(flat[::2], flat[1::2], strict=True)
            }
            for each, flat in zip(wanted, replies, strict=True)
            if flat
        }

    async def count(self, network: str, kind: str) -> int:
        """How many objects of a kind there are; their ids are 1 to that."""
        return int(await self._store.reads.call(("HGET", counts_key(network), kind)) or 0)

    async def changes(
        self, network: str, wanted: Sequence[Named], until: int = END_S
    ) -> dict[Named, list[int]]:
        """Numbers of what was said of objects until the end of a second, in order. 1 trip."""
        if not wanted:
            return {}
        commands: list[Command] = [
            ("ZRANGEBYSCORE", changes_key(network, kind, number), "-inf", until)
            for kind, number in wanted
        ]
        replies = await self._store.reads.call_all(commands)
        return {each: [int(n) for n in found] for each, found in zip(wanted, replies, strict=True)}

    async def members(
        self, network: str, indexes: Sequence[tuple[str, Named]], until: int, start: int, limit: int
    ) -> list[list[Member]]:
        """Second and member of so many of each index, newest first, from a position on. 1 trip.

        An index is named by ``tx`` or ``gone`` and the object.
        """
        found = await self._store.reads.call_all(
            [
                (
                    *("ZREVRANGEBYSCORE", index_key(network, *named, which), until, "-inf"),
                    *("WITHSCORES", "LIMIT", start, limit),
                )
                for which, named in indexes
            ]
        )
        return [
            [(int(score), name.decode()) for name, score in zip(flat[::2], flat[1::2], strict=True)]
            for flat in found
        ]

    async def first(self, network: str, index: Named) -> int | None:
        """The second of the first live transaction in an index. 1 trip."""
        found = await self._store.reads.call(
            ("ZRANGE", index_key(network, *index), 0, 0, "WITHSCORES")
        )
        return int(found[1]) if found else None

    async def noted(self, network: str, what: str, limit: int, start: int = 0) -> list[int]:
        """Numbers on a list, newest first, from a position on. 1 trip."""
        found = await self._store.reads.call(
            ("ZRANGE", noted_key(network, what), start, start + limit - 1, "REV")
        )
        return [int(each) for each in found]

    async def unsettled(self, network: str) -> list[int]:
        """Numbers whose bookings are not known to be kept. 1 trip."""
        found = await self._store.writes.call(("SMEMBERS", unsettled_key(network)))
        return sorted(int(each) for each in found)

    async def unsettled_of(self, network: str, numbers: Sequence[int]) -> set[int]:
        """Those of these. 1 trip."""
        if not numbers:
            return set()
        found = await self._store.writes.call_all(
            [("SISMEMBER", unsettled_key(network), n) for n in numbers]
        )
        return {n for n, is_one in zip(numbers, found, strict=True) if is_one}

    async def settled(self, network: str, numbers: Sequence[int]) -> None:
        """These are booked. 1 trip."""
        if numbers:
            await write_kept(self._store, [("SREM", unsettled_key(network), *numbers)])

    async def networks(self) -> list[str]:
        """Those that ever had an event. 1 trip."""
        found = await self._store.reads.call(("SMEMBERS", NETWORKS_KEY))
        return sorted(each.decode() for each in found)


def newest_events(network: str, limit: int = 1) -> Command:
    """Asks for the newest events of a network; :func:`newest_number` reads the first of them."""
    return ("XREVRANGE", events_key(network), "+", "-", "COUNT", limit)


def newest_number(replies: Sequence[Any]) -> str:
    """The number of the newest event, as the one reply to :func:`newest_events` has it."""
    [reply] = replies
    return reply[0][0].partition(b"-")[0].decode() if reply else "0"


def _streamed(reply: Sequence[Any]) -> list[tuple[int, AnyEvent]]:
    return [(n := int(key.partition(b"-")[0]), _event(n, held[1])) for key, held in reply]


def _event(n: int, held: bytes) -> AnyEvent:
    try:
        return decode_event(held)
    except msgspec.MsgspecError as exc:
        raise ShapeError(f"swaps: event {n} is none ({exc})") from exc


def _numbered(n: int, held: bytes) -> Numbered:
    event = _event(n, held)
    if not isinstance(event, Swap):
        raise ShapeError(f"swaps: event {n} is indexed as a transaction, and is none")
    return Numbered(n, event)


def _refusal(error: StoreError) -> Exception:
    """What a script refused: something changed meanwhile, or is another's."""
    told = str(error)
    if "PSD_CHANGED" in told:
        return ChangedError(told)
    if "PSD_TAKEN" in told:
        return ConflictError(told)
    return error
