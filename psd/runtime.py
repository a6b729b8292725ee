"""Builds the object graph once, from the settings: what the server, worker and CLI run on.

A process has of it what it asks for: a command of the command line that reads one sum imports
neither the queue nor the domains, and is quick. Whoever serves has all of it before it is ready
(:func:`open_service`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from psd.archive.numbers import StoreNumbers
from psd.archive.order import Stamp
from psd.archive.places import Places
from psd.archive.store_identity import noted_identity
from psd.archive.turns import Turns
from psd.archive.writer import Appends, NoArchive, open_archive
from psd.clock import Clock, SystemClock
from psd.config import Settings
from psd.domain.core import Core
from psd.domain.part import ClockTask, Part
from psd.domain.parts import DomainParts
from psd.engine.books import Books, BooksPreview
from psd.engine.column_modes import settle_modes
from psd.engine.engine import Engine
from psd.errors import PsdError, StoreUnavailableError
from psd.intake import Intake
from psd.observe.metrics import Metrics
from psd.observe.spans import Tracer, open_tracer
from psd.queue.interface import Queue
from psd.queue.outlet import Outlet
from psd.store.clocks import SlowerClock
from psd.store.redis import Store
from psd.store.scripts import read_every_script

if TYPE_CHECKING:
    from psd.archive.decisions import Keeper
    from psd.archive.page_decisions import PageDeciding
    from psd.domain.command import Command, Messages, RawTopic
    from psd.engine.event_rules import EventRules
    from psd.erasing.erasing import Erasing
    from psd.queries.boards.challenges import Challenges
    from psd.queries.boards.finals import Finals
    from psd.queries.boards.store import BoardsStore
    from psd.queries.freshness import QueueDepth
    from psd.queries.queries import Queries
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
        self.replays = replays
        self.store = Store(settings.redis, metrics, clock)
        self.numbers = StoreNumbers(self.store.order, clock, Path(settings.archive.folder))
        self.engine = Engine(self.store, settings, clock, metrics)
        self._turns = Turns(self.store, clock, self.numbers, archive)
        self._outlet = Outlet(self.new_queue)
        self.parts = DomainParts(lambda: self.core)

    @cached_property
    def messages(self) -> dict[str, Messages]:
        """What domains add to the queue, by their names."""
        from psd.domain.rules import messages_of

        return messages_of(self.settings)

    @cached_property
    def rules(self) -> EventRules:
        """The rules of every message."""
        from psd.domain.rules import every_rule

        return every_rule(self.settings, self.messages)

    @cached_property
    def _depth(self) -> QueueDepth:
        from psd.queries.depth import depth_of

        return depth_of(self.settings.queue, self.store)

    @cached_property
    def boards(self) -> BoardsStore:
        """Named boards and who is on them."""
        from psd.queries.boards.store import BoardsStore

        things, most = self.settings.numbers, self.settings.server.board_members_max
        return BoardsStore(self.store, self.clock, things, self._turns, self.engine.names, most)

    @cached_property
    def challenges(self) -> Challenges:
        """Who stands where on named boards."""
        from psd.queries.boards.challenges import Challenges

        things, most = self.settings.numbers, self.settings.server.user_sums_max
        names = self.engine.names
        return Challenges(self.engine, self.boards, things, self.clock, self._depth, most, names)

    @cached_property
    def finals(self) -> Finals:
        """What was declared of them."""
        from psd.queries.boards.finals import Finals

        slower = SlowerClock(self.clock, self.store.clocks)
        return Finals(self.boards, self.challenges, slower, self.engine.names)

    @cached_property
    def queries(self) -> Queries:
        """Sums, series and boards, as they are asked for over HTTP."""
        from psd.queries.queries import Queries
        from psd.queries.questions import rules_of_queries

        rules, names = rules_of_queries(self.settings), self.engine.names
        return Queries(self.engine, rules, self.clock, self.boards, self._depth, names)

    @cached_property
    def core(self) -> Core:
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
            archive=self.archive,
            publish=self._outlet.publish,
            replays=self.replays,
        )

    @cached_property
    def books(self) -> Books:
        """Books events, and has every domain follow them."""
        followers = [each for part in self.parts.values() for each in part.followers]
        return Books(self.engine, self.store.order, self.metrics, followers)

    @cached_property
    def intake(self) -> Intake:
        """Archives, and then books."""
        return Intake(self.books, self.archive)

    @cached_property
    def page_deciding(self) -> PageDeciding:
        """Who may sign in to pages."""
        from psd.archive.page_decisions import PageDeciding

        return PageDeciding(self.store, self._turns)

    @cached_property
    def erasing(self) -> Erasing:
        """Forgets users."""
        from psd.erasing.erasing import Erasing

        whose = self.books.things
        return Erasing(
            self.store, self.settings, self.clock, self.engine, self.boards, self._turns, whose
        )

    @cached_property
    def vitals(self) -> Vitals:
        """What is told of store and queue to whoever asks for metrics."""
        from psd.vitals.queue_vitals import QueueVitals
        from psd.vitals.store_vitals import StoreVitals
        from psd.vitals.vitals import Vitals

        queue = self.settings.queue
        topics = [queue.topic, *(each.name for each in self.topics)]
        told = QueueVitals(queue, topics, self.store, self.clock)
        return Vitals(StoreVitals(self.store), told, self.metrics)

    def have_all(self) -> None:
        """Make now what else is made when it is asked for."""
        for name, what in vars(type(self)).items():
            if isinstance(what, cached_property):
                getattr(self, name)

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
        return self.parts.of(kind)

    def new_queue(
        self,
        topic: str | None = None,
        channel: str | None = None,
        max_in_flight: int | None = None,
    ) -> Queue:
        """A queue of the configured kind, not started; the caller closes it.

        ``topic``, ``channel`` and ``max_in_flight`` stand in for the configured ones.
        """
        from psd.queue.configured import queue_of

        queue = self.settings.queue
        queue = msgspec.structs.replace(
            queue,
            topic=topic or queue.topic,
            channel=channel or queue.channel,
            max_in_flight=max_in_flight or queue.max_in_flight,
        )
        return queue_of(queue, self.store.cluster)

    def keepers(self) -> list[Keeper]:
        """Who keeps what people decide, each of kinds that no other has."""
        of_domains = [keeper for part in self.parts.values() for keeper in part.keepers]
        return [*of_domains, self.boards, self.erasing, self.page_deciding]

    def preview(self) -> BooksPreview:
        """Stands for ``books`` in one run that writes nothing."""
        from psd.engine.preview import Preview

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
        await self.parts.close()
        await self._outlet.close()
        await self._turns.close()
        await self.archive.close()
        await self.store.close()
        if self.tracer is not None:
            await self.tracer.close()


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
    With ``archiving``, what is accepted goes to the configured archive, and a folder that cannot
    be written is a ConfigError too. Spans are sent under the name of ``traces``, if there is one.
    A process starts also while Redis is away. What answers later is looked at before anything is
    sent to it; one that is unfit then is one that is away.
    """
    metrics = metrics or Metrics()
    noted = Places(Path(settings.archive.folder))

    async def identity() -> str:
        return await noted_identity(runtime.store, noted)

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
            await _look_at_store(runtime, any_columns=any_columns)
            if archiving and settings.archive.enabled:
                # Before anything is accepted: what has a name is never taken for a lost store.
                await identity()
    except PsdError:
        await runtime.close()
        raise
    runtime.store.standing.tells = True
    return runtime


async def _look_at_store(runtime: Runtime, *, any_columns: bool) -> None:
    """Raises ConfigError for a store that is unfit, or whose columns are another setting's."""
    await runtime.store.check_fit()
    if not any_columns:
        await settle_modes(runtime.store, runtime.settings.things)


async def open_service(settings: Settings, traces: str) -> Runtime:
    """What a process that serves, or works, runs on; it has all of it, and read every script.

    A script that is broken, or a part that cannot be made, is an error of its start.
    """
    read_every_script()
    runtime = await open_runtime(settings, archiving=True, traces=traces)
    try:
        runtime.have_all()
    except BaseException:
        await runtime.close()
        raise
    return runtime
