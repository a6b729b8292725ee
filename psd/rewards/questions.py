"""What owners and operators ask of the rewards: statements, the longest streaks, who is at risk.

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

from typing import Annotated

import msgspec
from msgspec import Meta

from psd.access.identity import Identity
from psd.clock import utc_text
from psd.cursors import read_cursor, write_cursor
from psd.domain.question import Asked
from psd.engine.events import ID_MAX
from psd.errors import MalformedError
from psd.rewards.accounts import Accounts
from psd.rewards.at_risk import AtRisk, AtRiskPage, AtRiskPlace, Risk
from psd.rewards.evidence import Evidence
from psd.rewards.levels import level_of
from psd.rewards.listings import RiskEntry, RiskPage, StreakEntry, StreaksPage
from psd.rewards.rows import Row
from psd.rewards.shards import SHARDS
from psd.rewards.statement import Statement
from psd.rewards.store import RewardsStore, asked_week
from psd.rewards.tables import Tables
from psd.rewards.visible_owners import asked_owner, sees
from psd.rewards.weeks import WEEK_MAX, bounds

Vehicle = Annotated[int, Meta(ge=0, le=ID_MAX, description="its number", examples=[7])]
Week = Annotated[int, Meta(ge=0, le=WEEK_MAX, description="the newest computed one unless given")]
Limit = Annotated[int, Meta(ge=1, le=1000)]
Cursor = Annotated[str, Meta(description="the `next` of the page before")]


class WeekQuery(msgspec.Struct):
    """Which week."""

    week: Week | None = None


class StreaksQuery(msgspec.Struct):
    """A part of a week's longest streaks."""

    week: Week | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class RiskQuery(msgspec.Struct):
    """A part of those at risk."""

    owner: Annotated[str, Meta(description="everybody's vehicles unless given")] | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class RewardsQuestions:
    """Answers what v3 asks."""

    def __init__(
        self,
        accounts: Accounts,
        at_risk: AtRisk,
        evidence: Evidence,
        results: RewardsStore,
        tables: Tables,
    ) -> None:
        self._accounts = accounts
        self._at_risk = at_risk
        self._evidence = evidence
        self._results = results
        self._tables = tables

    async def statement(self, asked: Asked) -> Statement:
        """A vehicle's week, each number explained."""
        vehicle: int = asked.path["id"]
        query: WeekQuery = asked.query
        return await self._accounts.statement(
            vehicle, query.week, lambda owner: sees(asked.identity, owner)
        )

    async def streaks(self, asked: Asked) -> StreaksPage:
        """The longest streaks of a week."""
        query: StreaksQuery = asked.query
        week, start = query.week, 0
        if query.cursor is not None:
            first, second = read_cursor(query.cursor)
            # A week that is published between two parts of the streaks does not mix with it.
            if week not in (None, first):
                raise MalformedError(f"cursor: it goes on in week {first}, not in week {week}")
            week, start = first, max(second, 0)
        result = asked_week(await self._results.results(), week)
        rows = await self._results.streaks(result)
        entries = streak_entries(rows, await self._evidence.tables(result.tables))
        end = start + query.limit
        rest = write_cursor(result.week, end) if end < len(entries) else None
        return StreaksPage(result.week, entries[start:end], rest)

    async def at_risk(self, asked: Asked) -> RiskPage:
        """Vehicles that were active last week and not yet this week."""
        query: RiskQuery = asked.query
        after = AtRiskPlace() if query.cursor is None else AtRiskPlace(*read_cursor(query.cursor))
        if not 0 <= after.shard <= SHARDS:
            raise MalformedError("cursor: none that an answer gave")
        return self._risk_page(await self._page(query, asked.identity, after))

    async def _page(self, query: RiskQuery, identity: Identity, after: AtRiskPlace) -> AtRiskPage:
        if identity.owners is None and query.owner is None:
            return await self._at_risk.of_all(after, query.limit)
        owner = asked_owner(query.owner, identity)
        if not sees(identity, owner):
            return self._at_risk.of_nobody()
        return await self._at_risk.of_owner(owner, after, query.limit)

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
