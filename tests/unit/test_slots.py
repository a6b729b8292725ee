"""Slots of keys, maps of slots, and calls about owners that are spread over nodes."""

from __future__ import annotations

import pytest
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    ResponseError,
    TryAgainError,
)

from psd.engine.booking import calls_for
from psd.engine.events import Count, Event
from psd.errors import MisplacedError, StoreError, StoreUnavailableError
from psd.rewards.keys import rewards_key, shard_root
from psd.store.fitness import worst
from psd.store.keys import catalogue, count_root
from psd.store.owner_calls import ONE_SERVER, Placement, owner_pages
from psd.store.partitions import Partitions
from psd.store.replies import psd_error
from psd.store.scripts import load_script
from psd.store.slots import SLOTS, address_in, key_of, read_moved, read_slots, slot_of, url_at
from tests.support.engine import report

HERE = ("10.0.0.7", 6379)
THREE = [
    [0, 5460, [b"10.0.0.7", 6379, b"a"], [b"10.0.0.9", 6379, b"its replica"]],
    [5461, 10922, [b"10.0.0.8", 6380, b"b"]],
    [10923, 16383, [b"", 6381, b"c"]],
]


SPREAD = Placement(Partitions(2), is_spread=True)
"""Owners 1 and 3 are in one partition, 2 and 4 in the other."""


def test_the_slot_of_a_key_is_that_of_the_specification() -> None:
    assert slot_of("123456789") == 0x31C3
    assert slot_of(b"{123456789}:anything") == 0x31C3


@pytest.mark.parametrize("root", [ONE_SERVER.owner_root(7), count_root("a{b}c"), shard_root(3)])
def test_everything_below_a_root_is_of_the_roots_slot(root: str) -> None:
    assert {slot_of(f"{root}:{rest}") for rest in ("1:y", "1:l:201604", "k:3")} == {slot_of(root)}


def test_what_the_weekly_job_keeps_once_is_of_one_slot() -> None:
    names = [
        kind.pattern.rpartition(":")[2] for kind in catalogue() if r"\{rewards\}" in kind.pattern
    ]
    assert len(names) > 5
    assert len({slot_of(rewards_key(name)) for name in names}) == 1


def test_a_map_knows_the_master_of_each_slot() -> None:
    slots = read_slots(THREE, HERE)
    assert [slots.nodes[at] for at in (0, 5460, 5461, 16383)] == [
        ("10.0.0.7", 6379),
        ("10.0.0.7", 6379),
        ("10.0.0.8", 6380),
        ("10.0.0.7", 6381),
    ]
    assert slots.addresses() == [("10.0.0.7", 6379), ("10.0.0.7", 6381), ("10.0.0.8", 6380)]
    assert slots.unserved() == 0


def test_a_slot_may_be_without_a_node() -> None:
    slots = read_slots([[0, 99, [b"?", 6379, b"a"]], [100, 199]], HERE)
    assert slots.unserved() == SLOTS
    assert slots.node_of("psd:{p0}:7") is None


def test_a_redirection_names_slot_and_node() -> None:
    assert read_moved("MOVED 3999 10.0.0.8:6381", HERE) == (3999, ("10.0.0.8", 6381))
    assert read_moved("3999 ::1:6381", HERE) == (3999, ("::1", 6381))
    assert read_moved("MOVED 3999 :6381", HERE) == (3999, ("10.0.0.7", 6381))
    assert read_moved("MOVED", HERE) is None


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("redis://127.0.0.1:7000/0", "redis://10.0.0.8:6380/0"),
        (
            "rediss://psd:s%40t@host/0?ssl_ca_certs=ca",
            "rediss://psd:s%40t@10.0.0.8:6380/0?ssl_ca_certs=ca",
        ),
        ("unix://psd:x@/run/redis.sock?db=0", "redis://psd:x@10.0.0.8:6380/0"),
    ],
)
def test_another_node_is_reached_as_the_configured_one(url: str, there: str) -> None:
    assert url_at(url, ("10.0.0.8", 6380)) == there
    assert address_in(there) == ("10.0.0.8", 6380)


def test_an_address_of_version_6_stands_in_brackets() -> None:
    assert url_at("redis://h:1/0", ("::1", 6380)) == "redis://[::1]:6380/0"


def test_commands_are_routed_by_their_key_and_those_about_a_server_by_none() -> None:
    assert key_of(("EVALSHA", b"sha", 1, "psd:{p0}:7", 5)) == "psd:{p0}:7"
    assert key_of(("HGETALL", b"psd:{p0}:7:1:y")) == b"psd:{p0}:7:1:y"
    assert key_of(("INFO", "memory")) is None


@pytest.mark.parametrize(
    "reply",
    [
        MovedError("3999 10.0.0.8:6381"),
        AskError("3999 10.0.0.8:6381"),
        TryAgainError("TRYAGAIN Multiple keys request during rehashing of slot"),
        ClusterDownError("CLUSTERDOWN The cluster is down"),
    ],
)
def test_what_a_node_did_not_execute_is_told_apart(reply: ResponseError) -> None:
    error = psd_error(reply)
    assert isinstance(error, MisplacedError)
    assert bool(error.moved) == isinstance(reply, MovedError)


def test_a_refusal_of_another_kind_is_none_of_these() -> None:
    assert type(psd_error(ResponseError("WRONGTYPE Operation against a key"))) is StoreError


def test_pages_of_owners_keep_to_their_partition() -> None:
    script, roots = load_script("engine.sum"), SPREAD.owner_roots(range(7))
    pages = list(owner_pages(SPREAD, script, roots, (b"plan", 5), 3))
    assert [places for places, _ in pages] == [[0, 2, 4], [5], [1, 3, 6]]
    for places, command in pages:
        asked = [roots[place] for place in places]
        assert command == ("EVALSHA", script.sha, len(asked), *asked, b"plan", 5)
        assert len({slot_of(root) for root in asked}) == 1


def test_on_one_server_the_roots_are_the_keys() -> None:
    script, roots = load_script("engine.sum"), [ONE_SERVER.owner_root(uid) for uid in range(3)]
    [(places, command)] = owner_pages(ONE_SERVER, script, roots, (b"plan",), 100)
    assert places == [0, 1, 2]
    assert command == ("EVALSHA", script.sha, 3, *roots, b"plan")
    assert list(owner_pages(ONE_SERVER, script, [], (b"plan",), 100)) == []


def test_a_batch_is_booked_by_calls_of_one_partition_each() -> None:
    events: list[Event] = [*(report(uid=uid) for uid in (1, 2, 3, 1)), Count("n4", 1, 9, "a")]
    calls = calls_for(events, range(5), b"key", SPREAD)
    one, two, three = SPREAD.owner_roots([1, 2, 3])
    assert [(call.roots, call.positions) for call in calls] == [
        ([one, three], [0, 3, 2]),
        ([two], [1]),
        (["psd:c:{n4}"], [4]),
    ]
    assert [call.roots for call in calls_for(events, range(5), b"key")] == [
        ["psd:{p0}:1", "psd:{p0}:2", "psd:{p0}:3", "psd:c:{n4}"]
    ]


def test_of_a_check_of_all_nodes_the_worst_answer_is_told() -> None:
    advice = "ok: durability is durable, but the server has appendonly no, appendfsync no"
    assert worst({"": "ok"}) == "ok"
    assert worst({"a:1": "ok", "b:1": "ok"}) == "ok"
    assert worst({"a:1": "ok", "b:1": advice}) == f"ok: b:1: {advice.removeprefix('ok: ')}"
    assert worst({"a:1": advice, "b:1": "too old"}) == "b:1: too old"
    assert worst({"": "too old"}) == "too old"


def test_a_replica_without_its_master_is_away_and_no_cluster_that_is_down() -> None:
    """To redis-py the one is a kind of the other."""
    away = psd_error(MasterDownError("MASTERDOWN Link with MASTER is down"))
    assert type(away) is StoreUnavailableError
    assert isinstance(
        psd_error(ClusterDownError("CLUSTERDOWN The cluster is down")), MisplacedError
    )
