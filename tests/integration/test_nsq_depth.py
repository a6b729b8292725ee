"""How many messages wait at nsqd: what psd tells is what nsqd has."""

from __future__ import annotations

from pathlib import Path

import pytest

from psd.config import QueueSettings, RedisSettings, ServerSettings, Settings
from psd.errors import QueueUnavailableError
from psd.queue import nsq_depth, nsq_stats
from psd.queue.nsq_depth import NsqDepth
from psd.queue.nsq_queue import NsqQueue
from psd.runtime import open_runtime
from tests.support.clients.http import serving
from tests.support.servers.nsqd import Nsqd, Nsqlookupd
from tests.support.waiting import wait_until


async def publish(nsqd: Nsqd, messages: int) -> None:
    queue = NsqQueue(QueueSettings(nsqd_addresses=(nsqd.address,)))
    try:
        await queue.publish("psd", [b"{}"] * messages)
    finally:
        await queue.close()


async def test_messages_that_wait_are_counted_whether_a_channel_has_them_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nsq_depth, "KEPT_S", 0.0)
    monkeypatch.setattr(nsq_stats, "STATS_TIMEOUT_S", 10.0)
    with Nsqd(tmp_path) as nsqd:
        depth = NsqDepth(QueueSettings(nsqd_http_addresses=(f"127.0.0.1:{nsqd.http_port}",)))
        assert await depth() == 0
        await publish(nsqd, 3)
        assert await depth() == 3


async def test_every_nsqd_that_nsqlookupd_knows_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nsq_depth, "KEPT_S", 0.0)
    monkeypatch.setattr(nsq_stats, "STATS_TIMEOUT_S", 10.0)
    address = "-broadcast-address=127.0.0.1"
    with Nsqlookupd(tmp_path) as lookupd:
        first = Nsqd(tmp_path, [address], lookupds=[lookupd])
        second = Nsqd(tmp_path, [address], lookupds=[lookupd])
        with first, second:
            await publish(first, 2)
            await publish(second, 5)
            lookupd_address = f"127.0.0.1:{lookupd.http_port}"
            depth = NsqDepth(QueueSettings(lookupd_addresses=(lookupd_address,)))

            async def is_counted() -> bool:
                return await depth() == 7

            await wait_until("both are known", is_counted)


async def test_an_nsqd_that_is_away_is_no_depth_of_0() -> None:
    depth = NsqDepth(QueueSettings(nsqd_http_addresses=("127.0.0.1:1",)))
    with pytest.raises(QueueUnavailableError, match="depth"):
        await depth()
    assert await depth() is None


async def test_an_answer_of_v3_tells_the_depth_and_is_given_without_it_when_nsqd_is_away(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nsq_depth, "KEPT_S", 0.0)
    monkeypatch.setattr(nsq_stats, "STATS_TIMEOUT_S", 10.0)
    with Nsqd(tmp_path) as nsqd:
        settings = Settings(
            redis=RedisSettings(url=redis_url, durability="fast"),
            queue=QueueSettings(nsqd_http_addresses=(f"127.0.0.1:{nsqd.http_port}",)),
            server=ServerSettings(port=0),
        )
        runtime = await open_runtime(settings)
        await publish(nsqd, 4)
        async with serving(runtime) as client:
            path = "/v3/sum?thing=steps&uid=7"
            assert (await client.get(path)).json()["watermark"]["queue_depth"] == 4
            nsqd.kill9()
            assert (await client.get(path)).json()["watermark"]["queue_depth"] is None
        await runtime.close()
