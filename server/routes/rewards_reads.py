"""What owners and operators read of the rewards: statements, the longest streaks, who is at risk.

::

    GET /v3/vehicles/7/statement?week=5   -> {"vehicle":"7","week":5,...,"points":8000,...}
    GET /v3/streaks?limit=2               -> {"week":9,"data":[{"rank":1,"vehicle":"7",...},...],
                                              "next":"OS4y"}
    GET /v3/streaks/at-risk?owner=42      -> {"week":10,"data":[{"vehicle":"7",...}],"next":null}

``next`` goes into ``?cursor=`` and is null at the end. The vehicles of other owners answer as
those that nobody knows. The streaks are about everybody, and so are not for who is restricted to
some owners.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from psd.clock import utc_text
from psd.engine.events import ID_MAX
from psd.errors import MalformedError
from psd.rewards.accounts import Accounts
from psd.rewards.at_risk import AtRisk, AtRiskPage, AtRiskPlace, Risk
from psd.rewards.evidence import Evidence
from psd.rewards.levels import level_of
from psd.rewards.listings import RiskEntry, RiskPage, StreakEntry, StreaksPage
from psd.rewards.rows import Row
from psd.rewards.shards import SHARDS
from psd.rewards.store import RewardsStore, asked_week
from psd.rewards.tables import Tables
from psd.rewards.weeks import WEEK_MAX, bounds
from psd.runtime import Runtime
from server import answers
from server.access import IDENTITY, asked_owner, sees_owner
from server.deadline import StoreDeadline
from server.openapi import rewards as about_rewards
from server.parameters import asked_number, read_cursor, whole_number, write_cursor
from server.routes.rewards_user import RewardsUserRoutes
from server.routing import Route

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000


def rewards_read_routes(runtime: Runtime) -> list[Route]:
    """Every route that reads rewards, of v1 and of v3."""
    accounts, rewards, tables = runtime.accounts, runtime.rewards, runtime.tables
    v3 = RewardsReadRoutes(accounts, runtime.at_risk, runtime.evidence, rewards, tables)
    return [
        *v3.routes(),
        *RewardsUserRoutes(accounts, rewards, tables, runtime.clock).routes(),
    ]


class RewardsReadRoutes:
    """The routes of v3 that read."""

    def __init__(
        self,
        accounts: Accounts,
        at_risk: AtRisk,
        evidence: Evidence,
        rewards: RewardsStore,
        tables: Tables,
    ) -> None:
        self._accounts = accounts
        self._at_risk = at_risk
        self._evidence = evidence
        self._rewards = rewards
        self._tables = tables

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [
            Route(
                "GET",
                "/v3/vehicles/{id}/statement",
                self.statement,
                scope="read",
                about=about_rewards.statement(),
            ),
            Route(
                "GET",
                "/v3/streaks",
                self.streaks,
                scope="read",
                whole=True,
                about=about_rewards.streaks(StreaksPage),
            ),
            Route(
                "GET",
                "/v3/streaks/at-risk",
                self.at_risk,
                scope="read",
                about=about_rewards.at_risk(RiskPage),
            ),
        ]

    async def statement(self, request: web.Request) -> web.Response:
        """A vehicle's week, each number explained."""
        vehicle = whole_number("id", request.match_info["id"], 0, ID_MAX)
        week = asked_number(request, "week", 0, WEEK_MAX)
        identity = request[IDENTITY]
        async with StoreDeadline():
            found = await self._accounts.statement(
                vehicle, week, lambda owner: sees_owner(identity, owner)
            )
        return answers.json(msgspec.json.encode(found))

    async def streaks(self, request: web.Request) -> web.Response:
        """The longest streaks of a week."""
        week = asked_number(request, "week", 0, WEEK_MAX)
        limit = _limit(request)
        cursor = read_cursor(request)
        start = 0
        if cursor is not None:
            # A week that is published between two parts of the streaks does not mix with it.
            if week not in (None, cursor[0]):
                raise MalformedError(f"cursor: it goes on in week {cursor[0]}, not in week {week}")
            week, start = cursor[0], max(cursor[1], 0)
        async with StoreDeadline():
            result = asked_week(await self._rewards.results(), week)
            rows = await self._rewards.streaks(result)
            tables = await self._evidence.tables(result.tables)
        entries = streak_entries(rows, tables)
        end = start + limit
        rest = write_cursor(result.week, end) if end < len(entries) else None
        return answers.json(msgspec.json.encode(StreaksPage(result.week, entries[start:end], rest)))

    async def at_risk(self, request: web.Request) -> web.Response:
        """Vehicles that were active last week and not yet this week."""
        limit = _limit(request)
        cursor = read_cursor(request)
        after = AtRiskPlace() if cursor is None else AtRiskPlace(*cursor)
        if not 0 <= after.shard <= SHARDS:
            raise MalformedError("cursor: none that an answer gave")
        async with StoreDeadline():
            page = await self._page(request, after, limit)
        return answers.json(msgspec.json.encode(self._risk_page(page)))

    async def _page(self, request: web.Request, after: AtRiskPlace, limit: int) -> AtRiskPage:
        identity = request[IDENTITY]
        if identity.owners is None and "owner" not in request.query:
            return await self._at_risk.of_all(after, limit)
        owner = asked_owner(request)
        if not sees_owner(identity, owner):
            return self._at_risk.of_nobody()
        return await self._at_risk.of_owner(owner, after, limit)

    def _risk_page(self, page: AtRiskPage) -> RiskPage:
        deadline = utc_text(bounds(page.week).end)
        rest = None if page.next is None else write_cursor(page.next.shard, page.next.vehicle)
        data = [self._risk_entry(each, deadline) for each in page.found]
        return RiskPage(page.week, data, rest)

    def _risk_entry(self, risk: Risk, deadline: str) -> RiskEntry:
        streak = risk.row.connection_streak if risk.row else 0
        return RiskEntry(
            vehicle=str(risk.vehicle.vehicle),
            owner=risk.vehicle.owner,
            connection_streak=streak,
            level=level_of(streak, self._tables.levels),
            last_activity=None if risk.last_activity_s is None else utc_text(risk.last_activity_s),
            deadline=deadline,
        )


def streak_entries(rows: list[Row], tables: Tables) -> list[StreakEntry]:
    """Ranks as in a competition: of streaks 9, 9, 8 they are 1, 1, 3."""
    entries: list[StreakEntry] = []
    for place, row in enumerate(rows, 1):
        streak = row.connection_streak
        tied = entries and entries[-1].connection_streak == streak
        rank = entries[-1].rank if tied else place
        level = level_of(streak, tables.levels)
        entries.append(StreakEntry(rank, str(row.vehicle), streak, level, row.points))
    return entries


def _limit(request: web.Request) -> int:
    found = asked_number(request, "limit", 1, LIMIT_MAX)
    return LIMIT_DEFAULT if found is None else found
