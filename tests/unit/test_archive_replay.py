"""A replay brings back what the store lost and changes nothing else, whenever it is run."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.archive.entries import Entry, frame_of
from psd.archive.order import day_of
from psd.archive.reader import read_entries
from psd.archive.replay import MARGIN_S, AcceptedTimes, Replay, ReplaySummary
from psd.clock import ManualClock
from psd.engine.event_rules import EventRules
from psd.engine.events import Event
from psd.engine.outcomes import Outcome
from psd.errors import StoreUnavailableError
from tests.support.plain.model import ModelEngine

NOW_S = 1_460_462_400
HORIZON_S = 691_200
HOUR_S = 3600
ALL = AcceptedTimes(0, NOW_S * 1000)
RULES = EventRules({"steps": 1})


def metric(value: int, aid: int = 3, **fields: Any) -> dict[str, Any]:
    at = fields.pop("at", NOW_S - 100 * HOUR_S)
    return {"thing": "steps", "uid": 1, "aid": aid, "value": value, "ts2": at, "ts1": at, **fields}


def entry(ago_s: int, *metrics: dict[str, Any], name: str = "") -> Entry:
    body = msgspec.json.encode({"command": "metrics", "metrics": metrics})
    return Entry((NOW_S - ago_s) * 1000, name, body)


def counted(ago_s: int, message_id: str, value: int = 1) -> Entry:
    fields = {"thing": "signups", "value": value, "ts": NOW_S - ago_s}
    return Entry(
        (NOW_S - ago_s) * 1000,
        message_id,
        msgspec.json.encode({"command": "count", "count": fields}),
    )


def increment(event_id: str, value: int, ago_s: int) -> dict[str, Any]:
    return metric(value, at=NOW_S - ago_s, mode="increment", id=event_id)


class Kept:
    """An archive on disk, and the model store that lived through all of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = ModelEngine()
        self.clock = ManualClock(NOW_S)
        self._entries = 0

    async def live(self, *entries: Entry) -> None:
        """What a worker does: archive, then book."""
        self.keep(*entries)
        for each in entries:
            await self.store.book(RULES.events(each.body, each.accepted_ms // 1000, each.id))

    def keep(self, *entries: Entry) -> None:
        """Only archive, oldest first, by three processes in turn."""
        for each in entries:
            day = self.folder / day_of(each.accepted_ms)
            day.mkdir(exist_ok=True)
            with (day / f"writer{self._entries % 3}.psda").open("ab") as file:
                file.write(frame_of([each]))
            self._entries += 1

    async def replay(
        self,
        window: AcceptedTimes = ALL,
        books: Any = None,
        chunk_reports: int = 1000,
        **options: Any,
    ) -> ReplaySummary:
        """Replay a window."""
        books = books or self.store
        rules, clock = RULES, self.clock
        replaying = Replay(
            self.folder, books, rules, clock, HORIZON_S, chunk_reports=chunk_reports, **options
        )
        return await replaying.run(window)

    def state(self) -> Any:
        """Every booking, in no order."""
        return _state(self.store)


def _state(store: ModelEngine) -> Any:
    return sorted(store.model.reports, key=repr), sorted(store.model.all_counts.values(), key=repr)


def window(from_ago_s: int, to_ago_s: int) -> AcceptedTimes:
    return AcceptedTimes((NOW_S - from_ago_s) * 1000, (NOW_S - to_ago_s) * 1000)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


async def test_a_lost_store_is_booked_again_from_the_archive(kept: Kept) -> None:
    await kept.live(
        entry(500, metric(10), metric(5, aid=4)),
        entry(400, increment("e1", 7, 500)),
        counted(300, "m1", 2),
    )
    empty = ModelEngine()
    summary = await kept.replay(books=empty)
    assert _state(empty) == kept.state()
    assert (summary.entries, summary.outcomes["booked"]) == (3, 4)


async def test_a_replay_of_a_whole_store_changes_nothing(kept: Kept) -> None:
    await kept.live(entry(500, metric(10)), entry(400, increment("e1", 7, 500)), counted(9, "m1"))
    before = kept.state()
    summary = await kept.replay()
    assert kept.state() == before
    assert summary.outcomes == {"unchanged": 1, "duplicate": 2}


async def test_a_window_is_of_acceptance_not_of_the_events_times(kept: Kept) -> None:
    kept.keep(entry(500, metric(10, aid=1)), entry(400, metric(20, aid=2, at=1000)))
    await kept.replay(window(400, 399))
    assert [report.aid for report in kept.store.model.reports] == [2]


async def test_a_correction_behind_the_window_stays(kept: Kept) -> None:
    await kept.live(entry(500, metric(10)), entry(300, metric(99)), entry(100, metric(7)))
    summary = await kept.replay(window(600, 200))
    assert [report.value for report in kept.store.model.reports] == [7]
    assert (summary.superseded, summary.outcomes) == (2, {})


@pytest.mark.parametrize("chunk_reports", [1, 100])
async def test_of_the_corrections_in_a_window_the_last_one_is_booked(
    kept: Kept, chunk_reports: int
) -> None:
    kept.keep(entry(500, metric(10)), entry(400, metric(99)), entry(300, metric(7)))
    booked: list[int] = []

    class Watched(ModelEngine):
        async def book(self, events: Sequence[Event]) -> list[Outcome]:
            booked.extend(event.value for event in events)
            return await super().book(events)

    await kept.replay(books=Watched(), chunk_reports=chunk_reports)
    assert booked == [7], "an older value would be read until the last one is booked"


async def test_of_the_corrections_of_one_batch_the_last_one_is_booked(kept: Kept) -> None:
    one_batch = entry(500, metric(10)), entry(500, metric(99)), entry(500, metric(7), metric(8))
    for each in one_batch:
        kept.keep(each)
    summary = await kept.replay()
    assert [report.value for report in kept.store.model.reports] == [8]
    assert (summary.outcomes, summary.superseded) == ({"booked": 1}, 3)


async def test_other_reports_of_a_superseded_ones_message_are_booked(kept: Kept) -> None:
    kept.keep(entry(500, metric(10), metric(5, aid=4)), entry(100, metric(7)))
    summary = await kept.replay(window(600, 200))
    assert [(report.aid, report.value) for report in kept.store.model.reports] == [(4, 5)]
    assert summary.superseded == 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("forgotten", [True, False])
@pytest.mark.slow("whole replays of random streams")
async def test_any_replays_of_any_stream_leave_the_store_as_it_was(
    kept: Kept, seed: int, *, forgotten: bool
) -> None:
    chance = random.Random(seed)
    entries = [
        entry(
            ago_s,
            *(
                metric(chance.randrange(100), chance.randrange(4), uid=chance.randrange(1, 3))
                for _ in range(chance.randrange(1, 4))
            ),
            name=f"m{ago_s}",
        )
        for ago_s in chance.sample(range(1, 60), 40)
    ]
    entries += [counted(chance.randrange(1, 60), f"c{n % 7}", 1) for n in range(10)]
    entries.sort(key=lambda each: each.accepted_ms)
    await kept.live(*entries)
    before = kept.state()
    for _ in range(3):
        later, earlier = sorted(chance.sample(range(61), 2))
        await kept.replay(window(earlier, later), chunk_reports=chance.choice([1, 2, 5]))
        assert kept.state() == before
    lost = ModelEngine()
    await kept.replay(books=lost, chunk_reports=chance.choice([1, 2, 5]), forgotten=forgotten)
    assert _state(lost) == before


async def test_windows_one_after_the_other_are_as_good_as_one(kept: Kept) -> None:
    chance = random.Random(7)
    await kept.live(
        *(entry(ago_s, metric(chance.randrange(9), ago_s % 5)) for ago_s in range(60, 0, -1))
    )
    lost = ModelEngine()
    for earlier, later in pairwise([60, 41, 40, 12, 0]):
        await kept.replay(window(earlier, later), books=lost)
    assert _state(lost) == kept.state()


async def test_what_is_corrected_while_a_replay_runs_stays_corrected(kept: Kept) -> None:
    await kept.live(entry(500, metric(10)))
    corrections = iter([metric(20), metric(30), metric(40)])

    class Busy(ModelEngine):
        """A worker books a correction just before each of the first trips of the replay."""

        async def book(self, events: Sequence[Event]) -> list[Outcome]:
            fields = next(corrections, None)
            if fields is not None:
                kept.clock.advance(1)
                live = Entry(kept.clock.now_ms(), "", entry(0, fields).body)
                kept.keep(live)
                await super().book(RULES.events(live.body, NOW_S, ""))
            return await super().book(events)

    busy = Busy()
    await kept.replay(books=busy)
    assert [report.value for report in busy.model.reports] == [40]


@pytest.mark.parametrize("late", [0, 1])
async def test_an_increment_past_the_horizon_is_left_out_unless_asked_for(
    kept: Kept, late: int
) -> None:
    ago_s = HORIZON_S - MARGIN_S - 1 + late
    kept.keep(entry(ago_s, increment("e1", 7, ago_s), metric(10, at=1000)), counted(ago_s, "m1"))
    summary = await kept.replay()
    assert summary.forgotten == 2 * late
    assert summary.outcomes["booked"] == 3 - 2 * late
    again = await kept.replay(forgotten=True)
    assert (again.forgotten, again.outcomes["booked"]) == (0, 2 * late)


async def test_a_count_without_an_id_is_known_by_its_message(kept: Kept) -> None:
    await kept.live(counted(300, "m1", 2), counted(200, "m2", 2))
    summary = await kept.replay()
    assert summary.outcomes == {"duplicate": 2}
    assert {count.event_id for count in kept.store.model.all_counts.values()} == {"m1", "m2"}


async def test_an_event_is_judged_by_the_time_of_its_acceptance(kept: Kept) -> None:
    strict = EventRules({"steps": 1}, lead_max_s=10, age_max_s=60)
    at = NOW_S - 5000
    kept.keep(entry(5000, metric(1, aid=1, at=at - 59), metric(1, aid=2, at=at + 9)))
    summary = await Replay(kept.folder, kept.store, strict, kept.clock, HORIZON_S).run(ALL)
    assert (summary.refused, summary.outcomes["booked"]) == (0, 2)


async def test_what_the_rules_of_today_refuse_is_told_and_stops_nothing(kept: Kept) -> None:
    kept.keep(entry(30, metric(1, thing="floors")), entry(20, metric(2**53 - 1, aid=1)))
    kept.keep(Entry((NOW_S - 10) * 1000, "x", b"spoiled"), entry(5, metric(5, aid=2)))
    summary = await kept.replay()
    assert (summary.entries, summary.refused, summary.outcomes["booked"]) == (4, 2, 2)
    assert summary.refusals[0].startswith(f"accepted at {(NOW_S - 30) * 1000} ms: thing: 'floors'")
    assert summary.refusals[1].endswith("(malformed)")


async def test_what_is_accepted_after_the_start_is_not_part_of_a_replay(kept: Kept) -> None:
    class Busy(ModelEngine):
        async def book(self, events: Sequence[Event]) -> list[Outcome]:
            kept.keep(entry(1, metric(99, aid=99)))
            return await super().book(events)

    kept.keep(entry(500, metric(10)))
    summary = await kept.replay(AcceptedTimes(0), books=Busy())
    assert (summary.entries, summary.outcomes["booked"]) == (1, 1)


async def test_what_a_clock_accepted_ahead_of_now_is_part_of_a_replay(kept: Kept) -> None:
    kept.keep(entry(500, metric(10)), entry(-40 * 24 * HOUR_S, metric(20, aid=4)))
    summary = await kept.replay(AcceptedTimes(0))
    assert summary.outcomes["booked"] == 2


@pytest.mark.long("1,200 messages")
async def test_a_store_that_is_away_ends_the_replay_and_it_can_be_run_again(kept: Kept) -> None:
    await kept.live(*(entry(ago_s, metric(ago_s, aid=ago_s)) for ago_s in range(1200, 0, -1)))

    class Away(ModelEngine):
        trips = 0

        async def book(self, events: Sequence[Event]) -> list[Outcome]:
            self.trips += 1
            if self.trips == 2:
                raise StoreUnavailableError("redis: gone")
            return await super().book(events)

    store = Away()
    with pytest.raises(StoreUnavailableError):
        await kept.replay(books=store, chunk_reports=10_000)
    assert len(store.model.reports) == 500
    await kept.replay(books=store, chunk_reports=10_000)
    assert _state(store) == kept.state()


@pytest.mark.long("800 messages")
async def test_progress_reaches_the_end_and_never_goes_back(kept: Kept) -> None:
    kept.keep(*(entry(ago_s, metric(1, aid=ago_s)) for ago_s in range(800, 0, -1)))
    reached: list[int] = []
    await kept.replay(progress=reached.append, chunk_reports=300)
    assert reached == sorted(reached)
    assert reached[-1] == ALL.to_ms
    assert len(reached) >= 3


async def test_a_torn_file_is_told_once_however_often_it_is_read(kept: Kept) -> None:
    kept.keep(*(entry(ago_s, metric(1, aid=ago_s)) for ago_s in range(50, 0, -1)))
    newest = max(kept.folder.rglob("*.psda"))
    newest.write_bytes(newest.read_bytes()[:-1])
    summary = await kept.replay(chunk_reports=5)
    assert (summary.entries, len(summary.damages)) == (49, 1)
    assert len(list(read_entries(kept.folder, 0, ALL.to_ms))) == 49
