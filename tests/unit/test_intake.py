"""What comes into psd is kept, then booked, and it comes in by one door."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from psd.archive.entries import Entry
from psd.archive.writer import NoArchive
from psd.engine.events import Accepted, Report
from psd.engine.outcomes import BOOKED, Outcome
from psd.errors import ArchiveUnavailableError, BusyError, StoreUnavailableError
from psd.intake import Intake

ROOT = Path(__file__).parents[2]
EVENTS = [Report(1, 7, 0, 1, 90, 100, 200), Report(1, 8, 0, 1, 30, 100, 200)]
ENTRIES = [Entry(200_000, "m1", b"{}")]


class Books:
    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.things = frozenset({6})
        self.outages = 0
        self.is_full = False

    @contextlib.contextmanager
    def room_for(self, events: int) -> Iterator[None]:
        if self.is_full:
            raise BusyError("busy", retry_after_s=1)
        self.log.append(f"room for {events}")
        yield
        self.log.append("left")

    async def book(self, events: Sequence[Accepted]) -> list[Outcome]:
        self.log.append(f"book {len(events)}")
        if self.outages:
            self.outages -= 1
            raise StoreUnavailableError("away")
        return [BOOKED] * len(events)


class Archive(NoArchive):
    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.outages = 0

    async def append(self, entries: Iterable[Entry]) -> None:
        self.log.append(f"archive {len(list(entries))}")
        if self.outages:
            self.outages -= 1
            raise ArchiveUnavailableError("no space left")


class Stage:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.books = Books(self.log)
        self.archive = Archive(self.log)
        self.intake = Intake(self.books, self.archive)


async def five_times(call: Callable[[], Awaitable[Any]]) -> Any:
    for _ in range(4):
        with contextlib.suppress(StoreUnavailableError, ArchiveUnavailableError):
            return await call()
    return await call()


async def test_there_is_room_then_it_is_kept_then_it_is_booked() -> None:
    stage = Stage()
    assert await stage.intake.accept(EVENTS, lambda: ENTRIES) == [BOOKED, BOOKED]
    assert stage.log == ["room for 2", "archive 1", "book 2", "left"]


async def test_without_room_nothing_has_it() -> None:
    stage = Stage()
    stage.books.is_full = True
    with pytest.raises(BusyError):
        await stage.intake.accept(EVENTS, lambda: ENTRIES)
    assert stage.log == []


async def test_what_was_not_kept_is_not_booked() -> None:
    stage = Stage()
    stage.archive.outages = 1
    with pytest.raises(ArchiveUnavailableError):
        await stage.intake.accept(EVENTS, lambda: ENTRIES)
    assert stage.log == ["room for 2", "archive 1"]


async def test_a_message_without_events_is_kept_and_asks_the_books_nothing() -> None:
    stage = Stage()
    assert await stage.intake.accept([], lambda: ENTRIES) == []
    assert stage.log == ["room for 0", "archive 1", "left"]


async def test_who_can_wait_needs_no_room_and_each_part_is_tried_by_itself() -> None:
    stage = Stage()
    stage.archive.outages, stage.books.outages = 1, 2
    stage.books.is_full = True
    found = await stage.intake.accept_patiently(EVENTS, lambda: ENTRIES, five_times)
    assert found == [BOOKED, BOOKED]
    assert stage.log == ["archive 1", "archive 1", "book 2", "book 2", "book 2"]


async def test_without_an_archive_no_entry_is_made() -> None:
    stage = Stage()
    made: list[int] = []
    intake = Intake(stage.books)
    assert await intake.accept(EVENTS, lambda: (Entry(n, "", b"") for n in made)) == [BOOKED] * 2
    assert stage.log == ["room for 2", "book 2", "left"]


def test_the_things_of_no_users_are_those_of_the_books() -> None:
    assert Stage().intake.things == {6}


DOORS = {
    "append": {"psd/intake.py", "psd/archive/turns.py", "psd/swaps/unsettled.py"}
    | {"psd/charging/accounts/ledger_posting.py", "psd/charging/sites/site_decisions.py"}
    | {"psd/exports/message_taking.py"},
    "book": {
        *("psd/intake.py", "psd/engine/books.py", "psd/archive/replay.py"),
        *("psd/swaps/unsettled.py", "psd/swaps/audit.py"),
        *("psd/energy/meter_keeper.py", "psd/energy/energy_booker.py"),
        "psd/charging/sessions/session_booking.py",
        "psd/charging/accounts/ledger_booking.py",
    },
    "change": {"psd/rewards/booking.py"},
}
"""Where an archive is appended to, where somebody books, and where the registry is changed:
decisions have a door of their own, and a replay has everything from the archive. What the ledger of
swaps has accepted is archived with its number, and what it derives is booked with a fence, as
the energy of readings is. So it is with what is posted to ledgers of customers, and with
what plugs and sessions have become. Decisions of
an export are archived anew."""

KEEPERS = {
    "append": ("archive",),
    "book": ("books", "engine", "roomy"),
    "change": ("registry",),
}


@pytest.mark.slow("reads every module")
def test_nobody_else_archives_or_books() -> None:
    found = {
        (method, str(path)) for path in modules() for method in uses((ROOT / path).read_text())
    }
    assert found == {(method, path) for method, paths in DOORS.items() for path in paths}


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("await self._archive.append(entries)", "append"),
        ("keep = runtime.archive.append", "append"),
        ("await until(lambda: runtime.books.book(events))", "book"),
        ("async with engine_of(runtime) as engine: await engine.book([e])", "book"),
        ("await psd.registry.change(changes)", "change"),
    ],
)
def test_a_second_door_would_be_seen(text: str, method: str) -> None:
    assert uses(f"async def work():\n    {text}\n") == {method}


@pytest.mark.slow("reads every module")
def test_only_the_doors_and_their_builder_know_an_archive_to_append_to() -> None:
    """By another name it could be passed on, and its use would not be seen."""
    knowing = {
        str(path)
        for path in modules()
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module == "psd.archive.writer"
        and {alias.name for alias in node.names} & {"Appends", "Archive", "open_archive"}
    }
    # The doctor opens one to see whether it can be.
    opens = {"psd/runtime.py", "psd/cli/doctor/doctor_opens.py"}
    lent = {
        "psd/domain/core.py",
        "psd/swaps/unsettled.py",
        "psd/charging/accounts/ledger_posting.py",
    }
    lent |= {"psd/charging/sites/site_decisions.py"}
    assert knowing == {"psd/intake.py", "psd/archive/turns.py", *opens, *lent}


def modules() -> list[Path]:
    found = [path for top in ("psd", "server", "workers") for path in (ROOT / top).rglob("*.py")]
    assert len(found) > 100
    return [path.relative_to(ROOT) for path in found]


def uses(text: str) -> set[str]:
    """The methods of keepers that a text names."""
    return {
        node.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and node.attr in KEEPERS
        and name_of(node.value).strip("_").endswith(KEEPERS[node.attr])
    }


def name_of(node: ast.expr) -> str:
    """The last name of ``self._archive``, ``archive`` or ``opened().archive``."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Call(func=func):
            return name_of(func)
    return ""
