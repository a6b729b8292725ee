"""Which servers psd refuses to work with, and in what words."""

from __future__ import annotations

import msgspec
import pytest

from psd.config import RedisSettings
from psd.store.fitness import FitnessProblem, ServerInfo, allowed, durability_check, problem_of
from psd.store.keys import SCHEMA_VERSION

GOOD = ServerInfo(
    server=b"redis_version:7.0.15\r\nredis_mode:standalone\r\n",
    replication=b"role:master\r\n",
    memory=b"used_memory:1\r\nmaxmemory_policy:noeviction\r\n",
    schema=SCHEMA_VERSION,
    life="a0b1c2d3e4f5",
    name="5a1e09c3b7d2",
)
REPLICA = b"role:slave\r\nmaster_host:10.0.0.8\r\nmaster_port:6379\r\nmaster_link_status:%s\r\n"


def found(
    settings: RedisSettings | None = None,
    *,
    is_spread: bool = False,
    name: str = "5a1e09c3b7d2",
    **told: str | bytes | None,
) -> FitnessProblem | None:
    """The problem of a good server that tells these things otherwise."""
    changed = msgspec.structs.replace(GOOD, **told)
    return problem_of(changed, settings or RedisSettings(), is_spread, name)


def test_a_server_that_keeps_everything_is_fit() -> None:
    assert found() is None


@pytest.mark.parametrize("version", ["6.2.0", "6.10.1", "7.2.4", "10.0.0"])
def test_these_versions_are_fit(version: str) -> None:
    assert found(server=f"redis_version:{version}\r\n".encode()) is None


@pytest.mark.parametrize("version", ["6.1.9", "5.0.14", "2.8.0"])
def test_older_versions_are_refused_with_the_flag_that_allows_them(version: str) -> None:
    server = f"redis_version:{version}\r\n".encode()
    problem = found(server=server)
    assert problem is not None
    assert problem.found == f"the server is of version {version}, psd needs 6.2"
    assert "--allow-old-server" in problem.remedy
    assert found(RedisSettings(allow_old_server=True), server=server) is None


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_policies_that_evict_are_refused_with_the_flag_that_allows_them(policy: str) -> None:
    memory = f"maxmemory_policy:{policy}\r\n".encode()
    problem = found(memory=memory)
    assert problem is not None
    assert problem.found == f"maxmemory-policy is {policy}"
    assert "--allow-eviction" in problem.remedy
    assert found(RedisSettings(allow_eviction=True), memory=memory) is None


@pytest.mark.parametrize(
    ("link", "told"),
    [
        (b"up", "it is a replica of 10.0.0.8:6379"),
        (b"down", "it is a replica of 10.0.0.8:6379, and has no connection to it"),
    ],
)
def test_a_replica_is_refused_but_in_a_cluster_where_it_names_its_master(
    link: bytes, told: str
) -> None:
    assert found(replication=REPLICA % link) == FitnessProblem("role", told)
    clustered = b"redis_version:7.0.15\r\nredis_mode:cluster\r\n"
    assert found(is_spread=True, server=clustered, replication=REPLICA % link) is None


@pytest.mark.parametrize(
    ("mode", "is_spread", "word"),
    [
        (b"sentinel", False, "Sentinel"),
        (b"cluster", False, "one server"),
        (b"standalone", True, "no node"),
    ],
)
def test_another_kind_of_server_than_psd_began_with_is_refused(
    mode: bytes, is_spread: bool, word: str
) -> None:
    problem = found(server=b"redis_mode:%s\r\n" % mode, is_spread=is_spread)
    assert problem is not None
    assert (problem.check, word in problem.found) == ("cluster", True)


def test_a_node_of_a_cluster_that_nobody_asks_is_taken() -> None:
    assert found(RedisSettings(cluster="no"), server=b"redis_mode:cluster\r\n") is None


def test_shapes_that_this_psd_does_not_read_are_refused() -> None:
    problem = found(schema="999")
    assert problem is not None
    assert "the store holds version 999, this psd reads version" in problem.found


def test_another_store_is_refused_and_one_without_a_name_is_not() -> None:
    problem = found(name="77d0e1a2b3c4")
    assert problem is not None
    assert problem.found.startswith("psd:store: the store calls itself 5a1e09c3b7d2")
    nameless = msgspec.structs.replace(GOOD, name="")
    assert problem_of(nameless, RedisSettings(), is_spread=False, name="77d0e1a2b3c4") is None
    assert found(name="") is None


def test_a_server_that_tells_nothing_is_not_refused() -> None:
    assert problem_of(ServerInfo(), RedisSettings(), is_spread=False, name="") is None


def test_readiness_passes_with_advice_where_the_operator_allowed_it() -> None:
    checks = allowed(b"maxmemory_policy:allkeys-lru\r\n", b"redis_version:5.0\r\n", RedisSettings())
    assert checks == {
        "policy": "ok: maxmemory-policy is allkeys-lru, allowed by redis.allow_eviction",
        "version": (
            "ok: the server is of version 5.0, psd needs 6.2, allowed by redis.allow_old_server"
        ),
    }


@pytest.mark.parametrize("hidden", [[], b"OK"])
def test_a_server_may_hide_how_it_keeps_things(hidden: object) -> None:
    advice = durability_check([hidden, [b"appendfsync", b"always"]], RedisSettings())
    assert advice.endswith("the server has appendonly unknown, appendfsync always")
