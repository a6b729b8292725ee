"""What one call of a writing script touches, however much an owner holds: counted, not timed."""

from __future__ import annotations

from collections.abc import Sequence

from psd.engine.booking import calls_for, lifetimes
from psd.engine.events import Event
from psd.runtime import Runtime
from psd.store.scripts import load_script
from tests.support.counted_lua import Touched
from tests.support.engine import NOON_S, book, report

BATCH = 100


async def work_of(psd: Runtime, events: Sequence[Event]) -> int:
    """What the calls that book these events touch."""
    touched = Touched(load_script("engine.book"))
    kept = lifetimes(psd.settings.retention, psd.settings.booking, ())
    calls = calls_for(events, range(len(events)), b"key")
    runs = [await touched.run(psd.store.client, c.roots, c.packed(), kept) for c in calls]
    return sum(run.total for run in runs)


def in_one_second(first: int, number: int) -> list[Event]:
    return [report(n, NOON_S, aid=n * 7919 % 65_536) for n in range(first + 1, first + number + 1)]


async def test_a_second_with_five_times_the_activities_is_booked_on_as_cheaply(
    psd: Runtime,
) -> None:
    await book(psd, in_one_second(0, 80))
    few = await work_of(psd, in_one_second(80, BATCH))
    await book(psd, in_one_second(180, 220))
    many = await work_of(psd, in_one_second(400, BATCH))
    assert many < 1.5 * few
