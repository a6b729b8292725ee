"""Where prices and carbon are kept: a hash a month of a series, a field a UTC day of it.

::

    psd:energy:{p:agile-c}:202011    29 = 48 half-hours, some 200 bytes (psd/tariffs/price_days.py)
    psd:energy:{energy}:series       p:agile-c = GBP

A day is read, laid over and put back if nobody did so meanwhile; else once more.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from psd.clock import utc_text
from psd.energy.keys import plans_key, prices_key
from psd.energy.price_messages import PricesSaid, SeriesKind
from psd.errors import ConflictError, StoreUnavailableError
from psd.foreign_texts import shown
from psd.slices import Stretch
from psd.store.kept import write_kept
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import Script
from psd.tariffs.price_days import day_with, prices_of_day, rates_of_day
from psd.tariffs.prices import Price, Prices
from psd.zones import DATE_S

TRIES = 20
MONTHS_AT_ONCE = 120
DAYS_AT_ONCE = 10
"""Days of half-hours that are read in one stretch: 0.5 ms."""


class PriceStore:
    """Keeps and reads prices; raises StoreUnavailableError when Redis is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._put = Script("energy.put_prices")

    async def currency(self, kind: SeriesKind, series: str) -> str | None:
        """What a series is in, None for one that has no prices. 1 trip."""
        found = await self._store.reads.call(("HGET", plans_key("series"), f"{kind}:{series}"))
        return None if found is None else found.decode()

    async def names(self, kind: SeriesKind) -> list[tuple[str, str]]:
        """Names of series and their currencies, in order. 1 trip."""
        flat = await self._store.reads.call(("HGETALL", plans_key("series")))
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return sorted(
            (name.decode()[2:], currency.decode())
            for name, currency in pairs
            if name.startswith(f"{kind}:".encode())
        )

    async def page(self, kind: SeriesKind, after: str, limit: int) -> list[tuple[str, str]]:
        """Series whose names come next. 1 trip."""
        listed = await self.names(kind)
        start = bisect_right(listed, (after, "\U0010ffff")) if after else 0
        return listed[start : start + limit]

    async def keep(self, said: PricesSaid) -> bool:
        """Keep prices; whether any is another one than before. 3 trips.

        Raises ConflictError for a series in another currency.
        """
        await self._note(said)
        by_day = parted(said.prices)
        changed = [
            await self._keep_month(said, month, [(day_s, by_day[day_s]) for day_s in days])
            for month, days in by_month(by_day).items()
        ]
        return any(changed)

    async def would_change(self, said: PricesSaid) -> bool:
        """Whether keeping these would change a price; raises ConflictError. Writes nothing."""
        held = await self.currency(said.kind, said.series)
        if held is not None and held != said.currency:
            raise other_currency(said, held)
        by_day = parted(said.prices)
        raws = await self._days(said.kind, said.series, [*by_day])
        return any(
            rates_of_day(day_with(raw, said.time_s, by_day[day_s], day_s)) != rates_of_day(raw)
            for day_s, raw in raws.items()
        )

    async def prices(self, kind: SeriesKind, series: str, start: int, end: int) -> Prices:
        """The prices of a range, not cut to it. 1 trip."""
        days = range(start // DATE_S * DATE_S, end, DATE_S)
        raws = await self._days(kind, series, days)
        found: list[Price] = []
        stretch = Stretch(DAYS_AT_ONCE)
        for day_s in days:
            await stretch.after(1)
            if raws[day_s]:
                found += prices_of_day(raws[day_s], day_s)
        return Prices(found)

    async def months(self, kind: SeriesKind, series: str) -> AsyncIterator[list[Price]]:
        """All that stands of a series, a month after the other; a trip for MONTHS_AT_ONCE."""
        labels = [f"{year}{month:02}" for year in range(1970, 2200) for month in range(1, 13)]
        for start in range(0, len(labels), MONTHS_AT_ONCE):
            some = labels[start : start + MONTHS_AT_ONCE]
            commands: list[Command] = [
                ("HGETALL", prices_key(kind, series, month)) for month in some
            ]
            for month, flat in zip(some, await self._store.reads.call_all(commands), strict=True):
                found: list[Price] = []
                for day, raw in sorted(zip(flat[::2], flat[1::2], strict=True)):
                    date = dt.datetime(int(month[:4]), int(month[4:]), int(day), tzinfo=dt.UTC)
                    found += prices_of_day(raw, int(date.timestamp()))
                if found:
                    yield found

    async def _note(self, said: PricesSaid) -> None:
        field, key = f"{said.kind}:{said.series}", plans_key("series")
        commands: list[Command] = [("HSETNX", key, field, said.currency), ("HGET", key, field)]
        _, held = await write_kept(self._store, commands)
        if held.decode() != said.currency:
            raise other_currency(said, held.decode())

    async def _keep_month(
        self, said: PricesSaid, month: str, days: Sequence[tuple[int, Sequence[Price]]]
    ) -> bool:
        key = prices_key(said.kind, said.series, month)
        fields = [day_field(day_s) for day_s, _ in days]
        for _ in range(TRIES):
            held = await self._store.writes.call(("HMGET", key, *fields))
            arguments: list[str | bytes] = []
            changed = False
            for (day_s, prices), field, raw in zip(days, fields, held, strict=True):
                before = raw or b""
                after = day_with(before, said.time_s, prices, day_s)
                changed = changed or rates_of_day(before) != rates_of_day(after)
                arguments += [field, before, after]
            asked: Command = ("EVALSHA", self._put.sha, 1, key, *arguments)
            [done] = await write_kept(self._store, [asked])
            if done:
                return changed
        raise StoreUnavailableError(f"prices: {said.series!r} is changed by others all the time")

    async def _days(
        self, kind: SeriesKind, series: str, days: Sequence[int]
    ) -> Mapping[int, bytes]:
        """What is kept of days, by their first seconds. 1 trip."""
        months = by_month(days)
        commands: list[Command] = [
            ("HMGET", prices_key(kind, series, month), *map(day_field, listed))
            for month, listed in months.items()
        ]
        if not commands:
            return {}
        replies = await self._store.reads.call_all(commands)
        return {
            day_s: raw or b""
            for listed, raws in zip(months.values(), replies, strict=True)
            for day_s, raw in zip(listed, raws, strict=True)
        }


def parted(prices: Iterable[Price]) -> dict[int, list[Price]]:
    """Prices by the first seconds of the UTC days that they lie in, in order of these."""
    found: dict[int, list[Price]] = {}
    for price in prices:
        for day_s in range(price.start // DATE_S * DATE_S, price.end, DATE_S):
            found.setdefault(day_s, []).append(price)
    return dict(sorted(found.items()))


def by_month(days: Iterable[int]) -> dict[str, list[int]]:
    """Days by their month, as it stands in keys: ``202011``."""
    found: dict[str, list[int]] = {}
    for day_s in days:
        found.setdefault(utc_text(day_s)[:7].replace("-", ""), []).append(day_s)
    return found


def day_field(day_s: int) -> str:
    """A day of its month, as it stands in a hash."""
    return utc_text(day_s)[8:10]


def other_currency(said: PricesSaid, held: str) -> ConflictError:
    """What is said of prices in another currency than the series has."""
    return ConflictError(
        f"currency: the prices of {shown(said.series)} are in {held or 'none'!r}, not in "
        f"{said.currency or 'none'!r}"
    )
