"""psd refuses a store that evicts, now or when it comes up; and warns of a forgetful one."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import pytest

from psd.config_sources import load_settings
from psd.errors import StoreUnavailableError, UnfitStoreError
from psd.runtime import open_runtime
from tests.conftest import AnyStore
from tests.support.engine import report
from tests.support.processes.forked import psd_ended
from tests.support.processes.worker_process import environment
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.placements import IN_A_CLUSTER


@pytest.fixture
def evicting(own_redis: AnyStore) -> AnyStore:
    own_redis.configure("maxmemory-policy", "allkeys-lru")
    return own_redis


def owner_on_the_evicting(store: AnyStore) -> int:
    """Somebody of whom the one server, or the one node, that evicts has the keys."""
    if isinstance(store, RedisServer):
        return 1
    return next(
        uid for uid in range(1000) if store.node_of(IN_A_CLUSTER.owner_root(uid)) is store.nodes[-1]
    )


def run_psd(folder: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return psd_ended(["--set", f"redis.url={url}", *words], folder, environment())


@pytest.mark.parametrize("words", [("worker",), ("server", "--port", "0")])
def test_a_store_that_evicts_ends_the_start_with_78(
    evicting: AnyStore, tmp_path: Path, words: tuple[str, ...]
) -> None:
    ended = run_psd(tmp_path, evicting.url, *words)
    assert ended.returncode == 78, ended.stderr
    assert "maxmemory-policy is allkeys-lru" in ended.stderr
    assert "--allow-eviction" in ended.stderr


async def test_a_store_that_evicts_is_taken_where_it_is_allowed(evicting: AnyStore) -> None:
    flags = {"redis.url": evicting.url, "redis.allow_eviction": "true"}
    runtime = await open_runtime(load_settings(flags=flags).settings)
    try:
        [outcome] = await runtime.engine.book([report(10)])
        checks = await runtime.store.readiness()
    finally:
        await runtime.close()
    assert outcome.status == "booked"
    assert checks["policy"].startswith("ok: ")
    assert "maxmemory-policy is allkeys-lru" in checks["policy"]


async def test_a_store_that_was_away_at_the_start_is_looked_at_before_the_first_booking(
    evicting: AnyStore,
) -> None:
    uid = owner_on_the_evicting(evicting)
    evicting.stop()
    runtime = await open_runtime(load_settings(flags={"redis.url": evicting.url}).settings)
    try:
        with pytest.raises(StoreUnavailableError):
            await runtime.engine.book([report(10, uid=uid)])
        evicting.start()
        with pytest.raises(UnfitStoreError, match="allkeys-lru"):
            await runtime.engine.book([report(10, uid=uid)])
        assert evicting.ask_each("DBSIZE")[-1] == 0
    finally:
        await runtime.close()


@pytest.mark.parametrize(
    ("durability", "appendonly", "appendfsync", "warned"),
    [
        ("durable", "no", "everysec", "the server has appendonly no, appendfsync everysec"),
        ("replicated", "yes", "everysec", "the server has appendonly yes, appendfsync everysec"),
        ("durable", "yes", "always", ""),
        ("fast", "no", "everysec", ""),
    ],
)
async def test_a_store_that_keeps_less_than_configured_is_warned_of(
    own_redis: AnyStore,
    caplog: pytest.LogCaptureFixture,
    durability: str,
    appendonly: str,
    appendfsync: str,
    warned: str,
) -> None:
    own_redis.configure("appendonly", appendonly)
    own_redis.configure("appendfsync", appendfsync)
    flags = {"redis.url": own_redis.url, "redis.durability": durability}
    runtime = await open_runtime(load_settings(flags=flags).settings)
    try:
        await runtime.warn_of_durability()
    finally:
        await runtime.close()
    warnings = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert bool(warnings) == bool(warned)
    assert warned in "".join(warnings)
