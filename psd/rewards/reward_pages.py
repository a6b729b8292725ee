"""The pages of rewards: weeks and their states, the longest streaks, and who is at risk.

::

    GET /rewards/                        weeks, 26 a page, and a search for a vehicle or an owner
    GET /rewards/streaks?week=9          the longest streaks of a week
    GET /rewards/at-risk?owner=42        who must be active before Monday 05:00 UTC
    GET /rewards/find?vehicle=7          leads to the vehicle, ?owner= to the owner
    ... &csv=1, &json=1                  the same as a file

What they show is what /v3/rewards and /v3/streaks answer whoever asks. Weeks and streaks are of
everybody: who is restricted to some owners is led to his own vehicles instead.
"""

from __future__ import annotations

from typing import Any

import msgspec

from psd.clock import Clock, utc_text
from psd.domain.web_page import Answer, Moved, Shown, Visit, WebPage
from psd.errors import NotFoundError
from psd.queries.parsing import from_pairs
from psd.rewards.listings import WeekLine
from psd.rewards.questions import RewardsQuestions, RiskQuery, StreaksQuery
from psd.rewards.reward_words import (
    FILES,
    as_file,
    asked_of,
    check_all,
    is_file,
    left,
    level_bar,
    link,
    number,
    part,
    tokens,
)
from psd.rewards.week_questions import WeekQuestions, WeeksQuery
from psd.rewards.weeks import bounds

WEEKS = 26
RISKS = 50
STREAKS = 50


class ShownWeek(msgspec.Struct, frozen=True):
    """A week in the table of weeks."""

    line: WeekLine
    tone: str
    state: str
    vehicles: str
    connected: str
    points: str
    pool: str
    levels: list[tuple[int, float, float, int]]


class RewardPages:
    """Shows what everybody's weeks came to."""

    def __init__(self, questions: RewardsQuestions, weeks: WeekQuestions, clock: Clock) -> None:
        self._questions = questions
        self._weeks = weeks
        self._clock = clock

    def pages(self) -> tuple[WebPage, ...]:
        """All of them."""
        return (
            WebPage(path="/", show=self.weeks, parameters=("cursor", *FILES), link="Weeks"),
            WebPage(
                path="/streaks",
                show=self.streaks,
                parameters=("week", "cursor", *FILES),
                link="Streaks",
            ),
            WebPage(
                path="/at-risk",
                show=self.at_risk,
                parameters=("owner", "cursor", *FILES),
                link="At risk",
            ),
            WebPage(path="/find", show=self.find, parameters=("vehicle", "owner")),
        )

    async def weeks(self, visit: Visit) -> Answer:
        """Weeks and their states; one who sees single owners gets to his own."""
        if visit.identity.owners is not None:
            own = visit.identity.owner
            return Moved(f"/owners/{part(own)}/") if own else Shown("rewards_of_some.html")
        cursor = visit.query.get("cursor") or None
        query = WeeksQuery(limit=WEEKS, cursor=cursor)
        page = await self._weeks.weeks(asked_of(visit, query))
        values = {
            "weeks": [_shown(each) for each in page.data],
            "next": link("/", cursor=page.next) if page.next else "",
            "first": bool(cursor),
            "csv": link("/", cursor=cursor, csv=1),
            "json": link("/", cursor=cursor, json=1),
        }
        return as_file(visit, "weeks", page) or Shown("rewards.html", values)

    async def streaks(self, visit: Visit) -> Answer:
        """The longest streaks."""
        check_all(visit)
        query = from_pairs(_told(visit, "week", "cursor"), StreaksQuery)
        query.limit = STREAKS
        try:
            page = await self._questions.streaks(asked_of(visit, query))
        except NotFoundError as error:
            if is_file(visit):
                raise
            return Shown("streaks.html", {**_nothing(), "week": "", "error": str(error)})
        here = {"week": page.week, "cursor": query.cursor}
        values = {
            "week": page.week,
            "lines": page.data,
            "next": link("/streaks", week=page.week, cursor=page.next) if page.next else "",
            "csv": link("/streaks", **here, csv=1),
            "json": link("/streaks", **here, json=1),
            "error": "",
        }
        return as_file(visit, f"streaks-{page.week}", page) or Shown("streaks.html", values)

    async def at_risk(self, visit: Visit) -> Answer:
        """Who was active last week and is not yet."""
        query = from_pairs(_told(visit, "owner", "cursor"), RiskQuery)
        query.limit = RISKS
        page = await self._questions.at_risk(asked_of(visit, query))
        end = bounds(page.week).end
        here = {"owner": query.owner, "cursor": query.cursor}
        values = {
            "week": page.week,
            "deadline": utc_text(end),
            "left": left(end - self._clock.now_s()),
            "owner": query.owner or "",
            "lines": [(each, part(each.owner or "")) for each in page.data],
            "next": link("/at-risk", owner=query.owner, cursor=page.next) if page.next else "",
            "csv": link("/at-risk", **here, csv=1),
            "json": link("/at-risk", **here, json=1),
        }
        return as_file(visit, f"at-risk-{page.week}", page) or Shown("at_risk.html", values)

    async def find(self, visit: Visit) -> Answer:
        """The way to a vehicle, or to an owner."""
        vehicle, owner = (visit.query.get(name, "").strip() for name in ("vehicle", "owner"))
        if vehicle:
            return Moved(f"/vehicles/{part(vehicle)}/")
        return Moved(f"/owners/{part(owner)}/" if owner else "/")


def _shown(line: WeekLine) -> ShownWeek:
    tone = {"Finished": "free", "Failed": "wrong"}.get(line.status, "busy")
    return ShownWeek(
        line,
        "waiting" if line.dirty and tone == "free" else tone,
        line.status or "Computed",
        number(line.vehicles),
        number(line.connected),
        number(line.points),
        tokens(line.pool),
        level_bar(line.levels or []),
    )


def _told(visit: Visit, *names: str) -> list[tuple[str, str]]:
    """Parameters of a page that are something."""
    found = ((name, visit.query.get(name, "").strip()) for name in names)
    return [(name, text) for name, text in found if text]


def _nothing() -> dict[str, Any]:
    return {"lines": [], "next": "", "csv": "", "json": ""}
