"""What a worker does about charging, one message and one tick at a time, by whatever clock.

It keeps and books as a worker does, through the one door and with an archive if its runtime has
one; what it tells sites is handed to ``publish`` in the place of the queue::

    worker = ChargingWorker(runtime, settings, publish)
    await worker.take("telemetry", body)       as if it had come over the topic
    await worker.tick()                        what is due now
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from psd.archive.entries import Entry
from psd.charging.charging_changes import PlugRequest
from psd.charging.charging_events import TOPICS_TAKEN
from psd.charging.part import ChargingPart
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_store import RequestResult
from psd.engine.books import Books
from psd.engine.envelopes import enveloped
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.intake import Intake
from psd.observe.metrics import Metrics
from psd.runtime import Runtime
from server.simulation.webhook_sending import signature_header

Publish = Callable[[str, Sequence[bytes]], Awaitable[None]]

_TOPICS = {topic.name: topic for topic in TOPICS_TAKEN}


class ChargingWorker:
    """One worker; several may work on one store."""

    def __init__(self, runtime: Runtime, settings: ChargingSettings, publish: Publish) -> None:
        # Instruments of its own: those of the runtime are its part's.
        core = replace(runtime.core, metrics=Metrics(), publish=publish)
        self.part = ChargingPart(core, settings)
        self._runtime = runtime
        self._clock = core.clock
        books = Books(runtime.engine, runtime.store.order, core.metrics, self.part.followers)
        self._intake = Intake(books, core.archive)

    async def take(self, topic: str, body: bytes) -> list[Outcome]:
        """Keep and book a message of a site."""
        events = _TOPICS[topic].read(body, self._clock.now_s(), "", self._runtime.rules)
        return await self._accept(events, enveloped(topic, body))

    async def set(self, body: bytes) -> list[Outcome]:
        """Keep and book a message of psd's own topic."""
        events = self._runtime.rules.events(body, self._clock.now_s(), "")
        return await self._accept(events, body)

    async def ask(self, request: PlugRequest) -> RequestResult:
        """What a user's wish comes to."""
        return await self.part.services.sites.request(request)

    async def take_webhook(self, body: bytes, secret: str) -> None:
        """Take what Stripe says, signed now."""
        signature = signature_header(body, [secret], self._clock.now_s())
        await self.part.desk.take_webhook(body, signature)

    async def tick(self) -> None:
        """Do what is due at all sites, whosever turn it is, and what somebody left."""
        now_ms = self._clock.now_ms()
        services = self.part.services
        due = await services.store.due(await services.store.sites(), now_ms)
        await services.clock.look(due, now_ms)
        await self.part.desk.look_after(now_ms)

    async def close(self) -> None:
        """Hang up."""
        await self.part.close()

    async def _accept(self, events: Sequence[Accepted], body: bytes) -> list[Outcome]:
        entry = Entry(self._clock.now_ms(), "", body)
        return await self._intake.accept(events, lambda: [entry])
