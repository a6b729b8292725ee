"""``psd seal``: logs of columns are packed while everybody books and reads, and tell the same."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest
from click.testing import CliRunner

from psd.cli.main import psd as command
from psd.columns import column_pieces, column_reader, sealing
from psd.columns.column_keys import unit_start
from psd.columns.column_pieces import PartitionRead
from psd.columns.column_reader import ColumnReader
from psd.columns.sealing import OVER_S, Sealer, Sealing, Unit
from psd.engine.events import Report, Withdrawal
from psd.runtime import Runtime
from psd.store.lane import Command, Lane
from psd.store.scripts import load_script
from tests.support.engine import DAY_S, NOON_S, engine_on, report
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.audits import verified

LATER_S = NOON_S + 400 * DAY_S
RANGES = ((0, LATER_S), (NOON_S - 3_000, NOON_S + 40 * DAY_S), (NOON_S + 1_800, NOON_S + 5_400))


@pytest.fixture(params=[1, 4])
async def psd(
    redis_server: RedisServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Runtime]:
    redis_server.flush()
    monkeypatch.setattr(sealing, "QUIET_S", 0)
    async with engine_on(redis_server.url, {"redis.partitions": request.param}) as runtime:
        yield runtime


def bookings(rng: random.Random, number: int, first: int = 0) -> list[Report]:
    """Half of them within an hour, so that logs of a month, of days and of hours are full."""
    return [
        report(
            rng.randrange(1, 500),
            NOON_S + rng.randrange(3_600 if n % 2 else 60 * DAY_S),
            uid=rng.randrange(1, 40),
            aid=first + n,
        )
        for n in range(number)
    ]


async def boards(psd: Runtime) -> list[dict[int, int]]:
    """Everybody's sums of some ranges."""
    reader, found = ColumnReader(psd.store), []
    for start, end in RANGES:
        vector = await reader.everybody(1, start, end, lambda _: None)
        found.append(dict(zip(vector.uids.tolist(), vector.values.tolist(), strict=True)))
    return found


async def sealed_all(psd: Runtime, now_s: float = LATER_S) -> list[Sealing]:
    sealer = Sealer(psd.store.writes, now_s)
    return [each async for each in sealer.run(await sealer.listed())]


async def kinds(psd: Runtime) -> Counter[str]:
    """How many logs there are of which kind, by the length of their labels."""
    names = [key.decode() async for key in psd.store.client.scan_iter("psd:columns:*:[ls]:*")]
    return Counter(f"{name.split(':')[-2]}{len(name.split(':')[-1])}" for name in names)


async def test_boards_are_the_same_and_late_bookings_are_merged(
    psd: Runtime, redis_server: RedisServer
) -> None:
    rng = random.Random("sealed")
    for round_number in range(2):
        await psd.engine.book(bookings(rng, 6_000, first=10_000 * round_number))
        before, raw = await boards(psd), await kinds(psd)
        assert raw["l6"], raw
        done = await sealed_all(psd)
        assert {each.verdict for each in done} <= {"sealed", "kept"}
        assert sum(each.after for each in done) < 0.7 * sum(each.before for each in done)
        assert await boards(psd) == before
        assert (await kinds(psd))["s6"], "months are sealed"
    told = await verified(redis_server.url)
    assert told.exit_code == 0, told.output
    async for key in psd.store.client.scan_iter("psd:columns:*"):
        assert b":draft:" not in key
        assert await psd.store.client.ttl(key) == -1, key


async def test_what_cancels_in_another_log_and_comes_late_again_is_exact(
    psd: Runtime, redis_server: RedisServer
) -> None:
    """A full month's log keeps what its days' logs take back, sealed or not; it takes more then."""
    rng, events = random.Random("cancelled"), bookings(random.Random("first"), 9_000)
    held = {(each.uid, each.aid): each for each in events}
    await psd.engine.book(events)
    raw = await kinds(psd)
    assert raw["l8"] > 0, "months are full"
    for number in range(3):
        corrected = [
            report(rng.choice((0, 7, -7)), each.ts2, uid=each.uid, aid=each.aid)
            for each in rng.sample(sorted(held.values(), key=str), 700)
        ]
        late = bookings(rng, 700, first=100_000 * (number + 1))
        gone = rng.sample(sorted(held.keys() - {(c.uid, c.aid) for c in corrected}), 50)
        held |= {(each.uid, each.aid): each for each in (*corrected, *late)}
        await psd.engine.book([*corrected, *late])
        await psd.engine.book([Withdrawal(*each, (1,), "", "ops", NOON_S) for each in gone])
        held = {key: each for key, each in held.items() if key not in gone}
        for _ in range(2):
            assert await boards(psd) == [plain_board(held.values(), *range_) for range_ in RANGES]
            assert "spoiled" not in {each.verdict for each in await sealed_all(psd)}
    told = await verified(redis_server.url)
    assert told.exit_code == 0, told.output


def plain_board(held: Iterable[Report], start: int, end: int) -> dict[int, int]:
    """Everybody with a booking, and the sum of each in the range."""
    sums: dict[int, int] = {}
    for each in held:
        if each.value:
            within = each.value if start <= each.ts2 < end else 0
            sums[each.uid] = sums.get(each.uid, 0) + within
    return sums


async def test_a_log_that_is_sealed_between_two_trips_of_a_board_is_not_missed(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process knows the unit's sealed log, and nothing yet of the log that came beside it."""
    await psd.engine.book(bookings(random.Random("first"), 20_000))
    await sealed_all(psd)
    reader, [_, _, range_] = ColumnReader(psd.store), RANGES
    await reader.everybody(1, *range_, lambda _: None)
    late = [
        report(1, NOON_S + 1_900 + n % 1_000, uid=1 + n % 39, aid=90_000 + n) for n in range(9_000)
    ]
    await psd.engine.book(late)
    assert {"l8", "l10"} <= (await kinds(psd)).keys(), "the month's log is full again"
    wanted = (await boards(psd))[2]
    real, there = psd.store.reads.call_all, load_script("columns.there").sha

    async def call_all(commands: Sequence[Command]) -> list[Any]:
        if commands[0][:2] == ("EVALSHA", there):
            await sealed_all(psd)
        return await real(commands)

    monkeypatch.setattr(psd.store.reads, "call_all", call_all)
    vector = await reader.everybody(1, *range_, lambda _: None)
    assert dict(zip(vector.uids.tolist(), vector.values.tolist(), strict=True)) == wanted


async def test_a_sealed_log_that_is_merged_while_a_board_is_read_in_pieces_is_noticed(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The merged log is as long as it was, and its last record is the same."""
    events = [report(10, NOON_S + n, uid=1 + n % 39, aid=n) for n in range(900)]
    corrections = [report(17, e.ts2, uid=e.uid, aid=e.aid) for e in events[:100]]
    await psd.engine.book(events)
    await sealed_all(psd)
    for module in (column_pieces, column_reader):
        monkeypatch.setattr(module, "PIECE_BYTES", 160)
    real, is_corrected, turn = PartitionRead._add_stretch, False, asyncio.Lock()

    async def add_stretch(self: PartitionRead, *arguments: Any) -> None:
        nonlocal is_corrected
        async with turn:
            if not is_corrected:
                is_corrected = True
                await psd.engine.book(corrections)
                assert "sealed" in {each.verdict for each in await sealed_all(psd)}
        await real(self, *arguments)

    monkeypatch.setattr(PartitionRead, "_add_stretch", add_stretch)
    range_ = (NOON_S + 50, NOON_S + 40 * DAY_S)
    now = {(e.uid, e.aid): e for e in events}
    now |= {(e.uid, e.aid): e for e in corrections}
    vector = await ColumnReader(psd.store).everybody(1, *range_, lambda _: None)
    told = dict(zip(vector.uids.tolist(), vector.values.tolist(), strict=True))
    assert is_corrected
    assert told == plain_board(now.values(), *range_)


@pytest.mark.parametrize("size", ["whole", "pieces"])
async def test_what_is_booked_and_read_beside_a_sealing_is_exact(
    psd: Runtime, redis_server: RedisServer, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if size == "pieces":
        for module in (column_pieces, column_reader, sealing):
            monkeypatch.setattr(module, "PIECE_BYTES", 1_600)
    rng, is_over = random.Random("beside"), asyncio.Event()
    await psd.engine.book(bookings(rng, 2_000))
    [_, before, _], verdicts, reads = await boards(psd), Counter[str](), 0

    async def seal() -> None:
        while not is_over.is_set():
            verdicts.update(each.verdict for each in await sealed_all(psd))

    async def read() -> None:
        nonlocal reads
        while not is_over.is_set():
            vector = await ColumnReader(psd.store).everybody(1, *RANGES[1], lambda _: None)
            assert dict(zip(vector.uids.tolist(), vector.values.tolist(), strict=True)) == before
            reads += 1

    async def book() -> None:
        number = 0
        while number < 20 or verdicts["sealed"] < 5 or reads < 3:
            number += 1
            early = [
                report(7, NOON_S - DAY_S - n, uid=1 + n % 39, aid=100_000 + 20 * number + n)
                for n in range(20)
            ]
            await psd.engine.book(early)
        is_over.set()

    await asyncio.gather(seal(), read(), book())
    await sealed_all(psd)
    told = await verified(redis_server.url)
    assert told.exit_code == 0, told.output


async def test_a_log_that_is_booked_on_while_it_is_packed_stays(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await psd.engine.book([report(n, NOON_S + n, aid=n) for n in range(1, 40)])
    real = Sealer._draft

    async def draft(self: Sealer, lane: Lane, unit: Unit, packed: bytes) -> str:
        key = await real(self, lane, unit, packed)
        await psd.engine.book([report(5, NOON_S + 77, aid=77)])
        return key

    monkeypatch.setattr(Sealer, "_draft", draft)
    assert [each.verdict for each in await sealed_all(psd)] == ["changed"]
    assert [kind async for kind in psd.store.client.scan_iter("*:draft:*")] == []
    assert await kinds(psd) == {"l6": 1}


async def test_of_two_that_seal_one_log_one_does(psd: Runtime) -> None:
    """The log has the same length again when the second comes to put its own in the place."""
    await psd.engine.book([report(n, NOON_S + n, aid=n) for n in range(1, 40)])
    sealer = Sealer(psd.store.writes, LATER_S)
    [unit] = await sealer.listed()
    lane = await psd.store.writes.lane_of(unit.log)
    slow = await sealer._draft(lane, unit, await sealer._packed(lane, unit, unit.size, 0))
    assert [each.verdict async for each in sealer.run([unit])] == ["sealed"]
    [packed] = [await psd.store.client.get(unit.sealed)]
    await psd.store.client.delete(unit.sealed)
    await psd.store.client.set(unit.log, bytes(unit.size))
    swap = ("EVALSHA", load_script("columns.seal").sha, 4, unit.log, unit.sealed, slow)
    seals = f"{unit.root}:seals"
    assert await lane.call((*swap, seals, 0, unit.size, 0, len(packed))) == 0
    assert await psd.store.client.get(unit.log) == bytes(unit.size)


async def test_what_was_withdrawn_is_in_no_sealed_log(psd: Runtime) -> None:
    await psd.engine.book([report(n, NOON_S + n, uid=1 + n % 2, aid=n) for n in range(1, 40)])
    units = await Sealer(psd.store.writes, LATER_S).listed()
    for n in range(1, 40):
        await psd.engine.book([Withdrawal(1 + n % 2, n, (1,), "", "ops", NOON_S)])
    assert {each.after for each in await sealed_all(psd)} == {0}
    assert [await psd.store.client.exists(unit.log, unit.sealed) for unit in units] == (
        [0] * len(units)
    )


async def test_only_what_is_over_and_was_not_written_is_sealed(psd: Runtime) -> None:
    await psd.engine.book([report(n, NOON_S + n, aid=n) for n in range(1, 40)])
    may_s = unit_start("201605")
    assert await sealed_all(psd, may_s + OVER_S - 1) == []
    sealer = Sealer(psd.store.writes, may_s + OVER_S)
    units = await sealer.listed()
    await psd.engine.book([report(5, NOON_S + 99, aid=99)])
    assert [each.verdict async for each in sealer.run(units)] == ["changed"]
    [again] = await sealed_all(psd, may_s + OVER_S)
    assert (again.verdict, again.before) == ("sealed", 640)
    assert [each async for each in Sealer(psd.store.writes, LATER_S, {2}).run([])] == []


async def test_a_spoiled_log_is_left_to_the_audit(psd: Runtime, redis_server: RedisServer) -> None:
    await psd.engine.book([report(n, NOON_S + n, aid=n) for n in range(1, 40)])
    [unit] = await Sealer(psd.store.writes, LATER_S).listed()
    await psd.store.client.append(unit.log, b"x")
    code, told = await psd_seal(redis_server)
    assert (code, told) == (
        1,
        f"{unit.log}: spoiled, see psd verify\n0 logs sealed: 0 -> 0 bytes\n",
    )


async def test_the_command_tells_what_it_would_do_then_does_it(
    psd: Runtime, redis_server: RedisServer
) -> None:
    await psd.engine.book([report(n, NOON_S + n, aid=n) for n in range(1, 40)])
    before = await boards(psd)
    preview = await psd_seal(redis_server, "--dry-run")
    assert preview == (0, "1 log would be sealed: 624 -> 246 bytes\n")
    assert await psd_seal(redis_server, "--thing", "calories") == (
        0,
        "0 logs sealed: 0 -> 0 bytes\n",
    )
    assert await psd_seal(redis_server, "--thing", "steps") == (
        0,
        "1 log sealed: 624 -> 246 bytes\n",
    )
    assert await psd_seal(redis_server) == (0, "0 logs sealed: 0 -> 0 bytes\n")
    assert await boards(psd) == before
    assert (await psd_seal(redis_server, "--thing", "nonsense"))[0] == 2


async def test_a_repair_of_the_whole_store_seals_what_was_quiet(
    psd: Runtime, redis_server: RedisServer
) -> None:
    await psd.engine.book([report(n, NOON_S + n, aid=n) for n in range(1, 40)])
    told = await verified(redis_server.url, "--repair")
    assert told.exit_code == 0, told.output
    assert await kinds(psd) == {"s6": 1}


async def psd_seal(redis_server: RedisServer, *arguments: str) -> tuple[int, str]:
    """Exit code and what it printed."""
    called = ("--set", f"redis.url={redis_server.url}", "seal", *arguments)
    result = await asyncio.to_thread(CliRunner().invoke, command, called)
    return result.exit_code, result.stdout
