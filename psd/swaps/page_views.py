"""The pages that show the ledger: drivers, charging stations, batteries, now or at a past second.

::

    GET /driver/7/                  vehicle, battery, the newest 50 transactions, the last 366 days
    GET /driver/7/?at=2020-09-02    the same as it was at the end of that day's first second
    GET /driver/7/?all=1            those that were corrected too, struck through, why and by whom
    GET /driver/7/?csv=days         a file

Transactions stand as the original has them, the newest last; ``?before=`` leads to older ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from psd.clock import Clock
from psd.domain.web_page import Answer, Download, Moved, Shown, Visit, WebPage
from psd.errors import BadQueryError, ForbiddenError, NotFoundError
from psd.swaps.answers import Transaction
from psd.swaps.ledger import Ledger
from psd.swaps.objects import KnownDriver
from psd.swaps.page_tables import (
    Labels,
    TransactionLine,
    date_text,
    day_columns,
    day_line,
    history_columns,
    history_line,
    name_of_driver,
    named_in,
    transaction_columns,
    transaction_line,
)
from psd.swaps.settings import SwapsSettings
from psd.swaps.swap_bookings import owner_of
from psd.times import read
from psd.zones import zone

LINES_MAX = 50
"""Transactions of a page: 6 kB of them."""

FILE_LINES_MAX = 10_000
READ_AT_ONCE = 1_000

DAYS_SHOWN = 366
DAYS_IN_FILE = 4_000

HOME = "/index"

REJECTED = ("Corrected By", "Reason", "Author")
"""What a file tells of those that were corrected."""

LOOKED = ("at", "all", "before", "csv")
"""What the pages of objects are asked with."""


class Looked(msgspec.Struct, frozen=True):
    """How somebody looks at an object: at which second, with rejected ones, from where on."""

    at: int | None
    with_rejected: bool
    before: str | None
    csv: str

    def said(self, tz: ZoneInfo) -> dict[str, Any]:
        """What the page says of it."""
        at = "" if self.at is None else date_text(self.at, tz)
        return {"at": at, "all": self.with_rejected, "before": self.before or ""}


class PageViews:
    """Looks at one network's ledger."""

    def __init__(self, ledger: Callable[[], Ledger], settings: SwapsSettings, clock: Clock) -> None:
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._tz = zone(settings.tz)

    def pages(self) -> tuple[WebPage, ...]:
        """Those of the original, by its paths."""
        return (
            WebPage(path="/", show=self.home, parameters=(), takes_forms=True, changes=False),
            WebPage(path="/index", show=self.home, parameters=(), takes_forms=True, changes=False),
            WebPage(path="/drivers/", show=self.drivers, parameters=(), link="Drivers"),
            WebPage(path="/driver/{id}/", show=self.driver, parameters=LOOKED),
            WebPage(
                path="/charging_stations/",
                show=self.stations,
                parameters=(),
                link="Charging Stations",
            ),
            WebPage(path="/charging_station/{id}/", show=self.station, parameters=LOOKED),
            WebPage(path="/battery/{id}/", show=self.battery, parameters=LOOKED),
        )

    async def home(self, _visit: Visit) -> Answer:
        """The way to the drivers."""
        return Moved("/drivers/")

    async def drivers(self, visit: Visit) -> Answer:
        """All drivers whom one may see."""
        network = self._settings.network
        seen = [
            each
            for each in await self._all_drivers()
            if visit.sees(owner_of(network, "driver", each.id))
        ]
        lines = [(each.id, " ".join(name_of_driver(each).split())) for each in seen]
        return Shown("drivers.html", {"lines": lines})

    async def driver(self, visit: Visit) -> Answer:
        """A driver: what he drives, his transactions and his days."""
        number, looked = visit.path["id"], self._looked(visit)
        if not visit.sees(owner_of(self._settings.network, "driver", number)):
            raise NotFoundError(f"driver: there is no driver {number}")
        ledger = self._ledger()
        state = await ledger.driver(number, looked.at)
        name = name_of_driver(state.driver)
        if looked.csv == "transactions":
            return await self._transactions_file(f"driver-{number}", "driver", number, looked)
        columns = day_columns(self._settings)
        shown = DAYS_IN_FILE if looked.csv == "days" else DAYS_SHOWN
        # Of one who never came nothing is to be summed up.
        is_new = state.last is None
        days = [] if is_new else await ledger.newest_days(number, shown, self._tz, looked.at)
        lines = [day_line(day, self._tz) for day in days]
        if looked.csv == "days":
            return Download(f"driver-{number}-days.csv", columns, [each.cells for each in lines])
        values = {
            "name": name,
            "vin": state.vehicle.vin if state.vehicle else "",
            "serial": state.battery.serial if state.battery else "",
            "battery": state.battery.id if state.battery else 0,
            "days": lines,
            "day_columns": columns,
        }
        return Shown("driver.html", {**values, **await self._table("driver", number, looked)})

    async def stations(self, visit: Visit) -> Answer:
        """All charging stations."""
        _check_whole(visit)
        stations = await self._ledger().stations()
        return Shown("stations.html", {"lines": [(each.id, each.name) for each in stations]})

    async def station(self, visit: Visit) -> Answer:
        """A charging station: the batteries there, and its transactions."""
        _check_whole(visit)
        number, looked = visit.path["id"], self._looked(visit)
        state = await self._ledger().station(number, looked.at)
        if looked.csv == "transactions":
            return await self._transactions_file(f"station-{number}", "station", number, looked)
        lines = [each.battery for each in state.batteries]
        values = {"id": number, "name": state.station.name, "batteries": lines}
        return Shown("station.html", {**values, **await self._table("station", number, looked)})

    async def battery(self, visit: Visit) -> Answer:
        """A battery: where it is, what is in it, and where it was."""
        _check_whole(visit)
        number, looked = visit.path["id"], self._looked(visit)
        ledger = self._ledger()
        state = await ledger.battery(number, looked.at)
        limit = FILE_LINES_MAX if looked.csv else LINES_MAX
        some, before = await self._some("battery", number, looked, limit)
        where = state.where
        wanted = named_in(some)
        if where.station is not None:
            wanted.add(("station", where.station))
        if where.vehicle is not None:
            wanted.add(("vehicle", where.vehicle))
        labels = await self._labels(wanted)
        corrections = await self._corrections(some)
        lines = [history_line(number, each, labels, corrections, self._tz) for each in some]
        columns = history_columns(self._settings)
        if looked.csv == "history" and looked.with_rejected:
            told = [each.told_cells for each in lines]
            return Download(f"battery-{number}.csv", (*columns, *REJECTED), told)
        if looked.csv == "history":
            return Download(f"battery-{number}.csv", columns, [each.cells for each in lines])
        values = {
            "serial": state.battery.serial,
            "energy": where.energy,
            "station": where.station,
            "place": labels.get(("station", where.station or 0), ""),
            "vin": labels.get(("vehicle", where.vehicle or 0), ""),
            "columns": columns,
            "lines": lines,
            "older": before or "",
        }
        return Shown("battery.html", {**values, **looked.said(self._tz)})

    async def _table(self, kind: str, number: int, looked: Looked) -> dict[str, Any]:
        """What the table of transactions needs."""
        some, before = await self._some(kind, number, looked, LINES_MAX)
        return {
            "columns": transaction_columns(self._settings),
            "lines": await self._lines(some),
            "older": before or "",
            **looked.said(self._tz),
        }

    async def _transactions_file(
        self, name: str, kind: str, number: int, looked: Looked
    ) -> Download:
        some, _ = await self._some(kind, number, looked, FILE_LINES_MAX)
        columns = (*transaction_columns(self._settings), *REJECTED)
        lines = await self._lines(some)
        return Download(f"{name}.csv", columns, [each.cells for each in lines])

    async def _some(
        self, kind: str, number: int, looked: Looked, limit: int
    ) -> tuple[list[Transaction], str | None]:
        """So many transactions, newest first, and where older ones begin."""
        found: list[Transaction] = []
        before = looked.before
        while len(found) < limit:
            page = await self._ledger().transactions_of(
                kind,
                number,
                limit=min(READ_AT_ONCE, limit - len(found)),
                before=before,
                include_rejected=looked.with_rejected,
                at=looked.at,
            )
            found += page.data
            before = page.before
            if before is None:
                break
        return found, before

    async def _lines(self, some: Sequence[Transaction]) -> list[TransactionLine]:
        """Rows of transactions, the newest last."""
        corrections = await self._corrections(some)
        labels = await self._labels(named_in(some))
        return [transaction_line(each, labels, corrections, self._tz) for each in reversed(some)]

    async def _corrections(self, some: Sequence[Transaction]) -> dict[int, Transaction]:
        """What stands for those of these that were wrong, by number. No trip where none was."""
        numbers = sorted({each.rejected_by for each in some if each.rejected_by is not None})
        found = await self._ledger().transactions(numbers) if numbers else []
        return {each.n: each for each in found}

    async def _labels(self, wanted: set[tuple[str, int]]) -> Labels:
        """What people call objects; drivers by all their names."""
        ledger = self._ledger()
        drivers = sorted(number for kind, number in wanted if kind == "driver")
        # What is asked for together goes in one trip.
        asked = asyncio.gather(*(ledger.drivers(number - 1, 1) for number in drivers))
        labels, found = await asyncio.gather(ledger.labels(wanted), asked)
        names = {("driver", each.id): name_of_driver(each) for [each] in found}
        return {**labels, **names}

    async def _all_drivers(self) -> list[KnownDriver]:
        found: list[KnownDriver] = []
        while page := await self._ledger().drivers(found[-1].id if found else 0):
            found += page
        return found

    def _looked(self, visit: Visit) -> Looked:
        query = visit.query
        text = query.get("at", "").strip()
        try:
            at = read(text, self._tz, self._clock.now_s()) if text else None
        except ValueError as exc:
            raise BadQueryError(f"at: {exc}") from exc
        return Looked(
            at,
            query.get("all") == "1",
            query.get("before") or None,
            query.get("csv", ""),
        )


def _check_whole(visit: Visit) -> None:
    if visit.identity.owners is not None:
        raise ForbiddenError("this is not about single drivers: you may see your own alone")
