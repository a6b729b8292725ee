"""Redis Sentinels say where the store is, also when the master dies while everybody books."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.backup import store_copy
from psd.config_sources import load_settings
from psd.errors import ConfigError, StoreUnavailableError
from psd.runtime import open_runtime
from tests.support.engine import PATIENCE_S, book, engine_on, report, sum_of
from tests.support.processes.commands import printed, run
from tests.support.processes.worker_process import psd as psd_command_ended
from tests.support.processes.worker_stack import NOON_S, WorkerStack, steps, worker_running
from tests.support.servers.nsqd import Nsqd
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import RedisServer
from tests.support.servers.sentinel_group import MASTER, SentinelGroup
from tests.support.stored.audits import audit_of
from tests.support.stored.cluster_load import OWNERS, book_on, busy
from tests.support.waiting import wait_until

PASSWORD = "sentinels-own"
USER = 10_007
MESSAGES = 400


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
async def group(tmp_path: Path) -> AsyncIterator[SentinelGroup]:
    with SentinelGroup(tmp_path / "group", password=PASSWORD) as running:
        await wait_until("all know each other", running.knows_all)
        yield running


@pytest.fixture
def nsqd(tmp_path: Path) -> Iterator[Nsqd]:
    with Nsqd(tmp_path) as running:
        yield running


def settings_of(group: SentinelGroup, **more: Any) -> dict[str, Any]:
    """One of the sentinels is away, and the host of the URL is nobody's."""
    away = f"127.0.0.1:{free_ports(1)[0]}"
    return {
        "redis.url": "redis://nobody.invalid:1/0",
        "redis.sentinel": [away, *group.addresses],
        "redis.sentinel_master": MASTER,
        "redis.sentinel_password": PASSWORD,
        "redis.durability": "replicated",
        "redis.timeout_s": 1.5,
        **more,
    }


async def die(group: SentinelGroup) -> None:
    """Kill the master; another one has taken its place when this returns."""
    before = group.master_port()
    await asyncio.to_thread(group.servers[before].kill9)
    await wait_until("another one is master", lambda: group.master_port() != before)


async def test_a_master_that_dies_loses_and_doubles_nothing_that_was_answered(
    group: SentinelGroup, nsqd: Nsqd, tmp_path: Path
) -> None:
    flags = settings_of(group)
    stack = WorkerStack("nsq", group.servers[group.master_port()], nsqd)
    own = load_settings(flags=flags).settings.redis
    stack.settings = msgspec.structs.replace(stack.settings, redis=own)
    stack.runtime = await open_runtime(stack.settings)
    bodies = [steps(USER, aid, 3, mode="increment", id=f"m-{aid}") for aid in range(MESSAGES)]
    async with engine_on(flags["redis.url"], flags) as psd, worker_running(stack):
        async with busy(psd, patient=True) as (writers, _):
            await stack.publish(bodies[: MESSAGES // 2])
            await book_on(writers)
            dying = asyncio.create_task(die(group))
            await stack.publish(bodies[MESSAGES // 2 :])
            await dying
            await book_on(writers)
            await wait_until("nothing is left over", stack.drained)
        assert sum(writer.refused for writer in writers) > 0
        for writer in writers:
            found = [await sum_of(psd, uid=uid, thing=writer.thing) for uid in OWNERS]
            assert found == writer.sums(len(writer.booked))
        assert await stack.sum_of(USER) == 3 * MESSAGES
        async with audit_of(psd) as audits:
            assert await audits.differences() == []
    await stack.runtime.close()
    options = [f"--set={key}={_text(value)}" for key, value in flags.items()]
    query = ("query", "steps", str(USER), str(NOON_S), str(NOON_S + 1))
    code, out, err = await psd_command_ended(stack, tmp_path, *options, *query)
    assert (code, out) == (0, f"{3 * MESSAGES}\n"), err


def led_elsewhere(group: SentinelGroup, before: int) -> None:
    """Wait until another one is master, whatever runs in this thread meanwhile."""
    elected = wait_until("another one is master", lambda: group.master_port() != before, PATIENCE_S)
    with ThreadPoolExecutor(1) as beside:
        beside.submit(asyncio.run, elected).result()


async def test_a_master_that_dies_under_a_backup_leaves_nothing_half_done(
    group: SentinelGroup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags, out = settings_of(group), tmp_path / "backup"
    async with engine_on(flags["redis.url"], flags) as psd:
        await book(psd, [report(number, NOON_S, uid=number) for number in range(1, 61)])
    options = [f"--set={key}={_text(value)}" for key, value in flags.items()]
    words = (*options, "backup", str(out), "--no-archive")
    deaths: list[int] = []

    def die_once(_: str) -> None:
        if not deaths:
            deaths.append(group.master_port())
            group.servers[deaths[0]].kill9()
            led_elsewhere(group, deaths[0])

    monkeypatch.setattr(store_copy, "OWNERS_KEYS", 20)
    monkeypatch.setattr(store_copy, "reach", die_once)
    broken = await run(*words)
    assert (broken.exit_code, broken.stdout, len(deaths)) == (75, "", 1)
    assert "nothing is left of this backup: make it again" in broken.stderr
    assert not [name for name in os.listdir(tmp_path) if name.startswith("backup")]

    again = await run(*words)
    assert again.exit_code == 0, again.output
    with RedisServer(tmp_path / "empty") as server:
        await printed("restore", str(out), "--no-archive", url=server.url)
        async with engine_on(server.url, {"redis.durability": "fast"}) as psd:
            found = [await sum_of(psd, uid=number) for number in range(1, 61)]
            assert found == list(range(1, 61))
            async with audit_of(psd) as audits:
                assert await audits.differences() == []


def _text(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


async def test_sentinels_that_are_away_are_a_store_that_is_away() -> None:
    away = [f"127.0.0.1:{port}" for port in free_ports(2)]
    flags = {"redis.sentinel": away, "redis.timeout_s": PATIENCE_S}
    async with engine_on("redis://127.0.0.1/0", flags) as psd:
        with pytest.raises(StoreUnavailableError, match="mymaster"):
            await sum_of(psd)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"redis.sentinel": "10.0.0.1"}, "redis.sentinel"),
        ({"redis.sentinel": "h:1", "redis.url": "unix:///run/r"}, "a socket"),
        ({"redis.sentinel": "h:1", "redis.cluster": "yes"}, "cluster"),
        ({"redis.sentinel": "h:1", "redis.sentinel_master": ""}, "redis.sentinel_master"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(flags: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_settings(flags=flags)
