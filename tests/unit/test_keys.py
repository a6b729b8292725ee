"""The shapes of keys: what is psd's, of which kind, and which keys live together."""

from __future__ import annotations

import pytest

from psd.config import RetentionSettings
from psd.rewards.keys import owner_vehicles_key
from psd.store.keys import catalogue, count_root, kind_of, stream_key
from psd.store.owner_calls import ONE_SERVER

KINDS = {
    "psd:{p0}:1503960366:1:y": "year totals",
    "psd:{p0}:1:1:m:2016": "month totals",
    "psd:{p0}:-9223372036854775808:12:d:201604": "day totals",
    "psd:{p0}:1:1:w:2016:1": "week totals",
    "psd:{p0}:1:1:h:20160412": "hour totals",
    "psd:{p0}:1:1:n:2016041207": "minute totals",
    "psd:{p0}:1:1:l:201604": "leaf",
    "psd:{p0}:1:1:l:20160412": "leaf",
    "psd:{p0}:1:1:l:2016041207": "leaf",
    "psd:{p0}:1:1:l:201604120759": "leaf",
    "psd:{p0}:1:1:l:20160412075930": "leaf",
    "psd:{p0}:1:1:s:201604120759": "second totals",
    "psd:{p0}:1:1:b:20160412075930": "crowded second",
    "psd:{p0}:1:1:d:201604:t": "day totals by atid",
    "psd:{p0}:1:1:a:0": "activities",
    "psd:{p0}:1:1:r:-5": "long activity",
    "psd:{p0}:1:1:r:-5:405684": "reports",
    "psd:{p0}:1:k:16903": "markers",
    "psd:{p0}:-5:f:rides.v2": "fences",
    "psd:c:{hifive_1}:0:y": "year totals",
    "psd:c:{a:b%7B1%7D}:k:16903": "markers",
    "psd:rewards:{s4095}:vehicles": "vehicles",
    "psd:rewards:{s0}:rows:96:3": "reward rows",
    "psd:rewards:{s0}:paid:96": "payouts",
    "psd:rewards:{v17}:vins": "VINs",
    "psd:rewards:owner:{0xab}": "owner",
    "psd:rewards:owner:{%7Ba%7D:b}": "owner",
    "psd:rewards:{rewards}:shards": "shards",
    "psd:rewards:{rewards}:shared_vins": "shared VINs",
    "psd:rewards:{rewards}:weeks": "weeks",
    "psd:rewards:{rewards}:status": "week status",
    "psd:rewards:{rewards}:run": "run",
    "psd:rewards:{rewards}:lock": "job lock",
    "psd:rewards:{rewards}:begun": "begun",
    "psd:rewards:{rewards}:dirty": "dirty weeks",
    "psd:rewards:{rewards}:garbage": "garbage",
    "psd:rewards:{rewards}:tables": "tables",
    "psd:rewards:{rewards}:blacklist": "blacklist",
    "psd:rewards:{rewards}:overrides": "overrides",
    "psd:rewards:{rewards}:board:96:3": "longest streaks",
    "psd:energy:{energy}:meters": "meters",
    "psd:{p0}:4899916394579099648:e": "meter",
    "psd:{p0}:4899916394579099648:e:i0:446288": "readings",
    "psd:{p0}:4899916394579099648:e:i0:units": "units",
    "psd:{p0}:4899916394579099648:e:g15:runs": "runs",
    "psd:energy:{energy}:plans": "plans",
    "psd:energy:{energy}:versions": "plan versions",
    "psd:energy:{energy}:series": "series",
    "psd:energy:{p:a%7Db}:202011": "prices",
    "psd:energy:{c:GB}:202011": "prices",
    "psd:schema": "schema",
    "psd:store": "store",
    "psd:order": "order",
    "psd:probe": "probe",
    "psd:operations:{operations}:log": "operators",
    "psd:operations:{operations}:audits": "audits",
    "psd:life:{psd:schema}": "life",
    "psd:partitions:{psd:schema}": "partitions",
    "psd:migration:{psd:schema}": "migration",
    "psd:retention": "retention",
    "psd:stream:psd": "stream",
    "psd:{p0}:-5:log": "log",
    "psd:idempotency:" + 64 * "a": "answer",
    "psd:pages:{pages}:users": "page users",
    "psd:pages:{pages}:versions": "page users' versions",
    "psd:pages:{pages}:secret": "page secret",
    "psd:pages:{pages}:failed:" + 64 * "a": "failed sign-ins",
    "psd:pages:session:" + 64 * "a": "session",
    "psd:boards:{boards}:definitions": "boards",
    "psd:boards:{boards}:dropped": "dropped boards",
    "psd:board:{april_2016:0123456789abcdef}:members": "board members",
    "psd:board:{a.b-c:0123456789abcdef}:members:unchanged": "members watched",
    "psd:board:{a.b-c:0123456789abcdef}:members:staged:fedcba9876543210": "members staged",
    "psd:board:{a.b-c:0123456789abcdef}:final": "board final",
    "psd:owners:{o42}:1": "owners",
    "psd:columns:{p0}:1:owners": "columns' owners",
    "psd:columns:{p0}:1:count": "count column",
    "psd:columns:{p0}:1:newest": "newest column",
    "psd:columns:{p0}:1:changes": "changes",
    "psd:columns:{p14ox}:1:y:2016": "year's column",
    "psd:columns:{p0}:1:m:201604": "month's column",
    "psd:columns:{p0}:1:d:20160412": "day's column",
    "psd:columns:{p0}:1:l:2016041208": "column log",
    "psd:columns:{p0}:1:s:201604": "sealed log",
    "psd:columns:{p0}:1:seals": "seals",
    "psd:columns:{p0}:1:draft:fedcba9876543210": "log's draft",
    "psd:columns:modes": "modes",
    "psd:names:{n59}:user": "names",
    "psd:erased:{psd:schema}": "erased",
    "psd:erasures:{erasures}": "erasures",
    "psd:rewards:{rewards}:versions": "ledger versions",
    "psd:boards:{boards}:versions": "board versions",
    "psd:board:{a.b-c:0123456789abcdef}:versions": "board's versions",
    "psd:decisions:{decisions}:last": "last decision",
    "psd:decisions:{decisions}:turn:board:a.b-c": "turn",
    "psd:{p0}:4899916394579099648:e:batches": "joi batches",
    "psd:swaps:networks:{networks}": "networks",
    "psd:swaps:{main}:events": "swap events",
    "psd:swaps:{main}:seen": "swaps seen",
    "psd:swaps:{a.b-c_1}:rejected": "swaps rejected",
    "psd:swaps:{main}:unsettled": "swaps unsettled",
    "psd:swaps:{main}:counts": "object counts",
    "psd:swaps:{main}:names:driver": "object names",
    "psd:swaps:{main}:object:battery:3": "objects",
    "psd:swaps:{main}:changes:vehicle:3": "object changes",
    "psd:swaps:{main}:tx:battery_in:3": "transactions",
    "psd:swaps:{main}:gone:station:3": "transactions gone",
    "psd:swaps:{main}:stocktakes": "stocktakes",
    "psd:swaps:{main}:warned": "swaps warned",
    "psd:charging:{charging}:sites": "sites",
    "psd:charging:{charging}:places": "places",
    "psd:charging:{charging}:turn:63": "turns",
    "psd:charging:{charging}:left": "left behind",
    "psd:charging:{stripe}:customers": "payers",
    "psd:charging:{s:s-1.a_b}:plugs": "plugs",
    "psd:charging:{s:s1}:rings": "rings",
    "psd:charging:{s:s1}:latest": "latest readings",
    "psd:charging:{s:s1}:log:7:28732": "reading logs",
    "psd:charging:{s:s1}:settings": "site settings",
    "psd:charging:{s:s1}:due": "due plugs",
    "psd:charging:{s:s1}:outbox": "outbox",
    "psd:charging:{s:s1}:seq": "outbox numbers",
    "psd:charging:{s:s1}:taken": "readings taken",
    "psd:charging:{s:s1}:requests:19953": "plug requests",
    "psd:charging:{s:s1}:sessions": "site sessions",
    "psd:charging:{s:s1}:session:id-2": "ended sessions",
    "psd:charging:{s:s1}:transitions": "transitions",
    "psd:charging:{c:u1}:account": "accounts",
    "psd:charging:{c:a b%7B}:ledger": "ledgers",
    "psd:charging:{c:u1}:seen": "entries seen",
    "psd:charging:{c:u1}:open": "open sessions",
    "psd:charging:{c:u1}:topups": "automatic top-ups",
    "psd:charging:{c:u1}:sessions": "customer sessions",
}


def test_a_key_is_of_exactly_one_kind() -> None:
    found = {key: kind_of(key) for key in KINDS}
    assert {key: kind and kind.name for key, kind in found.items()} == KINDS


def test_every_kind_has_an_example_here() -> None:
    assert set(KINDS.values()) == {kind.name for kind in catalogue()}


@pytest.mark.parametrize(
    "key",
    [
        *("hz:1:8:2016", "psd", "psd:", "psd:{p0}:1", "psd:{p0}:1:1", "psd:{p0}:1:1:x:2016"),
        *("psd:{p0}:1:1:m:16", "psd:{p0}:1:1:l:2016041", "psd:1:1:y", "psd:{p0}:1:1:y:2016"),
        *("xpsd:{p0}:1:1:y", "psd:other", "psd:{1}:1:y", "psd:{1}:log", "psd:{p}:1:1:y"),
        *("psd:rewards:{s1}:other", "psd:rewards:{rewards}:other", "psd:rewards:{v1}:vehicles"),
        *("psd:rewards:owner:{}", "psd:rewards:owner:a", "psd:rewards:{s1}:rows:96"),
        *("psd:{{p0}}:1:1:y", "psd:{p0}:1:1:y\n", "psd:c:1:0:y"),
    ],
)
def test_a_key_of_another_shape_is_not_psds(key: str) -> None:
    assert kind_of(key) is None


def test_the_level_of_a_kind_is_a_retention_setting_or_the_marker() -> None:
    levels = {name.removesuffix("_s") for name in RetentionSettings.__struct_fields__}
    assert {kind.level for kind in catalogue()} == {*levels, "marker", ""}


def test_keys_of_an_owner_carry_the_tag_of_its_partition() -> None:
    assert ONE_SERVER.owner_root(8) == "psd:{p0}:8"
    assert ONE_SERVER.owner_root(-(2**63)) == "psd:{p0}:-9223372036854775808"


NAMES = (
    *("hifive_1", "a:b", "1", "{", "}", "%", "{}", "{a}", "a{b", "a}b"),
    *("%7B", "%7D", "%25", "a%7Bb"),
)


def test_the_hash_tag_of_a_count_is_its_whole_name() -> None:
    for name in NAMES:
        root = count_root(name)
        tag = root[root.index("{") + 1 : root.index("}")]
        assert root == f"psd:c:{{{tag}}}"
        assert tag


def test_no_two_names_share_a_root_and_no_count_that_of_an_owner() -> None:
    roots = {count_root(name) for name in NAMES}
    assert len(roots) == len(NAMES)
    assert ONE_SERVER.owner_root(1) not in roots


def test_no_two_owners_of_vehicles_share_a_key() -> None:
    keys = {owner_vehicles_key(name) for name in NAMES}
    assert len(keys) == len(NAMES)
    assert {getattr(kind_of(key), "name", None) for key in keys} == {"owner"}


def test_a_stream_carries_the_name_of_its_topic() -> None:
    assert stream_key("psd.dlq") == "psd:stream:psd.dlq"
