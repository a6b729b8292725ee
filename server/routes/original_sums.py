"""Sums over the original's routes: one user, many users, many users and things.

Ranges include both ends; ``all`` asks for every activity type. What cannot exist (a uid
such as ``01``, a thing that is not configured) has sum 0 and is not asked for. Lists are
split at commas and not trimmed::

    POST /v1/mumt_query/all/1496539746/1496539747   ids=1&things=steps
    -> {"data":{"1":{"_atids":[2],"steps":10}}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from psd.config import ServerSettings
from psd.engine.engine import Engine
from psd.engine.plan import Range
from psd.engine.sums import OwnerSums
from psd.errors import TooLargeError
from psd.integers import integer_of
from server import answers
from server.access import IDENTITY
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.openapi import original
from server.parameters import ANY_ATID, check_span, inclusive_range, integer
from server.routing import Route

POINTS = "points"
"""A user who is asked for points and has exactly 0 of them is left out of mumt answers."""

NO_SUMS = OwnerSums(sums={}, activities={})


class QueryRoutes:
    """The routes that sum what users did."""

    def __init__(
        self,
        engine: Engine,
        things: Mapping[str, int],
        bodies: BodyReader,
        settings: ServerSettings,
    ) -> None:
        self._engine = engine
        self._things = things
        self._bodies = bodies
        self._ids_max = settings.ids_max
        self._things_max = settings.things_max
        self._span_max_s = settings.range_span_max_s

    def routes(self) -> list[Route]:
        """What this module serves."""
        times = "{atid}/{start}/{end}"
        return [
            Route(
                "GET",
                f"/v1/query/{{uid}}/{{thing}}/{times}",
                self.query,
                "text",
                "read",
                about=original.QUERY,
            ),
            Route(
                "POST",
                f"/v1/query_ids/{{thing}}/{times}",
                self.query_ids,
                "json",
                "read",
                about=original.QUERY_IDS,
            ),
            Route(
                "POST",
                f"/v1/mu_query/{{thing}}/{times}",
                self.mu_query,
                "json",
                "read",
                about=original.MU_QUERY,
            ),
            Route(
                "POST",
                f"/v1/mumt_query/{times}",
                self.mumt_query,
                "json",
                "read",
                about=original.MUMT_QUERY,
            ),
            Route(
                "POST",
                f"/v2/mumt_query/{times}",
                self.mumt_query_at_offsets,
                "json",
                "read",
                about=original.MUMT_QUERY_AT_OFFSETS,
            ),
        ]

    async def query(self, request: web.Request) -> web.Response:
        """One user's sum of one thing, as a text."""
        at = request.match_info
        uid, thing = at["uid"], at["thing"]
        found = await self._sums(request, [uid], [thing], [self._range(at)], at["atid"])
        return answers.text(str(self._sum(found.get(uid, NO_SUMS), thing)))

    async def query_ids(self, request: web.Request) -> web.Response:
        """Many users' sums of one thing: JSON, yet sent as text, as the original did."""
        at = request.match_info
        uids = self._list((await self._bodies.form(request)).get("ids", ""), "ids", self._ids_max)
        ranges = [self._range(at)] * len(uids)
        found = await self._sums(request, uids, [at["thing"]], ranges, at["atid"])
        values = {uid: self._sum(found.get(uid, NO_SUMS), at["thing"]) for uid in uids}
        return answers.text(answers.original_json(values))

    async def mu_query(self, request: web.Request) -> web.Response:
        """Many users' sums of one thing, and the types of their activities."""
        at = request.match_info
        uids = self._list((await self._bodies.form(request)).get("ids", ""), "ids", self._ids_max)
        ranges = [self._range(at)] * len(uids)
        found = await self._sums(request, uids, [at["thing"]], ranges, at["atid"], activities=True)
        totals = original.UserTotals(
            {uid: self._sum(found.get(uid, NO_SUMS), at["thing"]) for uid in uids},
            {uid: sorted(found.get(uid, NO_SUMS).activities.values()) for uid in uids},
        )
        return answers.json(answers.original_json(totals))

    async def mumt_query(self, request: web.Request) -> web.Response:
        """Many users' sums of many things over one range."""
        form = await self._bodies.form(request)
        uids = self._list(form.get("ids", ""), "ids", self._ids_max)
        ranges = [self._range(request.match_info)] * len(uids)
        return await self._mumt(request, form, uids, ranges)

    async def mumt_query_at_offsets(self, request: web.Request) -> web.Response:
        """The same with a time offset for each user, by position."""
        form = await self._bodies.form(request)
        uids = self._list(form.get("ids", ""), "ids", self._ids_max)
        offsets = [integer(text) for text in form.get("offsets", "").split(",")]
        if len(uids) != len(offsets):
            return answers.failure("len(uids) != len(offsets)", 422)
        at = request.match_info
        start, end = integer(at["start"]), integer(at["end"])
        ranges = [
            check_span(inclusive_range(start + offset, end + offset), self._span_max_s)
            for offset in offsets
        ]
        return await self._mumt(request, form, uids, ranges)

    async def _mumt(
        self,
        request: web.Request,
        form: Mapping[str, str],
        uids: list[str],
        ranges: list[Range],
    ) -> web.Response:
        atid = request.match_info["atid"]
        things = self._list(form.get("things", ""), "things", self._things_max)
        found = await self._sums(request, uids, things, ranges, atid, activities=True)
        data = {uid: self._row(owner, things) for uid, owner in found.items() if owner.activities}
        kept = {uid: row for uid, row in data.items() if row.get(POINTS) != 0}
        return answers.json(answers.original_json({"data": kept}))

    def _row(self, owner: OwnerSums, things: list[str]) -> dict[str, int | list[int]]:
        row: dict[str, int | list[int]] = {name: self._sum(owner, name) for name in things}
        row["_atids"] = sorted(owner.activities.values())
        return row

    def _sum(self, owner: OwnerSums, name: str) -> int:
        """An owner's sum of a thing; 0 when the thing is not configured."""
        number = self._things.get(name)
        return 0 if number is None else owner.sums.get(number, 0)

    async def _sums(
        self,
        request: web.Request,
        uids: Sequence[str],
        things: Sequence[str],
        ranges: Sequence[Range],
        atid: str,
        *,
        activities: bool = False,
    ) -> dict[str, OwnerSums]:
        """Sums by uid, for those who can exist; of a uid's positions the last one counts.

        Owners whom the one who asks may not see are not asked for, as if they did not exist.
        """
        sees = request[IDENTITY].sees
        asked = {
            uid: range_
            for text, range_ in zip(uids, ranges, strict=True)
            if (uid := integer_of(text)) is not None and sees(uid)
        }
        numbers = [self._things[name] for name in dict.fromkeys(things) if name in self._things]
        type_asked = integer_of(atid)
        if not asked or not numbers or (type_asked is None and atid != ANY_ATID):
            return {}
        ranges_asked = list(asked.values())
        async with StoreDeadline():
            found = await self._engine.sums(
                list(asked), numbers, ranges_asked, atid=type_asked, activities=activities
            )
        return {str(uid): owner for uid, owner in zip(asked, found, strict=True)}

    def _range(self, at: Mapping[str, str]) -> Range:
        return asked_range(at, self._span_max_s)

    def _list(self, text: str, name: str, elements_max: int) -> list[str]:
        elements = text.split(",")
        if len(elements) > elements_max:
            raise TooLargeError(f"{name}: {len(elements)} asked, at most {elements_max} allowed")
        return elements


def asked_range(at: Mapping[str, str], span_max_s: int) -> Range:
    """The range that a path asks for; raises TooLargeError when it is longer than allowed."""
    return check_span(inclusive_range(integer(at["start"]), integer(at["end"])), span_max_s)
