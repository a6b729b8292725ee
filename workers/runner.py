"""The worker: takes messages in batches, books them, and only then finishes them.

::

    receive ──▶ check ──▶ archive ──▶ book (one trip) ──▶ dead letters (PUB) ──▶ finish (FIN)
                            └─────────┴── away: queue paused, batch kept and touched, tried again

Two batches are on their way at a time, so that the network works while the next batch is
decoded. An event that can never be booked goes to the dead letter at its first attempt; one that
only a wrong clock may refuse waits (workers/waiting.py); an outage loses nothing and dead-letters
nothing. What fails in a way that nobody foresaw is tried message by message, so that one message
never stops the others.

What the messages mean is the handler's business (workers/handlers), what an outage does is
in workers/retry.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence

from psd.clock import Clock
from psd.config import Settings
from psd.errors import ConfigError, PsdError, QueueUnavailableError
from psd.failpoints import reach
from psd.intake import Intake
from psd.observe.metrics import Metrics
from psd.observe.spans import Tracer
from psd.queue.deadletter import DeadLetters, letter_of
from psd.queue.interface import Message, Queue
from workers.burials import BurialLog
from workers.handlers.interface import Handler, Prepared
from workers.message_spans import MessageSpans, SettledSpans
from workers.retry import Patience
from workers.waiting import ArrivalWait, StoreTime

log = logging.getLogger(__name__)

BATCHES_ON_THEIR_WAY = 2
"""One with Redis, one being decoded; a third one waits in hand."""

SURPRISES_MAX = 10
"""Attempts at a message that fails in an unforeseen way: with delays of 2 s that double up to
a minute, about five minutes, in which a faulty release can be taken back."""

SURPRISE_DELAY_MAX_S = 60.0
GIVE_BACK_TIMEOUT_S = 2.0


class Worker:
    """One consumer of one queue. ``run`` returns after :meth:`stop`, with nothing in hand.

    ``topic`` is what it comes from, where that is not psd's own.
    """

    def __init__(
        self,
        queue: Queue,
        handler: Handler,
        settings: Settings,
        metrics: Metrics,
        clock: Clock,
        intake: Intake,
        store_ms: StoreTime | None = None,
        *,
        topic: str = "",
        tracer: Tracer | None = None,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._dead_letters = DeadLetters(queue, settings.queue.deadletter_topic)
        self._topic = topic or settings.queue.topic
        self._spans = MessageSpans(tracer, settings.queue, self._topic)
        self._timeout_s = float(settings.queue.msg_timeout_s)
        self._settings = settings.worker
        self._metrics = metrics
        self._clock = clock
        self._intake = intake
        self._patience = Patience(queue, metrics)
        for outcome in ("finished", "requeued", "dead_lettered"):
            metrics.topic_messages.labels(self._topic, outcome)
        self._burials = BurialLog()
        self._waiting = ArrivalWait(metrics, store_ms)
        self._stopping = asyncio.Event()
        self._failure: ConfigError | None = None
        self._in_hand: dict[int, tuple[list[Message], float]] = {}
        self._taken_at_s = 0.0
        self.started = asyncio.Event()

    def stop(self) -> None:
        """Take nothing more, finish what is in hand, return from :meth:`run`."""
        self._metrics.draining.set(1)
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopping.is_set()

    @property
    def waits_for(self) -> str:
        """What the worker is paused for; empty while it works."""
        return self._patience.waits_for

    @property
    def stands_still_s(self) -> float:
        """For how long no call for what is in hand was answered; 0 where that is an outage."""
        if not self._in_hand or self.waits_for:
            return 0.0
        since_s = max(self._taken_at_s, self._patience.answered_at_s)
        return asyncio.get_running_loop().time() - since_s

    @property
    def oldest_ns(self) -> int:
        """When the oldest message in hand was published; 0 where there is none, or nobody says."""
        batches = (messages for messages, _ in self._in_hand.values())
        told = (each.published_at_ns for messages in batches for each in messages)
        return min((published for published in told if published), default=0)

    async def run(self) -> None:
        """Work until :meth:`stop`; raises :class:`ConfigError` when it never can."""
        await self._queue.start()
        self.started.set()
        consuming = asyncio.create_task(self._consume(), name="consume")
        touching = asyncio.create_task(self._touch_in_hand(), name="touch")
        stopping = asyncio.create_task(self._until_stopped(), name="stopping")
        tasks = (consuming, touching, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._drain(consuming)
        finally:
            await _end(*tasks)
            self._burials.close()
            await self._give_back()
            await self._queue.close()
        for task in tasks:
            if not task.cancelled():
                task.result()
        if self._failure is not None:
            raise self._failure

    async def _until_stopped(self) -> None:
        await self._stopping.wait()

    async def _drain(self, consuming: asyncio.Task[None]) -> None:
        self._patience.stop()
        await self._queue.stop()
        timeout_s = self._settings.shutdown_timeout_s
        _, late = await asyncio.wait({consuming}, timeout=timeout_s)
        if late:
            log.warning("not finished in time", extra={"timeout_s": timeout_s})

    async def _consume(self) -> None:
        wait_s = self._settings.batch_wait_ms / 1000
        running: deque[asyncio.Task[None]] = deque()
        try:
            while messages := await self._queue.receive(self._settings.batch_messages, wait_s):
                now_s = asyncio.get_running_loop().time()
                if not self._in_hand:
                    self._taken_at_s = now_s
                self._in_hand[id(messages)] = (messages, now_s)
                if len(running) == BATCHES_ON_THEIR_WAY:
                    await running.popleft()
                running.append(asyncio.create_task(self._settle(messages), name="settle"))
            while running:
                await running.popleft()
        finally:
            await _end(*running)

    async def _settle(self, messages: list[Message]) -> None:
        self._metrics.batch_messages.observe(len(messages))
        try:
            await self._settle_together_or_alone(messages)
        except ConfigError as error:
            self._failure = error
            self.stop()
        else:
            del self._in_hand[id(messages)]

    async def _settle_together_or_alone(self, messages: list[Message]) -> None:
        try:
            await self._settle_together(messages)
        except ConfigError:
            raise
        except Exception:
            log.exception("a batch failed, going on one by one", extra={"messages": len(messages)})
            for message in messages:
                await self._settle_alone(message)

    async def _settle_together(self, messages: list[Message]) -> None:
        with self._spans.over(messages) as told:
            await self._book_and_finish(messages, told)

    async def _book_and_finish(self, messages: list[Message], told: SettledSpans) -> None:
        until_answered = self._patience.until_answered
        reach("after_read")
        now_ms = self._clock.now_ms()
        batch = self._handler.prepare(messages, now_ms // 1000)
        unread = dict(batch.refused)
        batch.note(
            await self._intake.accept_patiently(
                batch.events, lambda: batch.accepted(now_ms), until_answered
            )
        )
        waits = await self._settle_refused(batch, unread, now_ms) if batch.refused else {}
        reach("before_fin")
        finished = [message for at, message in enumerate(messages) if at not in waits]
        await until_answered(lambda: self._queue.finish(finished))
        self._metrics.topic_messages.labels(self._topic, "finished").inc(len(finished))
        told.settled(batch.refused, waits)
        reach("after_fin")
        self._observe_age(batch)

    async def _settle_refused(
        self, batch: Prepared, unread: Mapping[int, PsdError], now_ms: int
    ) -> Mapping[int, float]:
        """Bury what never can be booked; what may be, by position, waits so long on the queue."""
        ask = self._patience.until_answered
        waits = await ask(lambda: self._waiting.delays(batch.refused, now_ms))
        # The engine counts the events that it refuses; the unread ones never reached it.
        late = sum(each.code == "too_late" for at, each in unread.items() if at not in waits)
        self._metrics.too_late.inc(late)
        refused = [(batch.messages[at], e) for at, e in batch.refused.items() if at not in waits]
        if refused:
            await self._bury(refused)
        if waits:
            await self._put_back(batch, waits)
        return waits

    async def _put_back(self, batch: Prepared, delays: Mapping[int, float]) -> None:
        messages, delay_s = [batch.messages[at] for at in delays], max(delays.values())
        await self._patience.until_answered(lambda: self._queue.requeue(messages, delay_s))
        self._count_requeued(len(messages))
        self._waiting.note([batch.refused[at] for at in delays])

    async def _settle_alone(self, message: Message) -> None:
        try:
            await self._settle_together([message])
        except ConfigError:
            raise
        except Exception as error:
            log.exception("a message failed", extra={"attempts": message.attempts})
            if message.attempts < SURPRISES_MAX:
                delay_s = min(2.0**message.attempts, SURPRISE_DELAY_MAX_S)
                self._count_requeued(1)
                await self._patience.until_answered(lambda: self._queue.requeue([message], delay_s))
                return
            await self._bury([(message, PsdError(f"{type(error).__name__}: {error}"))])
            await self._patience.until_answered(lambda: self._queue.finish([message]))

    async def _bury(self, failures: Sequence[tuple[Message, PsdError]]) -> None:
        now_s = self._clock.now_s()
        letters = [letter_of(message, self._topic, error, now_s) for message, error in failures]
        unsent = [*letters]
        await self._patience.until_answered(lambda: self._dead_letters.put(unsent))
        for letter in letters:
            self._metrics.dead_lettered.labels(letter.code).inc()
            self._metrics.topic_messages.labels(self._topic, "dead_lettered").inc()
            self._burials.note(letter)

    def _count_requeued(self, number: int) -> None:
        self._metrics.requeued.inc(number)
        self._metrics.topic_messages.labels(self._topic, "requeued").inc(number)

    def _observe_age(self, batch: Prepared) -> None:
        newest_s = batch.newest_s()
        if newest_s is not None:
            self._metrics.event_age.observe(max(0, self._clock.now_s() - newest_s))

    async def _touch_in_hand(self) -> None:
        """Start the timeout of every batch anew that has used up half of it."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._timeout_s / 4)
            for batch, (messages, since_s) in list(self._in_hand.items()):
                if loop.time() - since_s < self._timeout_s / 2 - 0.01:
                    continue
                try:
                    await self._queue.touch(messages)
                except QueueUnavailableError as error:
                    log.debug("not touched", extra={"error": str(error)})
                if batch in self._in_hand:
                    self._in_hand[batch] = (messages, loop.time())

    async def _give_back(self) -> None:
        messages = [message for batch, _ in self._in_hand.values() for message in batch]
        if not messages:
            return
        self._count_requeued(len(messages))
        log.warning("giving messages back", extra={"messages": len(messages)})
        try:
            async with asyncio.timeout(GIVE_BACK_TIMEOUT_S):
                await self._queue.requeue(messages, 0)
        except (TimeoutError, QueueUnavailableError) as error:
            log.warning("they come back after their timeout", extra={"error": str(error)})


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
