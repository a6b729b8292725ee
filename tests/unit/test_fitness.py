"""Which servers psd refuses to write to, and in what words."""

from __future__ import annotations

import pytest

from psd.config import RedisSettings
from psd.errors import ConfigError
from psd.store.fitness import check_fit, policy_check, version_check

GOOD = (b"redis_version:7.0.15\r\n", b"used_memory:1\r\nmaxmemory_policy:noeviction\r\n")
EVICTS = b"maxmemory_policy:allkeys-lru\r\n"


def test_a_server_that_keeps_everything_is_fit() -> None:
    check_fit(*GOOD, RedisSettings())


@pytest.mark.parametrize("version", ["6.2.0", "6.10.1", "7.2.4", "10.0.0"])
def test_these_versions_are_fit(version: str) -> None:
    check_fit(f"redis_version:{version}\r\n".encode(), GOOD[1], RedisSettings())


@pytest.mark.parametrize("version", ["6.1.9", "5.0.14", "2.8.0"])
def test_older_versions_are_refused_with_the_flag_that_allows_them(version: str) -> None:
    server = f"redis_version:{version}\r\n".encode()
    with pytest.raises(ConfigError, match=rf"{version}, psd needs 6\.2.*--allow-old-server"):
        check_fit(server, GOOD[1], RedisSettings())
    check_fit(server, GOOD[1], RedisSettings(allow_old_server=True))


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_policies_that_evict_are_refused_with_the_flag_that_allows_them(policy: str) -> None:
    memory = f"maxmemory_policy:{policy}\r\n".encode()
    with pytest.raises(ConfigError, match=rf"is {policy}, which evicts .*--allow-eviction"):
        check_fit(GOOD[0], memory, RedisSettings())
    check_fit(GOOD[0], memory, RedisSettings(allow_eviction=True))


def test_a_server_that_tells_nothing_is_not_refused() -> None:
    check_fit(b"", b"", RedisSettings())


def test_readiness_passes_with_advice_where_the_operator_allowed_it() -> None:
    assert policy_check(EVICTS, RedisSettings()) == "maxmemory-policy is allkeys-lru"
    allowed = policy_check(EVICTS, RedisSettings(allow_eviction=True))
    assert allowed == "ok: maxmemory-policy is allkeys-lru, allowed by redis.allow_eviction"
    old = b"redis_version:5.0.14\r\n"
    assert version_check(old, RedisSettings()) == "the server is of version 5.0.14, psd needs 6.2"
    assert version_check(old, RedisSettings(allow_old_server=True)).startswith("ok: ")
