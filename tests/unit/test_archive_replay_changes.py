"""What a replay makes of changes: of those that replace each other the last one is kept."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.archive.archived_events import identity_of
from psd.archive.entries import Entry, frame_of
from psd.archive.order import day_of
from psd.archive.replay import AcceptedTimes, Replay, ReplaySummary
from psd.clock import ManualClock
from psd.engine.event_rules import EventRules
from psd.engine.events import Accepted, Change, Count, Report, Withdrawal
from psd.engine.outcomes import BOOKED, UNCHANGED, Outcome
from psd.rewards.preview import merged_record
from psd.rewards.registry import said
from psd.rewards.vehicle_events import VehicleChange

NOW_S = 1_460_462_400
ALL = AcceptedTimes(0, NOW_S * 1000)


class Reading(Change, frozen=True):
    """A meter at a second; the later arrival stands."""

    meter: str
    value: int

    def identity(self) -> bytes | None:
        return f"{self.meter} {self.time_s}".encode()


class Exchange(Change, frozen=True):
    """Of the same names as a reading, and no reading."""

    meter: str
    value: int

    def identity(self) -> bytes | None:
        return f"{self.meter} {self.time_s}".encode()


class Visit(Change, frozen=True):
    """Each one stands."""

    meter: str
    value: int


KINDS: dict[str, type[Change]] = {"reading": Reading, "exchange": Exchange, "visit": Visit}


def read(body: bytes, _now_s: int, _message_id: str, _rules: EventRules) -> list[Any]:
    found = msgspec.json.decode(body)
    name = found["command"]
    listed = found[name] if isinstance(found[name], list) else [found[name]]
    return [msgspec.convert(fields, KINDS[name]) for fields in listed]


RULES = EventRules({"steps": 1}, kinds=dict.fromkeys(KINDS, read))


def entry(ago_s: int, name: str, *listed: dict[str, Any]) -> Entry:
    return Entry(
        (NOW_S - ago_s) * 1000, "", msgspec.json.encode({"command": name, name: [*listed]})
    )


def fields(value: int, meter: str = "m-1", time_s: int = 1000) -> dict[str, Any]:
    return {"time_s": time_s, "meter": meter, "value": value}


class Keeper:
    """Books that keep changes: of a name the one that came last, and every visit."""

    def __init__(self) -> None:
        self.held: dict[bytes, Change] = {}
        self.visits: set[Visit] = set()
        self.kept: list[Accepted] = []

    async def book(self, events: Sequence[Accepted]) -> list[Outcome]:
        return [self._keep(event) for event in events]

    def _keep(self, event: Accepted) -> Outcome:
        self.kept.append(event)
        if isinstance(event, Visit):
            is_new = event not in self.visits
            self.visits.add(event)
            return BOOKED if is_new else UNCHANGED
        name = identity_of(event)
        assert name is not None
        assert isinstance(event, Change)
        is_new = self.held.get(name) != event
        self.held[name] = event
        return BOOKED if is_new else UNCHANGED


class Kept:
    """An archive on disk, and the keeper that lived through all of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Keeper()

    async def live(self, *entries: Entry) -> None:
        self.keep(*entries)
        for each in entries:
            await self.store.book(RULES.events(each.body, each.accepted_ms // 1000, each.id))

    def keep(self, *entries: Entry) -> None:
        for each in entries:
            day = self.folder / day_of(each.accepted_ms)
            day.mkdir(exist_ok=True)
            with (day / "writer.psda").open("ab") as file:
                file.write(frame_of([each]))

    async def replay(
        self, times: AcceptedTimes = ALL, store: Keeper | None = None, chunk: int = 1000
    ) -> ReplaySummary:
        books, clock = store or self.store, ManualClock(NOW_S)
        return await Replay(self.folder, books, RULES, clock, 691_200, chunk_reports=chunk).run(
            times
        )

    def state(self) -> Any:
        return self.store.held, self.store.visits


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def ago(from_s: int, to_s: int) -> AcceptedTimes:
    return AcceptedTimes((NOW_S - from_s) * 1000, (NOW_S - to_s) * 1000)


@pytest.mark.parametrize("chunk", [1, 1000])
async def test_of_the_corrections_of_a_reading_the_last_one_is_kept(kept: Kept, chunk: int) -> None:
    kept.keep(*(entry(ago_s, "reading", fields(ago_s)) for ago_s in (500, 400, 300)))
    lost = Keeper()
    summary = await kept.replay(store=lost, chunk=chunk)
    assert lost.kept == [Reading(1000, "m-1", 300)], "an older one would be read until it is"
    assert (summary.outcomes, summary.superseded) == ({"booked": 1}, 2)


async def test_a_correction_behind_the_window_stays(kept: Kept) -> None:
    await kept.live(entry(500, "reading", fields(10)), entry(100, "reading", fields(7)))
    summary = await kept.replay(ago(600, 200))
    assert [*kept.store.held.values()] == [Reading(1000, "m-1", 7)]
    assert (summary.superseded, summary.outcomes) == (1, {})


async def test_of_the_readings_of_one_message_the_last_one_is_kept(kept: Kept) -> None:
    kept.keep(entry(500, "reading", fields(1), fields(2, time_s=1001), fields(3)))
    lost = Keeper()
    summary = await kept.replay(store=lost)
    assert lost.kept == [Reading(1001, "m-1", 2), Reading(1000, "m-1", 3)]
    assert summary.superseded == 1


async def test_a_change_of_another_kind_replaces_nothing(kept: Kept) -> None:
    kept.keep(entry(500, "reading", fields(1)), entry(400, "exchange", fields(2)))
    summary = await kept.replay(store=Keeper())
    assert (summary.outcomes, summary.superseded) == ({"booked": 2}, 0)


async def test_what_names_nothing_that_it_replaces_is_kept_each_time(kept: Kept) -> None:
    kept.keep(*(entry(ago_s, "visit", fields(ago_s)) for ago_s in (500, 400, 400)))
    summary = await kept.replay(store=Keeper())
    assert (summary.outcomes, summary.superseded) == ({"booked": 2, "unchanged": 1}, 0)


async def test_what_is_corrected_while_a_replay_runs_stays_corrected(kept: Kept) -> None:
    await kept.live(entry(500, "reading", fields(10)))
    corrections = iter([20, 30, 40])

    class Busy(Keeper):
        """A worker keeps a correction just before each of the first trips of the replay."""

        async def book(self, events: Sequence[Accepted]) -> list[Outcome]:
            value = next(corrections, None)
            if value is not None:
                live = entry(-value, "reading", fields(value))
                kept.keep(live)
                await super().book(RULES.events(live.body, NOW_S, ""))
            return await super().book(events)

    busy = Busy()
    await kept.replay(store=busy)
    assert [*busy.held.values()] == [Reading(1000, "m-1", 40)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.slow("whole replays of random streams")
async def test_any_replays_of_any_changes_leave_what_was_kept(kept: Kept, seed: int) -> None:
    chance = random.Random(seed)
    entries = [
        entry(
            ago_s,
            chance.choice(list(KINDS)),
            *(
                fields(chance.randrange(100), f"m-{chance.randrange(2)}", chance.randrange(1, 3))
                for _ in range(chance.randrange(1, 4))
            ),
        )
        for ago_s in sorted(chance.sample(range(1, 60), 40), reverse=True)
    ]
    await kept.live(*entries)
    before = [dict(part) if isinstance(part, dict) else set(part) for part in kept.state()]
    for _ in range(3):
        later, earlier = sorted(chance.sample(range(61), 2))
        await kept.replay(ago(earlier, later), chunk=chance.choice([1, 2, 5]))
        assert [*kept.state()] == before
    lost = Keeper()
    summary = await kept.replay(store=lost, chunk=chance.choice([1, 2, 5]))
    assert [lost.held, lost.visits] == before
    assert summary.superseded > 0


def test_what_an_event_is_replaced_by() -> None:
    report = Report(1, 7, 2, 3, 90, 100, 200)
    assert identity_of(report) == identity_of(Report(1, 7, 9, 3, 5, 100, 200, None, "alice"))
    for other in (
        Report(2, 7, 2, 3, 90, 100, 200),
        Report(1, 8, 2, 3, 90, 100, 200),
        Report(1, 7, 2, 4, 90, 100, 200),
        Report(1, 7, 2, 3, 90, 101, 200),
        Report(1, 7, 2, 3, 90, 100, 201),
    ):
        assert identity_of(other) != identity_of(report)
    for alone in (
        Report(1, 7, 2, 3, 90, 200, 200, "e1"),
        Count("signups", 1, 100, "c1"),
        Withdrawal(7, 3, (1,), "", "", 100),
        Visit(1000, "m-1", 1),
    ):
        assert identity_of(alone) is None


Said = list[VehicleChange]


def drawn_changes(chance: random.Random) -> Said:
    """What was said of two vehicles, some of it twice, in any order of its seconds."""

    def change() -> VehicleChange:
        told: dict[str, Any] = {}
        if chance.random() < 0.5:
            told["owner"] = chance.choice(["41", "42", None])
        if chance.random() < 0.3:
            told["integrations"] = chance.choice([(1,), (1, 2)])
        if chance.random() < 0.2:
            told["vin"] = chance.choice(["V1", None])
        if chance.random() < 0.3:
            told["minted"] = chance.choice([True, False, None])
        return VehicleChange(chance.randrange(1, 4), chance.randrange(2), told)

    return [change() for _ in range(40)]


def records(changes: Said) -> dict[int, Any]:
    """What the registry has of each vehicle then."""
    kept: dict[int, Any] = {}
    for change in changes:
        known = kept.setdefault(change.vehicle, [])
        if change.fields:
            told = msgspec.msgpack.decode(said(change))
            kept[change.vehicle], _ = merged_record(known, told)
    return kept


@pytest.mark.parametrize("seed", range(20))
def test_the_last_of_what_was_said_of_vehicles_leaves_what_all_of_it_leaves(seed: int) -> None:
    changes = drawn_changes(random.Random(seed))
    last = {change.identity(): at for at, change in enumerate(changes)}
    due = [
        change
        for at, change in enumerate(changes)
        if change.identity() is None or last[change.identity()] == at
    ]
    assert records(due) == records(changes)
    assert len(due) < len(changes), "the same was said twice"


def test_a_vehicle_with_a_vin_keeps_its_place_among_those_that_gave_it() -> None:
    assert VehicleChange(1, 7, {"vin": "V1"}).identity() is None
    assert VehicleChange(1, 7, {"vin": None}).identity() is not None
    assert VehicleChange(1, 7, {}).identity() == VehicleChange(2, 7, {}).identity()
    assert VehicleChange(1, 7, {}).identity() != VehicleChange(1, 8, {}).identity()
