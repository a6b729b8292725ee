"""The rows of a file on their way: checked, written down, sent, and counted.

Each batch is in the journal with what it replaces before it is sent
(psd/operations/import_journal.py), so what becomes of a report is told by three things: the answer,
whether a row of the file stood there, and what stood there before::

    line 2  user 7 at 08:00   100    booked
    line 3  user 7 at 08:00    50    replaced a row of the file
    line 4  user 7 at 09:00    10    replaced what was booked before (it was 30)
    line 5  user 7 at 10:00     5    unchanged
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import msgspec

from psd.cli.imports.import_plan import Plan
from psd.cli.imports.import_rows import BookableRow, Columns, RefusedRow, bookable
from psd.cli.imports.import_tables import TableRow
from psd.clock import SystemClock
from psd.config import Settings
from psd.engine.event_fields import MetricFields
from psd.engine.event_rules import rules_of
from psd.engine.events import Report
from psd.engine.windows import ABSENT, StandingReport
from psd.errors import InputError
from psd.operations.import_journal import Earlier, Journal
from psd.operations.ways_in import ReportOutcome, WayIn

BATCH_REPORTS = 500
"""A trip's worth: more makes no booking cheaper, and keeps the answer waiting longer."""

PREVIEWED_ROWS = 5
REPEATS_KEPT = 20

LABELS = {
    "booked": ("booked", "replaced a row of the file", "replaced what was booked before"),
    "queued": (
        "queued",
        "queued to replace a row of the file",
        "queued to replace what is booked",
    ),
    "checked": ("would be booked", "would replace a row of the file", ""),
}
"""What is said of a report by its status: the first of its window, a later one of the file, one
that was there before. Other statuses speak for themselves, behind these."""

LABELS_IN_ORDER = [label for labels in LABELS.values() for label in labels if label]


class Repeat(msgspec.Struct, frozen=True):
    """A row in whose window a row before it stands."""

    line: int
    earlier: Earlier
    fields: MetricFields


class ImportTally(msgspec.Struct):
    """What became of the rows: ``reports`` counts reports, of which a row has one a thing.

    ``blank`` are values that were left out, ``first`` the first rows that keep every rule, and
    ``repeats`` the first of ``repeated`` reports whose window had a row of the file already.
    """

    rows: int = 0
    reports: dict[str, int] = msgspec.field(default_factory=dict)
    blank: int = 0
    refused: list[RefusedRow] = msgspec.field(default_factory=list)
    first: list[BookableRow] = msgspec.field(default_factory=list)
    repeated: int = 0
    repeats: list[Repeat] = msgspec.field(default_factory=list)

    def add(self, label: str) -> None:
        """Count a report."""
        self.reports[label] = self.reports.get(label, 0) + 1

    def refuse(self, line: int, error: InputError) -> None:
        """Keep the first refusal of a line."""
        if not self.refused or self.refused[-1].line != line:
            self.refused.append(RefusedRow(line, error))

    def take(self, row: BookableRow) -> None:
        """Count what was left out of a row, and keep one of the first."""
        self.blank += row.blank
        if row.fields and len(self.first) < PREVIEWED_ROWS:
            self.first.append(row)

    def repeat(self, repeat: Repeat) -> None:
        """Count a window that the file has twice."""
        self.repeated += 1
        if len(self.repeats) < REPEATS_KEPT:
            self.repeats.append(repeat)


class Sent(msgspec.Struct, frozen=True):
    """A report of a batch: its line, and it in both forms."""

    line: int
    fields: MetricFields
    report: Report


class Sending:
    """Sends rows on one way; ``asks`` what stands before, so that it can be brought back.

    ``begins`` is called once, when the first rows are written down.
    """

    def __init__(
        self,
        route: WayIn,
        journal: Journal,
        settings: Settings,
        *,
        asks: bool,
        begins: Callable[[], None] = lambda: None,
    ) -> None:
        self._begins = begins
        self._has_begun = False
        self._route = route
        self._journal = journal
        self._rules = rules_of(settings)
        self._batch_reports = min(BATCH_REPORTS, settings.booking.batch_reports_max)
        self._asks = asks
        self._now_s = SystemClock().now_s()
        self.tally = ImportTally()

    async def send(self, rows: Iterator[TableRow], plan: Plan) -> ImportTally:
        """Check rows and send them in batches."""
        size = max(1, self._batch_reports // len(plan.things))
        columns: Columns | None = None
        while batch := [*itertools.islice(rows, size)]:
            readable = next((row for row in batch if row.error is None), None)
            if columns is None and readable is not None:
                columns = plan.columns([*readable.cells])
            if good := self._checked(batch, columns):
                await self._send(good)
        return self.tally

    def _checked(self, batch: Sequence[TableRow], columns: Columns | None) -> list[Sent]:
        good: list[Sent] = []
        for row in batch:
            self.tally.rows += 1
            checked = bookable(row, columns, self._rules, self._now_s)
            if isinstance(checked, RefusedRow):
                self.tally.refuse(checked.line, checked.error)
                continue
            self.tally.take(checked)
            for fields, report in zip(checked.fields, checked.reports, strict=True):
                good.append(Sent(checked.line, fields, report))
        return good

    async def _send(self, batch: Sequence[Sent]) -> None:
        earlier, before = await self._written_down(batch)
        if not self._has_begun:
            self._has_begun = True
            self._begins()
        fields = [each.fields for each in batch]
        told = await self._route.send(fields, [each.report for each in batch])
        for at, (sent, answer) in enumerate(zip(batch, told, strict=True)):
            if answer.error is None:
                self.tally.add(_label(answer, earlier[at], before[at]))
            else:
                self.tally.refuse(sent.line, answer.error)
        refused = [
            each for each, answer in zip(batch, told, strict=True) if answer.error is not None
        ]
        if refused:
            with self._journal.batch():
                for each in refused:
                    self._journal.note_refused(each.line, each.fields)

    async def _written_down(
        self, batch: Sequence[Sent]
    ) -> tuple[list[Earlier | None], list[StandingReport]]:
        """The row of the file that each report replaces, and what else stands in its window."""
        before = [ABSENT] * len(batch)
        with self._journal.batch():
            earlier = [self._journal.add(each.line, each.fields) for each in batch]
            for each, found in zip(batch, earlier, strict=True):
                if found is not None:
                    self.tally.repeat(Repeat(each.line, found, each.fields))
            if self._asks:
                places = [at for at, found in enumerate(earlier) if found is None]
                standing = await self._route.standing([batch[at].fields for at in places])
                for at, stood in zip(places, standing, strict=True):
                    before[at] = stood
                    self._journal.note_standing(batch[at].fields, stood)
        return earlier, before


def _label(told: ReportOutcome, earlier: Earlier | None, before: StandingReport) -> str:
    labels = LABELS.get(told.status)
    if labels is None:
        return told.status
    if earlier is not None:
        return labels[1]
    return labels[2] if before.counts else labels[0]
