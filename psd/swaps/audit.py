"""Holds the indexes, marks and bookings of swaps against the stream, and repairs them.

``psd verify`` asks for this of every network, ``psd swaps verify`` of one. Each key is one that is
audited, and each owner whose bookings follow from transactions::

    psd:swaps:{main}:tx:driver:1 000000000006:000000000008: nothing, should be 1598972400 by ...
    driver 1 of main ride_distance: 9100, should be 100 by the stream

The stream is believed. While others append, the network is read again, up to ATTEMPTS times;
then what was different is told as changing. A repair is written only if nobody appended meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from psd.audit.examine import NOTHING, Discrepancy
from psd.audit.sweep import Audited, Verdict
from psd.engine.engine import Engine
from psd.engine.events import TIME_END_S, Report
from psd.engine.plan import Range
from psd.engine.windows import Window
from psd.errors import StoreError
from psd.slices import Stretch
from psd.store.lane import Command, Lane
from psd.store.redis import Store
from psd.swaps.keys import NETWORKS_KEY, events_key, network_root, unsettled_key
from psd.swaps.listed_networks import list_again, streamed_networks, unlisted
from psd.swaps.rebuilding import Rebuilt
from psd.swaps.store import EVENTS_AT_ONCE, SwapsStore
from psd.swaps.swap_bookings import FENCE, Bookkeeper

ATTEMPTS = 8
SCANNED = 500
SOURCE = "the stream"

_READS = {b"hash": "HSCAN", b"zset": "ZSCAN"}


class SwapsAudit:
    """Audits networks."""

    def __init__(
        self, store: Store, swaps: SwapsStore, engine: Engine, things: Mapping[str, int]
    ) -> None:
        self._store = store
        self._swaps = swaps
        self._engine = engine
        self._things = things

    async def every(self, *, repair: bool) -> AsyncIterator[Audited]:
        """All networks that have a stream, whether they are listed or not."""
        networks = await streamed_networks(self._store)
        if networks:
            yield await self._list(networks, repair=repair)
        for network in networks:
            async for audited in self._network(network, repair=repair):
                yield audited

    async def network(self, network: str, *, repair: bool) -> AsyncIterator[Audited]:
        """One network: whether it is listed, its keys, then what is booked of it."""
        if await self._last(network):
            yield await self._list([network], repair=repair)
        async for audited in self._network(network, repair=repair):
            yield audited

    async def _list(self, networks: Sequence[str], *, repair: bool) -> Audited:
        differences = await unlisted(self._store, networks, SOURCE)
        if not differences or not repair:
            return _audited(NETWORKS_KEY, differences, "found")
        # All that there are: in the place of a key of another type there is no list.
        await list_again(self._store, await streamed_networks(self._store), differences)
        return _audited(NETWORKS_KEY, differences, "repaired")

    async def _network(self, network: str, *, repair: bool) -> AsyncIterator[Audited]:
        lanes = self._store.new_lane(writes=repair)
        try:
            lane = await lanes.lane_of(events_key(network))
            rebuilt, found = await self._keys(network, lane, repair=repair)
        finally:
            await lanes.close()
        for audited in found:
            yield audited
        async for audited in self._bookings(rebuilt, repair=repair):
            yield audited

    async def _keys(
        self, network: str, lane: Lane, *, repair: bool
    ) -> tuple[Rebuilt, list[Audited]]:
        for _ in range(ATTEMPTS):
            rebuilt = await self.rebuilt(network)
            held = await _held(lane, network)
            if await self._last(network) != rebuilt.last:
                continue
            differing, stretch = {}, Stretch()
            for key in sorted({*held, *rebuilt.hashes, *rebuilt.sets, unsettled_key(network)}):
                expected = _expected(rebuilt, key)
                differing[key] = _differences(key, held.get(key, {}), expected)
                await stretch.after(len(expected) + 1)
            if not repair or not any(differing.values()):
                return rebuilt, [_audited(key, told, "found") for key, told in differing.items()]
            if await _repaired(lane, rebuilt, held, [k for k, told in differing.items() if told]):
                return rebuilt, [_audited(key, told, "repaired") for key, told in differing.items()]
        return rebuilt, [_audited(key, told, "busy") for key, told in differing.items()]

    async def rebuilt(self, network: str) -> Rebuilt:
        """Everything that follows from the stream as it is now."""
        rebuilt = Rebuilt(network)
        while events := await self._swaps.stream(network, rebuilt.last, EVENTS_AT_ONCE):
            for n, event in events:
                rebuilt.take(n, event)
        return rebuilt

    async def _last(self, network: str) -> int:
        newest = await self._store.writes.call(
            ("XREVRANGE", events_key(network), "+", "-", "COUNT", 1)
        )
        return int(newest[0][0].partition(b"-")[0]) if newest else 0

    async def _bookings(self, rebuilt: Rebuilt, *, repair: bool) -> AsyncIterator[Audited]:
        """Each owner's reports, and the sums of each of its things."""
        by_owner: dict[int, list[Report]] = defaultdict(list)
        rejected = [rebuilt.transactions[n] for n in rebuilt.rejected]
        bookkeeper, stretch = Bookkeeper(rebuilt.network, self._things), Stretch()
        for report in bookkeeper.reports(rebuilt.live(), rejected):
            by_owner[report.uid].append(report)
            await stretch.after(1)
        for uid, reports in by_owner.items():
            yield await self._owner(rebuilt, uid, reports, repair=repair)

    async def _owner(
        self, rebuilt: Rebuilt, uid: int, reports: Sequence[Report], *, repair: bool
    ) -> Audited:
        found = await self._differing(uid, reports)
        if not found or not repair:
            return _audited(_owner_text(uid), found, "found")
        outcomes = await self._engine.book(reports, {uid: (FENCE, rebuilt.last)})
        if any(outcome.status == "superseded" for outcome in outcomes):
            return _audited(_owner_text(uid), found, "busy")
        # What was booked in windows that no transaction has is nothing that a report takes back.
        left = await self._differing(uid, reports)
        return _audited(_owner_text(uid), found, "found" if left else "repaired")

    async def _differing(self, uid: int, reports: Sequence[Report]) -> list[Discrepancy]:
        windows = [Window(each.thing, uid, each.aid, each.ts1, each.ts2) for each in reports]
        standing = await self._engine.reported(windows)
        found: list[Discrepancy] = []
        for report, stands in zip(reports, standing, strict=True):
            if stands.value != report.value:
                place = f"{self._name(report.thing)} {report.aid} {report.ts2}"
                held = str(stands.value) if stands.status == "booked" else NOTHING
                found.append(Discrepancy(_owner_text(uid), place, str(report.value), held, SOURCE))
        return found or await self._wrong_sums(uid, reports)

    async def _wrong_sums(self, uid: int, reports: Sequence[Report]) -> list[Discrepancy]:
        expected: dict[int, int] = defaultdict(int)
        for report in reports:
            expected[report.thing] += report.value
        [sums] = await self._engine.sums([uid], [*expected], [Range(0, TIME_END_S)])
        return [
            Discrepancy(_owner_text(uid), self._name(thing), str(value), str(held), SOURCE)
            for thing, value in expected.items()
            if (held := sums.sums[thing]) != value
        ]

    def _name(self, thing: int) -> str:
        return next(name for name, number in self._things.items() if number == thing)


Held = dict[str, dict[str, str]]
"""Fields or members of keys, all as texts; of a key of another type only that it is one."""

FOREIGN = {"": "a key of another type"}


async def _held(lane: Lane, network: str) -> Held:
    """What the store has of a network, but the stream."""
    names: list[str] = []
    cursor = b"0"
    # The braces are no pattern of Redis; names hold nothing else that is one.
    match = f"{network_root(network)}:*"
    while True:
        cursor, page = await lane.call(("SCAN", cursor, "MATCH", match, "COUNT", SCANNED))
        names += [name.decode() for name in page]
        if cursor == b"0":
            break
    names = sorted({*names} - {events_key(network)})
    return {name: await _contents(lane, name, network) for name in names}


async def _contents(lane: Lane, name: str, network: str) -> dict[str, str]:
    kind = await lane.call(("TYPE", name))
    kind = kind if isinstance(kind, bytes) else str(kind).encode()
    if name == unsettled_key(network):
        return {} if kind in (b"set", b"none") else FOREIGN
    verb = _READS.get(kind)
    if verb is None:
        return FOREIGN if kind != b"none" else {}
    found: dict[str, str] = {}
    cursor = b"0"
    while True:
        cursor, flat = await lane.call((verb, name, cursor, "COUNT", SCANNED))
        for field, value in zip(flat[::2], flat[1::2], strict=True):
            found[field.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        if cursor == b"0":
            return found


def _expected(rebuilt: Rebuilt, key: str) -> dict[str, str]:
    if key in rebuilt.sets:
        return {member: str(score) for member, score in rebuilt.sets[key].items()}
    return rebuilt.hashes.get(key, {})


def _differences(
    key: str, held: Mapping[str, str], expected: Mapping[str, str]
) -> list[Discrepancy]:
    return [
        Discrepancy(key, field, expected.get(field, NOTHING), held.get(field, NOTHING), SOURCE)
        for field in sorted({*held, *expected})
        if held.get(field) != expected.get(field)
    ]


async def _repaired(lane: Lane, rebuilt: Rebuilt, held: Held, keys: Iterable[str]) -> bool:
    """Write what should be, if nobody appended since the stream was read."""
    events = events_key(rebuilt.network)
    commands = [each for key in keys for each in _commands(rebuilt, held.get(key, {}), key)]
    _, newest = await lane.call_all(
        [("WATCH", events), ("XREVRANGE", events, "+", "-", "COUNT", 1)]
    )
    last = int(newest[0][0].partition(b"-")[0]) if newest else 0
    if last != rebuilt.last:
        await lane.call(("UNWATCH",))
        return False
    *_, done = await lane.call_all([("MULTI",), *commands, ("EXEC",)])
    if done is None:
        return False
    failed = next((each for each in done if isinstance(each, Exception)), None)
    if failed is not None:
        raise StoreError(f"redis: {failed}")
    return True


def _commands(rebuilt: Rebuilt, held: Mapping[str, str], key: str) -> Iterator[Command]:
    """What makes a key what it should be."""
    expected = _expected(rebuilt, key)
    is_set = key in rebuilt.sets
    if held == FOREIGN or not expected:
        yield ("DEL", key)
        held = {}
    gone = sorted(held.keys() - expected.keys())
    news = sorted(field for field in expected if held.get(field) != expected[field])
    for start in range(0, len(news), SCANNED):
        some = news[start : start + SCANNED]
        flat: list[Any] = []
        for field in some:
            flat += [expected[field], field] if is_set else [field, expected[field]]
        yield ("ZADD" if is_set else "HSET", key, *flat)
    for start in range(0, len(gone), SCANNED):
        yield ("ZREM" if is_set else "HDEL", key, *gone[start : start + SCANNED])


def _audited(key: str, found: list[Discrepancy], outcome: Verdict) -> Audited:
    return Audited(key, outcome if found else "clean", found)


def _owner_text(uid: int) -> str:
    return f"bookings of {uid}"
