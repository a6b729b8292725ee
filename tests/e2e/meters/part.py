"""What a running process has of meters: who keeps readings, and what answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from psd.audit.examine import Discrepancy
from psd.audit.sweep import Audited
from psd.domain.core import Core
from psd.domain.deed import Deed, Done
from psd.domain.dialect import Dialect
from psd.domain.part import Part
from psd.domain.question import Asked, Endpoint, Versioned, Watchable
from psd.domain.web_page import Answer, Download, Moved, Said, Shown, Visit, WebPage
from psd.engine.event_times import Time
from psd.engine.events import Accepted, Change, Report
from psd.engine.outcomes import BOOKED, Outcome
from psd.errors import ConflictError, InputError, NotFoundError
from psd.failpoints import reach
from psd.meters.events import Reading, ReadingFields
from psd.meters.keys import METERS_KEY
from psd.meters.old import OldFailure, told_by_old
from psd.meters.settings import MetersSettings
from psd.store.kept import write_kept
from psd.store.redis import Store

Meter = Annotated[int, Meta(ge=0, le=99, examples=[7])]


class MeterQuery(msgspec.Struct):
    """In which unit."""

    per: Annotated[int, Meta(ge=1, le=1_000, description="Wh in a unit")] = 1


class MeterAnswer(msgspec.Struct):
    """A meter's newest reading."""

    meter: int
    shown: int


class ReadingBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a meter shows."""

    wh: int
    time: Time


class MetersQuery(msgspec.Struct):
    """Which meters; a list is a parameter that comes several times."""

    meter: Annotated[list[Meter], Meta(max_length=10)]


class MetersPage(msgspec.Struct):
    """The newest readings of some meters."""

    data: list[MeterAnswer]
    unread: int


class MeterFollower:
    """Keeps readings."""

    things: frozenset[int] = frozenset()
    keeps: frozenset[type[Change]] = frozenset({Reading})

    def __init__(self, store: Store) -> None:
        self._store = store

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        """Follows no thing."""

    async def keep(self, changes: Sequence[Reading]) -> list[Outcome]:
        """Keep the last of each meter."""
        await write_kept(
            self._store, [("HSET", METERS_KEY, each.meter, each.wh) for each in changes]
        )
        reach("meters_kept")
        return [BOOKED for _ in changes]

    def preview(self) -> MeterFollower:
        """Nothing asks for a preview here."""
        return self


def text_of(replies: Sequence[bytes | None]) -> str:
    """The version of a meter is what it shows."""
    return (replies[0] or b"none").decode()


class Meters(Part):
    """Meters over one store."""

    def __init__(self, core: Core, _settings: MetersSettings) -> None:
        self._store = core.store
        self.followers = (MeterFollower(core.store),)
        one = Endpoint(
            path="/v3/meters/{meter}",
            parts={"meter": Meter},
            query=MeterQuery,
            answer=MeterAnswer,
            ask=self.meter,
            meaning="the reading",
            example=("/v3/meters/7", '{"meter":7,"shown":120}'),
            refused=(404, 406),
            whole=True,
        )
        self.watchables = (Watchable(endpoint=one, event="meter", versioned=self.versioned),)
        self.page_watchables = (
            Watchable(
                endpoint=msgspec.structs.replace(one, path="/meter/{meter}"),
                event="meter",
                versioned=self.versioned,
            ),
        )
        self.endpoints = (
            one,
            Endpoint(
                path="/v3/meters",
                query=MetersQuery,
                answer=MetersPage,
                ask=self.meters,
                meaning="those that were ever read",
                example=(
                    "/v3/meters?meter=7&meter=6",
                    '{"data":[{"meter":7,"shown":120}],"unread":1}',
                ),
                refused=(406, 422),
                whole=True,
                by_form=True,
            ),
        )
        self.deeds = (
            Deed(
                method="PUT",
                path="/v3/meters/{meter}/reading",
                parts={"meter": Meter},
                command="reading",
                body=ReadingBody,
                answer=MeterAnswer,
                fields=self.reading,
                told=self.read,
                summary="Read one meter.",
                meaning="the reading",
                sent='{"wh":120,"time":1644210000}',
                example=("/v3/meters/7/reading", '{"meter":7,"shown":120}'),
                refused=(409,),
            ),
        )
        self.face_endpoints = (
            Endpoint(
                path="/readings/{meter}",
                parts={"meter": Meter},
                answer=MeterAnswer,
                ask=self.old_meter,
                meaning="the reading",
                example=("/readings/7", '{"meter":7,"shown":120}'),
                scope="open",
                dialect=Dialect(name="old", failure=OldFailure, tell=told_by_old),
            ),
        )
        self.pages = (
            WebPage(path="/", show=self.page_of_all, link="Meters"),
            WebPage(path="/meter/{meter}/", show=self.page_of, takes_forms=True),
        )
        self._clock = core.clock

    async def old_meter(self, asked: Asked) -> MeterAnswer:
        """A meter's newest reading, as it was asked for before."""
        shown = await self.newest(asked.path["meter"])
        if shown is None:
            raise NotFoundError("never read")
        return MeterAnswer(asked.path["meter"], shown)

    async def page_of_all(self, visit: Visit) -> Answer:
        """Every meter, on a page or as a file."""
        pairs = await self._store.reads.call(("HGETALL", METERS_KEY))
        rows = sorted((int(pairs[at]), int(pairs[at + 1])) for at in range(0, len(pairs), 2))
        if visit.query.get("format") == "csv":
            return Download("meters.csv", ("meter", "wh"), rows)
        return Shown("meters.html", {"rows": rows})

    async def page_of(self, visit: Visit) -> Answer | Said:
        """A meter, and a form that reads it."""
        meter = visit.path["meter"]
        shown = await self.newest(meter)
        if shown is None:
            raise NotFoundError(f"meter: {meter} was never read")
        if visit.form is None:
            return Shown("meter.html", {"meter": meter, "shown": shown, "error": ""})
        typed = visit.form.get("wh", "")
        fields = ReadingFields(meter, int(typed or 0), self._clock.now_s())

        async def booked(_outcome: Outcome) -> Answer:
            return Moved(f"/meter/{meter}/", f"<{typed}> Wh", visit.query.get("next", ""))

        async def refused(error: InputError) -> Answer:
            return Shown("meter.html", {"meter": meter, "shown": shown, "error": str(error)})

        return Said("reading", fields, booked, refused)

    async def reading(self, asked: Asked) -> ReadingFields:
        """The reading as a message has it; a meter never goes back."""
        meter, body = asked.path["meter"], asked.query
        if body.wh < (await self.newest(meter) or 0):
            raise ConflictError(f"wh: meter {meter} showed more already")
        return ReadingFields(meter, body.wh, body.time)

    async def read(self, _asked: Asked, reading: Accepted, outcome: Outcome) -> Done:
        """What the meter shows now."""
        assert isinstance(reading, Reading)
        return Done(MeterAnswer(reading.meter, reading.wh), outcome.status == "booked")

    async def meter(self, asked: Asked) -> MeterAnswer:
        """A meter's newest reading."""
        shown = await self.newest(asked.path["meter"])
        if shown is None:
            raise NotFoundError(f"meter: {asked.path['meter']} was never read")
        return MeterAnswer(asked.path["meter"], shown // asked.query.per)

    async def versioned(self, asked: Asked) -> Versioned:
        """A meter is another one with each reading."""
        return Versioned((("HGET", METERS_KEY, asked.path["meter"]),), text_of)

    async def meters(self, asked: Asked) -> MetersPage:
        """The newest readings of some meters."""
        query: MetersQuery = asked.query
        found = [(each, await self.newest(each)) for each in query.meter]
        data = [MeterAnswer(each, shown) for each, shown in found if shown is not None]
        return MetersPage(data, len(found) - len(data))

    async def audit(self, *, repair: bool) -> AsyncIterator[Audited]:
        """Each meter shows a number; a repair forgets one that shows none."""
        pairs = await self._store.reads.call(("HGETALL", METERS_KEY))
        for meter, held in zip(pairs[::2], pairs[1::2], strict=True):
            if held.isdigit():
                yield Audited(METERS_KEY, "clean")
                continue
            if repair:
                await write_kept(self._store, [("HDEL", METERS_KEY, meter)])
            found = Discrepancy(METERS_KEY, meter.decode(), "a number", held.decode(), "its kind")
            yield Audited(METERS_KEY, "repaired" if repair else "found", [found])

    async def newest(self, meter: int) -> int | None:
        """In Wh, None of one that was never read."""
        found = await self._store.reads.call(("HGET", METERS_KEY, meter))
        return None if found is None else int(found)
