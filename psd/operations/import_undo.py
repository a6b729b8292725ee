"""Taking an import back: ``psd import --undo ID``.

What an import booked and nothing newer replaced is corrected to what stood there before it: the
value that was booked then, or 0 where nothing was. Corrections are ordinary reports, so they go in
by each of the three ways, are archived, and may themselves be corrected: the file can be imported
again, right this time. A withdrawal would refuse that for good::

    before   imported   now      undo books
    -        160        160      0
    90       151        151      90
    90       151        200      nothing: somebody replaced it since, and it is told
    160      160        160      nothing: the import changed nothing
    90       151        90       nothing: it was taken back before

Windows that are settled are marked in the journal, batch by batch, so that an undo that was killed
goes on where it was. The queue says nothing about what becomes of a message: there a window is only
settled when a later run finds it as it should be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from psd.clock import SystemClock
from psd.config import Settings
from psd.engine.event_fields import MetricFields
from psd.engine.event_rules import rules_of
from psd.engine.windows import StandingReport
from psd.errors import InputError
from psd.operations.import_journal import BookedWindow, Journal, in_thread
from psd.operations.ways_in import ReportOutcome, WayIn

BATCH_WINDOWS = 500
LEFT_KEPT = 20

Verdict = str
"""What is to be done about a window, and in the end what was done."""

BACK = "taken back"
RESTORED = "brought back to what stood before"
AS_BEFORE = "as before already"
WITHDRAWN = "withdrawn since"
QUEUED = "queued to be taken back"
REPLACED = "replaced since"
NOT_BOOKED = "not booked yet"
REFUSED = "refused"

SETTLED = frozenset({BACK, RESTORED, AS_BEFORE, WITHDRAWN})
OPEN = (REPLACED, NOT_BOOKED, REFUSED)
_VERDICTS_TOLD = {"refused": REFUSED, "queued": QUEUED, "withdrawn": WITHDRAWN}
VERDICTS = (BACK, RESTORED, AS_BEFORE, WITHDRAWN, QUEUED, *OPEN)


class Left(msgspec.Struct, frozen=True):
    """A window, what stood in it when it was looked at, and what is left of the import there."""

    window: BookedWindow
    verdict: Verdict
    now: StandingReport
    error: InputError | None = None

    @property
    def text(self) -> str:
        """What is left, in a line."""
        fields = self.window.fields
        what = f"{fields.thing} of user {fields.uid}, activity {fields.aid}"
        if self.verdict == REFUSED:
            return f"line {self.window.line}: {what}: {self.error}"
        now = str(self.now.value) if self.now.status == "booked" else "nothing"
        told = f"{self.verdict}: the import booked {fields.value}, there is {now}"
        return f"line {self.window.line}: {what}: {told}"


class Undone(msgspec.Struct):
    """What became of the windows; ``left`` holds the first of those that are not as before."""

    counts: Counter[Verdict] = msgspec.field(default_factory=Counter)
    left: list[Left] = msgspec.field(default_factory=list)

    def take(self, left: Left) -> None:
        """Count a window, and keep one of the first that is left."""
        self.counts[left.verdict] += 1
        if left.verdict in OPEN and len(self.left) < LEFT_KEPT:
            self.left.append(left)

    @property
    def summary(self) -> str:
        """``2 taken back, 1 replaced since``."""
        counts = [f"{self.counts[each]} {each}" for each in VERDICTS if self.counts[each]]
        return ", ".join(counts) or "nothing to take back"

    @property
    def is_waiting(self) -> bool:
        """Whether the queue has something to do with what is not as before."""
        return bool(self.counts[QUEUED] or self.counts[NOT_BOOKED])

    @property
    def open(self) -> int:
        """Windows that are not as before."""
        return sum(self.counts[verdict] for verdict in (*OPEN, QUEUED))


class Undoing:
    """Takes an import back on one way; ``sends`` is False of a rehearsal."""

    def __init__(
        self, route: WayIn, journal: Journal, settings: Settings, *, sends: bool = True
    ) -> None:
        self._route = route
        self._journal = journal
        self._rules = rules_of(settings)
        self._batch = min(BATCH_WINDOWS, settings.booking.batch_reports_max)
        self._is_queued = journal.begun().via == "queue"
        self._sends = sends
        self._undone = Undone()

    async def run(self) -> Undone:
        """Go through every window that is not settled."""
        portions = self._journal.open_windows(self._batch)
        while windows := await in_thread(next, portions, None):
            standing = await self._route.standing([each.fields for each in windows])
            found = [
                Left(window, _verdict(window, now, is_queued=self._is_queued), now)
                for window, now in zip(windows, standing, strict=True)
            ]
            if self._sends:
                found = await self._corrected(found)
                await in_thread(self._write_down, found)
            for each in found:
                self._undone.take(each)
        return self._undone

    async def _corrected(self, found: list[Left]) -> list[Left]:
        """The same windows, once what is to go back was sent."""
        due = [at for at, each in enumerate(found) if each.verdict in (BACK, RESTORED)]
        told = await self._correct([found[at].window for at in due])
        for at, answer in zip(due, told, strict=True):
            verdict = _VERDICTS_TOLD.get(answer.status, found[at].verdict)
            found[at] = msgspec.structs.replace(found[at], verdict=verdict, error=answer.error)
        return found

    async def _correct(self, windows: Sequence[BookedWindow]) -> list[ReportOutcome]:
        """Send what stood before; one that breaks a rule of today is refused here."""
        now_s = SystemClock().now_s()
        fields = [_correction(window) for window in windows]
        told: list[ReportOutcome | None] = [None] * len(fields)
        reports = []
        for at, each in enumerate(fields):
            try:
                reports.append((at, each, self._rules.report(each, now_s)))
            except InputError as error:
                told[at] = ReportOutcome("refused", error)
        if reports:
            answers = await self._route.send(
                [each for _, each, _ in reports], [report for *_, report in reports]
            )
            for (at, *_), answer in zip(reports, answers, strict=True):
                told[at] = answer
        return [each for each in told if each is not None]

    def _write_down(self, found: Sequence[Left]) -> None:
        with self._journal.batch():
            for each in found:
                if each.verdict in SETTLED:
                    self._journal.settle(each.window.fields)
                elif each.verdict == QUEUED:
                    self._journal.note_sent_back(each.window.fields)


def _verdict(window: BookedWindow, now: StandingReport, *, is_queued: bool) -> Verdict:
    before = window.before
    if "withdrawn" in (now.status, before.status):
        return WITHDRAWN
    target = _target(window)
    if (now.status == "absent" and before.status == "absent") or _pair(now) == target:
        # Of the queue nobody knows whether the import was booked, unless it changed nothing.
        is_certain = not is_queued or window.is_sent_back or window.sent == {target}
        return AS_BEFORE if is_certain else NOT_BOOKED
    if _pair(now) not in window.sent:
        return REPLACED
    return RESTORED if before.counts else BACK


def _pair(standing: StandingReport) -> tuple[int, int] | None:
    return (standing.atid, standing.value) if standing.status == "booked" else None


def _target(window: BookedWindow) -> tuple[int, int]:
    """The atid and value that are right when the import is taken back."""
    return _pair(window.before) or (window.fields.atid, 0)


def _correction(window: BookedWindow) -> MetricFields:
    atid, value = _target(window)
    return msgspec.structs.replace(window.fields, atid=atid, value=value)
