from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from psd.engine.books import Books
from psd.engine.events import Change, Count, Event, Report
from psd.engine.outcomes import BOOKED, DUPLICATE, REFUSED, UNCHANGED, Outcome
from psd.observe.metrics import Metrics

STEPS, ENERGY, SWAPS = 1, 20, 42
COUNT = Count("signups", 1, 1_460_419_200, "c1")


class Reading(Change, frozen=True):
    """What the energy of this test keeps."""

    meter: str


class Exchange(Change, frozen=True):
    """The other kind that it keeps."""


class Swap(Change, frozen=True):
    """What the swaps of this test keep."""


class FakeEngine:
    """Books everything; ``outcomes`` says otherwise by value."""

    def __init__(self, log: list[Any]) -> None:
        self.log = log
        self.outcomes: dict[int, Outcome] = {}

    def room_for(self, events: int) -> contextlib.AbstractContextManager[None]:
        self.log.append(("room", events))
        return contextlib.nullcontext()

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        self.log.append(("engine", [*events]))
        return [
            self.outcomes.get(each.value, BOOKED) if isinstance(each, Report) else BOOKED
            for each in events
        ]


class FakeFollower:
    """Writes down what it is shown; an odd second is nothing new to it."""

    def __init__(self, log: list[Any], name: str, thing: int, *keeps: type[Change]) -> None:
        self.log = log
        self.name = name
        self.things = frozenset({thing})
        self.keeps = frozenset(keeps)

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        self.log.append((self.name, [*events], [each.status for each in outcomes]))

    async def keep(self, changes: Sequence[Any]) -> list[Outcome]:
        self.log.append((self.name, [*changes]))
        return [UNCHANGED if each.time_s % 2 else BOOKED for each in changes]

    def preview(self) -> FakeFollower:
        thing = next(iter(self.things))
        return FakeFollower(self.log, f"preview of {self.name}", thing, *self.keeps)


class NoOrder:
    async def with_telling(self, booking: Awaitable[Any]) -> Any:
        return await booking


class Stage:
    """Books over an engine, energy and swaps that write down in ``log`` what they are given."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.engine = FakeEngine(self.log)
        self.metrics = Metrics()
        followers = [
            FakeFollower(self.log, "energy", ENERGY, Reading, Exchange),
            FakeFollower(self.log, "swaps", SWAPS, Swap),
        ]
        self.books = Books(self.engine, NoOrder(), self.metrics, followers)

    def counted(self, status: str) -> float:
        return self.metrics.events.labels(status)._value.get()


def report(thing: int, value: int = 1) -> Report:
    return Report(thing, 7, 0, value, value, 100, 200)


async def test_reports_of_no_follower_go_to_the_engine_as_they_are() -> None:
    stage = Stage()
    events = [report(STEPS), report(STEPS, 2)]
    assert await stage.books.book(events) == [BOOKED, BOOKED]
    assert stage.log == [("engine", events)]


async def test_a_follower_sees_the_reports_of_its_things_alone_once_they_are_booked() -> None:
    stage = Stage()
    events = [report(STEPS), report(ENERGY, 2), report(SWAPS + 1, 9), report(ENERGY, 3)]
    await stage.books.book(events)
    assert stage.log == [
        ("engine", events),
        ("energy", [events[1], events[3]], ["booked", "booked"]),
    ]


async def test_what_was_known_is_followed_and_what_was_refused_is_not() -> None:
    stage = Stage()
    stage.engine.outcomes = {1: UNCHANGED, 2: REFUSED, 3: DUPLICATE}
    events = [report(SWAPS, value) for value in (1, 2, 3, 4)]
    assert [each.status for each in await stage.books.book(events)] == [
        "unchanged",
        "refused",
        "duplicate",
        "booked",
    ]
    followed = ("swaps", [events[0], events[2], events[3]], ["unchanged", "duplicate", "booked"])
    assert stage.log[1:] == [followed]


async def test_who_has_all_refused_is_shown_nothing() -> None:
    stage = Stage()
    stage.engine.outcomes = {1: REFUSED}
    await stage.books.book([report(ENERGY)])
    assert stage.log == [("engine", [report(ENERGY)])]


async def test_a_count_is_followed_by_nobody() -> None:
    stage = Stage()
    assert await stage.books.book([COUNT]) == [BOOKED]
    assert stage.log == [("engine", [COUNT])]


async def test_outcomes_stand_by_position_whoever_kept_what() -> None:
    stage = Stage()
    stage.engine.outcomes = {5: REFUSED}
    reading, swap, exchange = Reading(3, "m-1"), Swap(4), Exchange(6)
    events = [swap, report(STEPS, 5), reading, report(STEPS), exchange, Reading(8, "m-2")]
    assert [each.status for each in await stage.books.book(events)] == [
        "booked",
        "refused",
        "unchanged",
        "booked",
        "booked",
        "booked",
    ]
    assert stage.log == [
        ("engine", [events[1], events[3]]),
        ("energy", [reading, exchange, events[5]]),
        ("swaps", [swap]),
    ]
    # The engine counts what it was given itself.
    assert (stage.counted("booked"), stage.counted("unchanged")) == (3, 1)


async def test_changes_alone_do_not_trouble_the_engine() -> None:
    stage = Stage()
    assert await stage.books.book([Swap(2)]) == [BOOKED]
    assert stage.log == [("swaps", [Swap(2)])]


async def test_a_change_that_nobody_keeps_stops_the_batch_before_any_is_kept() -> None:
    class Stray(Change, frozen=True):
        pass

    stage = Stage()
    with pytest.raises(AssertionError, match="nobody keeps"):
        await stage.books.book([Swap(2), Stray(2)])
    assert stage.log == []


def test_a_kind_of_change_has_one_keeper() -> None:
    log: list[Any] = []
    followers = [FakeFollower(log, name, STEPS, Swap) for name in ("one", "two")]
    with pytest.raises(AssertionError, match="Swap"):
        Books(FakeEngine(log), NoOrder(), Metrics(), followers)


def test_the_things_of_the_books_are_those_of_all_followers() -> None:
    assert Stage().books.things == {ENERGY, SWAPS}
    assert Books(FakeEngine([]), NoOrder(), Metrics()).things == frozenset()


def test_room_is_the_engines() -> None:
    stage = Stage()
    with stage.books.room_for(3):
        assert stage.log == [("room", 3)]


async def test_a_preview_asks_the_previews_of_the_followers_and_counts_nothing() -> None:
    stage = Stage()
    asked: list[Any] = []
    preview = stage.books.preview(FakeEngine(asked))
    assert await preview.book([Swap(1), report(ENERGY)]) == [UNCHANGED, BOOKED]
    assert asked == [("engine", [report(ENERGY)])]
    assert stage.log == [
        ("preview of energy", [report(ENERGY)], ["booked"]),
        ("preview of swaps", [Swap(1)]),
    ]
    assert stage.counted("unchanged") == 0
