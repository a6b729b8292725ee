"""What a process tells of its store and its queue: true counts, a true lag, and nobody waits."""

from __future__ import annotations

import msgspec
import pytest

from psd.clock import Clock
from psd.config import QueueSettings
from psd.observe.metrics import Metrics
from psd.runtime import Runtime
from psd.store.keys import stream_key
from psd.vitals import vitals as under_test
from psd.vitals.queue_vitals import QueueVitals
from psd.vitals.store_vitals import StoreVitals, commands
from psd.vitals.vitals import Vitals
from tests.support.processes.worker_stack import WorkerStack, steps, worker_running
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "KEPT_S", 0.0)


class Later:
    """A clock that is ahead."""

    def __init__(self, clock: Clock, ahead_s: int) -> None:
        self._clock = clock
        self._ahead_s = ahead_s

    def now_s(self) -> int:
        return self._clock.now_s() + self._ahead_s

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._ahead_s * 1000


async def value(runtime: Runtime, name: str, **labels: str) -> float | None:
    await runtime.vitals.look()
    return runtime.metrics.registry.get_sample_value(name, labels)


def of_stream(runtime: Runtime, ahead_s: int) -> tuple[Vitals, Metrics]:
    metrics, queue = Metrics(), msgspec.structs.replace(runtime.settings.queue, kind="stream")
    told = QueueVitals(queue, ["psd"], runtime.store, Later(runtime.clock, ahead_s))
    return Vitals(StoreVitals(runtime.store), told, metrics), metrics


async def test_the_lag_of_a_stream_is_the_age_of_its_first_entry(runtime: Runtime) -> None:
    vitals, metrics = of_stream(runtime, ahead_s=90)
    read = metrics.registry.get_sample_value
    await vitals.look()
    assert read("psd_queue_lag_seconds", {"topic": "psd"}) == 0
    for body in (b"{}", b"{}"):
        await runtime.store.client.xadd(stream_key("psd"), {"b": body})
    await runtime.store.client.xadd(stream_key("psd.dlq"), {"b": b"letter"})
    await vitals.look()
    lag_s = read("psd_queue_lag_seconds", {"topic": "psd"})
    assert lag_s is not None
    assert 89 < lag_s < 600
    assert read("psd_queue_messages", {"topic": "psd", "state": "waiting"}) == 2
    assert read("psd_queue_messages", {"topic": "psd", "state": "in_flight"}) == 0
    assert (read("psd_dead_letters"), read("psd_queue_up")) == (1, 1)


@pytest.mark.parametrize("stack", ["stream"], indirect=True)
async def test_a_backfill_of_last_year_that_is_booked_is_no_lag(stack: WorkerStack) -> None:
    await stack.publish([steps(uid, 1, 10) for uid in range(50)])
    async with worker_running(stack):
        await wait_until("it is booked", stack.drained)
    assert await value(stack.runtime, "psd_queue_lag_seconds", topic="psd") == 0


async def test_of_a_store_that_is_away_nothing_is_told_but_that(stack: WorkerStack) -> None:
    runtime = stack.runtime
    assert await value(runtime, "psd_store_up") == 1
    there = {family.name for family in runtime.metrics.registry.collect()}
    assert {"psd_store_memory_bytes", "psd_build_info", "process_open_fds"} <= there
    stack.redis.stop()
    assert await value(runtime, "psd_store_up") == 0
    left = {family.name for family in runtime.metrics.registry.collect()}
    assert {each for each in left if each.startswith("psd_store_memory")} == set()
    assert "psd_build_info" in left
    stack.redis.start()


def test_commands_are_added_up_by_name_and_the_rest_is_other() -> None:
    stats = (
        b"# Commandstats\r\ncmdstat_get:calls=2,usec=5,usec_per_call=2.50\r\n"
        b"cmdstat_config|get:calls=1,usec=9,usec_per_call=9.00\r\n"
        b"cmdstat_json.get:calls=4,usec=1,usec_per_call=0.25\r\n"
    )
    assert commands(stats) == {"get": (2, 5), "other": (5, 10)}


def test_a_queue_is_followed_only_where_ages_come_from_counts(runtime: Runtime) -> None:
    def followed(**settings: object) -> bool:
        queue = msgspec.structs.replace(QueueSettings(), **settings)
        return QueueVitals(queue, ["psd"], runtime.store, runtime.clock).must_be_followed

    assert not followed()
    assert not followed(kind="stream", nsqd_http_addresses=("127.0.0.1:4151",))
    assert followed(nsqd_http_addresses=("127.0.0.1:4151",))
    assert followed(lookupd_addresses=("127.0.0.1:4161",))
