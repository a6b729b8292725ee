"""The activities of a user: listed, withdrawn, and who withdrew which.

::

    page = await psd.activities("1503960366", thing="steps", start="2016-04-12")
    await psd.withdraw("1503960366", page.data[0].aid, note="counted twice")
    async for row in psd.all_activities("1503960366"): ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from psd.client.paging import When, fixed, pages, second
from psd.client.transport import Request, Resource, parameters, path_of
from psd.queries.activity_answers import (
    ActivitiesAnswer,
    ActivityRow,
    AuditAnswer,
    ErasedAnswer,
    WithdrawalRow,
    WithdrawnAnswer,
)
from psd.queries.requests import LIMIT_MAX, Id, Ids, Name, Names


class Activities(Resource):
    """The part of a client that is about single activities."""

    async def activities(
        self,
        uid: Id,
        *,
        thing: Names | None = None,
        atid: Ids | None = None,
        start: When = 0,
        end: When | None = None,
        tz: Name = "UTC",
        limit: int = 100,
        cursor: str | None = None,
    ) -> ActivitiesAnswer:
        """A page of the activities with a booking in the range."""
        return await self._get(
            ActivitiesAnswer,
            path_of("v3", "users", uid, "activities"),
            thing=thing,
            atid=atid,
            start=second(start, "start"),
            end=second(end, "end"),
            tz=tz,
            limit=limit,
            cursor=cursor,
        )

    async def all_activities(
        self,
        uid: Id,
        *,
        thing: Names | None = None,
        atid: Ids | None = None,
        start: When = 0,
        end: When | None = None,
        tz: Name = "UTC",
    ) -> AsyncIterator[ActivityRow]:
        """Every activity of the range, page by page; what is relative counts from the first."""
        asked: dict[str, When | None] = {"start": start, "end": end}

        async def ask(cursor: str | None) -> ActivitiesAnswer:
            first, last = asked["start"] or 0, asked["end"]
            page = await self.activities(
                uid,
                thing=thing,
                atid=atid,
                start=first,
                end=last,
                tz=tz,
                limit=LIMIT_MAX,
                cursor=cursor,
            )
            asked["start"] = fixed(first, page.range.start)
            asked["end"] = fixed(last, page.range.end)
            return page

        async for page in pages(ask):
            for row in page.data:
                yield row

    async def withdraw(self, uid: Id, aid: Id, note: str = "") -> WithdrawnAnswer:
        """Take an activity back, for good; ``unchanged`` when it was taken back before."""
        path = path_of("v3", "users", uid, "activities", aid)
        sent = Request("DELETE", path + parameters({"note": note or None}), is_repeatable=True)
        return (await self._transport.send(sent)).read(WithdrawnAnswer)

    async def erase_user(self, uid: Id, note: str = "") -> ErasedAnswer:
        """Erase a user and all that is known of them; the note stays, so it names nobody."""
        path = path_of("v3", "users", uid) + parameters({"note": note or None})
        sent = Request("DELETE", path, is_repeatable=True)
        return (await self._transport.send(sent)).read(ErasedAnswer)

    async def audit(self, uid: Id, *, limit: int = 100, cursor: str | None = None) -> AuditAnswer:
        """A page of the withdrawals, the newest first."""
        path = path_of("v3", "users", uid, "audit")
        return await self._get(AuditAnswer, path, limit=limit, cursor=cursor)

    async def all_audit(self, uid: Id) -> AsyncIterator[WithdrawalRow]:
        """Every withdrawal, the newest first."""

        async def ask(cursor: str | None) -> AuditAnswer:
            return await self.audit(uid, limit=LIMIT_MAX, cursor=cursor)

        async for page in pages(ask):
            for row in page.data:
                yield row
