"""What many meters cost: ``python -m bench.meter_scale [--meters N] [--days N] [--interleaved]``.

A Redis of its own is loaded with the half-hours of so many meters, 48 a message, or interleaved:
then each message is one half-hour, the next one of another meter. Told are, by day of the load,
Redis' CPU and memory and the time that one process takes; then what people wait who ask::

    3,000 meters, 1 days, 48 a message
    day 1: 10 MB, 71.6 B an interval, Redis 23.9 us an interval, 18 s, 8,208 intervals/s
    usage of a day by half-hour: 50 questions, p50 2.65 ms, first 280 ms, slowest 280 ms
    board of all meters over a day: 3 questions, p50 2.54 ms, first 7.73 ms, slowest 7.73 ms

Energy of some meters is held against plain addition: a wrong sum ends it.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from bench import machine
from bench.energy_load import A_DAY, HALF_HOUR_S, Interval, message, meter_of, midnight
from bench.figures import Figure
from bench.model import check
from bench.processes import redis_server
from bench.psd_system import environ_for
from bench.redis_cost import RedisCost
from bench.sections.intervals import MESSAGES_AT_ONCE, book
from psd.config_sources import load_settings
from psd.energy.channels import THINGS, meter_uid
from psd.engine.series import BucketQuestion
from psd.queries.requests import LeaderboardQuery
from psd.runtime import Runtime, open_runtime

ASKED_METERS = 50
ASKED_BOARDS = 3
PLACES = 10
DAY_S = 86_400

METERS_AT_ONCE = 200
"""Of whom each sends 48 in a message: 9,600 reports a booking, 0.2 s of Redis."""


def main() -> None:
    """Parse, load, ask."""
    parser = argparse.ArgumentParser(prog="python -m bench.meter_scale", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--meters", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--interleaved", action="store_true", help="a half-hour a message")
    arguments = parser.parse_args()
    uvloop.run(run(arguments.meters, arguments.days, is_interleaved=arguments.interleaved))


async def run(meters: int, days: int, *, is_interleaved: bool) -> None:
    """Load day by day, then ask."""
    how = "interleaved" if is_interleaved else "48 a message"
    print(f"{machine.describe()}\n{meters:,} meters, {days} days, {how}")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="psd-meters-")))
        socket = stack.enter_context(redis_server(folder / "redis"))
        # A year of everybody is more than a server may answer at once; a day is not.
        runtime = await open_runtime(load_settings(environ=environ_for(socket)).settings)
        stack.push_async_callback(runtime.close)
        cost = stack.enter_context(RedisCost(socket))
        for day in range(days):
            await _load(runtime, cost, meters, day, is_interleaved=is_interleaved)
        await _ask(runtime, meters, days)


def half_hours_of(meters: range, day: int) -> list[Interval]:
    """What meters send on a day, each one's in order."""
    first = midnight(1) + day * DAY_S
    return [
        (meter, first + place * HALF_HOUR_S, 20_000 + (meter * 7_919 + place * 104_729) % 880_000)
        for meter in meters
        for place in range(A_DAY)
    ]


def _batches(meters: int, day: int, *, is_interleaved: bool) -> Iterator[list[bytes]]:
    """Messages of a day as a worker takes them; no more than that is in memory at once."""
    if is_interleaved:
        for place in range(A_DAY):
            for at in range(0, meters, MESSAGES_AT_ONCE):
                some = range(at, min(at + MESSAGES_AT_ONCE, meters))
                own = half_hours_of(some, day)[place::A_DAY]
                yield [message(meter, [(start, mwh)]) for meter, start, mwh in own]
        return
    for at in range(0, meters, METERS_AT_ONCE):
        some = range(at, min(at + METERS_AT_ONCE, meters))
        own = half_hours_of(some, day)
        yield [
            message(own[first][0], [row[1:] for row in own[first : first + A_DAY]])
            for first in range(0, len(own), A_DAY)
        ]


async def _load(
    runtime: Runtime, cost: RedisCost, meters: int, day: int, *, is_interleaved: bool
) -> None:
    before, intervals = cost.footprint(), meters * A_DAY
    started = time.perf_counter()

    async def load() -> None:
        for bodies in _batches(meters, day, is_interleaved=is_interleaved):
            await book(runtime, bodies)

    cpu_us = await cost.cpu_us(load())
    taken_s = time.perf_counter() - started
    used = cost.footprint().since(before)
    print(
        f"day {day + 1}: {used.memory_bytes / 1e6:,.0f} MB, "
        f"{used.memory_bytes / intervals:.1f} B an interval, "
        f"Redis {cpu_us / intervals:.1f} us an interval, "
        f"{taken_s:,.0f} s, {intervals / taken_s:,.0f} intervals/s",
        flush=True,
    )


async def _ask(runtime: Runtime, meters: int, days: int) -> None:
    thing = runtime.settings.numbers[THINGS["import"]]
    draw = random.Random("meter scale")
    last = midnight(1) + (days - 1) * DAY_S
    asked = [draw.randrange(meters) for _ in range(ASKED_METERS)]

    async def usage(meter: int) -> None:
        uid, edges = meter_uid(meter_of(meter)), range(last, last + DAY_S + 1, HALF_HOUR_S)
        question = BucketQuestion(thing, list(edges))
        [found] = await runtime.engine.series([uid], question)
        own = [mwh for _, _, mwh in half_hours_of(range(meter, meter + 1), days - 1)]
        check("psd", f"half-hours of {meter}", list(found[None].sums), own)

    question = LeaderboardQuery(
        thing=THINGS["import"], all=True, start=last, end=last + DAY_S, limit=PLACES
    )

    async def board(_: int) -> None:
        found = await runtime.queries.leaderboard(question)
        check(
            "psd",
            "meters of the board, and places",
            (found.total, len(found.data)),
            (meters, PLACES),
        )

    await _timed("usage of a day by half-hour", usage, asked)
    await _timed("board of all meters over a day", board, range(ASKED_BOARDS))


async def _timed(what: str, ask: Callable[[int], Awaitable[None]], asked: Sequence[int]) -> None:
    """Print what a client waits; the first question of its kind, too, as of a board it is cold."""
    taken = []
    for each in asked:
        started = time.perf_counter()
        await ask(each)
        taken.append((time.perf_counter() - started) * 1e3)
    figure, first = Figure(tuple(taken)), taken[0]
    print(
        f"{what}: {len(taken)} questions, p50 {figure.median:.3g} ms, "
        f"first {first:.3g} ms, slowest {max(taken):.3g} ms"
    )


if __name__ == "__main__":
    main()
