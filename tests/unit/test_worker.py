"""What the worker does with a batch, in which order, in good times and bad."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from psd.clock import ManualClock
from psd.config import QueueSettings, Settings, WorkerSettings
from psd.engine.event_rules import EventRules
from psd.engine.events import Accepted
from psd.errors import ConfigError, OutOfBoundsError, QueueUnavailableError, StoreUnavailableError
from psd.intake import Intake
from psd.observe.metrics import Metrics
from psd.queue.deadletter import Letter
from psd.queue.interface import Message
from tests.support.processes.worker_fakes import MemoryEngine, MemoryQueue, message
from tests.support.waiting import wait_until
from workers.handlers.bookings import BookingHandler
from workers.runner import SURPRISES_MAX, Worker

NOW_S = 1_460_419_200


def metric(value: int, message_id: str, attempts: int = 1) -> Message:
    fields = {"thing": "steps", "uid": 7, "aid": value, "value": value, "ts2": NOW_S - 60}
    body = msgspec.json.encode({"command": "metric", "metric": fields})
    return message(body, message_id, attempts)


class Bench:
    """A worker on a queue and an engine in memory."""

    def __init__(self, shutdown_timeout_s: float = 5.0, msg_timeout_s: int = 60) -> None:
        self.queue = MemoryQueue()
        self.engine = MemoryEngine()
        self.metrics = Metrics()
        settings = Settings(
            queue=QueueSettings(msg_timeout_s=msg_timeout_s),
            worker=WorkerSettings(shutdown_timeout_s=shutdown_timeout_s),
        )
        handler = BookingHandler(EventRules({"steps": 1}))
        clock = ManualClock(NOW_S)
        self.worker = Worker(
            self.queue, handler, settings, self.metrics, clock, Intake(self.engine)
        )

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def letters(self) -> list[Letter]:
        assert {topic for topic, _ in self.queue.published} <= {"psd.dlq"}
        decode = msgspec.msgpack.Decoder(Letter).decode
        return [decode(body) for _, body in self.queue.published]


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    task = asyncio.create_task(bench.worker.run())
    try:
        yield
    finally:
        bench.worker.stop()
        async with asyncio.timeout(60):
            await task


async def finished(bench: Bench, *ids: str) -> None:
    await wait_until("finished", lambda: set(bench.queue.finished) >= set(ids))


async def test_a_message_is_finished_after_it_is_booked() -> None:
    bench = Bench()
    bench.engine.gate.clear()
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"), metric(2, "m2"))
        await wait_until("the engine has them", lambda: bench.engine.batches == [2])
        assert bench.queue.finished == []
        bench.engine.gate.set()
        await finished(bench, "m1", "m2")
    assert [event.value for event in bench.engine.booked] == [1, 2]
    assert bench.queue.calls == ["start", "finish 2", "stop", "close"]
    assert bench.sample("psd_batch_messages_sum") == 2
    assert bench.sample("psd_event_age_seconds_sum") == 60


async def test_a_poison_message_is_a_dead_letter_before_it_is_finished() -> None:
    bench = Bench()
    bench.engine.refuse = lambda event: OutOfBoundsError("sum") if event.value == 13 else None
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"), message(b"\xff", "m2", 3), metric(13, "m3"))
        await finished(bench, "m1", "m2", "m3")
    assert bench.queue.calls[1:3] == ["publish psd.dlq 2", "finish 3"]
    assert [(each.id, each.code, each.attempts) for each in bench.letters()] == [
        ("m2", "malformed", 3),
        ("m3", "out_of_bounds", 1),
    ]
    assert bench.sample("psd_dead_lettered_total", code="malformed") == 1


async def test_an_outage_of_the_store_pauses_and_loses_nothing() -> None:
    bench = Bench()
    failures = [StoreUnavailableError("away")] * 2

    def fail(_events: Sequence[Accepted]) -> None:
        if failures:
            raise failures.pop()

    bench.engine.fail = fail
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"))
        await finished(bench, "m1")
    assert bench.queue.calls == ["start", "pause", "resume", "finish 1", "stop", "close"]
    assert bench.queue.published == []


async def test_nothing_is_finished_before_its_dead_letter_is_written() -> None:
    bench = Bench()
    failures = [QueueUnavailableError("away")] * 2

    def fail(call: str) -> None:
        if call == "publish" and failures:
            raise failures.pop()

    bench.queue.fail = fail
    async with running(bench):
        bench.queue.deliver(message(b"\xff", "m1"), metric(1, "m2"))
        await finished(bench, "m1", "m2")
    assert bench.queue.calls[1:5] == ["pause", "publish psd.dlq 1", "resume", "finish 2"]


async def test_a_dead_letter_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    async with running(bench):
        bench.queue.deliver(message(b"poison", "m1"))
        await wait_until("it is finished", lambda: bench.queue.finished == ["m1"])
    (line,) = [each for each in caplog.records if "dead letter" in each.getMessage()]
    assert vars(line)["code"] == "malformed"


async def test_letters_that_the_queue_has_are_not_sent_again_after_an_outage() -> None:
    bench = Bench()
    bench.queue.takes_at_once = 2
    bodies = [b"poison %d" % number for number in range(5)]
    async with running(bench):
        bench.queue.deliver(*(message(body, body.decode()) for body in bodies))
        await wait_until("all are finished", lambda: len(bench.queue.finished) == 5)
    assert sorted(each.body for each in bench.letters()) == bodies


async def test_a_finish_that_fails_does_not_write_the_dead_letter_twice() -> None:
    bench = Bench()
    failures = [QueueUnavailableError("away")] * 2

    def fail(call: str) -> None:
        if call == "finish" and failures:
            raise failures.pop()

    bench.queue.fail = fail
    async with running(bench):
        bench.queue.deliver(message(b"\xff", "m1"))
        await finished(bench, "m1")
    assert len(bench.letters()) == 1


def raise_for(value: int) -> Any:
    def fail(events: Sequence[Accepted]) -> None:
        if any(event.value == value for event in events):
            raise ZeroDivisionError("nobody foresaw this")

    return fail


async def test_a_surprise_is_requeued_and_the_others_are_booked() -> None:
    bench = Bench()
    bench.engine.fail = raise_for(13)
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"), metric(13, "m2", attempts=3), metric(2, "m3"))
        await finished(bench, "m1", "m3")
    assert [event.value for event in bench.engine.booked] == [1, 2]
    assert bench.queue.requeued == {"m2": 8.0}
    assert bench.sample("psd_requeued_total") == 1


async def test_the_last_surprise_is_a_dead_letter() -> None:
    bench = Bench()
    bench.engine.fail = raise_for(13)
    async with running(bench):
        bench.queue.deliver(metric(13, "m1", attempts=SURPRISES_MAX))
        await finished(bench, "m1")
    (letter,) = bench.letters()
    assert (letter.code, letter.reason) == ("internal", "ZeroDivisionError: nobody foresaw this")


async def test_wrong_settings_end_the_worker() -> None:
    bench = Bench()

    def fail(call: str) -> None:
        if call == "publish":
            raise ConfigError("queue.deadletter_topic: no such name")

    bench.queue.fail = fail
    bench.queue.deliver(message(b"\xff", "m1"))
    with pytest.raises(ConfigError):
        await bench.worker.run()
    assert bench.queue.finished == []
    assert bench.queue.calls[-1] == "close"


async def test_two_batches_are_on_their_way_at_a_time_and_no_more() -> None:
    bench = Bench()
    size = Settings().worker.batch_messages
    ids = [f"m{number}" for number in range(4 * size)]
    bench.engine.gate.clear()
    bench.queue.deliver(*[metric(number, each) for number, each in enumerate(ids)])
    async with running(bench):
        await wait_until("two are on their way", lambda: len(bench.engine.batches) == 2)
        await wait_until("a third is in hand", lambda: len(bench.queue.waiting) == size)
        assert bench.engine.batches == [size, size]
        bench.engine.gate.set()
        await finished(bench, *ids)


async def test_a_batch_that_takes_long_is_touched() -> None:
    bench = Bench(msg_timeout_s=1)
    bench.engine.gate.clear()
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"))
        await wait_until("touched twice", lambda: bench.queue.touched[:2] == ["m1", "m1"])
        bench.engine.gate.set()
        await finished(bench, "m1")


async def test_stop_finishes_what_was_received() -> None:
    bench = Bench()
    bench.engine.gate.clear()
    bench.queue.deliver(*[metric(number, f"m{number}") for number in range(1200)])
    async with running(bench):
        await wait_until("booking", lambda: bench.engine.batches)
        bench.worker.stop()
        await wait_until("stopped", lambda: "stop" in bench.queue.calls)
        bench.engine.gate.set()
    assert len(bench.queue.finished) == 1200
    assert bench.queue.requeued == {}
    assert bench.sample("psd_draining") == 1


async def test_what_cannot_be_booked_in_time_goes_back() -> None:
    bench = Bench(shutdown_timeout_s=0.1)
    bench.engine.gate.clear()
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"), metric(2, "m2"))
        await wait_until("booking", lambda: bench.engine.batches)
    assert bench.queue.requeued == {"m1": 0, "m2": 0}
    assert bench.queue.finished == []
    assert bench.queue.calls[-1] == "close"


async def test_stopping_in_an_outage_asks_for_nothing_more() -> None:
    bench = Bench(shutdown_timeout_s=0.1)

    def away(_events: Sequence[Accepted]) -> None:
        raise StoreUnavailableError("away")

    bench.engine.fail = away
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"))
        await wait_until("paused", lambda: "pause" in bench.queue.calls)
    assert bench.queue.requeued == {"m1": 0}
    assert "resume" not in bench.queue.calls
