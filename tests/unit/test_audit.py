"""What an audit believes, on snapshots small enough to read."""

from __future__ import annotations

from typing import Any

import pytest

from psd.audit.archived import replayed
from psd.audit.examine import examine
from psd.audit.expected import Expected, expected_of
from psd.audit.holdings import Content, Holdings
from psd.audit.layout import Limits, leaf_start, shard_of
from psd.audit.repair import repair_commands
from psd.audit.shapes import LeafBooking, ReportRecord, leaf_value, records_value
from psd.audit.true_totals import days_of
from psd.audit.truth import Lifetimes
from psd.engine.events import Report
from psd.store.codec import pack_id
from psd.store.scripts import lua_folder
from tests.support.engine import NOON_S
from tests.support.plain.model import replay

PREFIX = "psd:{p0}:7:1:"
NEWEST = b"%d" % NOON_S
NOON_OF_APRIL_S = NOON_S - leaf_start("201604")


def store(**changed: Any) -> dict[str, Content]:
    """One booking of 373 by activity 41, type 2, on 12 April 2016 at noon; None is no key."""
    contents: dict[str, Any] = {
        "y": {b"2016": b"373", b"2016:2": b"373", b"activities": b"1", b"newest": NEWEST},
        "m:2016": {b"4": b"373", b"4:2": b"373"},
        "d:201604": {b"12": b"373"},
        "d:201604:t": {b"12:2": b"373"},
        "w:2016:1": {b"15": b"373", b"15:2": b"373", b"i15": b"373", b"i15:2": b"373"},
        "l:201604": leaf(373),
        "a:0": {pack_id(41): records_value([ReportRecord(NOON_S, 60, 2, 373)])},
    }
    contents |= {key.replace("_", ":"): content for key, content in changed.items()}
    return {key: content for key, content in contents.items() if content is not None}


def leaf(delta: int) -> bytes:
    return leaf_value([LeafBooking(NOON_OF_APRIL_S, 2, 41, delta)])


def reports(booking: int) -> dict[bytes, bytes]:
    return {pack_id(41): records_value([ReportRecord(NOON_S, 60, 2, booking)])}


def audited(contents: dict[str, Content], *levels: str) -> tuple[Expected, list[str]]:
    """What should stand, and the differences without the keys' prefix."""
    held = Holdings.of(contents)
    expected = expected_of(held, Limits(), Lifetimes(frozenset(levels)))
    lines = [str(each).removeprefix(PREFIX) for each in examine(PREFIX, held, expected)]
    return expected, lines


def test_a_store_as_booking_writes_it_has_no_difference() -> None:
    expected, lines = audited(store())
    assert lines == []
    assert expected.contents == store()


def test_a_wrong_total_is_told_with_what_it_should_be() -> None:
    _, lines = audited(store(m_2016={b"4": b"374:2", b"4:2": b"373"}))
    assert lines == ["m:2016 4: 374:2, should be 373 by its days"]


@pytest.mark.parametrize("newest", [{}, {b"newest": b"1460462401"}])
def test_the_newest_second_is_that_of_the_bookings(newest: dict[bytes, bytes]) -> None:
    years = {b"2016": b"373", b"2016:2": b"373", b"activities": b"1", **newest}
    expected, lines = audited(store(y=years))
    found = newest.get(b"newest", b"nothing").decode()
    assert lines == [f"y newest: {found}, should be {NOON_S} by its bookings"]
    assert expected.contents == store()


def test_a_newest_second_whose_bookings_may_have_expired_stays() -> None:
    later = {b"2016": b"373", b"2016:2": b"373", b"activities": b"1", b"newest": b"1460462401"}
    assert audited(store(y=later), "second_s")[1] == []
    del later[b"newest"]
    assert audited(store(y=later), "second_s")[1] == []


def test_where_a_leaf_is_wrong_the_totals_side_with_the_report() -> None:
    expected, lines = audited(store(l_201604=leaf(12)))
    assert expected.contents == store()
    assert lines == [
        f"l:201604 second {NOON_S} atid 2 aid 41: 12, should be 373 by the reports of activities"
    ]


def test_where_a_report_is_wrong_the_totals_side_with_the_leaf() -> None:
    expected, lines = audited(store(a_0=reports(12)))
    assert expected.contents == store()
    assert lines == [
        f"a:0 aid 41: {NOON_S}-60 atid 2: 12, should be {NOON_S}-60 atid 2: 373 "
        "by its reports and leaves"
    ]


def test_where_the_totals_fit_neither_the_report_stands() -> None:
    expected, _ = audited(store(l_201604=leaf(12), d_201604={b"12": b"50"}))
    assert expected.contents == store()


def test_a_booking_without_a_report_is_kept_as_a_fixed_one() -> None:
    expected, _ = audited(store(a_0=None))
    fixed = {pack_id(41): records_value([ReportRecord(NOON_S, -1, 2, 373)])}
    assert expected.contents == store(a_0=fixed)
    assert expected.is_incomplete


def test_totals_alone_are_told_as_lost_and_stay() -> None:
    held = store(a_0=None, l_201604=None)
    years = {b"2016": b"373", b"2016:2": b"373", b"newest": NEWEST}
    totals = store(a_0=None, l_201604=None, y=years)
    expected, lines = audited(held)
    assert lines == [
        "y activities: 1, should be nothing by the activities there are",
        "d:201604 12: 373, but only nothing by reports and leaves: lost",
    ]
    assert expected.contents == totals


def test_one_level_alone_that_counts_more_is_wrong() -> None:
    more = {b"2016": b"400:3", b"2016:2": b"400", b"activities": b"1", b"newest": NEWEST}
    expected, lines = audited(store(y=more))
    assert expected.contents == store()
    assert len(lines) == 2


def test_a_leaf_that_may_have_ended_is_no_difference() -> None:
    assert audited(store(l_201604=None), "second_s")[1] == []
    assert audited(store(l_201604=None, a_0=None), "second_s", "activity_s")[1] == []
    assert audited(store(l_201604=None))[1] != []


def test_a_leaf_that_is_there_must_agree_also_where_leaves_end() -> None:
    assert len(audited(store(l_201604=leaf(12)), "second_s")[1]) == 1


def test_a_repair_writes_only_what_differs() -> None:
    found = store(m_2016={b"4": b"374", b"4:2": b"373", b"13": b"1"}, l_201604=None, x=b"1")
    assert list(repair_commands(PREFIX, found, store(), {"second": 600})) == [
        ("SET", f"{PREFIX}l:201604", leaf(373)),
        ("EXPIRE", f"{PREFIX}l:201604", 600),
        ("HSET", f"{PREFIX}m:2016", b"4", b"373"),
        ("HDEL", f"{PREFIX}m:2016", b"13"),
        ("DEL", f"{PREFIX}x"),
    ]


def test_the_archive_is_replayed_as_booking_does() -> None:
    sent = [
        Report(1, 7, 2, 41, 10, 0, 5),
        Report(1, 7, 2, 41, 10, 0, 9),
        Report(1, 7, 3, 41, 7, 0, 7),
        Report(1, 7, 2, 41, 4, 7, 7, event_id="a"),
        Report(1, 7, 2, 41, 5, 7, 7, event_id="b"),
    ]
    made = replayed([r for r in sent if r.event_id], [r for r in sent if not r.event_id])
    assert [(r.second, r.window, r.booking) for r in made] == [
        (5, 5, 10),
        (7, -1, 9),
        (7, 7, -12),
        (9, 9, 3),
    ]
    assert sum(r.booking for r in made) == sum(b.delta for b in replay(sent)) == 10


@pytest.mark.parametrize(
    ("place", "first", "days"),
    [
        (("y", "2016"), "20160101", 366),
        (("m:2016", "12"), "20161201", 31),
        (("d:201602", "29"), "20160229", 1),
        (("w:2015:4", "53"), "20151228", 7),
        (("w:2016:1", "i15"), "20160411", 8),
    ],
)
def test_a_total_touches_these_days(place: tuple[str, str], first: str, days: int) -> None:
    assert days_of(place) == range(leaf_start(first) // 86_400, leaf_start(first) // 86_400 + days)


def test_the_limits_are_those_of_the_scripts() -> None:
    limits, folder = Limits(), lua_folder() / "lib"
    for name, line in (
        (
            "units.lua",
            f"month = {limits.month_bookings}, day = {limits.day_bookings}, "
            f"hour = {limits.hour_bookings}, minute = {limits.minute_bookings}, "
            f"second = {limits.second_bookings}",
        ),
        ("shards.lua", f"SHARD_ACTIVITIES = {limits.shard_activities}\n"),
        ("activity.lua", f"SHORT_RECORDS = {limits.short_records}\n"),
        ("activity.lua", f"HOURS_LISTED = {limits.listed_hours}\n"),
    ):
        assert line in (folder / name).read_text(encoding="utf-8")


def test_one_shard_holds_every_activity() -> None:
    assert {shard_of(aid, 1) for aid in (0, -1, 300, 2**33, -(2**63))} == {0}
    assert {shard_of(aid, 5) for aid in range(1000)} == set(range(5))


@pytest.mark.parametrize(
    "strange",
    [
        {"r:99999999999999999999": {b"all": b"\x01", b"7": b"\x02"}},
        {"r:99999999999999999999:7": records_value([ReportRecord(NOON_S, 60, 2, 1)])},
        {"l:201613": leaf(1)},
        {"m:0000": {b"0": b"1", b"99": b"2:2", b"\xff": b"3"}},
        {"w:9999:9": {b"60": b"1:9", b"i60": b"1:9"}},
        {"d:201604": {b"12": b"373", b"31": b"1:5", b"x:y:z": b"5", b"12:99": b"-"}},
        {"a:7": {b"": b"", b"12345": b"\x00", b"\x05": b"\xc1"}},
        {"y": {b"99999": b"5:5", b"2016": b"373", b"2016:2": b"373", b"activities": b"1"}},
    ],
)
def test_strange_fields_and_keys_are_told_and_taken_away(strange: dict[str, Any]) -> None:
    expected, lines = audited({**store(), **strange})
    assert lines != []
    assert expected.contents == store()
