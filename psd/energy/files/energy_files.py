"""From a file to what is booked of it, whichever format it has.

::

    format=csv, meter=house, 22,536 rows of half-hours
    -> 5 messages of up to 5,000 intervals, and
       {"rows": 22536, "repeated": 15, "intervals": 22521, "kwh": "5554.874", "refused": [], ...}

Of an interval that stands twice the last counts. A row that is none is told with its line and left
out; a file of something else (gas, a heading without the columns) is refused as a whole. Whoever
reads gives others a turn, so that a file of 8 MiB holds nobody up.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from psd.clock import Clock, utc_text
from psd.domain.file_import import FileMessages
from psd.domain.question import Asked
from psd.energy import csvfile, elering, greenbutton, octopus
from psd.energy.channels import (
    QUALITY_NAMES,
    REGISTERS,
    THINGS,
    EnergyInterval,
    Flow,
    flow_named,
    meter_name,
    meter_uid,
)
from psd.energy.csvfile import EnergyColumns
from psd.energy.energy_metrics import EnergyMetrics
from psd.energy.files.file_rows import FileRow, RefusedInterval
from psd.energy.meter_answers import ImportAnswer, RefusedLine
from psd.energy.meter_events import POINTS_MAX, check_interval, check_kept
from psd.energy.meter_messages import IntervalFields
from psd.energy.settings import EnergySettings
from psd.energy.store import MeterStore
from psd.engine.event_rules import EventRules
from psd.engine.outcomes import Outcome
from psd.errors import BadQueryError, InputError
from psd.foreign_texts import shown
from psd.measures.units import text_of
from psd.names import unknown
from psd.slices import Stretch
from psd.zones import zone

REFUSALS_MAX = 100
"""Of an answer; ``more_refused`` says how many there are beside."""

ROWS_AT_ONCE = 100
"""1 ms; as much as a part of XML without intervals."""

UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
EVERY_MAX_S = 366 * 86_400

STAMPS = ("start", "end")

_EVERY = re.compile(r"([0-9]{1,8})([smhd])", re.ASCII)


class ImportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file is, whose energy it has, and how rows are read where it does not say."""

    format: Annotated[str, Meta(description="greenbutton, csv, octopus or elering")]
    meter: str
    flow: Annotated[str, Meta(description=f"one of {', '.join(THINGS)}; of csv and octopus")] = (
        "import"
    )
    register: Annotated[int, Meta(ge=0, le=REGISTERS - 1)] = 0
    unit: Annotated[str, Meta(description="of csv and octopus")] = "kWh"
    every: Annotated[
        str | None, Meta(description="length of an interval, as 30m; of csv 30m unless given")
    ] = None
    tz: Annotated[str | None, Meta(description="of times without one; the meter's own")] = None
    stamp: Annotated[str, Meta(description="start or end, of a csv's time")] = "start"
    time: Annotated[str, Meta(description="the csv's column of times")] = "start"
    value: Annotated[str, Meta(description="the csv's column of energy")] = "value"
    dry_run: Annotated[bool, Meta(description="only tell what would become of it")] = False


Place = tuple[Flow, int, int]


class _Gathered:
    """The intervals of a file, each once, and the rows that are none."""

    def __init__(self) -> None:
        self.intervals: dict[Place, EnergyInterval] = {}
        self.refused: list[RefusedInterval] = []
        self.rows = 0

    def take(self, line: int, row: EnergyInterval, check: Callable[[EnergyInterval], None]) -> None:
        """One interval; one that nobody books is refused."""
        self.rows += 1
        try:
            check(row)
        except InputError as error:
            self.refused.append(RefusedInterval(line, error))
        else:
            self.intervals[row.flow, row.start, row.end] = row


class EnergyFiles:
    """Reads files of meters."""

    def __init__(
        self,
        store: MeterStore,
        settings: EnergySettings,
        clock: Clock,
        rules: EventRules,
        metrics: EnergyMetrics,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._rules = rules
        self._metrics = metrics

    async def read(self, asked: Asked, body: bytes) -> FileMessages:
        """What a file comes to."""
        query: ImportQuery = asked.query
        return await self.messages(query, body)

    async def messages(self, query: ImportQuery, body: bytes) -> FileMessages:
        """The same; raises an InputError for a file that is none of its format."""
        name = meter_name(query.meter)
        rows = _rows_of(query, body, await self._zone(query, name))
        now_s = self._clock.now_ms() // 1000
        gathered = _Gathered()

        def check(row: EnergyInterval) -> None:
            told = f"{text_of(row.mwh)} kWh"
            check_interval("interval", (row.start, row.end), row.mwh, told, now_s, self._rules)
            check_kept("interval.start", row.start, row.flow, now_s, self._rules)

        stretch = Stretch(ROWS_AT_ONCE)
        for row in rows:
            await stretch.after(1 if row is not None else ROWS_AT_ONCE)
            if isinstance(row, RefusedInterval):
                gathered.rows += 1
                gathered.refused.append(row)
            elif row is not None:
                gathered.take(*row, check)
        fields = _messages(query, name, gathered.intervals.values())
        self._metrics.rows(query.format, len(gathered.intervals), len(gathered.refused))
        return FileMessages(
            fields, lambda outcomes: _answer(query, name, gathered, outcomes), query.dry_run
        )

    async def _zone(self, query: ImportQuery, name: str) -> ZoneInfo:
        """That of times without one."""
        if query.tz is not None:
            return zone(query.tz)
        record = (await self._store.known(meter_uid(name))).record
        return zone(record.text("tz") or self._settings.tz)


def every_s(text: str) -> int:
    """How long an interval is; raises BadQueryError.

    >>> every_s("30m"), every_s("900s"), every_s("1d")
    (1800, 900, 86400)
    """
    found = _EVERY.fullmatch(text)
    length = int(found[1]) * UNIT_S[found[2]] if found else 0
    if not 0 < length <= EVERY_MAX_S:
        raise BadQueryError(f"every: {shown(text)} is no length as 30m, 1h or 900s, up to 366d")
    return length


def _csv(query: ImportQuery, body: bytes, tz: ZoneInfo) -> Iterator[FileRow]:
    if query.stamp not in STAMPS:
        raise BadQueryError(f"stamp: {shown(query.stamp)} {unknown(query.stamp, STAMPS)}")
    columns = EnergyColumns(
        query.time,
        query.value,
        query.unit,
        every_s(query.every or "30m"),
        query.stamp == "end",
        tz,
        flow_named(query.flow),
    )
    return csvfile.read([body], columns)


def _octopus(query: ImportQuery, body: bytes, _tz: ZoneInfo) -> Iterator[FileRow]:
    return octopus.read(body, query.unit, flow_named(query.flow))


def _elering(query: ImportQuery, body: bytes, _tz: ZoneInfo) -> Iterator[FileRow]:
    return elering.read(body, None if query.every is None else every_s(query.every))


def _greenbutton(_query: ImportQuery, body: bytes, _tz: ZoneInfo) -> Iterator[FileRow]:
    return greenbutton.read(io.BytesIO(body))


FORMATS: dict[str, Callable[[ImportQuery, bytes, ZoneInfo], Iterator[FileRow]]] = {
    "greenbutton": _greenbutton,
    "csv": _csv,
    "octopus": _octopus,
    "elering": _elering,
}


def _rows_of(query: ImportQuery, body: bytes, tz: ZoneInfo) -> Iterator[FileRow]:
    if query.format not in FORMATS:
        told = f"format: {shown(query.format)}"
        raise BadQueryError(f"{told} {unknown(query.format, FORMATS)}")
    return FORMATS[query.format](query, body, tz)


def _messages(
    query: ImportQuery, name: str, intervals: Iterable[EnergyInterval]
) -> list[IntervalFields]:
    """Intervals as messages, each flow by itself, in order of time."""
    by_flow: dict[Flow, list[EnergyInterval]] = {}
    for each in intervals:
        by_flow.setdefault(each.flow, []).append(each)
    found = []
    for flow, listed in by_flow.items():
        rows: list[list[int | str | float]] = [
            [each.start, each.end, text_of(each.mwh), QUALITY_NAMES[each.quality]]
            for each in sorted(listed, key=lambda each: (each.start, each.end))
        ]
        for at in range(0, len(rows), POINTS_MAX):
            some = rows[at : at + POINTS_MAX]
            found.append(IntervalFields(name, flow=flow, register=query.register, rows=some))
    return found


def _answer(
    query: ImportQuery, name: str, gathered: _Gathered, outcomes: Sequence[Outcome]
) -> ImportAnswer:
    kept, refused = gathered.intervals.values(), gathered.refused
    mwh = sum(each.mwh for each in kept)
    statuses = [outcome.status for outcome in outcomes]
    return ImportAnswer(
        query.format,
        name,
        gathered.rows,
        gathered.rows - len(refused) - len(kept),
        len(kept),
        mwh,
        text_of(mwh),
        utc_text(min(each.start for each in kept)) if kept else None,
        utc_text(max(each.end for each in kept)) if kept else None,
        statuses.count("booked"),
        statuses.count("unchanged"),
        [
            RefusedLine(each.line, each.error.code, str(each.error))
            for each in refused[:REFUSALS_MAX]
        ],
        max(len(refused) - REFUSALS_MAX, 0),
        query.dry_run,
    )
