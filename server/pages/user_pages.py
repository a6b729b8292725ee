"""Pages of a user: a year as a calendar, a chart of any range, activities, boards and streaks.

::

    GET /users/?uid=7&thing=steps                   a search, which leads to the page
    GET /users/7?thing=steps&year=2016              the year, by the clocks of ?tz=
    GET /users/7?start=2016-04-12&end=2016-04-13    the chart and the activities of a day
    GET /users/7?thing=steps&json=1                 what the page shows; &csv=1 its activities
    GET /users/7/chart?start=...                    the chart's numbers as JSON, ... &csv=1 as CSV

Without script a chart is a drawing with links; with script a range is dragged over, and the page is
asked for that range (user_scripts/user.js). Who may not see a user is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec

from psd.clock import utc_text
from psd.domain.web_page import Answer, Content, Download, Moved, Shown, Visit, WebPage
from psd.engine.plan import Range
from psd.engine.series import BucketQuestion
from psd.engine.withdrawal import things_of_owners
from psd.errors import BadQueryError, DetailExpiredError, ForbiddenError, PsdError
from psd.foreign_texts import shown
from psd.queries.activities import ActivityQueries
from psd.queries.activity_answers import ActivitiesQuery, AuditQuery
from psd.queries.calendar import bounds
from psd.queries.depth import depth_of
from psd.runtime import Runtime
from psd.users import user_of
from psd.zones import UTC, beginning_of, zone
from server.pages.asked_user import (
    YEARS,
    AskedUser,
    goal_of,
    local_text,
    named_user,
    range_of,
    year_of,
)
from server.pages.own_watching import OwnWatching
from server.pages.user_chart import (
    POINTS_MAX,
    ChartAnswer,
    bars_of,
    links_of,
    unit_of,
)
from server.pages.user_file import UserFile, csv_of, json_of
from server.pages.user_places import PlaceOnBoard, UserPlaces
from server.pages.user_year import (
    ONE_DAY,
    Days,
    DaysInARow,
    halves_of,
    months_of,
    squares_of,
    streaks_of,
)

ACTIVITIES_SHOWN = 20
WITHDRAWALS_SHOWN = 10
OF_A_CHART = ("thing", "tz", "year", "start", "end", "csv")
OF_A_USER = (*OF_A_CHART, "goal", "cursor", "json")
"""What pages are asked with."""

FILES = (("csv", "Activities as CSV"), ("json", "All of this page as JSON"))
DAYS_OF_A_YEAR_MAX = 370
"""With those at its edges."""

_encode = msgspec.json.Encoder().encode


class UserPages:
    """Shows users to those who may see them."""

    def __init__(self, runtime: Runtime, watching: OwnWatching) -> None:
        self._watching = watching
        known, settings = runtime.settings.numbers, runtime.settings
        self._numbers = things_of_owners(known, runtime.books.things)
        self._things = {name: at for name, at in known.items() if at in self._numbers}
        self._units = {name: settings.things[name].unit for name in self._things}
        self._engine = runtime.engine
        self._clock = runtime.clock
        self._activities = ActivityQueries(
            runtime.engine,
            self._things,
            span_max_s=settings.server.range_span_max_s,
            ids_max=settings.server.ids_max,
            depth=depth_of(settings.queue, runtime.store),
        )
        self._places = UserPlaces(runtime.engine, runtime.queries, runtime.boards, known)

    def pages(self) -> tuple[WebPage, ...]:
        """All of them."""
        return (
            WebPage(path="/users/", show=self.search, parameters=("uid", "thing")),
            WebPage(path="/users/{uid}", show=self.user, parameters=OF_A_USER, named=True),
            WebPage(path="/users/{uid}/chart", show=self.chart, parameters=OF_A_CHART, named=True),
        )

    async def search(self, visit: Visit) -> Answer:
        """A form for a user, and the way there."""
        wanted = visit.query.get("uid", "").strip()
        if not wanted:
            return Shown("users.html", {"error": ""})
        try:
            user_of(wanted)
        except PsdError as error:
            return Shown("users.html", {"error": str(error)})
        thing = visit.query.get("thing", "")
        asked = f"?{urlencode({'thing': thing})}" if thing else ""
        return Moved(f"/users/{quote(wanted, safe='')}{asked}")

    async def user(self, visit: Visit) -> Answer:
        """A user's page."""
        watch = await self._watching.user(visit.names["uid"], visit)
        asked = await self._asked(visit)
        year = year_of(asked)
        days = await self._days(asked)
        goal = goal_of(asked)
        shown = self._shown(asked, year)
        now, longest = streaks_of(days, goal, asked.today)
        if {"json", "csv"} & {*visit.query}:
            return await self._file(visit, asked, days, shown)
        months = months_of(year, days)
        return Shown(
            "user.html",
            {
                **self._head(asked, year, goal),
                "halves": halves_of(squares_of(year, days), months),
                "months": [
                    (month, asked.link(start=month.first, end=month.following)) for month in months
                ],
                "best": max(days.items(), key=lambda each: (each[1], each[0]), default=None),
                "active": sum(1 for date, value in days.items() if date.year == year and value),
                "total": f"{sum(v for date, v in days.items() if date.year == year):,}",
                "streak": _told(now),
                "longest": _told(longest),
                **await self._charted(asked, shown),
                **await self._listed(asked, shown, visit),
                "watch": watch,
                "places": await self._places_of(asked, visit),
                "sees_boards": visit.identity.owners is None,
            },
        )

    async def _file(self, visit: Visit, asked: AskedUser, days: Days, shown: Range) -> Answer:
        """The page as JSON, or its activities as CSV."""
        listed = await self._listed(asked, shown, visit)
        if "json" not in visit.query:
            return csv_of(asked.thing, listed["activities"])
        year, goal = year_of(asked), goal_of(asked)
        now, longest = streaks_of(days, goal, asked.today)
        told = UserFile(
            asked.name,
            asked.thing,
            asked.tz.key,
            year,
            goal,
            {date: value for date, value in days.items() if date.year == year},
            now,
            longest,
            utc_text(shown.start),
            utc_text(shown.end),
            listed["activities"],
            bool(listed["next"]),
            listed["withdrawn"],
            await self._places_of(asked, visit),
        )
        return json_of(told)

    async def _places_of(self, asked: AskedUser, visit: Visit) -> list[PlaceOnBoard]:
        """Places on boards, which are of everybody: none for one who sees single owners."""
        if visit.identity.owners is not None:
            return []
        return await self._places.of(asked.uid, asked.now_s)

    async def chart(self, visit: Visit) -> Answer:
        """The chart's numbers."""
        asked = await self._asked(visit)
        found = await self._chart(asked, self._shown(asked, year_of(asked)))
        if "csv" in visit.query:
            rows = zip(map(utc_text, found.times), found.values, strict=True)
            return Download("chart.csv", ("start", asked.thing), [*rows])
        return Content("chart.json", "application/json", _encode(found))

    async def _asked(self, visit: Visit) -> AskedUser:
        """Raises ForbiddenError for one who may not see the user."""
        uid, name = named_user(visit)
        if not visit.sees(uid):
            raise ForbiddenError(f"user {name} is none that you may see")
        tz, now_s = zone(visit.query.get("tz") or "UTC"), self._clock.now_s()
        sums = (await self._engine.sums([uid], [*self._numbers], [Range(0, now_s + 1)]))[0].sums
        have = [each for each, number in self._things.items() if sums.get(number)]
        thing = visit.query.get("thing") or next(iter(have or self._things), "")
        if thing not in self._things:
            known = ", ".join(self._things)
            raise BadQueryError(f"thing: {shown(thing)} is unknown; known are {known}")
        return AskedUser(
            uid,
            name,
            tz,
            thing,
            self._things[thing],
            [*dict.fromkeys([*have, thing])],
            dt.datetime.fromtimestamp(now_s, tz).date(),
            now_s,
            visit.query,
        )

    async def _days(self, asked: AskedUser) -> Days:
        """Sums of local days, of the years in which anything is booked. 2 trips."""
        end = beginning_of(asked.today + dt.timedelta(days=1), asked.tz)
        starts = bounds(Range(0, end), "year", UTC, len(YEARS))
        [found] = await self._engine.series([asked.uid], BucketQuestion(asked.number, starts))
        booked = found[None].bookings or () if None in found else ()
        years = [YEARS.start + at for at, count in enumerate(booked) if count]
        edges = _days_of(years, asked.tz, end)
        if not edges:
            return {}
        values = await self._sums(asked, edges)
        return {
            dt.datetime.fromtimestamp(second, asked.tz).date(): value
            for second, value in zip(edges, values, strict=False)
            if value
        }

    async def _chart(self, asked: AskedUser, shown: Range) -> ChartAnswer:
        every = unit_of(shown.end - shown.start)
        edges = bounds(shown, every, asked.tz, POINTS_MAX)
        values = await self._sums(asked, edges)
        told = shown.start, shown.end, every, asked.tz.key
        return ChartAnswer(*told, [start for start, _ in pairwise(edges)], values)

    async def _sums(self, asked: AskedUser, edges: list[int]) -> list[int]:
        question = BucketQuestion(asked.number, edges)
        [found] = await self._engine.series([asked.uid], question)
        return [*found[None].sums] if None in found else [0] * (len(edges) - 1)

    async def _charted(self, asked: AskedUser, shown: Range) -> dict[str, Any]:
        """What the page says of the chart; one of a time without detail has none."""
        links = links_of(shown, asked.now_s)
        within = {"start": utc_text(shown.start), "end": utc_text(shown.end)}
        values: dict[str, Any] = {
            "from": utc_text(shown.start),
            "until": utc_text(shown.end),
            "typed": [local_text(each, asked.tz) for each in (shown.start, shown.end)],
            "links": [(text, asked.link(start=a, end=b)) for text, a, b in links],
            "chart_url": f"{asked.path}/chart",
            "page_files": [(text, asked.link(**{name: "1"}, **within)) for name, text in FILES],
            "files": asked.link(**within).replace("?", "/chart?", 1),
            "expired": "",
            "bars": None,
            "every": unit_of(shown.end - shown.start),
        }
        try:
            values["bars"] = bars_of(await self._chart(asked, shown))
        except DetailExpiredError as error:
            values["expired"] = str(error)
        return values

    async def _listed(self, asked: AskedUser, shown: Range, visit: Visit) -> dict[str, Any]:
        """Activities of the range, and what was taken back."""
        query = ActivitiesQuery(
            thing=asked.thing,
            # As texts: a number of eight digits would be read as a date.
            start=utc_text(shown.start),
            end=utc_text(shown.end),
            limit=ACTIVITIES_SHOWN,
            cursor=asked.query.get("cursor") or None,
        )
        log = AuditQuery(limit=WITHDRAWALS_SHOWN)
        values: dict[str, Any] = {"activities": [], "next": ""}
        try:
            found = await self._activities.activities(asked.uid, query, asked.now_s, sees=True)
            values["activities"] = found.data
            if found.next:
                start, end = utc_text(shown.start), utc_text(shown.end)
                values["next"] = asked.link(start=start, end=end, cursor=found.next)
        except DetailExpiredError:
            # The chart says so already.
            pass
        withdrawn = await self._activities.audit(asked.uid, log, sees=True)
        return {**values, "may_write": visit.identity.may("write"), "withdrawn": withdrawn.data}

    def _head(self, asked: AskedUser, year: int, goal: int) -> dict[str, Any]:
        return {
            "uid": asked.name,
            "path": asked.path,
            "thing": asked.thing,
            "unit": self._units[asked.thing],
            "things": [(each, asked.link(thing=each)) for each in asked.things],
            "tz": asked.tz.key,
            "has_zone": "tz" in asked.query,
            "year": year,
            "goal": goal,
            "before": asked.link(year=str(year - 1)) if year > YEARS.start else "",
            "after": asked.link(year=str(year + 1)) if year < asked.today.year else "",
        }

    def _shown(self, asked: AskedUser, year: int) -> Range:
        """The range of the chart: what is asked for, or the year."""
        range_ = range_of(asked)
        if range_ is not None:
            return range_
        first, following = dt.date(year, 1, 1), dt.date(year + 1, 1, 1)
        return Range(beginning_of(first, asked.tz), beginning_of(following, asked.tz))


def _days_of(years: Sequence[int], tz: ZoneInfo, end: int) -> list[int]:
    """Where the local days begin that have a second of these years of UTC, and where the last ends.

    What lies between years that are not neighbours is one piece.
    """
    edges: list[int] = []
    for year in years:
        # A clock of a zone is up to a day before UTC, or behind it.
        first, last = dt.date(year, 1, 1) - ONE_DAY, dt.date(year + 1, 1, 1) + ONE_DAY
        start = max(beginning_of(first, tz), edges[-1] if edges else 0)
        days = Range(start, min(beginning_of(last, tz), end))
        edges += bounds(days, "day", tz, DAYS_OF_A_YEAR_MAX)[bool(edges) and start == edges[-1] :]
    return edges


def _told(streak: DaysInARow) -> tuple[int, str, str]:
    if streak.first is None or streak.last is None:
        return 0, "", ""
    return streak.days, streak.first.isoformat(), streak.last.isoformat()
