"""Which reports stand: ``POST /v3/reports``, asked before they are sent or after.

::

    [{"thing": "steps", "uid": 7, "aid": 41, "ts1": 1460422800, "ts2": 1460422800}]
    -> 200 {"data": [{"status": "booked", "atid": "0", "value": 160}]}

Of users whom the one who asks may not see, and of what is no user where it is restricted to users,
nothing stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
from aiohttp import web

from psd.access.identity import Identity
from psd.engine.engine import Engine
from psd.engine.windows import ABSENT, Window
from psd.errors import BadQueryError
from psd.queries.reported import WINDOWS_MAX, WindowFields, answer_of, window_of
from psd.runtime import Runtime
from server import answers
from server.access import IDENTITY
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.openapi.events import REPORTS
from server.routing import Route
from server.writing import split_documents

_decode = msgspec.json.Decoder(WindowFields).decode
_encode = msgspec.json.Encoder().encode


class ReportRoutes:
    """The route that tells which reports stand; of ``domain_things`` a uid is no user."""

    def __init__(
        self,
        engine: Engine,
        things: Mapping[str, int],
        domain_things: Collection[int],
        bodies: BodyReader,
    ) -> None:
        self._engine = engine
        self._things = things
        self._domain_things = domain_things
        self._bodies = bodies

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [Route("POST", "/v3/reports", self.reports, scope="read", about=REPORTS)]

    async def reports(self, request: web.Request) -> web.Response:
        """What stands in each window that the body names."""
        identity = request[IDENTITY]
        body = await self._bodies.read(request)
        windows = [
            self._window(index, document)
            for index, document in enumerate(split_documents(body, WINDOWS_MAX))
        ]
        places = [at for at, window in enumerate(windows) if self._sees(identity, window)]
        found = [ABSENT] * len(windows)
        async with StoreDeadline():
            told = await self._engine.reported([windows[at] for at in places])
        for at, standing in zip(places, told, strict=True):
            found[at] = standing
        return answers.json(_encode(answer_of(found)))

    def _window(self, index: int, document: bytes) -> Window:
        try:
            return window_of(_decode(document), self._things)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise BadQueryError(f"[{index}]: {exc}") from exc
        except BadQueryError as error:
            raise BadQueryError(f"[{index}].{error}") from error

    def _sees(self, identity: Identity, window: Window) -> bool:
        if identity.owners is None:
            return True
        return window.thing not in self._domain_things and identity.sees(window.uid)


def report_routes(runtime: Runtime, bodies: BodyReader) -> list[Route]:
    """The route over a runtime."""
    things = runtime.settings.numbers
    return ReportRoutes(runtime.engine, things, runtime.books.things, bodies).routes()
