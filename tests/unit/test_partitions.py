"""Partitions: who is in which, and that their tags share the slots out."""

from __future__ import annotations

import re
from functools import cache

import pytest

from psd.config_sources import load_settings
from psd.errors import ConfigError
from psd.store.fitness import ServerInfo, partitions_problem
from psd.store.keys import OWNER_ROOT, SCHEMA_VERSION
from psd.store.partitions import SLOTS, Partitions
from psd.store.slots import slot_of

COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
UIDS = [0, 1, -1, 7, 1503960366, 2**63 - 1, -(2**63)]


def ranges_of(masters: int) -> list[range]:
    """The slots of each master, as redis-cli shares them out."""
    edges = [round(SLOTS * at / masters) for at in range(masters + 1)]
    return [range(edges[at], edges[at + 1]) for at in range(masters)]


@cache
def slots_of(count: int) -> list[int]:
    """Where owner 7 would lie in each partition."""
    partitions = Partitions(count)
    return [slot_of(f"psd:{{{partitions.tag(at)}}}:7") for at in range(count)]


@pytest.mark.long("each of up to 256 partitions")
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("masters", [1, 2, 3, 4, 5, 7])
def test_no_master_has_more_than_one_partition_more_than_another(count: int, masters: int) -> None:
    slots = slots_of(count)
    held = [sum(slot in slots_of_one for slot in slots) for slots_of_one in ranges_of(masters)]
    assert sum(held) == count
    assert max(held) - min(held) <= 1


@pytest.mark.long("each of up to 256 partitions")
@pytest.mark.parametrize("count", COUNTS)
def test_each_partition_has_a_slot_and_a_tag_of_its_own_that_says_its_number(count: int) -> None:
    partitions = Partitions(count)
    tags = [partitions.tag(at) for at in range(count)]
    assert len({slot_of(f"{{{tag}}}") for tag in tags}) == count
    assert [int(re.sub("[a-z]", "", tag)) for tag in tags] == list(range(count))


def test_a_tag_never_changes_because_keys_carry_it() -> None:
    assert Partitions(1).tag(0) == "p0"
    assert [Partitions(4).tag(at) for at in range(4)] == ["p0bh", "p1az", "p2c", "p3x"]
    assert [Partitions(16).tag(at) for at in (0, 7, 14)] == ["p0g", "p7ft", "p14ox"]
    assert [Partitions(256).tag(at) for at in (0, 255)] == ["p0awb", "p255gv"]


@pytest.mark.parametrize("count", COUNTS)
def test_a_partition_is_half_of_one_of_half_as_many(count: int) -> None:
    partitions, twice = Partitions(count), Partitions(min(256, count * 2))
    for uid in [*UIDS, *range(500)]:
        assert 0 <= partitions.of(uid) < count
        assert partitions.of(uid) == twice.of(uid) * count // twice.count


def test_owners_are_spread_evenly_whatever_their_numbers_are() -> None:
    partitions = Partitions(16)
    for uids in (range(16_000), range(0, 16_000_000, 1_000), range(-8_000, 8_000)):
        held = [0] * 16
        for uid in uids:
            held[partitions.of(uid)] += 1
        assert max(held) < 1.1 * min(held)


@pytest.mark.parametrize("uid", UIDS)
def test_the_root_of_an_owner_is_read_by_its_pattern(uid: int) -> None:
    for count in COUNTS:
        root = Partitions(count).owner_root(uid)
        assert re.fullmatch(OWNER_ROOT, root)
        assert root.endswith(f":{uid}")


@pytest.mark.parametrize("count", [3, 12, 257, 512, -1])
def test_a_number_of_partitions_that_is_no_power_of_two_is_refused(count: int) -> None:
    with pytest.raises(ConfigError, match=f"redis.partitions = {count}: partitions are a power"):
        load_settings(flags={"redis.partitions": count})


@pytest.mark.parametrize("count", [0, *COUNTS])
def test_every_power_of_two_up_to_256_is_taken(count: int) -> None:
    assert load_settings(flags={"redis.partitions": count}).settings.redis.partitions == count


def test_a_store_of_another_number_is_refused_with_the_command_that_moves_it() -> None:
    problem = partitions_problem(has("16"), 64, 64)
    assert "16 partitions, and redis.partitions is 64" in problem.found
    assert "psd migrate" in problem.remedy
    assert "psd began with 1" in partitions_problem(has("16"), 0, 1).found


@pytest.mark.parametrize(("held", "wanted", "known"), [("16", 0, 0), ("16", 16, 0), ("1", 0, 1)])
def test_a_store_says_itself_how_many_it_has(held: str, wanted: int, known: int) -> None:
    assert partitions_problem(has(held), wanted, known).found == ""
    assert partitions_problem(ServerInfo(schema="", partitions=""), wanted, known).found == ""


@pytest.mark.parametrize("held", ["", "3", "0", "many", "512"])
def test_a_store_whose_number_was_spoiled_is_refused(held: str) -> None:
    assert "no number of partitions" in partitions_problem(has(held), 0, 0).found


def has(partitions: str) -> ServerInfo:
    """A store of this version with so many partitions."""
    return ServerInfo(schema=SCHEMA_VERSION, partitions=partitions)
