"""Erasing a user.

::

    DELETE /v3/users/alice%40example.com?note=asked+for+it
    -> 200 {"uid":"alice@example.com","status":"erased","keys":312,"boards":2,
            "archive":{"files":41,"rewritten":3,"entries":17,"left":1}}

Whoever has scope admin may, and whoever may write for this user alone. What is told of who did it
is the name of the token, and never what a JWT calls its owner: that may be who is erased.
"""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from psd.access.identity import Identity
from psd.archive.cutting import CutSummary
from psd.erasing.archive import cut_erased
from psd.errors import ArchiveUnavailableError, ForbiddenError
from psd.queries.activity_answers import ArchiveCut, ErasedAnswer, EraseQuery
from psd.queries.ids import asked_user
from psd.queries.parsing import from_pairs
from psd.runtime import Runtime
from psd.users import name_of
from server import answers
from server.access import IDENTITY
from server.openapi.activities import ERASE
from server.routing import Route

CUT_WITHIN_S = 5.0
"""Files of the archive that there is no time for are cut by psd users cut."""

_encode = msgspec.json.Encoder().encode


class UserRoutes:
    """The route over a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [Route("DELETE", "/v3/users/{uid}", self.erase, scope="write", about=ERASE)]

    async def erase(self, request: web.Request) -> web.Response:
        """Erase a user; the answer tells what is gone."""
        identity, user = request[IDENTITY], request.match_info["uid"]
        uid = asked_user(user, "uid")
        name = name_of(user)
        note = from_pairs(request.query.items(), EraseQuery).note
        _require_right(identity, uid, name)
        done = await self._runtime.erasing.erase(uid, identity.name, note, name)
        found = await self._cut()
        cut = ArchiveCut(found.files, found.rewritten, found.entries, found.left)
        answer = ErasedAnswer(name or str(uid), "erased", done.keys, done.boards, cut)
        return answers.json(_encode(answer))

    async def _cut(self) -> CutSummary:
        runtime = self._runtime
        store = await runtime.store.known_identity()
        try:
            return await asyncio.to_thread(
                cut_erased, runtime.settings, runtime.books.things, store, CUT_WITHIN_S
            )
        except ArchiveUnavailableError:
            # Whoever cuts it just now may have looked at some files before this erasure.
            return CutSummary(left=1)


def _require_right(identity: Identity, uid: int, name: str | None) -> None:
    if identity.may("admin"):
        return
    if identity.owners is None:
        raise ForbiddenError("uid: to erase users needs scope admin, or a token of this one")
    identity.require_owner(uid, name)
