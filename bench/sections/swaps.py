"""(s) The ledger of swaps: swaps a second of one server, and what people look at.

One ``psd server`` that archives, ``durable``, 48 connections with a driver each, beside the same
rules on PostgreSQL 15 as the original has them (bench/peers/postgres_swaps.py), 48 connections
too, whose commits wait for the disk. Then one driver with 10,000 swaps: his page, the days of a
year, and the correction of one of his first swaps; each answer of psd is held against the peer's.
The station's page is of a network of 5,000 batteries.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from bench.figures import Figure, Measurement, Row, Target, interleaved
from bench.model import check
from bench.peers.postgres_swaps import DAY_S, PAGE_ROWS, SwapTables, swap_tables
from bench.processes import NotInstalledError, redis_server
from bench.swap_load import (
    DRIVERS,
    ROOT,
    START_S,
    SwapServer,
    battery_of,
    book,
    message_of,
    registered,
    swap_of,
    swap_server,
)
from bench.workbench import Workbench
from psd.runtime import Runtime
from psd.swaps.part import SwapsPart

RATE_TARGET = Target(">=", 300.0, 600.0, of="psd")
PAGE_TARGET = Target("<=", 50.0, 25.0, of="psd")
BATCH = 100
CORRECTED = 10
"""The turn that is corrected first: all but ten of the driver's swaps are later."""

LOOKS = 20

OLD_DRIVER = 0
FIRST_DAY, YEAR_DAYS = START_S // DAY_S, 366
YEAR = "start=2020-01-01&end=2021-01-01"


async def run(bench: Workbench) -> None:
    """How many, then how long."""
    async with AsyncExitStack() as stack:
        peers: list[SwapTables] = []
        try:
            tables = swap_tables(bench.folder("swaps-postgres"), DRIVERS)
            peers = await stack.enter_async_context(tables)
        except NotInstalledError as exc:
            bench.notes.append(f"section s has no peer: {exc} is not installed")
        if peers:
            drivers = [f"D{number}" for number in range(DRIVERS)]
            batteries = {f"B{number}": f"S{number % DRIVERS}" for number in range(2 * DRIVERS)}
            await peers[0].create(drivers, batteries)
        await _rates(bench, peers)
    async with AsyncExitStack() as stack:
        peer = None
        if peers:
            [peer] = await stack.enter_async_context(swap_tables(bench.folder("swaps-old"), 1))
            await peer.create(["D0"], {battery_of(0, turn): "S0" for turn in range(2)})
        await _looks(bench, stack, peer)


async def _rates(bench: Workbench, peers: list[SwapTables]) -> None:
    """Swaps a second, turn by turn."""
    with redis_server(bench.folder("swaps"), durable=True) as socket:
        async with registered(socket, 0):
            pass
        log, archive = bench.folder("swaps.log"), bench.folder("swaps-archive")
        async with swap_server(socket, log, archive, "durable") as server:
            ids = itertools.count()

            async def add(driver: int, turn: int) -> None:
                await server.add(swap_of(driver, turn), f"{next(ids)}")

            async def add_row(driver: int, turn: int) -> None:
                await peers[driver].add(swap_of(driver, turn))

            measurements: dict[str, Measurement] = {"psd": Load(bench.sizes.swaps, add).per_s}
            if peers:
                measurements["peer"] = Load(bench.sizes.swaps, add_row).per_s
            before_ms = server.cpu_ms()
            taken = await interleaved(bench.sizes.repetitions, measurements)
            cpu = Figure(((server.cpu_ms() - before_ms) / next(ids),))
            if peers:
                await _compare_days(server, peers[0])
    measure = f"swaps added, {DRIVERS} connections, durable"
    theirs = taken.get("peer")
    bench.add(
        Row("s", measure, "swaps/s", taken["psd"], SwapTables.name, theirs, RATE_TARGET),
        Row("s", "CPU of the server, a swap", "ms", cpu),
    )


class Load:
    """Adds so many swaps at each call, by one connection a driver."""

    def __init__(self, count: int, add: Callable[[int, int], Awaitable[None]]) -> None:
        self._each = count // DRIVERS
        self._add = add
        self._turns = 0

    async def per_s(self) -> float:
        """Swaps a second."""
        started = time.perf_counter()
        await asyncio.gather(*(self._of(driver) for driver in range(DRIVERS)))
        self._turns += self._each
        return self._each * DRIVERS / (time.perf_counter() - started)

    async def _of(self, driver: int) -> None:
        for turn in range(self._turns, self._turns + self._each):
            await self._add(driver, turn)


async def _looks(bench: Workbench, stack: AsyncExitStack, peer: SwapTables | None) -> None:
    """What one looks at, and a correction."""
    count = bench.sizes.swaps_of_one
    socket = stack.enter_context(redis_server(bench.folder("swaps-of-one"), durable=True))
    async with registered(socket, bench.sizes.swap_batteries) as runtime:
        numbers = await _history(runtime, count)
    theirs = [await peer.add(swap_of(OLD_DRIVER, turn)) for turn in range(count)] if peer else []
    log, archive = bench.folder("looks.log"), bench.folder("looks-archive")
    server = await stack.enter_async_context(swap_server(socket, log, archive, "durable"))
    await server.sign_in()
    taken = await interleaved(LOOKS, _measurements(server, peer))
    taken |= await interleaved(LOOKS, {f"{name} CPU": cpu for name, cpu in _cpu(server).items()})
    corrections: dict[str, Measurement] = {"psd": Corrections(server, numbers).one_ms}
    if peer:
        await _compare_page(server, peer)
        await _compare_days(server, peer)
        corrections["peer"] = Corrections(peer, theirs).one_ms
    taken |= {
        f"{name} correction": figure
        for name, figure in (await interleaved(bench.sizes.repetitions, corrections)).items()
    }
    if peer:
        await _compare_days(server, peer)
    _tell(bench, taken, count)


def _tell(bench: Workbench, taken: dict[str, Figure], count: int) -> None:
    name, batteries = SwapTables.name, bench.sizes.swap_batteries
    bench.add(
        Row(
            "s",
            f"driver's page, {PAGE_ROWS} of {count:,} swaps",
            "ms",
            taken["psd page"],
            name,
            taken.get("peer page"),
            PAGE_TARGET,
            note="" if "peer page" in taken else "not installed",
        ),
        Row("s", "CPU of the server, such a page", "ms", taken["psd page CPU"]),
        Row("s", "days of a year", "ms", taken["psd days"], name, taken.get("peer days")),
        Row("s", "CPU of the server, these days", "ms", taken["psd days CPU"]),
        Row(
            "s",
            f"correction of an old one of {count:,} swaps",
            "ms",
            taken["psd correction"],
            name,
            taken.get("peer correction"),
        ),
        Row("s", f"station's page, {batteries:,} batteries", "ms", taken["psd station"]),
        Row("s", "CPU of the server, such a page", "ms", taken["psd station CPU"]),
    )


Look = Callable[[], Awaitable[Any]]


def _psd_looks(server: SwapServer) -> dict[str, Look]:
    return {
        "psd page": lambda: server.text("/swaps/driver/1/"),
        "psd days": lambda: server.text(f"{ROOT}/drivers/1/days?{YEAR}"),
        "psd station": lambda: server.text("/swaps/charging_station/1/"),
    }


def _cpu(server: SwapServer) -> dict[str, Measurement]:
    """Each look at psd, in milliseconds of the server's CPU."""

    def spent(look: Look) -> Measurement:
        async def ms() -> float:
            before_ms = server.cpu_ms()
            await look()
            return server.cpu_ms() - before_ms

        return ms

    return {name: spent(look) for name, look in _psd_looks(server).items()}


def _measurements(server: SwapServer, peer: SwapTables | None) -> dict[str, Measurement]:
    """Each look, in milliseconds of the one who looks."""
    looks = _psd_looks(server)
    if peer is not None:
        looks["peer page"] = lambda: peer.page("D0")
        looks["peer days"] = lambda: peer.days("D0", FIRST_DAY, FIRST_DAY + YEAR_DAYS)
    return {name: _timed(look) for name, look in looks.items()}


def _timed(look: Look) -> Measurement:
    async def ms() -> float:
        started = time.perf_counter()
        await look()
        return (time.perf_counter() - started) * 1e3

    return ms


class Corrections:
    """Corrects one old swap after the other: its odometer was one short."""

    def __init__(self, system: SwapServer | SwapTables, numbers: list[int]) -> None:
        self._system = system
        self._numbers = numbers
        self._turn = CORRECTED

    async def one_ms(self) -> float:
        """Milliseconds of one more."""
        turn, self._turn = self._turn, self._turn + 1
        n, swap = self._numbers[turn], swap_of(OLD_DRIVER, turn)
        right = swap._replace(odometer=swap.odometer + 1)
        started = time.perf_counter()
        if isinstance(self._system, SwapServer):
            await self._system.correct(n, right, f"right {turn}")
        else:
            await self._system.correct(right._replace(corrects=n))
        return (time.perf_counter() - started) * 1e3


async def _history(runtime: Runtime, count: int) -> list[int]:
    """Swaps of one driver, in batches; their numbers."""
    swaps = [swap_of(OLD_DRIVER, turn) for turn in range(count)]
    for start in range(0, count, BATCH):
        some = swaps[start : start + BATCH]
        await book(runtime, [message_of(swap, f"{start + at}") for at, swap in enumerate(some)])
    first = await runtime.part(SwapsPart).ledger().number_of("0")
    assert first is not None, "it was booked"
    return list(range(first, first + count))


async def _compare_days(server: SwapServer, peer: SwapTables) -> None:
    """The days of driver 0 in both."""
    told = await server.json(f"{ROOT}/drivers/1/days?{YEAR}")
    ours = {
        FIRST_DAY + at: (each["ride_distance"], each["energy_used"])
        for at, each in enumerate(told["data"])
        if each["transactions"]
    }
    rows = await peer.days("D0", FIRST_DAY, FIRST_DAY + YEAR_DAYS)
    theirs = {day: (int(distance), int(energy)) for day, distance, energy in rows}
    check(SwapTables.name, "days of a driver", theirs, ours)


async def _compare_page(server: SwapServer, peer: SwapTables) -> None:
    """The newest transactions of driver 0 in both, with what follows from each."""
    told = await server.json(f"{ROOT}/drivers/1/transactions?limit={PAGE_ROWS}")
    names = ("odometer", "ride_distance", "energy_used", "charge_amount")
    ours = [tuple(each[name] for name in names) for each in told["data"]]
    theirs = [row[7:11] for row in await peer.page("D0")]
    check(SwapTables.name, "page of a driver", theirs, ours)
