"""Putting events on the queue over HTTP, for producers that have no queue client.

A body is one message as the queue carries it, or several, one a line. All are checked
before any is published, so that a message that the workers would refuse never leaves::

    {"command": "count", "count": {"thing": "signups", "value": 1, "ts": 1458147411}}
    -> 202 {"enqueued":1}

A queue that answers slowly is waited for as long as it answers at all; one that stops amid the
messages has some of them, and the answer says which::

    -> 504 {"error":"nsqd 10.0.0.1:4150: ...","enqueued":128,"unknown":64}
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

import msgspec
from aiohttp import web

from psd.access.identity import Identity
from psd.clock import Clock
from psd.domain.command import Command
from psd.engine.event_rules import EventRules
from psd.engine.message_traces import sending
from psd.errors import (
    InputError,
    MalformedError,
    PartlyQueuedError,
    QueueUnavailableError,
    TooLargeError,
)
from psd.queue.interface import PublishProgress, Queue
from server import answers
from server.access import IDENTITY
from server.bodies import BodyReader
from server.openapi.original import enqueue_about
from server.routing import Route
from server.writing import require_writable

log = logging.getLogger("server")

STALL_TIMEOUT_S = 1.8
"""As for the store: an answer within 2 s where the queue does not answer."""

PUBLISH_TIMEOUT_S = 30.0
"""For all messages of a request together: half of what proxies commonly wait. 1,000 messages, as
many as a request may have by default, at an fsync of 30 ms each."""

LATE_PUBLISHES_MAX = 64
"""More are refused at once, so that a queue that stalls does not fill the memory."""

UNNAMED = "enqueue"
"""Stands for the message id that the queue gives later; only its presence is checked here."""


class EnqueueRoutes:
    """The route that publishes; its queue connects at the first request."""

    def __init__(
        self,
        *,
        new_queue: Callable[[], Queue],
        topic: str,
        rules: EventRules,
        clock: Clock,
        bodies: BodyReader,
        messages_max: int,
        domain_things: Collection[int],
        commands: Sequence[Command],
    ) -> None:
        self._new_queue = new_queue
        self._topic = topic
        self._rules = rules
        self._clock = clock
        self._bodies = bodies
        self._messages_max = messages_max
        self._domain_things = domain_things
        self._about = enqueue_about(commands)
        self._queue: Queue | None = None
        self._late: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """What this module serves."""
        return [Route("POST", "/v1/enqueue", self.enqueue, "json", "write", about=self._about)]

    async def enqueue(self, request: web.Request) -> web.Response:
        """Check the messages and publish them together."""
        messages = self._checked(await self._bodies.read(request), request[IDENTITY])
        if self._queue is None:
            self._queue = self._new_queue()
        with sending(self._topic, messages) as sent:
            await self._publish(self._queue, sent)
        return answers.json(msgspec.json.encode({"enqueued": len(messages)}), 202)

    async def _publish(self, queue: Queue, messages: Sequence[bytes]) -> None:
        """Publish within the time limits.

        A portion that is late is left to end by itself: cut off in the middle, its answer
        could pass for that of the next one on the same connection. Nothing is sent after it.
        """
        if len(self._late) >= LATE_PUBLISHES_MAX:
            raise QueueUnavailableError("the queue does not answer")
        progress = PublishProgress()
        publishing = asyncio.create_task(queue.publish(self._topic, messages, progress))
        try:
            await _until_stalled(publishing, progress)
            if publishing.done():
                publishing.result()
                return
        except QueueUnavailableError as error:
            raise _with_progress(error, progress, len(messages)) from error
        progress.given_up = True
        self._late.add(publishing)
        publishing.add_done_callback(self._note_late_end)
        late = QueueUnavailableError(f"the queue did not answer within {STALL_TIMEOUT_S:g} s")
        raise _with_progress(late, progress, len(messages))

    def _note_late_end(self, publishing: asyncio.Task[None]) -> None:
        self._late.discard(publishing)
        if not publishing.cancelled() and publishing.exception() is not None:
            log.warning("late publish failed", extra={"error": str(publishing.exception())})

    async def close(self, _app: web.Application) -> None:
        """Close the queue if one was opened; what is late by now is given up."""
        for publishing in self._late:
            publishing.cancel()
        if self._queue is not None:
            await self._queue.close()

    def _checked(self, body: bytes, identity: Identity) -> list[bytes]:
        """The messages in a body, each valid; otherwise the first error, with its line."""
        now_s = self._clock.now_s()
        lines = [line for line in body.splitlines() if line.strip()]
        try:
            events = self._rules.events(body, now_s, UNNAMED)
        except MalformedError:
            if len(lines) < 2:
                raise
        else:
            require_writable(identity, events, self._domain_things)
            return [body]
        if len(lines) > self._messages_max:
            raise TooLargeError(
                f"body: {len(lines)} messages, at most {self._messages_max} are allowed"
            )
        for number, line in enumerate(lines, 1):
            try:
                events = self._rules.events(line, now_s, UNNAMED)
            except InputError as error:
                raise type(error)(f"line {number}: {error}") from error
            require_writable(identity, events, self._domain_things)
        return lines


async def _until_stalled(publishing: asyncio.Task[None], progress: PublishProgress) -> None:
    """Return when it is done, when the queue has answered nobody for a while, or after all."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + PUBLISH_TIMEOUT_S
    progress.moved_at_s = loop.time()
    while not publishing.done():
        left_s = min(progress.moved_at_s + STALL_TIMEOUT_S, end_s) - loop.time()
        if left_s <= 0:
            return
        await asyncio.wait({publishing}, timeout=left_s)


def _with_progress(
    error: QueueUnavailableError, progress: PublishProgress, total: int
) -> QueueUnavailableError:
    """The error with what became of the messages, where some of them may have been queued."""
    if not progress.known and not progress.unknown:
        return error
    return PartlyQueuedError(
        f"{error}; {progress.told(total)}: send message {progress.known + 1} and those behind "
        "it again",
        queued=progress.known,
        unknown=progress.unknown,
    )
