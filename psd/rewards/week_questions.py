"""What is asked of weeks: their states, an owner's vehicles and weeks, and those of a vehicle.

::

    GET /v3/rewards/weeks                 -> {"data":[{"week":9,"status":"Finished",...}],...}
    GET /v3/rewards/vehicles?owner=42     -> {"owner":"42","week":10,"data":[{"vehicle":"7",...}]}
    GET /v3/rewards/history?owner=42      -> {"owner":"42","data":[{"week":9,"points":8000,...}]}
    GET /v3/vehicles/7/weeks              -> {"vehicle":"7","data":[{"week":9,"points":8000,...}]}

The weeks as such are about everybody. Of owners that somebody may not see he gets what he gets of
owners whom nobody knows: empty lists.
"""

from __future__ import annotations

import msgspec

from psd.cursors import read_cursor, write_cursor
from psd.domain.question import Asked
from psd.rewards.accounts import Accounts
from psd.rewards.listings import OwnerHistory, OwnerVehicles, VehicleHistory, WeeksPage
from psd.rewards.original import Owner
from psd.rewards.owner_lines import owner_vehicles, week_entries
from psd.rewards.questions import Cursor, Limit
from psd.rewards.store import RewardsStore
from psd.rewards.tables import Tables
from psd.rewards.visible_owners import asked_owner, sees
from psd.rewards.week_lines import week_lines


class WeeksQuery(msgspec.Struct):
    """A part of the weeks."""

    limit: Limit = 100
    cursor: Cursor | None = None


class OwnerOfQuery(msgspec.Struct):
    """Whose vehicles."""

    owner: Owner | None = None


class WeekQuestions:
    """Answers what v3 asks of weeks."""

    def __init__(self, accounts: Accounts, results: RewardsStore, tables: Tables) -> None:
        self._accounts = accounts
        self._results = results
        self._tables = tables

    async def weeks(self, asked: Asked) -> WeeksPage:
        """Weeks and their states, the newest first."""
        query: WeeksQuery = asked.query
        lines = await week_lines(self._results)
        if query.cursor is not None:
            before, _ = read_cursor(query.cursor)
            lines = [each for each in lines if each.week < before]
        shown = lines[: query.limit]
        rest = write_cursor(shown[-1].week, 0) if len(lines) > query.limit else None
        return WeeksPage(shown, rest)

    async def vehicles(self, asked: Asked) -> OwnerVehicles:
        """An owner's vehicles: streak, level, and what each has earned."""
        owner = asked_owner(asked.query.owner, asked.identity)
        account = None
        if sees(asked.identity, owner):
            account = await self._accounts.account(owner)
        return owner_vehicles(owner, account, self._tables)

    async def history(self, asked: Asked) -> OwnerHistory:
        """What an owner's vehicles earned, by week.

        Every week from the newest with rewards to the first, those without between them too.
        """
        owner = asked_owner(asked.query.owner, asked.identity)
        sums = await self._accounts.history(owner) if sees(asked.identity, owner) else []
        return OwnerHistory(owner, week_entries(sums))

    async def of_vehicle(self, asked: Asked) -> VehicleHistory:
        """The weeks of a vehicle, the newest first."""
        vehicle: int = asked.path["id"]
        sums = await self._accounts.weeks_of(vehicle, lambda owner: sees(asked.identity, owner))
        return VehicleHistory(str(vehicle), week_entries(sums))
