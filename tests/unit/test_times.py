from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from psd.cli.times import check_format, parse_time
from psd.clock import EPOCH, utc_text
from psd.times import read, read_ms, timestamp, unit_hint
from psd.zones import UTC, seconds_at

NINE = 1_460_451_600  # 2016-04-12T09:00:00Z, a Tuesday
DAY_S = 86_400
MIDNIGHT = NINE - 9 * 3600
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2016-04-12T09:00:00Z", NINE),
        ("2016-04-12t09:00:00z", NINE),
        ("2016-04-12 09:00:00Z", NINE),
        ("2016-04-12T05:00:00-04:00", NINE),
        ("2016-04-13T08:59:00+23:59", NINE),
        ("2016-04-12T09:00:00-00:00", NINE),
        ("2016-04-12T09:00:00.9Z", NINE),
        ("2016-04-12T09:00:00." + "9" * 40 + "Z", NINE),
        ("1969-12-31T23:59:59.5Z", -1),
        ("2016-12-31T23:59:60Z", 1_483_228_800),
        ("2016-12-31T23:59:60.25Z", 1_483_228_800),
        ("2017-01-01T00:59:60+01:00", 1_483_228_800),
        ("2016-12-31T18:59:60-05:00", 1_483_228_800),
    ],
)
def test_a_timestamp_of_rfc_3339_is_its_second(text: str, second: int) -> None:
    assert timestamp(text) == second
    assert read(text) == second
    assert parse_time(text) == second if second > 0 else True


@pytest.mark.parametrize(
    "text",
    [
        "2016-04-12T09:00:00",
        "2016-04-12T09:00Z",
        "2016-04-12T09:00:00.Z",
        "2016-04-12T09:00:00,5Z",
        "2016-04-12T09:00:00+0200",
        "2016-04-12T09:00:00+24:00",
        "2016-04-12T09:00:00+02:60",
        "2016-04-12T24:00:00Z",
        "2016-04-12T09:60:00Z",
        "2016-04-12T09:00:61Z",
        "2016-04-12T09:00:60Z",
        "2016-04-12T23:59:60Z",
        "2017-01-01T23:59:60+01:00",
        "2016-04-31T09:00:00Z",
        "2015-02-29T09:00:00Z",
        "0000-01-01T00:00:00Z",
        "2016-4-12T09:00:00Z",
        "2016-04-12x09:00:00Z",
        "2016-04-12T09:00:00Z ",
        "٢٠١٦-04-12T09:00:00Z",
        "1460451600",
        "now",
        "",
    ],
)
def test_what_is_no_timestamp_of_rfc_3339_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"'|year"):
        timestamp(text)


@given(
    shown_s=st.integers(DAY_S, 7_258_000_000),
    offset_min=st.integers(-1439, 1439),
    between=st.sampled_from("Tt "),
    digits=st.text("0123456789", max_size=12),
)
@pytest.mark.slow("examples of Hypothesis")
def test_any_timestamp_is_what_datetime_makes_of_it(
    shown_s: int, offset_min: int, between: str, digits: str
) -> None:
    when = EPOCH + dt.timedelta(seconds=shown_s)
    sign, (hours, minutes) = "-" if offset_min < 0 else "+", divmod(abs(offset_min), 60)
    fraction = f".{digits}" if digits else ""
    text = f"{when:%Y-%m-%d}{between}{when:%H:%M:%S}{fraction}{sign}{hours:02}:{minutes:02}"
    zone = dt.timezone(dt.timedelta(minutes=offset_min))
    expected = (when.replace(tzinfo=zone) - EPOCH) // dt.timedelta(seconds=1)
    assert timestamp(text) == read(text, BERLIN) == expected
    assert timestamp(utc_text(expected)) == expected


@given(text=st.text("0123456789-:.,+TtZzW ", max_size=30))
@example("2016-04-12T09:00:00 +02:00")
@example("2016-12-31T23:59:60")
def test_whatever_is_read_is_one_second_with_and_without_a_clock(text: str) -> None:
    """Every other text is a ValueError: nothing else comes out, and nothing depends on now."""
    try:
        found = read(text)
    except ValueError:
        return
    assert read(text, now_s=NINE) == read(text, now_s=0) == found
    assert read_ms(text) // 1000 in (found, found + 1)
    assert read(utc_text(found)) == found


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2016", 1_451_606_400),
        ("2016-05", 1_462_060_800),
        ("2016-04-12", MIDNIGHT),
        ("20160412", MIDNIGHT),
        ("2016-W15", MIDNIGHT - DAY_S),
        ("2016-W15-2", MIDNIGHT),
        ("2016-04-12T09:00", NINE),
        ("2016-04-12 11:00 +0200", NINE),
        ("2016-04-12 11:00:00+02", NINE),
        ("20160412T090000Z", NINE),
        (" 2016-04-12 ", MIDNIGHT),
        (20160412, MIDNIGHT),
        ("0", 0),
        ("100000000", 100_000_000),
        ("+1460451600", NINE),
        ("1460451600.75", NINE),
        ("-1460451600.75", -NINE - 1),
        ("-1460451600.00", -NINE),
        ("-7", -7),
        (-5, -5),
    ],
)
def test_dates_and_unix_seconds_are_told_apart_by_their_digits(
    text: int | str, second: int
) -> None:
    assert read(text) == second


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("20161340", "month must be"),
        (20161340, "month must be"),
        ("42472.25", "nine digits since 1973 .*then it is 2016-04-12T06:00:00Z"),
        ("1460451600000", "milliseconds of 2016-04-12T09:00:00Z: divide by 1000"),
        (1_460_451_600_000_000, "microseconds of 2016-04-12T09:00:00Z"),
        ("1460451600000000000", "nanoseconds of 2016-04-12T09:00:00Z"),
        ("9" * 30, "years 1 to 9999"),
        ("-9" + "9" * 30, "years 1 to 9999"),
        ("9999-12-31T23:59:59-01:00", "years 1 to 9999$"),
        ("2016-04-12T24:00", "ends at 00:00 of the next"),
        ("-7d", "must stand still"),
        ("yesterday", "must stand still"),
        ("soon", "is neither RFC 3339 nor whole Unix seconds nor a date$"),
    ],
)
def test_a_refusal_names_what_was_given_and_the_rule(text: int | str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as refused:
        read(text)
    assert str(text)[:20] in str(refused.value)


@pytest.mark.parametrize("text", ["42472", "7", "0", "-1", "1503960", "42472.5"])
def test_a_number_in_a_cell_needs_the_nine_digits_that_seconds_have(text: str) -> None:
    with pytest.raises(ValueError, match="nine digits since 1973"):
        read(text, is_cell=True)


@pytest.mark.parametrize(
    ("text", "tz", "second"),
    [
        ("now", UTC, NINE),
        ("-7d", UTC, NINE - 7 * DAY_S),
        ("-36h", BERLIN, NINE - 36 * 3600),
        ("-1h30m", UTC, NINE - 5400),
        ("-2w", UTC, NINE - 14 * DAY_S),
        ("-90s", UTC, NINE - 90),
        ("today", UTC, MIDNIGHT),
        ("Yesterday", UTC, MIDNIGHT - DAY_S),
        ("tomorrow", UTC, MIDNIGHT + DAY_S),
        ("today", BERLIN, MIDNIGHT - 7200),
        ("-7", UTC, -7),
    ],
)
def test_what_is_relative_counts_from_the_clock_that_is_handed_in(
    text: str, tz: ZoneInfo, second: int
) -> None:
    assert read(text, tz, NINE) == second


def test_days_of_a_zone_begin_at_its_midnight_and_are_as_long_as_its_clocks_make_them() -> None:
    dates = ["2016-03-27", "2016-03-28", "2016-10-30", "2016-10-31"]
    spring, after_spring, autumn, after_autumn = (read(date, BERLIN) for date in dates)
    assert (after_spring - spring, after_autumn - autumn) == (23 * 3600, 25 * 3600)
    apia = ZoneInfo("Pacific/Apia")
    assert read("2011-12-30", apia) == read("2011-12-31", apia)
    assert read("2016-04", BERLIN) == 1_459_461_600
    assert read("2016", BERLIN) == 1_451_602_800


def test_a_time_without_a_zone_is_of_the_zone_unless_its_clocks_jump_there() -> None:
    assert read("2016-04-12T11:00", BERLIN) == read("2016-04-12T11:00:00+02:00", BERLIN) == NINE
    with pytest.raises(ValueError, match="Europe/Berlin show it twice; write its offset"):
        read("2016-10-30T02:30", BERLIN)
    with pytest.raises(ValueError, match="Europe/Berlin never show it"):
        read("2016-03-27 02:30", BERLIN)
    assert read("2016-10-30T02:30+01:00", BERLIN) == 1_477_791_000


@given(second=st.integers(0, 7_258_118_399), name=st.sampled_from(["Europe/Berlin", "Asia/Kabul"]))
def test_what_the_clocks_of_a_zone_show_leads_back_to_the_second(second: int, name: str) -> None:
    tz = ZoneInfo(name)
    wall = dt.datetime.fromtimestamp(second, tz).replace(tzinfo=dt.UTC)
    assert second in seconds_at((wall - EPOCH) // dt.timedelta(seconds=1), tz)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2016-04-12T09:00:00.500Z", NINE * 1000 + 500),
        ("1460451600.5", NINE * 1000 + 500),
        ("2016-04-12T09:00:00.4994Z", NINE * 1000 + 499),
        ("1460451600.4994", NINE * 1000 + 499),
        ("2016-04-12T09:00:00.9996Z", NINE * 1000 + 1000),
        ("1460451600.9996", NINE * 1000 + 1000),
        ("-1460451600.25", -NINE * 1000 - 250),
    ],
)
def test_milliseconds_are_those_of_the_text_to_the_nearest(text: str, milliseconds: int) -> None:
    assert read_ms(text) == milliseconds


def test_only_what_lies_within_a_century_as_another_unit_is_told_so() -> None:
    assert unit_hint(NINE) == unit_hint(10**30) == ""
    assert "milliseconds" in unit_hint(NINE * 1000)


@pytest.mark.parametrize(
    ("text", "time_format", "tz", "second"),
    [
        ("2016-04-12 11:00", "%Y-%m-%d %H:%M", BERLIN, NINE),
        ("2016-04-12 09:00 UTC", "%Y-%m-%d %H:%M %Z", BERLIN, NINE),
        ("2016-04-12 09:00 gmt", "%Y-%m-%d %H:%M %Z", UTC, NINE),
        ("2016-04-12 09:00Z", "%Y-%m-%d %H:%M%Z", UTC, NINE),
        ("2016-04-12 05:00 -0400", "%Y-%m-%d %H:%M %z", BERLIN, NINE),
        ("Apr 12 2016 9 AM", "%b %d %Y %I %p", UTC, NINE),
        ("100% 2016-04-12", "100%% %Y-%m-%d", UTC, MIDNIGHT),
    ],
)
def test_a_format_is_read_in_the_zone_that_is_given(
    text: str, time_format: str, tz: ZoneInfo, second: int
) -> None:
    assert parse_time(text, time_format, tz) == second


@pytest.mark.parametrize("name", ["EST", "CET", "CEST", "PST", "BST", "IST", "MSK"])
def test_a_name_that_means_several_zones_is_refused_with_the_way_out(name: str) -> None:
    with pytest.raises(ValueError, match=r"%Z reads UTC, GMT and Z alone.*%z"):
        parse_time(f"2016-01-12 05:00:00 {name}", "%Y-%m-%d %H:%M:%S %Z")


@pytest.mark.parametrize("time_format", ["%c", "%x", "%H %X", "%s", "%Y-%m-%d %", "%Y %Q", "%-d"])
def test_a_format_that_not_each_machine_reads_the_same_is_refused(time_format: str) -> None:
    with pytest.raises(ValueError, match="is not read"):
        check_format(time_format)


def test_a_format_in_a_zone_whose_clocks_jump_there_is_refused() -> None:
    with pytest.raises(ValueError, match="show it twice"):
        parse_time("30.10.2016 02:30", "%d.%m.%Y %H:%M", BERLIN)
