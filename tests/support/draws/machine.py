"""A Hypothesis state machine that books into a real psd and into the model, and compares.

One machine is one random history on an empty store: reports, duplicates, shuffles, corrections,
withdrawals, increments, counts, restarts and levels that expire, with questions between them. After
each step the sums over all time are the model's; at the end every bucket of every level is, and
booking only what counts, in another order, leaves the same keys.

>>> run_state_machine_as_test(lambda: PsdMachine(engines, tally), settings=...)
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from psd.engine.engine import Engine
from psd.engine.events import Count, Event, Report, Withdrawal
from psd.engine.plan import Range
from psd.runtime import Runtime
from tests.support.draws.machine_draws import (
    COUNT_NAMES,
    THINGS,
    UIDS,
    UNITS,
    Draft,
    Grid,
    atids,
    count_of,
    drafts,
    edges,
    grids,
    picks,
    slots,
    sorted_edges,
)
from tests.support.draws.machine_questions import Questions
from tests.support.draws.machine_totals import expected_unforgotten, owners_keys, unforgotten
from tests.support.engine import EVER, emptied
from tests.support.plain.model import Model
from tests.support.servers.four_engines import FourEngines
from tests.support.stored.expiry import forget_part
from tests.support.stored.held_bookings import mistakes

BURST = 40
"""Reports of a burst: four of them pass the 128 bookings that a month's leaf may have."""


class PsdMachine(RuleBasedStateMachine):
    """One history; what happened is added to ``tally`` for the test to look at."""

    always_expires = False

    def __init__(self, engines: FourEngines, tally: Counter[str]) -> None:
        super().__init__()
        self.engines = engines
        self.tally = tally
        self.model = Model()
        self.history: list[Event] = []
        self.forgotten: set[str] = set()
        self.questions = Questions(self.model, self.forgotten)
        self.restarts_left = 0
        self.steps = -1  # the invariant counts the beginning, too
        self.psd: Runtime | None = None

    @initialize(
        limits=st.sampled_from(("small limits", "own limits")),
        expiring=st.sampled_from((False, False, True)),
        restarts=st.sampled_from((0,) * 6 + (2,)),
        grid=grids,
    )
    def begin(self, limits: str, expiring: bool, restarts: int, grid: Grid) -> None:
        expiring = expiring or self.always_expires
        self.shape = (limits, expiring)
        self.grid = grid
        self.restarts_left = restarts
        self.psd = self.engines.runtime(*self.shape)
        self.run(emptied(self.psd))
        self.tally[f"machines with {limits}"] += 1
        self.tally["machines that expire"] += expiring

    @rule(batch=st.lists(drafts, min_size=1, max_size=4))
    def book(self, batch: list[Draft]) -> None:
        self.send([draft.report(self.grid) for draft in batch])

    @rule(draft=drafts, step=st.integers(1, 40))
    def burst(self, draft: Draft, step: int) -> None:
        """Many activities of one owner within a few columns, as a busy device sends them."""
        first = draft.report(self.grid)
        sent = [
            Report(first.thing, first.uid, n % 3, 1000 + n, 1 + n * step, ts2, ts2)
            for n in range(BURST if self.shape[0] == "own limits" else BURST // 5)
            for ts2 in [first.ts2 + n * step]
        ]
        self.send(sent)

    @precondition(lambda self: self.history)
    @rule(chosen=st.lists(picks, min_size=1, max_size=6))
    def duplicate(self, chosen: list[int]) -> None:
        """What was sent comes again; what counts changes nothing."""
        self.send([self.history[number % len(self.history)] for number in chosen])
        counting = self.model.reports
        if counting:
            again = [counting[number % len(counting)] for number in chosen]
            statuses = self.send(again)
            self.tally["duplicates"] += len(again)
            assert set(statuses) <= {"unchanged", "duplicate"}

    @rule(batch=st.lists(drafts, min_size=2, max_size=6), order=st.integers(0, 719))
    def shuffle(self, batch: list[Draft], order: int) -> None:
        """A set of reports leaves the same in whatever order and batches it comes."""
        by_window = {_place(report): report for report in (d.report(self.grid) for d in batch)}
        reports = list(by_window.values())
        for report in reports:
            self.model.book(report)
        random.Random(order).shuffle(reports)
        self.history += reports
        for part in (reports[: order % len(reports)], reports[order % len(reports) :]):
            self.run(self.engine.book(part))
        self.tally["shuffles"] += 1

    @precondition(lambda self: self.model.reports)
    @rule(pick=picks, draft=drafts)
    def correct(self, pick: int, draft: Draft) -> None:
        """A report with the window of an older one replaces it."""
        old = self.model.reports[pick % len(self.model.reports)]
        atid = old.atid if pick % 2 else draft.atid
        self.send([_with(old, atid, draft.value)])
        self.tally["corrections"] += 1

    @precondition(lambda self: self.model.reports)
    @rule(pick=picks)
    def withdraw(self, pick: int) -> None:
        """A report of value 0 takes back what the older one booked."""
        old = self.model.reports[pick % len(self.model.reports)]
        self.send([_with(old, old.atid, 0)])
        self.tally["withdrawals"] += 1

    @rule(draft=drafts, batch=st.lists(drafts, max_size=3), pick=picks)
    def withdraw_activity(self, draft: Draft, batch: list[Draft], pick: int) -> None:
        """An activity never was, of all things; reports come for it before and after."""
        first = draft.report(self.grid)
        withdrawal = Withdrawal(first.uid, first.aid, THINGS, "by mistake", "machine", 1)
        events: list[Event] = [each.report(self.grid) for each in batch]
        events.insert(pick % (len(events) + 1), withdrawal)
        self.send(events)
        self.tally["withdrawn activities"] += 1

    @rule(draft=drafts, number=st.integers(0, 2), batch=st.lists(drafts, max_size=2))
    def increment(self, draft: Draft, number: int, batch: list[Draft]) -> None:
        reports = [each.report(self.grid) for each in batch]
        self.send([draft.increment(self.grid, number), *reports])
        self.tally["increments"] += 1

    @rule(name=st.sampled_from(COUNT_NAMES), value=st.integers(-3, 9), slot=slots, number=picks)
    def count(self, name: str, value: int, slot: int, number: int) -> None:
        count = count_of(self.grid, name, value, slot, number % 2)
        self.send([count, count])
        self.tally["counts"] += 1

    @rule(drawn=st.lists(edges, min_size=3, max_size=3), atid=atids, pick=picks)
    def query(self, drawn: list[tuple[int, str]], atid: int | None, pick: int) -> None:
        """Ranges at edges of every kind."""
        self.ask(sorted_edges(self.grid, drawn), atid, pick)

    @rule(
        unit=st.sampled_from(UNITS), first=slots, between=slots, last=slots, atid=atids, pick=picks
    )
    def query_units(
        self, unit: str, first: int, between: int, last: int, atid: int | None, pick: int
    ) -> None:
        """Ranges of whole units: whole weeks are read from buckets of their own."""
        drawn = [(slot, unit) for slot in (first, between, last)]
        self.ask(sorted_edges(self.grid, drawn), atid, pick)

    @precondition(lambda self: self.shape[1])
    @rule(
        level=st.sampled_from(("second", "second", "day", "month", "week")),
        pick=picks,
        everything=st.booleans(),
        batch=st.lists(drafts, max_size=4),
        first=slots,
        last=slots,
    )
    def expire(
        self, level: str, pick: int, everything: bool, batch: list[Draft], first: int, last: int
    ) -> None:
        """Keys of a level end, and so have the finer ones below; then psd books on what is left.

        Also right behind a report of before, where a leaf has now fewer bookings than its total.
        """
        client = self.runtime.store.client
        self.tally["keys expired"] += self.run(
            forget_part(client, level, None if everything else pick)
        )
        self.forgotten.add(level)
        behind = [
            Report(each.thing, each.uid, each.atid, each.aid ^ 1, 3, each.ts2 + 1, each.ts2 + 1)
            for each in self.picked(pick)
        ]
        self.send([*behind, *(draft.report(self.grid) for draft in batch)])
        for each in behind:
            beside = Range(each.ts2 - 1, each.ts2 + 1)
            self.run(self.questions.one_sum(self.engine, each.uid, each.thing, beside))
        between = behind[0].ts2 if behind else self.grid.second(first)
        self.ask(sorted((self.grid.second(first), between, self.grid.second(last))), None, pick)

    def picked(self, pick: int) -> list[Report]:
        """One report of the history; none when there is none, or a count stands there."""
        at = pick % max(1, len(self.history))
        return [each for each in self.history[at : at + 1] if isinstance(each, Report)]

    @precondition(lambda self: self.restarts_left)
    @rule()
    def restart(self) -> None:
        """The server is killed and reads its append-only file."""
        self.restarts_left -= 1
        before = self.run(owners_keys(self.runtime.store.client))
        self.engines.restart()
        self.psd = self.engines.runtime(*self.shape)
        assert self.run(owners_keys(self.runtime.store.client)) == before
        self.tally["restarts"] += 1

    @invariant()
    def sums_over_all_time_are_exact(self) -> None:
        """Years never expire here, so this holds whatever was forgotten."""
        self.steps += 1
        found = self.run(self.engine.sums(UIDS, THINGS, [EVER] * len(UIDS)))
        assert [owner.sums for owner in found] == [
            {thing: self.model.sum(uid, thing, 0, EVER.end) for thing in THINGS} for uid in UIDS
        ]

    def teardown(self) -> None:
        """Every bucket of every level, and the same keys from what counts in another order."""
        if self.psd is None:
            return
        self.tally[f"machines of {self.steps} steps"] += 1
        self.tally["refused answers"] += self.questions.refused
        client = self.psd.store.client
        held = self.run(owners_keys(client))
        if self.forgotten:
            assert unforgotten(held, self.forgotten) == expected_unforgotten(
                self.model, self.forgotten
            )
            return
        assert mistakes(held, self.model) == []
        self.run(emptied(self.psd))
        sent: list[Event] = [*self.model.reports, *self.model.all_counts.values()]
        sent += self.model.withdrawn_increments.values()
        sent += [Withdrawal(uid, aid, (t,), "", "", 2) for uid, t, aid in self.model.withdrawn]
        random.Random(len(sent)).shuffle(sent)
        self.run(self.engine.book(sent))
        assert self.run(owners_keys(client)) == held, "another order leaves other keys"

    @property
    def runtime(self) -> Runtime:
        assert self.psd is not None
        return self.psd

    @property
    def engine(self) -> Engine:
        return self.runtime.engine

    def run(self, work: Any) -> Any:
        return self.engines.run(work)

    def ask(self, ends: Sequence[int], atid: int | None, pick: int) -> None:
        """Every question over [a, b), [b, c) and [a, c): the first two add up to the third."""
        a, b, c = ends
        ranges = [Range(a, b), Range(b, c), Range(a, c)]
        left, right, whole = self.run(self.questions.sums(self.engine, ranges, atid))
        if left is not None and right is not None and whole is not None:
            assert [x + y for x, y in zip(left, right, strict=True)] == whole
        self.run(self.questions.all_else(self.engine, ranges, atid, pick))
        self.tally["queries"] += 1

    def send(self, events: Sequence[Event]) -> list[str]:
        """Book in one batch; each outcome must be the model's."""
        outcomes = self.run(self.engine.book(events))
        statuses = [outcome.status for outcome in outcomes]
        for event, status in zip(events, statuses, strict=True):
            assert status in self.allowed_statuses(event), f"{event} was {status}"
        self.history += events
        self.tally["events"] += len(events)
        return statuses

    def allowed_statuses(self, event: Event) -> set[str]:
        """The model's outcome of an event, which it takes.

        A report that is new may be called booked where all that it moves cancels out.
        """
        if isinstance(event, Count):
            return {self.model.count(event)}
        if isinstance(event, Withdrawal):
            return {self.model.withdraw(event)}
        is_new = not self.model.holds(event)
        status = self.model.book(event)
        return {status, "booked"} if status == "unchanged" and is_new else {status}


class ExpiringMachine(PsdMachine):
    """One that always expires, for what only such a history can show."""

    always_expires = True


def _place(report: Report) -> tuple[int, ...]:
    return (report.uid, report.thing, report.aid, report.ts1, report.ts2)


def _with(report: Report, atid: int, value: int) -> Report:
    """A correction of a report; an increment cannot be corrected and is sent with its id."""
    return Report(
        report.thing, report.uid, atid, report.aid, value, report.ts1, report.ts2, report.event_id
    )
