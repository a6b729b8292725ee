"""What is asked of the ledger at /v3/swaps, and by the commands that read.

::

    GET /v3/swaps/main/drivers/1          -> {"id":1,"phone":"D1",...,"battery":3,"last":8,...}
    GET /v3/swaps/main/drivers/1/days     -> {"tz":"UTC","data":[{"day":"2020-09-01",...},...]}

``at`` is a second at whose end everything is told as it was. Whoever is restricted to some owners
sees those drivers whose ``uid`` is one of them; all others are to him as drivers that there are
not.
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from psd.clock import Clock
from psd.cursors import read_cursor, write_cursor
from psd.domain.question import Asked, Versioned
from psd.engine.plan import Range
from psd.errors import MalformedError, NotFoundError
from psd.queries.moments import asked_range, moment
from psd.swaps import ledger_rows as shown
from psd.swaps.answers import BatteryState, DriverDay
from psd.swaps.battery_history import (
    HISTORY_MAX,
    ShownBattery,
    owner_of_battery,
    shown_battery,
)
from psd.swaps.ledger import Ledger
from psd.swaps.objects import KnownStation
from psd.swaps.requests import (
    AtQuery,
    DaysQuery,
    EventsQuery,
    NetworkQuery,
    ObjectsQuery,
    TransactionsQuery,
)
from psd.swaps.settings import NETWORK
from psd.swaps.store import newest_events, newest_number
from psd.swaps.swap_bookings import owner_of
from psd.zones import zone

LedgerOf = Callable[[str], Ledger]


class SwapsQuestions:
    """Answers what is asked; ``tz`` is whose days are told where no zone is asked for."""

    def __init__(self, ledger_of: LedgerOf, clock: Clock, tz: str) -> None:
        self._ledger_of = ledger_of
        self._clock = clock
        self._tz = tz

    async def network(self, asked: Asked) -> shown.ShownNetwork:
        """A network: how much there is, and its newest events."""
        query: NetworkQuery = asked.query
        ledger = self._ledger(asked)
        return shown.shown_network(ledger.network, await ledger.network_state(query.limit))

    async def versioned(self, asked: Asked) -> Versioned:
        """A network is another one with each event."""
        return Versioned((newest_events(self._ledger(asked).network),), newest_number)

    async def drivers(self, asked: Asked) -> shown.DriverRows:
        """Drivers by id, with the vehicle and the battery that each has."""
        query: ObjectsQuery = asked.query
        ledger, at = self._ledger(asked), self._at(query.at)
        known = await ledger.drivers(_after(query.cursor), query.limit, at)
        uids = [owner_of(ledger.network, "driver", each.id) for each in known]
        rows = [
            shown.driver_row(await ledger.driver(each.id, at), uid)
            for each, uid in zip(known, uids, strict=True)
            if asked.sees(uid)
        ]
        return shown.DriverRows(rows, _next(query, [each.id for each in known]))

    async def driver(self, asked: Asked) -> shown.DriverRow:
        """A driver, the vehicle, and the battery that it carries."""
        query: AtQuery = asked.query
        ledger = self._ledger(asked)
        number, uid = await self._driver(ledger, asked)
        return shown.driver_row(await ledger.driver(number, self._at(query.at)), uid)

    async def days(self, asked: Asked) -> shown.DayRows:
        """A driver's days: what was driven and used on each, and by then."""
        query: DaysQuery = asked.query
        ledger = self._ledger(asked)
        number, _ = await self._driver(ledger, asked)
        tz = zone(query.tz or self._tz)
        days = await self.days_of(ledger, number, query, tz)
        return shown.DayRows(tz.key, [shown.day_row(each) for each in days])

    async def days_of(
        self, ledger: Ledger, driver: int, query: DaysQuery, tz: ZoneInfo
    ) -> list[DriverDay]:
        """The days that are asked for; without a start from the driver's first one on."""
        now_s, at = self._clock.now_s(), self._at(query.at)
        if query.start is not None:
            range_ = asked_range(query.start, query.end, now_s, tz=tz)
            # Up to and with today, as without an end.
            end = range_.end if query.end is not None else range_.end + 1
            return await ledger.days(driver, Range(range_.start, end), tz, at)
        days = await ledger.days(driver, None, tz, at)
        if query.end is None:
            return days
        end = moment(query.end, "end", tz, now_s)
        return [each for each in days if each.start < end]

    async def driver_transactions(self, asked: Asked) -> shown.TransactionRows:
        """A driver's transactions, newest first."""
        number, _ = await self._driver(self._ledger(asked), asked)
        return await self._transactions(asked, "driver", number)

    async def stations(self, asked: Asked) -> shown.StationRows:
        """Stations by id, and how many batteries are at each."""
        query: ObjectsQuery = asked.query
        ledger, at = self._ledger(asked), self._at(query.at)
        known = await ledger.stations(_after(query.cursor), query.limit, at)
        there = await ledger.batteries_by_station(at)
        rows = [self._station_row(ledger, each, len(there.get(each.id, ()))) for each in known]
        return shown.StationRows(rows, _next(query, [each.id for each in known]))

    async def station(self, asked: Asked) -> shown.ShownStation:
        """A station, and the batteries that are there."""
        query: AtQuery = asked.query
        ledger = self._ledger(asked)
        number = await ledger.find("station", asked.path["id"])
        state = await ledger.station(number, self._at(query.at))
        batteries = [self._battery_row(ledger, each) for each in state.batteries]
        row = self._station_row(ledger, state.station, len(batteries))
        return shown.ShownStation(row, batteries)

    async def station_transactions(self, asked: Asked) -> shown.TransactionRows:
        """A station's transactions, newest first."""
        number = await self._ledger(asked).find("station", asked.path["id"])
        return await self._transactions(asked, "station", number)

    async def batteries(self, asked: Asked) -> shown.BatteryRows:
        """Batteries by id, and where each is."""
        query: ObjectsQuery = asked.query
        ledger, at = self._ledger(asked), self._at(query.at)
        known = await ledger.batteries(_after(query.cursor), query.limit, at)
        rows = [self._battery_row(ledger, each) for each in await ledger.whereabouts(known, at)]
        return shown.BatteryRows(rows, _next(query, [each.id for each in known]))

    async def battery(self, asked: Asked) -> ShownBattery:
        """A battery, where it is, with what energy it was seen last, and where it was before."""
        query: AtQuery = asked.query
        ledger, at = self._ledger(asked), self._at(query.at)
        number = await ledger.find("battery", asked.path["id"])
        row = self._battery_row(ledger, await ledger.battery(number, at))
        page = await ledger.transactions_of("battery", number, limit=HISTORY_MAX, at=at)
        labels = await ledger.labels(owner_of_battery(number, each) for each in page.data)
        return shown_battery(row, page.data, labels)

    async def battery_transactions(self, asked: Asked) -> shown.TransactionRows:
        """What was done with a battery, newest first."""
        number = await self._ledger(asked).find("battery", asked.path["id"])
        return await self._transactions(asked, "battery", number)

    async def vehicle(self, asked: Asked) -> shown.ShownVehicle:
        """A vehicle, the battery that it carries, and who swapped it last."""
        query: AtQuery = asked.query
        ledger = self._ledger(asked)
        number = await ledger.find("vehicle", asked.path["id"])
        return shown.shown_vehicle(await ledger.vehicle(number, self._at(query.at)))

    async def transaction(self, asked: Asked) -> shown.ShownChain:
        """A transaction, with all that it corrects and that corrects it."""
        ledger, n = self._ledger(asked), asked.path["n"]
        found = await ledger.transaction(n)
        drivers = {each.driver for each in found.chain}
        if not all(asked.sees(owner_of(ledger.network, "driver", each)) for each in drivers):
            raise NotFoundError(f"transaction: there is no transaction {n}")
        rows = [shown.transaction_row(each) for each in found.chain]
        return shown.ShownChain(shown.transaction_row(found.transaction), rows, found.live)

    async def events(self, asked: Asked) -> shown.EventRows:
        """The stream itself: every event behind a number, in order."""
        query: EventsQuery = asked.query
        found = await self._ledger(asked).events(query.after, query.limit)
        rows = [shown.event_row(each) for each in found]
        return shown.EventRows(rows, rows[-1].n if rows else query.after)

    async def _transactions(self, asked: Asked, kind: str, number: int) -> shown.TransactionRows:
        query: TransactionsQuery = asked.query
        ledger = self._ledger(asked)
        if not await ledger.labels([(kind, number)]):
            raise NotFoundError(f"{kind}: there is no {kind} {number} in {ledger.network}")
        page = await ledger.transactions_of(
            kind,
            number,
            limit=query.limit,
            before=query.cursor,
            include_rejected=bool(query.all),
            at=self._at(query.at),
        )
        return shown.TransactionRows(
            [shown.transaction_row(each) for each in page.data], page.before
        )

    async def _driver(self, ledger: Ledger, asked: Asked) -> tuple[int, int]:
        """The id and uid of the driver in the path; raises NotFoundError for one not to be seen."""
        reference: str = asked.path["id"]
        number = await ledger.find("driver", reference)
        uid = owner_of(ledger.network, "driver", number)
        if not asked.sees(uid):
            raise NotFoundError(f"driver: there is no driver {reference!r} in {ledger.network}")
        return number, uid

    def _ledger(self, asked: Asked) -> Ledger:
        network: str = asked.path["network"]
        if not NETWORK.fullmatch(network):
            raise NotFoundError("network: a name is 1 to 64 of a-z 0-9 . _ -")
        return self._ledger_of(network)

    def _at(self, at: str | None) -> int | None:
        return None if at is None else moment(at, "at", now_s=self._clock.now_s())

    def _station_row(
        self, ledger: Ledger, station: KnownStation, batteries: int
    ) -> shown.StationRow:
        uid = owner_of(ledger.network, "station", station.id)
        return shown.station_row(station, batteries, uid)

    def _battery_row(self, ledger: Ledger, state: BatteryState) -> shown.BatteryRow:
        return shown.battery_row(state, owner_of(ledger.network, "battery", state.battery.id))


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    after, _ = read_cursor(cursor)
    if after < 0:
        raise MalformedError("cursor: none that an answer gave")
    return after


def _next(query: ObjectsQuery, ids: list[int]) -> str | None:
    """Goes on behind the last of a full page; the page behind the last one may be empty."""
    return write_cursor(ids[-1], 0) if len(ids) == query.limit else None
