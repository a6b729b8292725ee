"""A domain's files as routes: a body is read as what it holds, and booked message by message.

::

    POST /v3/energy/imports?format=csv&meter=house   22,536 rows
    read    -> 5 commands, and rows that are none with their lines     422: nothing was done
    accept  -> each archived, then booked, within a deadline of its own
    told    -> 200 {"rows":22536,"intervals":22521,"kwh":"5554.874",...}

The file is unpacked and bounded as every body is (server/bodies.py), by a limit of its own. A file
whose sending broke off is sent again: what was booked is found unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiohttp import web

from psd.domain.command import Command
from psd.domain.file_import import FileImport
from psd.domain.question import Asked
from psd.engine.event_rules import EventRules
from psd.engine.outcomes import Outcome
from psd.runtime import Runtime
from server import answers
from server.access import IDENTITY, seen_by
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.domain.deeds import Taker
from server.openapi.about import About, Example, json_answer
from server.parameters import QueryReader
from server.routing import Route

FILE_TYPE = "application/octet-stream"

_encode = msgspec.json.Encoder().encode


class FileImportRoutes:
    """Makes routes of files; ``rules`` are those of what comes over HTTP."""

    def __init__(self, runtime: Runtime, rules: EventRules, bodies: BodyReader) -> None:
        self._taker = Taker(runtime, rules)
        self._bodies = bodies

    def route(self, each: FileImport, commands: Mapping[str, Command], group: str) -> Route:
        """The route of one kind of file; ``commands`` are those of its domain, by their names."""
        command, query = commands[each.command], QueryReader(each.query)

        async def handle(request: web.Request) -> web.Response:
            asked = Asked(
                query.read(request.query.items()), {}, request[IDENTITY], seen_by(request)
            )
            body = await self._bodies.read_file(request, each.bytes_max)
            # No deadline: that a file is long to read is no fault of the store, whose trips end.
            content = await each.read(asked, body)
            outcomes = []
            for fields in content.fields:
                outcomes.append(await self._taken(command, fields, sends=not content.is_rehearsal))
            return answers.json(_encode(content.told(outcomes)))

        return Route("POST", each.path, handle, "fields", "write", True, _about(each, group))

    async def _taken(self, command: Command, fields: msgspec.Struct, *, sends: bool) -> Outcome:
        """What became of one message; a refusal is raised, as every other would be refused too."""
        async with StoreDeadline():
            taking = self._taker.take if sends else self._taker.rehearse
            return (await taking(command, fields))[1]


def _about(each: FileImport, group: str) -> About:
    asked, answered = each.example
    return About(
        group=group,
        summary=(each.read.__doc__ or "").partition("\n")[0],
        details=each.details,
        query=(each.query,),
        body={FILE_TYPE: bytes},
        answers=(json_answer(each.answer, each.meaning),),
        refused=(*each.refused, 422),
        examples=(Example(asked, answered, each.sent, FILE_TYPE),),
    )
