"""What waits to be booked, for how long, and what can never be.

::

    psd_queue_messages{topic="psd",state="waiting"} 17        nobody has them
    psd_queue_messages{topic="psd",state="in_flight"} 1200    a worker has them in its hands
    psd_queue_messages{topic="psd",state="deferred"} 3        put back for later
    psd_queue_lag_seconds{topic="psd"} 4.2                    the age of the oldest of all these
    psd_dead_letters 2

The age is a message's own: since it was published, not since what it tells of. A stream says it
itself. nsqd does not: it is followed by its counts (psd/queue/backlog_age.py), for which it is
looked at now and then also while nobody asks, and a worker knows that of what it has in hand.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from psd.clock import Clock
from psd.config import QueueSettings
from psd.errors import PsdError
from psd.queue.backlog_age import BacklogAge
from psd.queue.deadletter import INSPECT_CHANNEL
from psd.queue.nsq_stats import NsqStats, Topic
from psd.store.keys import stream_key
from psd.store.redis import Store

LOOK_TIMEOUT_S = 1.8

Held = Callable[[], Mapping[str, int]]
"""By topic when the oldest message was published that this process has in hand, in ns."""


class Backlog(msgspec.Struct):
    """What a topic holds; ``lag_s`` is None where nobody can say."""

    states: dict[str, int]
    lag_s: float | None = None


class QueueFound(msgspec.Struct):
    """What one look found."""

    backlogs: dict[str, Backlog]
    letters: int


class QueueLook(Protocol):
    """One kind of queue."""

    async def __call__(self, topics: Sequence[str]) -> QueueFound | None:
        """What the topics hold; None where nobody can say. Raises PsdError."""
        ...


class QueueVitals:
    """Looks at the queue; :meth:`look` never raises."""

    def __init__(
        self, settings: QueueSettings, topics: Sequence[str], store: Store, clock: Clock
    ) -> None:
        self._topics = topics
        self._clock = clock
        self._held: Held = dict
        self._ask: QueueLook = (
            NsqLook(settings, clock)
            if settings.kind == "nsq"
            else StreamLook(settings, store, clock)
        )
        asks_nsqd = settings.nsqd_http_addresses or settings.lookupd_addresses
        self.must_be_followed = settings.kind == "nsq" and bool(asks_nsqd)

    def holds(self, held: Held) -> None:
        """This process has messages in hand, and knows when they were published."""
        self._held = held

    async def look(self) -> Iterable[Metric]:
        """What there is to tell now."""
        up = GaugeMetricFamily("psd_queue_up", "1 while the queue tells its depth.")
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                found = await self._ask(self._topics)
        except (PsdError, TimeoutError):
            up.add_metric([], 0)
            return [up, self._lags({})]
        if found is None:
            return [self._lags({})]
        up.add_metric([], 1)
        messages = GaugeMetricFamily(
            "psd_queue_messages", "Messages that are not booked.", labels=["topic", "state"]
        )
        for topic, backlog in found.backlogs.items():
            for state, number in backlog.states.items():
                messages.add_metric([topic, state], number)
        letters = GaugeMetricFamily("psd_dead_letters", "Messages in the dead letter.")
        letters.add_metric([], found.letters)
        return [up, messages, letters, self._lags(found.backlogs)]

    def _lags(self, backlogs: Mapping[str, Backlog]) -> Metric:
        """The age of the oldest message of each topic, by whoever knows the older one."""
        lags = GaugeMetricFamily(
            "psd_queue_lag_seconds", "Age of the oldest message not booked.", labels=["topic"]
        )
        now_ms, held = self._clock.now_ms(), self._held()
        for topic in self._topics:
            told = backlogs[topic].lag_s if topic in backlogs else None
            own = max(0.0, now_ms / 1000 - held[topic] / 1e9) if held.get(topic) else None
            known = [each for each in (told, own) if each is not None]
            if known or topic in held:
                lags.add_metric([topic], max(known, default=0.0))
        return lags


class NsqLook:
    """nsqd, by its counts."""

    def __init__(self, settings: QueueSettings, clock: Clock) -> None:
        self._settings = settings
        self._stats = NsqStats(settings)
        self._clock = clock
        self._ages: dict[tuple[str, str], BacklogAge] = defaultdict(BacklogAge)

    async def __call__(self, topics: Sequence[str]) -> QueueFound | None:
        """See the seam."""
        names = [*topics, self._settings.deadletter_topic]
        *told, letters = await asyncio.gather(*(self._stats.ask(name) for name in names))
        if not letters and not any(told):
            return None
        backlogs = {
            topic: self._backlog(topic, each) for topic, each in zip(topics, told, strict=True)
        }
        return QueueFound(backlogs, sum(map(_letters, letters.values())))

    def _backlog(self, topic: str, told: Mapping[str, Topic]) -> Backlog:
        states, lag_s = {"waiting": 0, "in_flight": 0, "deferred": 0}, 0.0
        for address, each in told.items():
            ours = each.channel(self._settings.channel)
            states["waiting"] += each.depth + ours.depth
            states["in_flight"] += ours.in_flight_count
            states["deferred"] += ours.deferred_count
            unfinished = each.depth + ours.depth + ours.in_flight_count + ours.deferred_count
            came, now_s = each.depth + ours.message_count, self._clock.now_ms() / 1000
            lag_s = max(lag_s, self._ages[topic, address].note(now_s, came, unfinished))
        return Backlog(states, lag_s)


def _letters(topic: Topic) -> int:
    box = topic.channel(INSPECT_CHANNEL)
    return topic.depth + box.depth + box.in_flight_count + box.deferred_count


class StreamLook:
    """A stream, which keeps what is not finished, the oldest first."""

    def __init__(self, settings: QueueSettings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock

    async def __call__(self, topics: Sequence[str]) -> QueueFound | None:
        """See the seam."""
        commands: list[tuple[str | int, ...]] = []
        for key in map(stream_key, topics):
            commands.append(("XLEN", key))
            commands.append(("XPENDING", key, self._settings.channel))
            commands.append(("XRANGE", key, "-", "+", "COUNT", 1))
        commands.append(("XLEN", stream_key(self._settings.deadletter_topic)))
        *told, letters = await self._store.reads.call_each(commands)
        if isinstance(letters, PsdError):
            raise letters
        backlogs = {
            topic: self._backlog(*told[3 * at : 3 * at + 3]) for at, topic in enumerate(topics)
        }
        return QueueFound(backlogs, letters)

    def _backlog(self, length: Any, pending: Any, first: Any) -> Backlog:
        for reply in (length, first):
            if isinstance(reply, PsdError):
                raise reply
        # Before the first worker comes there is no group, which is an error, and nothing in hand.
        in_flight = 0 if isinstance(pending, PsdError) else int(pending[0])
        states = {"waiting": max(0, length - in_flight), "in_flight": in_flight}
        if not first:
            return Backlog(states, 0.0)
        published_ms = int(first[0][0].partition(b"-")[0])
        return Backlog(states, max(0.0, (self._clock.now_ms() - published_ms) / 1000))
