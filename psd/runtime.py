"""Builds the object graph once, from the settings: what the server, worker and CLI run on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import TypeVar

import msgspec

from psd.archive.decisions import Keeper
from psd.archive.numbers import StoreNumbers
from psd.archive.order import Stamp
from psd.archive.ownership import name_of_lost_store
from psd.archive.page_decisions import PageDeciding
from psd.archive.places import Places
from psd.archive.turns import Turns
from psd.archive.writer import Appends, NoArchive, open_archive
from psd.clock import Clock, SystemClock
from psd.config import Settings
from psd.domain.command import Command, RawTopic
from psd.domain.core import Core
from psd.domain.part import ClockTask, Part
from psd.domain.rules import every_rule, messages_of
from psd.domains import domains, named
from psd.engine.books import Books, BooksPreview
from psd.engine.column_modes import settle_modes
from psd.engine.engine import Engine
from psd.engine.preview import Preview
from psd.erasing.erasing import Erasing
from psd.errors import PsdError, StoreUnavailableError
from psd.intake import Intake
from psd.observe.metrics import Metrics
from psd.observe.spans import Tracer, open_tracer
from psd.queries.boards.challenges import Challenges
from psd.queries.boards.finals import Finals
from psd.queries.boards.store import BoardsStore
from psd.queries.depth import depth_of
from psd.queries.queries import Queries
from psd.queries.questions import rules_of_queries
from psd.queue.interface import Queue
from psd.queue.nsq_queue import NsqQueue
from psd.queue.outlet import Outlet
from psd.queue.stream import StreamQueue
from psd.store.clocks import SlowerClock
from psd.store.redis import Store
from psd.vitals.queue_vitals import QueueVitals
from psd.vitals.store_vitals import StoreVitals
from psd.vitals.vitals import Vitals

log = logging.getLogger(__name__)

P = TypeVar("P", bound=Part)


class Runtime:
    """Everything a process needs; made by :func:`open_runtime`, one per event loop.

    Whatever is booked comes in through ``intake``; ``engine`` is for reading.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        archive: Appends,
        *,
        replays: bool = False,
        tracer: Tracer | None = None,
    ) -> None:
        self.settings = settings
        self.tracer = tracer
        self.clock = clock
        self.metrics = metrics
        self.archive = archive
        self.messages = messages_of(settings)
        self.rules = every_rule(settings, self.messages)
        self.store = Store(settings.redis, metrics, clock)
        slower = SlowerClock(clock, self.store.clocks)
        self.numbers = StoreNumbers(self.store.order, clock, Path(settings.archive.folder))
        self.engine = Engine(self.store, settings, clock, metrics)
        depth = depth_of(settings.queue, self.store)
        things_by_name = settings.numbers
        self._turns = Turns(self.store, clock, self.numbers, archive)
        most, sums_max = settings.server.board_members_max, settings.server.user_sums_max
        engine, names = self.engine, self.engine.names
        self.boards = BoardsStore(self.store, clock, things_by_name, self._turns, names, most)
        self.challenges = Challenges(
            engine, self.boards, things_by_name, clock, depth, sums_max, names
        )
        self.finals = Finals(self.boards, self.challenges, slower, names)
        rules = rules_of_queries(settings)
        self.queries = Queries(engine, rules, clock, self.boards, depth, names)
        self._outlet = Outlet(self.new_queue)
        self.core = self._lent(archive, replays=replays)
        self.parts = _opened(self.core)
        followers = [each for part in self.parts.values() for each in part.followers]
        self.books = Books(self.engine, self.store.order, metrics, followers)
        self.intake = Intake(self.books, archive)
        self.page_deciding = PageDeciding(self.store, self._turns)
        self.erasing = Erasing(
            self.store, settings, clock, self.engine, self.boards, self._turns, self.books.things
        )

        self.vitals = self._watched()

    def _watched(self) -> Vitals:
        """What is told of store and queue to whoever asks for metrics."""
        queue = self.settings.queue
        topics = [queue.topic, *(each.name for each in self.topics)]
        told = QueueVitals(queue, topics, self.store, self.clock)
        return Vitals(StoreVitals(self.store), told, self.metrics)

    def _lent(self, archive: Appends, *, replays: bool) -> Core:
        """What domains may use of this process."""
        return Core(
            settings=self.settings,
            engine=self.engine,
            store=self.store,
            clock=self.clock,
            metrics=self.metrics,
            turns=self._turns,
            boards=self.boards,
            names=self.engine.names,
            archive=archive,
            publish=self._outlet.publish,
            replays=replays,
        )

    @property
    def commands(self) -> list[Command]:
        """What domains add to what producers may send."""
        return [command for each in self.messages.values() for command in each.commands]

    @property
    def topics(self) -> list[RawTopic]:
        """Topics of the queue that domains take beside psd's own."""
        return [topic for each in self.messages.values() for topic in each.topics]

    @property
    def clock_tasks(self) -> list[ClockTask]:
        """What domains do by the clock."""
        return [part.clock for part in self.parts.values() if part.clock is not None]

    def part(self, kind: type[P]) -> P:
        """What this process has of a domain, by its type."""
        return next(part for part in self.parts.values() if isinstance(part, kind))

    def new_queue(
        self,
        topic: str | None = None,
        channel: str | None = None,
        max_in_flight: int | None = None,
    ) -> Queue:
        """A queue of the configured kind, not started; the caller closes it.

        ``topic``, ``channel`` and ``max_in_flight`` stand in for the configured ones.
        """
        queue = self.settings.queue
        queue = msgspec.structs.replace(
            queue,
            topic=topic or queue.topic,
            channel=channel or queue.channel,
            max_in_flight=max_in_flight or queue.max_in_flight,
        )
        if queue.kind == "nsq":
            return NsqQueue(queue)
        return StreamQueue(
            self.store.cluster, queue.topic, queue.channel, queue.msg_timeout_s, queue.max_in_flight
        )

    def keepers(self) -> list[Keeper]:
        """Who keeps what people decide, each of kinds that no other has."""
        of_domains = [keeper for part in self.parts.values() for keeper in part.keepers]
        return [*of_domains, self.boards, self.erasing, self.page_deciding]

    def preview(self) -> BooksPreview:
        """Stands for ``books`` in one run that writes nothing."""
        return self.books.preview(Preview(self.engine, self.store, self.settings))

    async def readiness(self) -> dict[str, str]:
        """Each check of the store and of the archive: ``ok``, ``ok: <advice>`` or what is wrong."""
        store, archive = await asyncio.gather(self.store.readiness(), self.archive.readiness())
        return {**store, **archive}

    async def warn_of_durability(self) -> None:
        """Log a warning when the store keeps less than ``redis.durability`` says."""
        advice = await self.store.durability_advice()
        if advice != "ok":
            log.warning(advice.removeprefix("ok: "))

    async def close(self) -> None:
        """Close the archive and every connection to the store; queues are closed before."""
        for part in self.parts.values():
            await part.close()
        await self._outlet.close()
        await self._turns.close()
        await self.archive.close()
        await self.store.close()
        if self.tracer is not None:
            await self.tracer.close()


def _opened(core: Core) -> dict[str, Part]:
    """What a process has of each domain, by its name."""
    return {
        domain.name: named(domain.open)(core, core.settings.section(domain.name))
        for domain in domains()
        if domain.open
    }


async def open_runtime(
    settings: Settings,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    *,
    archiving: bool = False,
    any_columns: bool = False,
    migrates: bool = False,
    replays: bool = False,
    traces: str = "",
) -> Runtime:
    """Build the graph; raises ConfigError for a store of another schema, or one that is unfit.

    With ``migrates`` this process is who fills the store from another one; with ``any_columns`` a
    store whose columns are another setting's is taken, to make them anew. One that ``replays``
    keeps what was accepted once, and nothing that happened because of it happens again.

    With ``archiving``, what this process accepts goes to the configured archive, and a folder
    that cannot be written is a ConfigError too. ``traces`` is the name that its spans are sent
    under where ``tracing.endpoint`` is set; without one none are recorded.
    Does not wait for Redis: a process starts also while it is away. What answers later is looked
    at before anything is sent to it; one that is unfit then is one that is away.
    """
    metrics = metrics or Metrics()
    noted = Places(Path(settings.archive.folder))

    async def identity() -> str:
        return await _noted_identity(runtime.store, noted)

    async def number(accepted_ms: int) -> Stamp:
        return await runtime.numbers.next(accepted_ms)

    archive: Appends = NoArchive()
    if archiving:
        archive = open_archive(settings.archive, metrics, identity, number)
    tracer = open_tracer(settings.tracing, traces) if traces else None
    runtime = Runtime(
        settings, clock or SystemClock(), metrics, archive, replays=replays, tracer=tracer
    )
    runtime.store.standing.migrates = migrates
    try:
        with contextlib.suppress(StoreUnavailableError):
            await runtime.store.check_fit()
            if not any_columns:
                await settle_modes(runtime.store, settings.things)
            if archiving and settings.archive.enabled:
                # Before anything is accepted: what has a name is never taken for a lost store.
                await identity()
    except PsdError:
        await runtime.close()
        raise
    runtime.store.standing.tells = True
    return runtime


async def _noted_identity(store: Store, noted: Places) -> str:
    """What the store calls itself; the archive's folder notes by that name where it was."""
    name = await identity_of(store, noted.folder)
    await asyncio.to_thread(noted.note, name, store.places)
    return name


async def identity_of(store: Store, archive: Path) -> str:
    """What the store calls itself, or did; one without a name gets its old one, or a new one."""
    if not store.last_identity:
        lost = await asyncio.to_thread(name_of_lost_store, archive, store.places)
        return await store.identity(lost)
    with contextlib.suppress(StoreUnavailableError):
        return await store.identity()
    return store.last_identity
