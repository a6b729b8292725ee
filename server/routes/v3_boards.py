"""Named boards over HTTP: made, changed and taken away, and who is on them.

::

    PUT    /v3/boards/april          {"thing": "steps", "window": {...}}   201, ETag: "9f3a..-1.0"
    POST   /v3/boards/april/members  {"add": ["11", "22"], "remove": []}
    -> {"added":2,"removed":0,"members":2}
    PATCH  /v3/boards/april          {"title": "April cup"}     If-Match: "9f3a..-1.2"
    DELETE /v3/boards/april          204

``If-Match`` changes those versions of a board alone, ``If-None-Match: *`` makes a board that is
not there; what is there otherwise is 412. A GET answers ``If-None-Match`` with 304. Boards are
nobody's own: whoever is restricted to some owners gets none of them. How they stand is in
server/routes/v3_standings.py.
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec
from aiohttp import web

from psd.cursors import read_cursor, write_cursor
from psd.errors import BadQueryError
from psd.queries.boards.definitions import Membership, StoredBoard
from psd.queries.boards.member_lists import uids_of_csv
from psd.queries.boards.requests import (
    BoardBody,
    BoardRow,
    BoardsPage,
    BoardsQuery,
    MemberRow,
    MembersChange,
    MembersPage,
    MembersQuery,
    MembersRemoval,
)
from psd.queries.boards.store import BoardsStore
from psd.queries.parsing import from_json
from server import answers
from server.access import IDENTITY
from server.asking import asked
from server.bodies import BodyReader, object_in
from server.conditions import asked_versions, has_already
from server.deadline import StoreDeadline
from server.formats import CONTENT_TYPES, asked_format, csv_of_many
from server.openapi import boards as about_boards
from server.routing import Route

_encode = msgspec.json.Encoder().encode


class BoardRoutes:
    """The routes that keep boards and their members."""

    def __init__(self, boards: BoardsStore, bodies: BodyReader, depth_max: int) -> None:
        self._boards = boards
        self._bodies = bodies
        self._depth_max = depth_max

    def routes(self) -> list[Route]:
        """What this module serves."""
        one, members = "/v3/boards/{name}", "/v3/boards/{name}/members"
        return [
            Route(
                "GET", "/v3/boards", self.page, scope="read", whole=True, about=about_boards.PAGE
            ),
            Route("GET", one, self.get, scope="read", whole=True, about=about_boards.GET),
            Route("PUT", one, self.put, scope="write", whole=True, about=about_boards.PUT),
            Route("PATCH", one, self.patch, scope="write", whole=True, about=about_boards.PATCH),
            Route("DELETE", one, self.drop, scope="write", whole=True, about=about_boards.DROP),
            Route(
                "GET", members, self.members, scope="read", whole=True, about=about_boards.MEMBERS
            ),
            Route(
                "POST",
                members,
                self.change_members,
                scope="write",
                whole=True,
                about=about_boards.CHANGE_MEMBERS,
            ),
            Route(
                "DELETE",
                members,
                self.remove_members,
                scope="write",
                whole=True,
                about=about_boards.REMOVE_MEMBERS,
            ),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """Boards by name, with the number of members of each."""
        query = asked(request, BoardsQuery)
        async with StoreDeadline():
            boards = await self._boards.page(query.cursor, query.limit + 1)
            counts = await self._boards.counts_of(boards[: query.limit])
        rows = [BoardRow.of(*each) for each in zip(boards, counts, strict=False)]
        rest = rows[-1].name if len(boards) > query.limit else None
        return answers.json(_encode(BoardsPage(rows, rest)))

    async def get(self, request: web.Request) -> web.Response:
        """One board."""
        async with StoreDeadline():
            response = await self._shown(await self._boards.get(request.match_info["name"]))
        tag = response.headers["ETag"]
        if has_already(request, tag.strip('"')):
            return web.Response(status=304, headers={"ETag": tag})
        return response

    async def put(self, request: web.Request) -> web.Response:
        """Make a board, or give it another definition; its members stay unless they are given."""
        versions = asked_versions(request)
        body = from_json(await self._bodies.read(request), BoardBody, self._depth_max)
        async with StoreDeadline():
            board, is_new = await self._boards.put(
                request.match_info["name"],
                body.definition(),
                request[IDENTITY].name,
                members=body.members,
                versions=versions,
            )
            return await self._shown(board, 201 if is_new else 200)

    async def patch(self, request: web.Request) -> web.Response:
        """Replace single fields; null gives one its default."""
        versions = asked_versions(request)
        fields = object_in(await self._bodies.read(request), self._depth_max)
        author = request[IDENTITY].name
        async with StoreDeadline():
            board = await self._boards.patch(request.match_info["name"], fields, author, versions)
            return await self._shown(board)

    async def drop(self, request: web.Request) -> web.Response:
        """Take a board away, with its members and its final."""
        async with StoreDeadline():
            await self._boards.drop(request.match_info["name"], asked_versions(request))
        return web.Response(status=204)

    async def members(self, request: web.Request) -> web.Response:
        """Members, the lower uid first; as CSV one a line."""
        format_ = asked_format(request)
        query = asked(request, MembersQuery)
        after = None if query.cursor is None else read_cursor(query.cursor)[0]
        async with StoreDeadline():
            uids = await self._boards.members(request.match_info["name"])
        start = 0 if after is None else bisect_right(uids, after)
        stop = start + query.limit
        async with StoreDeadline():
            names = await self._boards.names.names(uids[start:stop])
        rows = [MemberRow(names.get(uid) or str(uid)) for uid in uids[start:stop]]
        rest = write_cursor(uids[stop - 1], 0) if stop < len(uids) else None
        if format_ == "csv":
            headers = {"Content-Type": CONTENT_TYPES["csv"], "Psd-Total": str(len(uids))}
            headers |= {} if rest is None else {"Psd-Next": rest}
            return web.Response(body=await csv_of_many(rows) or b"uid\r\n", headers=headers)
        return answers.json(_encode(MembersPage(rows, rest, len(uids))))

    async def change_members(self, request: web.Request) -> web.Response:
        """Put members on and take others off: JSON, or a CSV of those who come."""
        body = await self._bodies.read(request)
        if request.content_type == "text/csv":
            change = MembersChange(add=[*uids_of_csv(body)])
        else:
            change = from_json(body, MembersChange, self._depth_max)
        async with StoreDeadline():
            found = await self._boards.change_members(
                request.match_info["name"], change.add, change.remove
            )
        return _membership(found)

    async def remove_members(self, request: web.Request) -> web.Response:
        """Take those off that the URL names, or everybody."""
        removal = asked(request, MembersRemoval)
        listed = removal.uid if isinstance(removal.uid, list) else [removal.uid]
        if bool(listed) == removal.all:
            raise BadQueryError("uid: say which members leave, or all=true for everybody")
        name = request.match_info["name"]
        async with StoreDeadline():
            if removal.all:
                return _membership(await self._boards.clear_members(name))
            return _membership(await self._boards.change_members(name, [], listed))

    async def _shown(self, board: StoredBoard, status: int = 200) -> web.Response:
        [count] = await self._boards.counts_of([board])
        response = answers.json(_encode(BoardRow.of(board, count)), status)
        # The members are counted in what is shown, so another number is another answer.
        response.headers["ETag"] = f'"{board.tag}.{count}"'
        return response


def _membership(found: Membership) -> web.Response:
    return answers.json(_encode(found))
