from __future__ import annotations

import pytest

from psd.errors import QueueUnavailableError, StoreUnavailableError
from psd.observe.metrics import Metrics
from tests.support.processes.worker_fakes import MemoryQueue
from workers.retry import Backoff, Patience


def at_once() -> Backoff:
    return Backoff(first_s=0.0, max_s=0.0)


class Flaky:
    """Raises the given errors one by one, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_waits_double_up_to_the_cap() -> None:
    backoff = Backoff(chance=lambda: 0.0)
    assert [backoff.next_s() for _ in range(7)] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_chance_shortens_a_wait_by_half_at_most() -> None:
    backoff = Backoff(first_s=1.0, chance=lambda: 1.0)
    assert [backoff.next_s() for _ in range(3)] == [0.5, 1.0, 1.0]


async def test_a_call_that_answers_pauses_nothing() -> None:
    queue = MemoryQueue()
    assert await Patience(queue, Metrics()).until_answered(Flaky()) == "answer"
    assert queue.calls == []


async def test_an_outage_pauses_the_queue_once_and_resumes_it() -> None:
    queue, metrics = MemoryQueue(), Metrics()
    outage = Flaky(*[StoreUnavailableError("away")] * 5)
    assert await Patience(queue, metrics, at_once).until_answered(outage) == "answer"
    assert queue.calls == ["pause", "resume"]
    assert metrics.registry.get_sample_value("psd_worker_pauses_total") == 1


async def test_an_error_that_is_no_outage_is_raised_at_once() -> None:
    queue = MemoryQueue()
    with pytest.raises(ZeroDivisionError):
        await Patience(queue, Metrics(), at_once).until_answered(Flaky(ZeroDivisionError()))
    assert queue.calls == []


async def test_after_an_error_within_an_outage_the_queue_is_asked_again() -> None:
    queue = MemoryQueue()
    failing = Flaky(StoreUnavailableError("away"), ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await Patience(queue, Metrics(), at_once).until_answered(failing)
    assert queue.calls == ["pause", "resume"]


async def test_a_queue_that_cannot_be_paused_does_not_end_the_patience() -> None:
    queue = MemoryQueue()

    def unreachable(_call: str) -> None:
        raise QueueUnavailableError("away")

    queue.fail = unreachable
    outage = Flaky(QueueUnavailableError("away"))
    assert await Patience(queue, Metrics(), at_once).until_answered(outage) == "answer"


async def test_a_worker_that_leaves_asks_for_nothing_more() -> None:
    queue = MemoryQueue()
    patience = Patience(queue, Metrics(), at_once)
    patience.stop()
    await patience.until_answered(Flaky(StoreUnavailableError("away")))
    assert queue.calls == ["pause"]
