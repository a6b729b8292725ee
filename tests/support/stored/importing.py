"""Imports without a server: a way in that books into a dictionary, and files of rows.

>>> books = PlainBooks()
>>> asyncio.run(imported(books, journal, rows))
>>> books.reports
{("steps", 7, 1460451600): (0, 160)}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from psd.cli.imports.import_plan import Plan
from psd.cli.imports.import_sending import ImportTally, Sending
from psd.cli.imports.import_tables import Form, TableRow
from psd.config import Settings
from psd.engine.event_fields import MetricFields
from psd.engine.events import Report
from psd.engine.windows import ABSENT, StandingReport
from psd.operations.import_journal import Journal
from psd.operations.import_undo import Undoing, Undone
from psd.operations.ways_in import ReportOutcome
from psd.users import user_of

AT_S = 1_460_451_600
"""2016-04-12 09:00:00 UTC."""

PLAN = Plan(
    Path("-"), Form("csv", ","), "uid", "time", None, {"steps": "steps"}, atid="atid", aid="aid"
)

Key = tuple[str, int, int, int]


class PlainBooks:
    """What stands, by thing, uid, aid and second; dies before its ``dies_at``-th booking."""

    def __init__(self, reports: dict[Key, tuple[int, int]] | None = None) -> None:
        self.reports = dict(reports or {})
        self.dies_at = 0
        self.books_last = True

    async def standing(self, fields: Sequence[MetricFields]) -> list[StandingReport]:
        """What stands in these windows."""
        found = [self.reports.get(key_of(each)) for each in fields]
        return [ABSENT if each is None else StandingReport("booked", *each) for each in found]

    async def send(
        self, fields: Sequence[MetricFields], reports: Sequence[Report]
    ) -> list[ReportOutcome]:
        """Book, as the engine does: whoever comes last stands."""
        assert len(fields) == len(reports)
        self.dies_at -= 1
        if self.dies_at == 0 and not self.books_last:
            raise KilledError
        told = []
        for each in fields:
            booked = (each.atid, each.value)
            is_same = self.reports.get(key_of(each)) == booked
            self.reports[key_of(each)] = booked
            told.append(ReportOutcome("unchanged" if is_same else "booked"))
        if self.dies_at == 0:
            raise KilledError
        return told

    def sums(self) -> dict[Key, int]:
        """What counts: a report of 0 counts like none."""
        return {key: value for key, (_, value) in self.reports.items() if value}


class KilledError(Exception):
    """The process ends here."""


def key_of(fields: MetricFields) -> Key:
    """What tells a report from others."""
    return fields.thing, user_of(fields.uid), fields.aid, fields.ts2


def rows_of(cells: Iterable[tuple[int, int, int, int]]) -> list[TableRow]:
    """Rows of (uid, aid, atid, value), all at one second."""
    names = ("uid", "aid", "atid", "steps")
    return [
        TableRow(line, {"time": str(AT_S), **dict(zip(names, map(str, each), strict=True))})
        for line, each in enumerate(cells, start=2)
    ]


async def imported(
    books: PlainBooks, journal: Journal, rows: list[TableRow], settings: Settings
) -> ImportTally:
    """Import rows."""
    return await Sending(books, journal, settings, asks=True).send(iter(rows), PLAN)


async def undone(books: PlainBooks, journal: Journal, settings: Settings) -> Undone:
    """Take an import back."""
    return await Undoing(books, journal, settings).run()
