"""What stands of the reports that were sent, by the script that tells it."""

from __future__ import annotations

import random

import pytest

from psd.engine import standing_reports
from psd.engine.events import Report, Withdrawal
from psd.engine.windows import ABSENT, WITHDRAWN, StandingReport, Window
from psd.runtime import Runtime
from tests.support.engine import NOON_S, book, increment, report
from tests.support.stored.keyspace import keyspace

HOUR_S = 3600


def window_of(sent: Report) -> Window:
    return Window(sent.thing, sent.uid, sent.aid, sent.ts1, sent.ts2)


def standing_of(sent: Report) -> StandingReport:
    return StandingReport("booked", sent.atid, sent.value)


async def test_a_report_is_told_as_it_was_sent_whatever_it_booked(psd: Runtime) -> None:
    sent = [
        report(10, NOON_S + 5, NOON_S),
        report(10, NOON_S + 9, NOON_S),
        report(7, NOON_S + 7, NOON_S),
        report(-4, NOON_S, uid=2, aid=-(2**63), atid=2**63 - 1),
        report(0, NOON_S, thing=2),
    ]
    await book(psd, [*sent, increment("i", 3, NOON_S + 5)])
    assert await psd.engine.reported([*map(window_of, sent)]) == [*map(standing_of, sent)]


async def test_only_a_report_of_just_this_window_stands_there(psd: Runtime) -> None:
    await book(psd, [report(10, NOON_S + 5, NOON_S), increment("i", 3, NOON_S + 9, aid=9)])
    asked = [
        Window(1, 1, 3, NOON_S + 1, NOON_S + 5),
        Window(1, 1, 3, NOON_S, NOON_S + 4),
        Window(2, 1, 3, NOON_S, NOON_S + 5),
        Window(1, 2, 3, NOON_S, NOON_S + 5),
        Window(1, 1, 9, NOON_S + 9, NOON_S + 9),
    ]
    assert await psd.engine.reported(asked) == [ABSENT] * 5


async def test_the_correction_that_came_last_is_told(psd: Runtime) -> None:
    await book(psd, [report(10, atid=2), report(4, atid=5)])
    assert await psd.engine.reported([window_of(report())]) == [StandingReport("booked", 5, 4)]


async def test_a_withdrawn_activity_is_told_as_such(psd: Runtime) -> None:
    await book(psd, [report(10), Withdrawal(1, 3, (1,), "", "", NOON_S)])
    assert await psd.engine.reported([window_of(report())]) == [WITHDRAWN]


@pytest.mark.parametrize("records", [standing_reports.RECORDS_MAX, 1, 7])
async def test_a_long_activity_is_told_in_as_many_calls_as_its_records_need(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch, records: int
) -> None:
    monkeypatch.setattr(standing_reports, "RECORDS_MAX", records)
    rng = random.Random(11)
    seconds = rng.sample(range(NOON_S, NOON_S + 6 * HOUR_S), 120)
    sent = [report(rng.randrange(100), second) for second in seconds]
    sent += [report(50 * n, NOON_S + n * HOUR_S, NOON_S) for n in range(1, 6)]
    sent = [*{(each.ts1, each.ts2): each for each in sent}.values()]
    await book(psd, sent)
    before = await keyspace(psd.store.client)
    rng.shuffle(sent)
    found = await psd.engine.reported([window_of(each) for each in sent])
    assert found == [standing_of(each) for each in sent]
    assert await keyspace(psd.store.client) == before
