"""The rules of the rewards beyond the recorded vectors: splits, schedules, rows, tables."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.errors import ConfigError, InvalidTimeError, OrderError, ShapeError
from psd.rewards.levels import standing
from psd.rewards.rows import Row, Why, pack_rows, unpack_rows
from psd.rewards.schedule import check_order, weeks_to_compute
from psd.rewards.settling import Facts, Settling
from psd.rewards.shards import SHARDS, by_shard, shard_of
from psd.rewards.shares import Shares, cut_of
from psd.rewards.tables import Tables, load_tables, shipped_tables
from psd.rewards.vehicles import Vehicle, owner_text, vin_holder
from psd.rewards.weeks import bounds, check_ended, last_ended

TABLES = load_tables()
SMARTCAR, TESLA, AUTOPI = 1 << 1, 1 << 2, 1 << 3
NOW_S = bounds(10).end + 1
"""Week 10 has just ended."""


def settled(facts: Facts, before: Row | None = None) -> Row:
    row = Settling(TABLES).row(facts, before)
    assert row is not None
    return row


def streak(connected: int, off: int = 0) -> Row:
    return Row(1, connected, off, 0, 0, 0, 0, Why.STREAK)


def shares_of(pool: int, points: dict[int, int]) -> dict[int, int]:
    cut = cut_of(pool, Counter(points.values()))
    at_cut = [vehicle for vehicle, each in points.items() if each in cut.points]
    shares = cut.shares(at_cut)
    assert int(shares.distributed) == sum(shares.tokens(*each) for each in points.items())
    return {vehicle: shares.tokens(vehicle, each) for vehicle, each in points.items()}


@given(
    st.integers(0, 10**25),
    st.dictionaries(st.integers(0, 10**6), st.integers(-5000, 9000), max_size=40),
)
@pytest.mark.slow("examples of Hypothesis")
def test_shares_add_up_to_the_pool_and_differ_from_the_floor_by_one_at_most(
    pool: int, points: dict[int, int]
) -> None:
    total = sum(each for each in points.values() if each > 0)
    tokens = shares_of(pool, points)
    assert sum(tokens.values()) == (pool if total else 0)
    for vehicle, each in points.items():
        floor = each * pool // total if each > 0 else 0
        assert 0 <= tokens[vehicle] - floor <= (each > 0)


@given(st.integers(0, 10**6), st.dictionaries(st.integers(0, 99), st.integers(1, 9), min_size=1))
@pytest.mark.slow("examples of Hypothesis")
def test_what_is_left_over_goes_to_the_largest_remainders(
    pool: int, points: dict[int, int]
) -> None:
    total = sum(points.values())
    rest = pool - sum(each * pool // total for each in points.values())
    ranked = sorted(points, key=lambda each: (-(points[each] * pool % total), each))
    more = set(ranked[:rest])
    expected = {each: points[each] * pool // total + (each in more) for each in points}
    assert shares_of(pool, points) == expected


def test_shares_travel_as_json_though_a_pool_is_past_64_bits() -> None:
    shares = cut_of(10**24, {7000: 3}).shares([1, 2, 3])
    assert msgspec.json.decode(msgspec.json.encode(shares), type=Shares) == shares


def test_a_vehicle_whose_vin_earned_for_another_keeps_its_streak_and_earns_nothing() -> None:
    row = settled(Facts(1, active=TESLA, vin_taken=True), streak(7, 2))
    assert (row.connection_streak, row.disconnection_streak, row.points) == (7, 2, 0)
    assert row.why == Why.STREAK | Why.VIN_TAKEN


def test_a_vin_taken_before_any_streak_begins_none() -> None:
    row = settled(Facts(1, active=TESLA, vin_taken=True))
    assert row.why == Why.VIN_TAKEN
    assert Settling(TABLES).row(Facts(1), row) is None


def test_activity_on_unpaired_integrations_does_not_count_and_the_row_says_so() -> None:
    row = settled(Facts(1, active=TESLA | SMARTCAR, paired=SMARTCAR), streak(3))
    assert (row.integration_points, row.active, row.connection_streak) == (1000, SMARTCAR, 4)
    assert row.why & Why.UNPAIRED
    assert settled(Facts(1, active=TESLA, paired=SMARTCAR), streak(3)).disconnection_streak == 1


def test_a_vehicle_that_may_not_earn_counts_as_off() -> None:
    row = settled(Facts(1, active=TESLA, may_earn=False), streak(3))
    assert (row.connection_streak, row.disconnection_streak, row.points) == (3, 1, 0)
    assert row.why & Why.FORBIDDEN
    assert Settling(TABLES).row(Facts(1, active=TESLA, may_earn=False), None) is None


def test_earned_points_alone_make_a_row_but_no_streak() -> None:
    row = settled(Facts(1, earned=500))
    assert (row.points, row.why, row.connection_streak) == (500, 0, 0)
    assert Settling(TABLES).row(Facts(1), row) is None


def test_earned_points_add_to_those_of_the_streak_and_may_take_from_them() -> None:
    assert settled(Facts(1, active=TESLA, earned=-1500), streak(3)).points == 1000 + 4000 - 1500


def test_an_override_sets_the_streak_and_the_level_follows() -> None:
    row = settled(Facts(1, active=TESLA, override=20), streak(3))
    assert (row.connection_streak, row.streak_points) == (20, 2000)
    assert row.why & Why.OVERRIDDEN
    assert settled(Facts(1, override=12)).connection_streak == 12


def test_of_vehicles_with_one_vin_the_one_minted_last_earns() -> None:
    old, new, unknown = Vehicle(9, minted_at_s=100), Vehicle(2, minted_at_s=200), Vehicle(5)
    assert vin_holder([old, new, unknown]) is new
    assert vin_holder([unknown, old]) is old
    assert vin_holder([Vehicle(3), Vehicle(4)]).vehicle == 4


def test_an_address_is_one_owner_however_its_letters_are_written() -> None:
    address = "0x" + "aB" * 20
    assert owner_text(address) == address.lower()
    assert owner_text("Alice") == "Alice"
    assert owner_text(7) == "7"


@given(
    st.lists(
        st.builds(
            Row,
            st.integers(0, 2**63 - 1),
            *(st.integers(0, 2**16 - 1),) * 2,
            *(st.integers(0, 2**32 - 1),) * 3,
            st.integers(-(2**31), 2**31 - 1),
            st.integers(0, 255),
        ),
        max_size=5,
    )
)
@pytest.mark.slow("examples of Hypothesis")
def test_rows_come_back_from_their_bytes(rows: list[Row]) -> None:
    assert list(unpack_rows(pack_rows(rows))) == rows


def test_bytes_that_are_no_rows_are_refused() -> None:
    with pytest.raises(ShapeError, match="30 bytes"):
        list(unpack_rows(bytes(30)))


@pytest.mark.long("80,000 vehicles, in steps of five widths")
def test_vehicles_spread_evenly_over_the_shards_also_in_steps() -> None:
    for step in (1, 2, 64, 4096, 1_000_003):
        counts = Counter(shard_of(number * step) for number in range(SHARDS * 20))
        assert max(counts.values()) <= 40
        assert all(0 <= shard < SHARDS for shard in counts)
    assert by_shard([1, 2, 1]) == {shard_of(1): [1, 1], shard_of(2): [2]}


@pytest.mark.parametrize(
    ("week", "start", "computed", "dirty", "expected"),
    [
        (None, None, range(10), (), range(10, 11)),
        (None, None, range(10), (4, 7), range(4, 11)),
        (7, None, range(10), (), range(7, 10)),
        (7, None, range(10), (4, 8), range(4, 10)),
        (None, 0, range(10), (), range(11)),
        (0, None, (), (), range(1)),
        (5, 5, (), (), range(5, 6)),
        (9, 3, range(3, 9), (5,), range(3, 10)),
        (None, 8, range(10), (4,), range(8, 11)),
        # A mark on a week that was begun and never published says nothing about the others.
        (None, None, range(10), (10,), range(10, 11)),
    ],
)
def test_a_call_computes_from_the_earliest_dirty_week_to_the_last_computed(
    week: int | None,
    start: int | None,
    computed: range | tuple[()],
    dirty: tuple[int, ...],
    expected: range,
) -> None:
    assert weeks_to_compute(week, start, computed, dirty, NOW_S) == expected


@pytest.mark.parametrize(
    ("week", "start", "computed", "hint"),
    [
        (5, None, (), "--from 0 computes all weeks up to it, --from 5 begins"),
        (None, None, range(8), "--from 8 computes weeks 8 to 10"),
        (10, 9, range(8), "--from 8 computes weeks 8 to 9"),
    ],
)
def test_a_week_is_refused_while_one_before_it_is_missing(
    week: int | None, start: int | None, computed: range | tuple[()], hint: str
) -> None:
    with pytest.raises(OrderError, match=hint):
        weeks_to_compute(week, start, computed, (), NOW_S)


def test_a_week_that_is_open_or_after_the_last_is_refused() -> None:
    with pytest.raises(InvalidTimeError, match="has not ended"):
        weeks_to_compute(11, None, range(11), (), NOW_S)
    with pytest.raises(InvalidTimeError, match="from: 9 is after week 7"):
        weeks_to_compute(7, 9, range(11), (), NOW_S)
    with pytest.raises(InvalidTimeError, match="between 0 and 9282"):
        check_ended(-1, NOW_S)


def test_the_last_ended_week_changes_on_monday_at_five() -> None:
    assert last_ended(bounds(10).end - 1) == 9
    assert last_ended(bounds(10).end) == 10
    with pytest.raises(InvalidTimeError, match="none has ended"):
        last_ended(bounds(0).end - 1)


def test_a_history_may_begin_anywhere_when_told_to() -> None:
    check_order(200, (), told=True)


def test_the_highest_level_has_no_last_week() -> None:
    assert msgspec.to_builtins(standing(1, TABLES.levels))["weeks_max"] == 3
    assert standing(4, TABLES.levels).weeks_max is None


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = shipped_tables().read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "rewards.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("weeks_min = 4", "weeks_min = 0", "levels: weeks_min"),
        ("id = 2", "id = 1", "each id and each name once"),
        ("id = 2", "id = 32", "must lie between 1 and 31"),
        ('"Smartcar", "AutoPi"', '"Smartcar", "Rivian"', "must name two or more"),
        ("decay = [85, 100]", "decay = [101, 100]", "fraction from 0 to 1"),
        ('pool_wei = "1105000000000000000000000"', 'pool_wei = "1e24"', "pool_wei"),
        ("weeks_off_to_drop = 3", "weeks_off_to_drop = 0", "weeks_off_to_drop: 0"),
        ('version = "2022-seed"', "", "version"),
        ("weeks_off_to_drop = 3", "weeks_of_to_drop = 3", "weeks_of_to_drop"),
        ("points = 1000", "points = -1", "points must lie between"),
        ('name = "Tesla"', 'name = "Tesla,AutoPi"', "name 'Tesla,AutoPi' must be 1 to 64"),
        ('name = "Tesla"', 'name = " Tesla"', "must be 1 to 64"),
        ('name = "Tesla"', 'name = ""', "must be 1 to 64"),
        ('"promotions", "corrections"', '"promotions", "promotions"', "each of them once"),
        ('"promotions", "corrections"', '"promotions", "a,b"', "must be the name of a thing"),
        ('"promotions", "corrections"', '"promotions", "signals"', "is no earnings"),
    ],
)
def test_tables_that_contradict_themselves_are_refused_with_the_reason(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(ConfigError, match=reason) as caught:
        load_tables(path)
    assert str(path) in str(caught.value)


def test_other_numbers_give_the_tables_another_digest(tmp_path: Path) -> None:
    other = load_tables(changed(tmp_path, "weeks_min = 20", "weeks_min = 21"))
    assert other.digest != TABLES.digest
    assert msgspec.json.decode(msgspec.json.encode(TABLES), type=Tables).digest == TABLES.digest
