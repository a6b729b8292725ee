"""The truth that every system is checked against: a plain list of events, scanned.

The workloads never report the same second of an activity twice and no window is longer
than a second, so each report books its whole value. A system whose answer differs ends the
run with :class:`WrongAnswerError`: a fast wrong answer is not a result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from psd.engine.events import Report
from psd.engine.plan import Range


class WrongAnswerError(Exception):
    """A system under test answered something else than plain addition."""


class Answer(msgspec.Struct, frozen=True):
    """Of one user: sum by thing, and the type of each activity in the range (when asked)."""

    sums: dict[int, int]
    activities: dict[int, int]


class Model:
    """All reports of a workload by user."""

    def __init__(self, reports: Iterable[Report]) -> None:
        self._by_user: dict[int, list[Report]] = defaultdict(list)
        for report in reports:
            self._by_user[report.uid].append(report)

    def answer(
        self, uid: int, things: Sequence[int], range_: Range, *, activities: bool = False
    ) -> Answer:
        """What any right system says about one user."""
        sums = dict.fromkeys(things, 0)
        seen: dict[int, int] = {}
        for report in self._by_user.get(uid, ()):
            if report.thing in sums and range_.start <= report.ts2 < range_.end:
                sums[report.thing] += report.value
                if activities:
                    seen[report.aid] = report.atid
        return Answer(sums, seen)

    def users(self) -> list[int]:
        """Every user with a report."""
        return sorted(self._by_user)

    def top(self, count: int, thing: int, range_: Range) -> list[tuple[int, int]]:
        """The largest sums as (sum, user), largest first; equal sums by larger user number."""
        rows = [(self.answer(uid, (thing,), range_).sums[thing], uid) for uid in self._by_user]
        return sorted(rows, reverse=True)[:count]


def check(system: str, question: str, got: object, expected: object) -> None:
    """Stop the run when an answer is wrong."""
    if got != expected:
        raise WrongAnswerError(f"{system}: {question}: got {got!r}, the truth is {expected!r}")
