"""Global counts: the sum of one name, or of a prefix with many ids.

``prefix`` and id are joined by ``_`` without escaping, as in the original: prefix ``a_b``
with id ``c`` reads the same count as prefix ``a`` with id ``b_c``::

    POST /v1/readcount_with_ids/hifive/1425168000/1480057097   ids=1,2
    -> {"1":39,"2":123}                                        (counts hifive_1 and hifive_2)
"""

from __future__ import annotations

from aiohttp import web

from psd.config import ServerSettings
from psd.engine.engine import Engine
from psd.engine.event_rules import COUNT_NAME_BYTES
from psd.engine.plan import Range
from psd.errors import TooLargeError
from server import answers
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.openapi.original import READ_COUNT, READ_COUNTS
from server.routes.original_sums import asked_range
from server.routing import Route


class CountRoutes:
    """The routes that read counts."""

    def __init__(self, engine: Engine, bodies: BodyReader, settings: ServerSettings) -> None:
        self._engine = engine
        self._bodies = bodies
        self._ids_max = settings.ids_max
        self._span_max_s = settings.range_span_max_s

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [
            Route(
                "GET",
                "/v1/readcount/{thing}/{start}/{end}",
                self.read,
                "text",
                scope="read",
                whole=True,
                about=READ_COUNT,
            ),
            Route(
                "POST",
                "/v1/readcount_with_ids/{prefix}/{start}/{end}",
                self.read_with_ids,
                "json",
                scope="read",
                whole=True,
                about=READ_COUNTS,
            ),
        ]

    async def read(self, request: web.Request) -> web.Response:
        """The sum of one count, as a text."""
        at = request.match_info
        name = at["thing"]
        found = await self._counts([name], asked_range(at, self._span_max_s))
        return answers.text(str(found.get(name, 0)))

    async def read_with_ids(self, request: web.Request) -> web.Response:
        """The sums of a prefix with each id: JSON, yet sent as text, as the original did."""
        at = request.match_info
        ids = (await self._bodies.form(request)).get("ids", "").split(",")
        if len(ids) > self._ids_max:
            raise TooLargeError(f"ids: {len(ids)} asked, at most {self._ids_max} allowed")
        names = {text: f"{at['prefix']}_{text}" for text in ids}
        found = await self._counts(list(names.values()), asked_range(at, self._span_max_s))
        values = {text: found.get(name, 0) for text, name in names.items()}
        return answers.text(answers.original_json(values))

    async def _counts(self, names: list[str], range_: Range) -> dict[str, int]:
        """Sums by name; a name that no count can have is not asked for."""
        known = [name for name in names if len(name.encode()) in COUNT_NAME_BYTES]
        if not known:
            return {}
        async with StoreDeadline():
            sums = await self._engine.counts(known, range_)
        return dict(zip(known, sums, strict=True))
