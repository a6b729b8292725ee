"""Named boards and challenges: ``psd.boards`` of a client.

::

    april = FixedWindow(start="2016-04-01", end="2016-05-01")
    await psd.boards.put("april", Definition(thing="steps", window=april), members=["11", "22"])
    await psd.boards.change_members("april", add=["33"], remove=["22"])
    (await psd.boards.standing("april", as_of="2016-04-20")).data[0]     -> Standing(rank=1, ...)
    kept = await psd.boards.get("april")
    await psd.boards.patch("april", {"title": "April cup"}, tag=kept.tag)

A change that names a ``tag`` is made to that version alone; what is there otherwise is
ChangedError. Changes are sent once: when a server breaks off, look before you repeat.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from psd.client.answers import KeptBoard
from psd.client.paging import When, compared, pages, second
from psd.client.transport import Reply, Request, Resource, parameters, path_of
from psd.queries.boards.answers import BracketAnswer, FinalAnswer
from psd.queries.boards.definitions import CHANGE_MAX, Definition, Membership
from psd.queries.boards.requests import (
    BoardBody,
    BoardRow,
    BoardsPage,
    FinalBody,
    MembersChange,
    MembersPage,
)
from psd.queries.requests import LIMIT_MAX, Id, Name, Ties
from psd.queries.results import LeaderboardAnswer, Standing

_encode = msgspec.json.Encoder().encode


class AsyncBoards(Resource):
    """The part of a client that is about named boards."""

    async def page(self, *, limit: int = 100, cursor: str | None = None) -> BoardsPage:
        """Boards by name."""
        return await self._get(BoardsPage, "/v3/boards", limit=limit, cursor=cursor)

    async def all(self) -> AsyncIterator[BoardRow]:
        """Every board, by name."""

        async def ask(cursor: str | None) -> BoardsPage:
            return await self.page(limit=LIMIT_MAX, cursor=cursor)

        async for page in pages(ask):
            for row in page.data:
                yield row

    async def get(self, name: str) -> KeptBoard:
        """One board; raises NotFoundError."""
        sent = Request("GET", path_of("v3", "boards", name), is_repeatable=True)
        return _kept(await self._transport.send(sent))

    async def put(
        self,
        name: str,
        definition: Definition,
        *,
        members: Sequence[Id] | None = None,
        tag: str | None = None,
        is_new: bool = False,
    ) -> KeptBoard:
        """Make a board, or give it another definition; its members stay unless they are given.

        With ``is_new`` only where there is none of this name, else ChangedError.
        """
        fields = {field: getattr(definition, field) for field in Definition.__struct_fields__}
        body = BoardBody(**fields, members=None if members is None else [*members])
        headers = {"If-None-Match": "*"} if is_new else _matching(tag)
        path = path_of("v3", "boards", name)
        return _kept(await self._transport.send(Request("PUT", path, _encode(body), headers)))

    async def patch(
        self, name: str, fields: Mapping[str, Any], *, tag: str | None = None
    ) -> KeptBoard:
        """Replace single fields of a definition; None gives one its default."""
        path = path_of("v3", "boards", name)
        sent = Request("PATCH", path, _encode(fields), _matching(tag))
        return _kept(await self._transport.send(sent))

    async def drop(self, name: str, *, tag: str | None = None) -> None:
        """Take a board away, with its members and its final."""
        path = path_of("v3", "boards", name)
        await self._transport.send(Request("DELETE", path, headers=_matching(tag)))

    async def members(
        self, name: str, *, limit: int = 1000, cursor: str | None = None
    ) -> MembersPage:
        """Who is on a board, the lower uid first."""
        path = path_of("v3", "boards", name, "members")
        return await self._get(MembersPage, path, limit=limit, cursor=cursor)

    async def all_members(self, name: str) -> AsyncIterator[str]:
        """The uid of everybody on a board."""

        async def ask(cursor: str | None) -> MembersPage:
            return await self.members(name, limit=CHANGE_MAX, cursor=cursor)

        async for page in pages(ask):
            for row in page.data:
                yield row.uid

    async def change_members(
        self, name: str, *, add: Sequence[Id] = (), remove: Sequence[Id] = ()
    ) -> Membership:
        """Put users on a board and take others off; at most 10,000 of each at once."""
        body = _encode(MembersChange(add=[*add], remove=[*remove]))
        sent = Request("POST", path_of("v3", "boards", name, "members"), body)
        return (await self._transport.send(sent)).read(Membership)

    async def clear_members(self, name: str) -> Membership:
        """Take everybody off a board."""
        path = path_of("v3", "boards", name, "members") + parameters({"all": True})
        return (await self._transport.send(Request("DELETE", path))).read(Membership)

    async def standing(
        self,
        name: str,
        *,
        as_of: When | None = None,
        compare_to: When | tuple[When, When] | None = None,
        tz: Name | None = None,
        ties: Ties | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        around: int | str | None = None,
        span: int | None = None,
    ) -> LeaderboardAnswer:
        """Who stands where in the board's window, at an instant."""
        return await self._get(
            LeaderboardAnswer,
            path_of("v3", "boards", name, "standing"),
            as_of=second(as_of, "as_of"),
            compare_to=compared(compare_to, "compare_to"),
            tz=tz,
            ties=ties,
            limit=limit,
            cursor=cursor,
            around=around,
            span=span,
        )

    async def bracket(self, name: str, *, as_of: When | None = None) -> BracketAnswer:
        """The head-to-head rounds at an instant."""
        path = path_of("v3", "boards", name, "bracket")
        return await self._get(BracketAnswer, path, as_of=second(as_of, "as_of"))

    async def final(self, name: str, *, limit: int = 100, cursor: str | None = None) -> FinalAnswer:
        """The standing as it was declared final, and what the buckets say otherwise by now."""
        path = path_of("v3", "boards", name, "final")
        return await self._get(FinalAnswer, path, limit=limit, cursor=cursor)

    async def all_final(self, name: str) -> AsyncIterator[Standing]:
        """Everybody's place in the final."""

        async def ask(cursor: str | None) -> FinalAnswer:
            return await self.final(name, limit=LIMIT_MAX, cursor=cursor)

        async for page in pages(ask):
            for standing in page.data:
                yield standing

    async def declare(
        self, name: str, *, as_of: When | None = None, replace: bool = False
    ) -> FinalAnswer:
        """Keep the standing as the final one; an earlier final only gives way to ``replace``."""
        body = _encode(FinalBody(second(as_of, "as_of"), replace))
        sent = Request("POST", path_of("v3", "boards", name, "final"), body)
        return (await self._transport.send(sent)).read(FinalAnswer)


def _matching(tag: str | None) -> Mapping[str, str]:
    return {} if tag is None else {"If-Match": tag if tag == "*" else f'"{tag}"'}


def _kept(reply: Reply) -> KeptBoard:
    return KeptBoard(reply.read(BoardRow), reply.headers.get("ETag", "").strip('"'))
