"""Weekly rewards: ``rewards`` of a client, for asyncio and without it.

::

    statement = await psd.rewards.statement(7, week=5)
    statement.points, statement.explanation[0].rule
    await psd.rewards.activity([{"vehicle": 7, "integration": "Smartcar",
                                 "time": "2022-02-07T05:00:00Z"}])
    async for entry in psd.rewards.all_streaks(): ...

What is sent about vehicles may be sent again: what was booked stays as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from psd.client.answers import Refusal, VehiclesBooked
from psd.client.paging import pages
from psd.client.synchronous import Waiting, each, waiting
from psd.client.transport import JSON, Request, Resource, path_of
from psd.queries.requests import LIMIT_MAX, Id
from psd.rewards.listings import (
    OwnerHistory,
    OwnerVehicles,
    RiskEntry,
    RiskPage,
    StreakEntry,
    StreaksPage,
    VehicleHistory,
    WeeksPage,
)
from psd.rewards.statement import Statement
from psd.rewards.vehicle_messages import ActivityFields, EarningsFields, VehicleFields
from psd.rewards.what_if_listings import WhatIfAnswer

DOCUMENTS_MAX = 1000
"""Documents of a request: the default of ``booking.batch_reports_max``."""

PARTLY = 406
"""The status of an answer that tells of refusals; the other documents are booked."""

Document = Mapping[str, Any] | msgspec.Struct

_encode = msgspec.json.Encoder().encode


class AsyncRewards(Resource):
    """The part of a client that is about vehicles and what they earn."""

    async def statement(self, vehicle: Id, *, week: int | None = None) -> Statement:
        """A vehicle's week, each number explained; the newest computed week unless given."""
        path = path_of("v3", "vehicles", vehicle, "statement")
        return await self._get(Statement, path, week=week)

    async def streaks(
        self, *, week: int | None = None, limit: int = 100, cursor: str | None = None
    ) -> StreaksPage:
        """The longest streaks of a week."""
        return await self._get(StreaksPage, "/v3/streaks", week=week, limit=limit, cursor=cursor)

    async def all_streaks(self, *, week: int | None = None) -> AsyncIterator[StreakEntry]:
        """Every streak of a week, the longest first."""

        async def ask(cursor: str | None) -> StreaksPage:
            return await self.streaks(week=week, limit=LIMIT_MAX, cursor=cursor)

        async for page in pages(ask):
            for entry in page.data:
                yield entry

    async def at_risk(
        self, *, owner: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> RiskPage:
        """Vehicles that were active last week and not yet this week."""
        path = "/v3/streaks/at-risk"
        return await self._get(RiskPage, path, owner=owner, limit=limit, cursor=cursor)

    async def all_at_risk(self, *, owner: str | None = None) -> AsyncIterator[RiskEntry]:
        """Every vehicle at risk."""

        async def ask(cursor: str | None) -> RiskPage:
            return await self.at_risk(owner=owner, limit=LIMIT_MAX, cursor=cursor)

        async for page in pages(ask):
            for entry in page.data:
                yield entry

    async def weeks(self, *, limit: int = 100, cursor: str | None = None) -> WeeksPage:
        """Weeks and their states, the newest first."""
        return await self._get(WeeksPage, "/v3/rewards/weeks", limit=limit, cursor=cursor)

    async def vehicle_weeks(self, vehicle: Id) -> VehicleHistory:
        """The weeks of a vehicle, the newest first."""
        return await self._get(VehicleHistory, path_of("v3", "vehicles", vehicle, "weeks"))

    async def owner_vehicles(self, *, owner: str | None = None) -> OwnerVehicles:
        """An owner's vehicles: streak, level, and what each has earned."""
        return await self._get(OwnerVehicles, "/v3/rewards/vehicles", owner=owner)

    async def history(self, *, owner: str | None = None) -> OwnerHistory:
        """What an owner's vehicles earned, by week, the newest first."""
        return await self._get(OwnerHistory, "/v3/rewards/history", owner=owner)

    async def what_if(
        self, tables: Sequence[str], *, first: int | None = None, last: int | None = None
    ) -> WhatIfAnswer:
        """Weeks by other tables, each a TOML text of what differs, beside what they came to."""
        path = "/v3/rewards/what-if"
        return await self._get(WhatIfAnswer, path, tables=[*tables], first=first, last=last)

    async def activity(
        self, documents: Iterable[ActivityFields | Mapping[str, Any]]
    ) -> VehiclesBooked:
        """Book that vehicles were active."""
        return await self._book("/v3/activity", documents)

    async def earnings(
        self, documents: Iterable[EarningsFields | Mapping[str, Any]]
    ) -> VehiclesBooked:
        """Book points that were earned for something else."""
        return await self._book("/v3/earnings", documents)

    async def vehicles(
        self, documents: Iterable[VehicleFields | Mapping[str, Any]]
    ) -> VehiclesBooked:
        """Say what is known of vehicles; only what is sent is changed."""
        return await self._book("/v3/vehicles", documents)

    async def _book(self, path: str, documents: Iterable[Document]) -> VehiclesBooked:
        total = VehiclesBooked(0, 0, 0, [])
        done = 0
        for batch in _batches(documents):
            sent = Request("POST", path, _encode(batch), is_repeatable=True, accepted=(200, PARTLY))
            reply = await self._transport.send(sent)
            if reply.status == PARTLY and not reply.headers.get("Content-Type", "").startswith(
                JSON
            ):
                raise reply.error()
            total = _added(total, reply.read(VehiclesBooked), done)
            done += len(batch)
        return total


class Rewards(Waiting[AsyncRewards]):
    """The part of a client that is about vehicles and what they earn."""

    statement = waiting(AsyncRewards.statement)
    streaks = waiting(AsyncRewards.streaks)
    all_streaks = each(AsyncRewards.all_streaks)
    at_risk = waiting(AsyncRewards.at_risk)
    all_at_risk = each(AsyncRewards.all_at_risk)
    weeks = waiting(AsyncRewards.weeks)
    vehicle_weeks = waiting(AsyncRewards.vehicle_weeks)
    owner_vehicles = waiting(AsyncRewards.owner_vehicles)
    history = waiting(AsyncRewards.history)
    what_if = waiting(AsyncRewards.what_if)
    activity = waiting(AsyncRewards.activity)
    earnings = waiting(AsyncRewards.earnings)
    vehicles = waiting(AsyncRewards.vehicles)


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    rest = iter(documents)
    while batch := list(islice(rest, DOCUMENTS_MAX)):
        yield batch


def _added(total: VehiclesBooked, more: VehiclesBooked, done: int) -> VehiclesBooked:
    moved = [Refusal(each.index + done, each.code, each.message) for each in more.refused]
    return VehiclesBooked(
        booked=total.booked + more.booked,
        unchanged=total.unchanged + more.unchanged,
        duplicate=total.duplicate + more.duplicate,
        refused=[*total.refused, *moved],
        withdrawn=total.withdrawn + more.withdrawn,
    )
