"""Builds the object graph once, from the settings: what the server, worker and CLI run on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import msgspec

from psd.archive.decisions import Keeper
from psd.archive.numbers import StoreNumbers
from psd.archive.order import Stamp
from psd.archive.ownership import name_of_lost_store
from psd.archive.turns import Turns
from psd.archive.writer import Appends, NoArchive, open_archive
from psd.clock import Clock, SystemClock
from psd.config import Settings
from psd.config_things import needed_thing
from psd.engine.books import Books, BooksPreview
from psd.engine.engine import Engine
from psd.engine.events import EventRules, rules_of
from psd.engine.preview import Preview
from psd.engine.withdrawal import withdraw_kinds
from psd.errors import ConfigError, PsdError, StoreUnavailableError
from psd.intake import Intake
from psd.observe.metrics import Metrics
from psd.queries.boards.challenges import Challenges
from psd.queries.boards.finals import Finals
from psd.queries.boards.store import BoardsStore
from psd.queries.depth import depth_of
from psd.queries.queries import Queries
from psd.queries.questions import rules_of_queries
from psd.queue.interface import Queue
from psd.queue.nsq_queue import NsqQueue
from psd.queue.stream import StreamQueue
from psd.rewards.accounts import Accounts
from psd.rewards.at_risk import AtRisk
from psd.rewards.booking import VehicleFollower
from psd.rewards.evidence import Evidence
from psd.rewards.job import RewardsJob
from psd.rewards.ledger import Ledger
from psd.rewards.participants import Population
from psd.rewards.registry import Registry
from psd.rewards.settings import RewardsSettings
from psd.rewards.store import RewardsStore
from psd.rewards.tables import SIGNALS_THING, Tables, load_tables
from psd.rewards.vehicle_events import VehicleRules
from psd.store.clocks import SlowerClock
from psd.store.redis import Store

log = logging.getLogger(__name__)


class Runtime:
    """Everything a process needs; made by :func:`open_runtime`, one per event loop.

    Whatever is booked comes in through ``intake``; ``engine`` is for reading.
    """

    def __init__(
        self, settings: Settings, clock: Clock, metrics: Metrics, archive: Appends
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.metrics = metrics
        self.archive = archive
        self.tables = tables_of(settings)
        self.vehicle_rules = vehicle_rules_of(settings, self.tables)
        self.rules = _extended(rules_of(settings), self.vehicle_rules)
        self.store = Store(settings.redis, metrics, clock)
        slower = SlowerClock(clock, self.store.clocks)
        self.numbers = StoreNumbers(self.store.order, clock, Path(settings.archive.folder))
        self.engine = Engine(self.store, settings, clock, metrics)
        depth = depth_of(settings.queue, self.store)
        things_by_name = settings.numbers
        self._turns = Turns(self.store, clock, archive)
        most, sums_max = settings.server.board_members_max, settings.server.user_sums_max
        self.boards = BoardsStore(
            self.store, clock, things_by_name, self._turns, self.engine.names, most
        )
        self.challenges = Challenges(
            self.engine, self.boards, things_by_name, clock, depth, sums_max, self.engine.names
        )
        self.finals = Finals(self.boards, self.challenges, slower, self.engine.names)
        self.queries = Queries(
            self.engine,
            rules_of_queries(settings),
            clock,
            depth,
            self.boards,
            self.engine.names,
        )
        self.registry = Registry(self.store)
        things = self.vehicle_rules.things
        followers = [VehicleFollower(self.registry, self.store, things)]
        self.books = Books(self.engine, self.store.order, metrics, followers)
        self.intake = Intake(self.books, archive)
        self.rewards = RewardsStore(self.store)
        self.ledger = Ledger(self.store, clock, self._turns)
        earnings = [things_by_name[name] for name in self.tables.earnings if name in things_by_name]
        population = Population(self.registry, self.engine, earnings)
        self.rewards_job = RewardsJob(self.store, self.rewards, self.ledger, population, slower)
        readers = (self.engine, self.tables, things_by_name)
        self.evidence = Evidence(self.rewards, self.ledger, *readers)
        self.accounts = Accounts(self.registry, self.rewards, self.evidence, *readers, clock)
        self.at_risk = AtRisk(self.registry, self.rewards, *readers, clock)

    def new_queue(self, topic: str | None = None, channel: str | None = None) -> Queue:
        """A queue of the configured kind, not started; the caller closes it.

        ``topic`` and ``channel`` stand in for the configured ones.
        """
        queue = self.settings.queue
        queue = msgspec.structs.replace(
            queue, topic=topic or queue.topic, channel=channel or queue.channel
        )
        if queue.kind == "nsq":
            return NsqQueue(queue)
        return StreamQueue(
            self.store.cluster, queue.topic, queue.channel, queue.msg_timeout_s, queue.max_in_flight
        )

    def keepers(self) -> list[Keeper]:
        """Who keeps what people decide, each of kinds that no other has."""
        return [self.ledger, self.boards]

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
        await self._turns.close()
        await self.archive.close()
        await self.store.close()


async def open_runtime(
    settings: Settings,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    *,
    archiving: bool = False,
    any_shape: bool = False,
) -> Runtime:
    """Build the graph; raises ConfigError for a store of another schema, or one that is unfit.

    With ``any_shape`` a store of an older version is taken as it is: for what puts it right.

    With ``archiving``, what this process accepts goes to the configured archive, and a folder
    that cannot be written is a ConfigError too.
    Does not wait for Redis: a process starts also while it is away. What answers later is looked
    at before anything is sent to it; one that is unfit then is one that is away.
    """
    metrics = metrics or Metrics()

    async def identity() -> str:
        return await identity_of(runtime.store, Path(settings.archive.folder))

    async def number(accepted_ms: int) -> Stamp:
        return await runtime.numbers.next(accepted_ms)

    archive: Appends = NoArchive()
    if archiving:
        archive = open_archive(settings.archive, metrics, identity, number)
    runtime = Runtime(settings, clock or SystemClock(), metrics, archive)
    runtime.store.standing.reads_any_shape = any_shape
    try:
        with contextlib.suppress(StoreUnavailableError):
            await runtime.store.check_fit()
            if archiving and settings.archive.enabled:
                # Before anything is accepted: what has a name is never taken for a lost store.
                await identity()
    except PsdError:
        await runtime.close()
        raise
    runtime.store.standing.tells = True
    return runtime


async def identity_of(store: Store, archive: Path) -> str:
    """What the store calls itself, or did; one without a name gets its old one, or a new one."""
    if not store.last_identity:
        lost = await asyncio.to_thread(name_of_lost_store, archive)
        return await store.identity(lost)
    with contextlib.suppress(StoreUnavailableError):
        return await store.identity()
    return store.last_identity


def tables_of(settings: Settings) -> Tables:
    """The tables of the weekly rewards.

    Raises ConfigError for a file that contradicts itself, or that names things which are not
    configured. The shipped file may: a deployment that sums steps alone has no vehicles.
    """
    path = settings.of(RewardsSettings).tables
    tables = load_tables(Path(path) if path else None)
    missing = sorted({SIGNALS_THING, *tables.earnings} - set(settings.things))
    if path and missing:
        raise ConfigError(f"rewards.tables = {path!r}: things {missing} are not in [things]")
    return tables


def signals_of(settings: Settings, tables: Tables) -> int:
    """The number of the thing that activity is booked as, for what computes weeks.

    Raises ConfigError unless every thing of the weekly rewards is configured: without one of
    them the weeks would be computed as if nothing of it had been booked.
    """
    signals, *_ = (
        needed_thing(settings.things, name, "the weekly rewards")
        for name in (SIGNALS_THING, *tables.earnings)
    )
    return signals


def vehicle_rules_of(settings: Settings, tables: Tables) -> VehicleRules:
    """The rules of activity, earnings and vehicles."""
    return VehicleRules(tables, settings.numbers)


def every_rule(settings: Settings) -> EventRules:
    """The rules of every message, for what reads messages without a runtime."""
    return _extended(rules_of(settings), vehicle_rules_of(settings, tables_of(settings)))


def _extended(rules: EventRules, vehicles: VehicleRules) -> EventRules:
    kinds = {**vehicles.kinds(), **withdraw_kinds(rules.things, vehicles.things)}
    return msgspec.structs.replace(rules, kinds=kinds, numbered=vehicles.things)
