"""How long single script calls hold Redis for the heaviest inputs that one user may send.

::

    .venv/bin/python -m bench.holds               # all inputs
    .venv/bin/python -m bench.holds second chain  # some
    .venv/bin/python -m bench.holds minutes full  # of those that read (bench/held_reads.py)

Each input is sent as a server sends it, batch by batch, to a private Redis whose SLOWLOG has
every call. The table has the slowest call, all calls together, and what became of the events. Each
input is sent RUNS times to an empty server, and of a call the quickest time counts: what the others
have more was somebody else's. The figures are of one machine; what calls touch is counted in
tests/contract/test_booking_work.py.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.held_reads import READS
from bench.held_reads import SCRIPTS as READING
from bench.processes import redis_server
from psd.config_sources import load_settings
from psd.engine.events import Count, Event, Report, Withdrawal
from psd.runtime import Runtime, open_runtime
from psd.store.scripts import load_script

NOON_S = 1_460_462_400
BATCH = 500
RUNS = 3
SCRIPTS = ("engine.book", "engine.withdraw")
Batches = Iterator[list[Event]]


def _report(value: int, ts1: int, ts2: int, aid: int, atid: int = 2) -> Report:
    return Report(1, 1, atid, aid, value, ts1, ts2)


def _batches(events: list[Event]) -> Batches:
    for start in range(0, len(events), BATCH):
        yield events[start : start + BATCH]


def second() -> Batches:
    """20 requests of 500 activities, all in one second."""
    return _batches([_report(n + 1, NOON_S, NOON_S, n) for n in range(20 * BATCH)])


def days() -> Batches:
    """6,000 rows of dates without hours, 300 a day."""
    rows = [(NOON_S + n // 300 * 86_400, n) for n in range(6_000)]
    return _batches([_report(n + 1, at, at, n) for at, n in rows])


def types() -> Batches:
    """5,000 types of one second, ids and values of every width."""
    return _batches([_report(1 << n % 36, NOON_S, NOON_S, n, n << n % 40) for n in range(5_000)])


def chain() -> Batches:
    """Windows that meet at their ends, each changing all later ones when the first come last."""
    late_first = [
        _report(n % 7 + 1, NOON_S + n * 60, NOON_S + (n + 1) * 60, 9) for n in range(2000)
    ]
    return _batches([*late_first[200:], *reversed(late_first[:200])])


def hour() -> Batches:
    """4,500 windows of one hour of one activity in random order."""
    sent: list[Event] = []
    for n in range(4_500):
        ts2 = NOON_S + n % 3_600
        sent.append(_report(n % 9, ts2 - n % 50 * (n // 3_600 + 1), ts2, 9))
    random.Random(1).shuffle(sent)
    return _batches(sent)


def widths() -> Batches:
    """200 months of 120 bookings, then a wide one in each, then narrow ones again."""
    months = [month * 30 * 86_400 for month in range(24, 224)]
    leaves = [_report(1, at + n, at + n, n) for at in months for n in range(120)]
    for value in (2**40, 1, 2**40):
        leaves += [_report(value, at, at, 0, 2) for at in months]
    return _batches([*leaves])


def splits() -> Batches:
    """200 months over the border at which they split, and back, again and again."""
    months = [month * 30 * 86_400 for month in range(24, 224)]
    sent: list[Event] = [_report(1, at + n, at + n, n) for at in months for n in range(128)]
    for value in (1, 0, 1, 0):
        sent += [_report(value, at, at, 500) for at in months]
    return _batches(sent)


def hours() -> Batches:
    """A count in each of 20,000 hours, then some late ones."""
    sent: list[Event] = [Count("c", 1, NOON_S + n * 3_600, f"{n}") for n in range(20_000)]
    late = [Count("c", 1, NOON_S + n * 7_200, f"late {n}") for n in range(2_000)]
    return _batches([*sent, *late])


def collisions() -> Batches:
    """20,000 activities whose ids all fall into one shard."""
    # 16 bits of a multiplication choose the shard (lua/lib/shards.lua): these are all 77.
    inverse = pow(40_503, -1, 2**32)
    unsigned = [inverse * (77 << 16 | n) % 2**32 for n in range(20_000)]
    aids = [aid - 2**32 if aid >= 2**31 else aid for aid in unsigned if aid >= 2**16]
    return _batches([_report(1, NOON_S + n, NOON_S + n, aid) for n, aid in enumerate(aids)])


def withdrawal() -> Batches:
    """20,000 reports of one activity over two years, withdrawn."""
    yield from _batches([_report(1, at := NOON_S + n * 3_000, at, 9) for n in range(20_000)])
    yield [Withdrawal(1, 9, (1, 2), "", "bench", NOON_S)]


INPUTS: dict[str, Callable[[], Batches]] = {
    each.__name__: each
    for each in (second, days, types, chain, hour, widths, splits, hours, collisions, withdrawal)
}


async def _read(psd: Runtime, name: str) -> dict[str, list[list[float]]]:
    """Milliseconds of each call of the scripts that read, by script, of RUNS runs."""
    for batch in _batches(list(READS[name].events())):
        await psd.engine.book(batch)
    client = psd.store.client
    names = {load_script(script).sha: script for script in READING}
    await client.config_set("slowlog-log-slower-than", 0)
    await client.config_set("slowlog-max-len", 200_000)
    runs: dict[str, list[list[float]]] = {}
    for _ in range(RUNS):
        await client.slowlog_reset()
        await READS[name].ask(psd)
        held: dict[str, list[float]] = {}
        for each in await client.slowlog_get(200_000):
            words = each["command"].split(b" ", 2)
            if words[0].upper() == b"EVALSHA" and words[1] in names:
                held.setdefault(names[words[1]], []).append(each["duration"] / 1000)
        for script, calls in held.items():
            runs.setdefault(script, []).append(calls)
    return runs


async def _run(psd: Runtime, batches: Batches) -> tuple[list[float], Counter[str]]:
    """Milliseconds of each script call, and outcomes."""
    client = psd.store.client
    shas = {load_script(name).sha for name in SCRIPTS}
    await client.config_set("slowlog-log-slower-than", 0)
    await client.config_set("slowlog-max-len", 200_000)
    await client.slowlog_reset()
    statuses: Counter[str] = Counter()
    for batch in batches:
        statuses.update(outcome.status for outcome in await psd.engine.book(batch))
    entries = await client.slowlog_get(200_000)
    held = [each for each in entries if any(sha in each["command"] for sha in shas)]
    return [each["duration"] / 1000 for each in held], statuses


async def _main(names: list[str]) -> None:
    await _main_reads([name for name in names or READS if name in READS])
    writes = [name for name in names or INPUTS if name not in READS]
    if writes:
        print(f"{'input':12} {'slowest ms':>10} {'calls':>6} {'all ms':>8}  outcomes")
    for name in writes:
        runs = [await _run_alone(name) for _ in range(RUNS)]
        calls = {len(held) for held, _ in runs}
        assert len(calls) == 1, f"{name}: {calls} calls, which are not the same in each run"
        held = [min(of_call) for of_call in zip(*(held for held, _ in runs), strict=True)]
        told = ", ".join(f"{number} {status}" for status, number in runs[0][1].items())
        print(f"{name:12} {max(held):10.1f} {len(held):6} {sum(held):8.0f}  {told}", flush=True)


async def _main_reads(names: list[str]) -> None:
    if names:
        print(f"{'input':12} {'slowest ms':>10} {'calls':>6} {'all ms':>8}  script that reads")
    for name in names:
        async with _alone() as psd:
            for script, runs in sorted((await _read(psd, name)).items()):
                # Calls may be parted otherwise in another run; mostly they are not.
                alike = [calls for calls in runs if len(calls) == len(runs[0])]
                held = [min(of_call) for of_call in zip(*alike, strict=True)]
                row = f"{max(held):10.1f} {len(held):6} {sum(held):8.0f}  {script}"
                print(f"{name:12} {row}", flush=True)


async def _run_alone(name: str) -> tuple[list[float], Counter[str]]:
    """One run of an input on a server of its own."""
    async with _alone() as psd:
        return await _run(psd, INPUTS[name]())


@asynccontextmanager
async def _alone() -> AsyncIterator[Runtime]:
    """A runtime on a server of its own."""
    with tempfile.TemporaryDirectory() as name_of, redis_server(Path(name_of) / "r") as socket:
        own = {
            "redis.url": f"unix://{socket}",
            "redis.durability": "fast",
            "redis.timeout_s": 30,
        }
        psd = await open_runtime(load_settings(flags=own).settings, archiving=False)
        try:
            yield psd
        finally:
            await psd.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
