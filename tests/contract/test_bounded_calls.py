"""What is too much for one call is done in portions, with the same end and the same outcomes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from psd.audit.layout import Limits
from psd.engine.events import Event, Report, Withdrawal
from psd.engine.withdrawal import PORTION_REPORTS, TakenBack, WithdrawalScripts
from psd.errors import TooLargeError
from psd.runtime import Runtime
from tests.support.engine import EVER, NOON_S, book, count, report, sum_of
from tests.support.stored.audits import audit_of
from tests.support.stored.keyspace import forget_owners, keyspace

HOUR_S = 3600


def meeting_windows(number: int) -> list[Report]:
    """Windows that meet at their ends: a late one changes every later one."""
    starts = [NOON_S + n * 60 for n in range(number)]
    return [report(n % 7 + 1, at + 60, at, aid=9) for n, at in enumerate(starts)]


async def book_all(psd: Runtime, sent: Sequence[Event]) -> list[str]:
    """Book as a worker does: up to 500 in a trip."""
    parts = [sent[start : start + 500] for start in range(0, len(sent), 500)]
    return [status for part in parts for status in await book(psd, part)]


def owners_keys(held: dict[str, Any]) -> dict[str, Any]:
    return {key: content for key, content in held.items() if "{" in key}


async def test_late_reports_that_change_many_later_ones_leave_the_same_bytes(psd: Runtime) -> None:
    sent = meeting_windows(400)
    await book(psd, sent)
    in_order = owners_keys(await keyspace(psd.store.client))
    await forget_owners(psd.store.client)
    await book(psd, sent[100:])
    await book(psd, sent[:100])
    assert owners_keys(await keyspace(psd.store.client)) == in_order


async def test_a_report_that_changes_thousands_of_later_ones_is_refused_whole(
    psd: Runtime,
) -> None:
    first, *later = meeting_windows(3_000)
    await book_all(psd, later)
    before = await keyspace(psd.store.client)
    [outcome] = await psd.engine.book([first])
    assert isinstance(outcome.error, TooLargeError)
    assert "ts2" in str(outcome.error)
    assert await keyspace(psd.store.client) == before


async def test_a_correction_behind_what_was_too_much_still_wins(psd: Runtime) -> None:
    """The later of two reports with one window, though a portion of the first call comes last."""
    months = [month * 30 * 86_400 for month in range(24, 124)]
    full = [report(1, at + n, aid=n) for at in months for n in range(128)]
    await book_all(psd, full)
    splitting = [report(5, at, aid=900) for at in months]
    corrected = report(70, NOON_S, aid=901), report(7, NOON_S, aid=901)
    sent: list[Event] = [corrected[0], *splitting, *splitting[:60], corrected[1]]
    assert "refused" not in await book(psd, sent)
    assert await sum_of(psd) == len(full) + 5 * len(months) + 7


async def test_an_hour_takes_4096_reports_of_an_activity(psd: Runtime) -> None:
    windows = [report(1, NOON_S + n % HOUR_S, NOON_S - n // HOUR_S * 9, aid=9) for n in range(4097)]
    windows = [each for each in windows if each.ts1 <= each.ts2]
    parts = [windows[start : start + 500] for start in range(0, len(windows), 500)]
    outcomes = [each for part in parts for each in await psd.engine.book(part)]
    refused = [each.error for each in outcomes if each.error]
    assert len(windows) - len(refused) == 4096
    assert all("4096" in str(error) for error in refused)
    assert await book(psd, [report(3, windows[0].ts2, windows[0].ts1, aid=9)]) == ["booked"]
    assert await book(psd, [report(1, NOON_S + HOUR_S, aid=9)]) == ["booked"]


@pytest.mark.slow("thousands of hours of a count")
async def test_hours_of_a_count_are_found_in_blocks_and_audited(psd: Runtime) -> None:
    hours = [NOON_S + n * HOUR_S * 7 for n in range(3_000)]
    sent: list[Event] = [count(f"{n}", 1, at) for n, at in enumerate(hours)]
    random.Random(3).shuffle(sent)
    await book_all(psd, sent)
    directory = await psd.store.client.hgetall("psd:c:{hifive_1}:0:r:0")
    assert len([name for name in directory if name.startswith((b"b", b"B"))]) > 100
    wide = report(9_000, hours[2_000] + 5, hours[100], aid=0)
    narrow = [report(1, at, aid=0) for at in hours]
    await book_all(psd, [*narrow, wide, report(3, hours[50] + 9, hours[20], aid=0)])
    held = owners_keys(await keyspace(psd.store.client))
    await forget_owners(psd.store.client)
    again = [*narrow, wide, report(3, hours[50] + 9, hours[20], aid=0), *sent]
    random.Random(4).shuffle(again)
    await book_all(psd, again)
    assert owners_keys(await keyspace(psd.store.client)) == held
    async with audit_of(psd, Limits()) as audits:
        assert await audits.differences() == []


def long_activity(number: int) -> list[Event]:
    """Reports of one activity over many hours, and others beside them."""
    mine = [report(n % 5 + 1, NOON_S + n * 1_000, aid=3, atid=n % 2) for n in range(number)]
    return [*mine, *(report(1, NOON_S + n * 5_000, aid=1_000 + n) for n in range(50))]


def withdrawal() -> Withdrawal:
    return Withdrawal(1, 3, (1,), "", "support", NOON_S)


async def test_a_long_activity_is_withdrawn_by_several_calls(psd: Runtime) -> None:
    sent = long_activity(5 * PORTION_REPORTS)
    await book(psd, sent[-50:])
    alone = await keyspace(psd.store.client)
    await book_all(psd, sent)
    mine = [each for each in sent if isinstance(each, Report) and each.aid == 3]
    [done] = await psd.engine.book([withdrawal()])
    total = sum(each.value for each in mine)
    assert done.taken == [TakenBack(1, total, len(mine), mine[0].ts2, mine[-1].ts2, 0)]
    [entry] = await psd.engine.withdrawals(1, 9)
    assert entry.taken == done.taken
    held = await keyspace(psd.store.client)
    finer = (":l:", ":y", ":m:", ":d:", ":w:")
    kept = {k: v for k, v in held.items() if any(part in k for part in finer)}
    expected = {k: v for k, v in alone.items() if any(part in k for part in finer)}
    kept["psd:{p0}:1:1:y"].pop(b"activities")
    expected["psd:{p0}:1:1:y"].pop(b"activities")
    assert kept == expected
    assert not [key for key in held if ":r:3" in key]


async def test_a_withdrawal_that_was_cut_off_goes_on_where_it_was(psd: Runtime) -> None:
    sent = long_activity(5 * PORTION_REPORTS)
    await book_all(psd, sent)
    before = await sum_of(psd)
    lifetimes = psd.engine._lifetimes
    for _ in range(2):
        command = WithdrawalScripts().withdraw("psd:{p0}:1", withdrawal(), lifetimes)
        assert await psd.store.writes.call(command) == [6]
    assert 50 < await sum_of(psd) < before
    assert await book(psd, [report(7, NOON_S + 10**7, aid=3)]) == ["withdrawn"]
    assert await psd.engine.withdrawals(1, 9) == []
    async with audit_of(psd) as audits:
        assert await audits.differences() == []
    [done] = await psd.engine.book([withdrawal()])
    assert [each.bookings for each in done.taken] == [5 * PORTION_REPORTS]
    assert await sum_of(psd) == 50
    assert await psd.engine.activity_sum(1, 1, 3, EVER) == 0


@pytest.mark.slow("thousands of aids that fall together")
async def test_aids_that_fall_together_are_refused_past_some_thousands(psd: Runtime) -> None:
    """16 bits of a multiplication choose an activity's shard: all of these have the same."""
    inverse = pow(40_503, -1, 2**32)
    unsigned = [inverse * (77 << 16 | n) % 2**32 for n in range(12_000)]
    aids = [aid - 2**32 if aid >= 2**31 else aid for aid in unsigned if aid >= 2**16]
    statuses = await book_all(psd, [report(1, NOON_S + n, aid=aid) for n, aid in enumerate(aids)])
    assert set(statuses) == {"booked", "refused"}
    assert await sum_of(psd) == statuses.count("booked") > 1_000
    assert await book(psd, [report(1, aid=aids[0])]) != ["refused"]
