"""Reports of single owners out of the archive, booked as the scripts would have. Pure.

>>> reports = ArchivedReports(rules, {"psd:{p0}:7:1:"}, Partitions(1))
>>> for entry in read_entries(folder, from_ms, to_ms):
...     reports.take(entry)
>>> reports.records("psd:{p0}:7:1:")
{41: [ReportRecord(second=1460462400, window=60, atid=2, booking=373)]}

Of an activity that was withdrawn there are none, whenever its reports were sent. All of the
archive's messages that belong to these owners are held in memory: an audit asks for the few that
have lost something.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable

from psd.archive.entries import Entry
from psd.archive.erasures import Erasures, left
from psd.audit.layout import DAY_S
from psd.audit.shapes import ReportRecord, record_order
from psd.engine.booking import COUNT_THING
from psd.engine.event_rules import EventRules
from psd.engine.events import Change, Count, Report, Withdrawal
from psd.errors import InputError
from psd.store.keys import count_root
from psd.store.partitions import Partitions

WindowPlace = tuple[int, int]


class ArchivedReports:
    """What was accepted of the owners and things that are wanted, by the prefix of their keys."""

    def __init__(
        self,
        rules: EventRules,
        wanted: Collection[str],
        partitions: Partitions,
        erasures: Erasures | None = None,
    ) -> None:
        self._rules = rules
        self._root_of = partitions.owner_root
        self._erasures = erasures or {}
        self._wanted = wanted
        self._windows: dict[str, dict[int, dict[WindowPlace, Report]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        self._withdrawn: dict[str, set[int]] = defaultdict(set)
        self._increments: dict[str, dict[tuple[str, int], Report]] = defaultdict(dict)

    def take(self, entry: Entry, number: int = 0) -> None:
        """Keep what is wanted of one message; a message that breaks a rule was not booked.

        What has a lower ``number`` than the erasure of its user is not kept.
        """
        try:
            events = self._rules.events(entry.body, entry.accepted_ms // 1000, entry.id)
        except InputError:
            return
        for event in left(events, number, self._erasures, self._rules.numbered):
            if isinstance(event, Change):
                continue
            if isinstance(event, Withdrawal):
                self._withdraw(event)
                continue
            prefix, report = self._as_report(event)
            if prefix not in self._wanted:
                continue
            if report.event_id is None:
                # The report of a window that came last replaces the others.
                self._windows[prefix][report.aid][report.ts1, report.ts2] = report
            else:
                id_of_day = (report.event_id, report.ts2 // DAY_S)
                self._increments[prefix].setdefault(id_of_day, report)

    def _withdraw(self, event: Withdrawal) -> None:
        for thing in event.things:
            prefix = f"{self._root_of(event.uid)}:{thing}:"
            if prefix in self._wanted:
                self._withdrawn[prefix].add(event.aid)

    def records(self, prefix: str) -> dict[int, list[ReportRecord]]:
        """The reports of each activity, each as the booking it makes."""
        increments: dict[int, list[Report]] = defaultdict(list)
        for report in self._increments.get(prefix, {}).values():
            increments[report.aid].append(report)
        windows = self._windows.get(prefix, {})
        withdrawn = self._withdrawn.get(prefix, set())
        sent = {
            aid: replayed(increments.get(aid, ()), windows.get(aid, {}).values())
            for aid in (windows.keys() | increments.keys()) - withdrawn
        }
        return {**sent, **{aid: [] for aid in withdrawn}}

    def _as_report(self, event: Report | Count) -> tuple[str, Report]:
        if isinstance(event, Count):
            report = Report(COUNT_THING, 0, 0, 0, event.value, event.ts, event.ts, event.event_id)
            return f"{count_root(event.name)}:{COUNT_THING}:", report
        return f"{self._root_of(event.uid)}:{event.thing}:", event


def replayed(increments: Iterable[Report], reports: Iterable[Report]) -> list[ReportRecord]:
    """The records of one activity: sorted by second, increments first, then narrow windows.

    Each report books its value less what is booked in its window so far.
    """
    sums: dict[tuple[int, int], int] = defaultdict(int)
    for each in increments:
        sums[each.ts2, each.atid] += each.value
    steps = [
        (ReportRecord(second, -1, atid, value), True) for (second, atid), value in sums.items()
    ]
    steps += [(ReportRecord(r.ts2, r.ts2 - r.ts1, r.atid, r.value), False) for r in reports]
    steps.sort(key=lambda step: record_order(step[0]))
    records: list[ReportRecord] = []
    seconds: list[int] = []
    booked = [0]
    for step, is_increment in steps:
        booking = step.booking
        if not is_increment:
            booking -= booked[-1] - booked[bisect_left(seconds, step.second - step.window)]
        records.append(step._replace(booking=booking))
        seconds.append(step.second)
        booked.append(booked[-1] + booking)
    return records
