"""What a process knows of the servers of its store, looked at on every connection that it makes.

Whatever is asked of a server before psd works with it (psd/store/fitness.py) is asked of whoever
answers at the address now, before anything else is sent on a new connection; and again every
LOOK_EVERY_S, with a trip that leaves anyway. A server that is none to work with is one that is
away: its commands fail as StoreUnavailableError, nothing stops, and the next connection asks
again::

    07:01:10  a trip                         WRONG: it is a replica of 10.0.0.8:6379, one log line
    07:01:10  its commands, and all others   StoreUnavailableError
    07:01:12  a new connection               a master: one log line, and on with the work

A store is marked when it is begun: with the version of its shapes, and with a random word, its
*life*. Another life means that it was emptied, or lost what it had. That is told, and whatever
was remembered of it is forgotten (``generation``); what it had is in the archive.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from redis.exceptions import MovedError, NoPermissionError, RedisError

from psd.config import RedisSettings
from psd.errors import MisplacedError, PsdError, UnfitStoreError
from psd.observe.metrics import Metrics
from psd.store.clocks import Clocks
from psd.store.fitness import (
    UNMARKED,
    FitnessProblem,
    ServerInfo,
    durability_check,
    info_field,
    partitions_problem,
    problem_of,
    role_problem,
    schema_problem,
)
from psd.store.keys import (
    LIFE_KEY,
    PARTITIONS_KEY,
    SCHEMA_KEY,
    SCHEMA_VERSION,
    STORE_KEY,
)
from psd.store.partitions import IN_A_CLUSTER, ON_ONE_SERVER, Partitions
from psd.store.replies import psd_error
from psd.store.sending import Command
from psd.store.server_answers import MARKS, OF_MARKS, QUESTIONS, SECTIONS, marked, told_by

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""A server that is used is looked at so often: nine commands, 17 us of its time."""

LIFE_BYTES = 6

LOOKED_THROUGH = f"{UNMARKED}; it is looked through first"

Ask = Callable[[Sequence[Command]], Awaitable[list[Any]]]
"""Sends commands, and returns replies by position, error replies among them as exceptions."""


class LooksThrough(Protocol):
    """Finds out whether a store can be begun (psd/store/unmarked.py), which works with lanes."""

    found: str | None

    def begin(self) -> None:
        """Begin, and come to an end without anybody who waits."""
        ...


class KnownServers:
    """What is known of every server, by its node; ``name`` is what the store calls itself.

    ``is_spread`` tells whether the process began with a cluster; ``ask`` sends commands about keys
    to whichever node has them, on connections of its own. ``unmarked`` finds out whether a store
    without a version is one to begin.
    """

    def __init__(
        self,
        settings: RedisSettings,
        metrics: Metrics,
        clocks: Clocks,
        is_spread: Callable[[], bool],
        ask: Ask,
        unmarked: LooksThrough,
    ) -> None:
        self.name = ""
        self.partitions = Partitions(settings.partitions) if settings.partitions else None
        """Where owners lie; None until the store has said it, if the settings do not."""

        self.generation = 0
        """Rises when a server or what the store holds may be another than before."""

        self.doubted_at_s = 0.0
        self.emptied_at_s = 0.0
        self.migrates = False
        """Whether this process fills the store from another one: nobody else works with it."""

        self.doubts_unmarked = False
        """Whether a store without a version is none to work with: it is looked through first."""

        self.tells = False
        """Whether changes are logged: while psd starts, what is wrong ends the start."""

        self._is_spread = is_spread
        self._settings = settings
        self._metrics = metrics
        self._clocks = clocks
        self._ask = ask
        self._unmarked = unmarked
        self._problems: dict[str, FitnessProblem] = {}
        self._runs: dict[str, str] = {}
        self._durability: dict[str, str] = {}
        self._life = ""
        self._erased: str | None = None

    @property
    def emptied(self) -> str:
        """Advice for readiness where the store was emptied under this process; else empty."""
        if not self.emptied_at_s:
            return ""
        at = datetime.fromtimestamp(self.emptied_at_s, UTC).isoformat(timespec="seconds")
        return f"ok: the store was emptied, or lost what it had, by {at}: see psd replay"

    @property
    def runs(self) -> frozenset[str]:
        """The words that the servers chose at their start, as far as they were looked at."""
        return frozenset(self._runs.values()) - {""}

    def doubt(self) -> None:
        """Look at every server again with the next trip to it."""
        self.doubted_at_s = time.monotonic()

    def problem_at(self, node: str) -> FitnessProblem | None:
        """What was wrong with a server, or with what the store is, when it was looked at last."""
        return self._problems.get(node) or self._problem_of_marks()

    async def judge(self, node: str, replies: Sequence[Any], ask: Ask) -> None:
        """Raise UnfitStoreError where the server that gave these replies is none to work with.

        Otherwise the store is marked, if it was not. A reply that says that the server cannot
        work now (it is loading, ...) raises the error for that.
        """
        told = told_by(replies)
        if micros := info_field(told.server, "server_time_usec"):
            self._clocks.heard(node, int(micros))
        known = self.partitions.count if self.partitions else 0
        problem = problem_of(self._taken(told), self._settings, self._is_spread(), self.name, known)
        if problem is None:
            for reply in replies[: len(QUESTIONS)]:
                _raise_unless_untold(reply)
            if told.schema is not None:
                problem = await self._settle_marks(told, ask)
        if problem is not None and problem.check == "schema" and told.schema == "":
            self._unmarked.begin()
            problem = FitnessProblem("schema", self._unmarked.found or problem.found)
        self._note(node, problem)
        if problem is not None:
            raise _refusal(node, problem)
        self._note_run(node, info_field(told.server, "run_id"))

    async def judge_new(self, node: str, replies: Sequence[Any], ask: Ask) -> None:
        """The same of a new connection, in a cluster with the marks that other nodes have."""
        told = told_by(replies)
        if self._is_spread() and role_problem(told.replication):
            # Nothing was sent: it goes to where the map of slots says by then.
            raise MisplacedError("redis: REPLICA: a node that was a master is a replica")
        is_new = info_field(told.server, "run_id") != self._runs.get(node)
        if self._is_spread() and (is_new or self._problem_of_marks()):
            replies = [*replies[: len(SECTIONS)], *await self._ask(MARKS)]
            await self.judge(node, replies, self._ask)
        else:
            await self.judge(node, replies, ask)
        self._note_durability(node, replies[len(QUESTIONS) :])

    def _problem_of_marks(self) -> FitnessProblem | None:
        """What is wrong with what the store is marked with, whichever node told it."""
        found = (problem for problem in self._problems.values() if problem.check in OF_MARKS)
        return next(found, None)

    async def _settle_marks(self, told: ServerInfo, ask: Ask) -> FitnessProblem | None:
        """Mark what is not marked, and find out whether this is the store that it was."""
        looked = self._unmarked.found
        if not told.schema and (looked or (self.doubts_unmarked and looked is None)):
            return FitnessProblem("schema", LOOKED_THROUGH)
        if marks := self._marks_of(told):
            replies = await ask([*marks, *MARKS])
            for reply in replies:
                _raise_unless_untold(reply)
            told = self._taken(marked(replies[len(marks) :]))
            # Another process may have marked it between the two.
            if problem := self._problem_of_shape(told):
                return problem
        for other in [each for each, found in self._problems.items() if found.check in OF_MARKS]:
            self._note(other, None)
        self._note_life(told.life or "")
        self._note_erased(told.erased)
        if not self.name:
            self.name = told.name or ""
        if self.partitions is None and told.partitions:
            self.partitions = Partitions(int(told.partitions))
        return None

    def _marks_of(self, told: ServerInfo) -> list[Command]:
        """Commands that mark what is not marked."""
        marks: list[Command] = []
        begun = (SCHEMA_KEY, SCHEMA_VERSION, PARTITIONS_KEY, self._own_count())
        if not told.schema:
            marks.append(("MSETNX", *begun) if not told.partitions else ("SET", *begun[:2], "NX"))
        if told.life == "":
            marks.append(("SET", LIFE_KEY, secrets.token_hex(LIFE_BYTES), "NX"))
        if told.name == "" and self.name:
            marks.append(("SET", STORE_KEY, self.name, "NX"))
        return marks

    def _own_count(self) -> int:
        """In how many partitions this process begins a store."""
        if self.partitions is not None:
            return self.partitions.count
        return IN_A_CLUSTER if self._is_spread() else ON_ONE_SERVER

    def _problem_of_shape(self, told: ServerInfo) -> FitnessProblem | None:
        known = self.partitions.count if self.partitions else 0
        problems = (
            schema_problem(told.schema or ""),
            partitions_problem(told, self._settings.partitions, known),
        )
        return next((problem for problem in problems if problem.found), None)

    def _taken(self, told: ServerInfo) -> ServerInfo:
        """The same, without the migration where this process is who migrates."""
        return msgspec.structs.replace(told, migration="") if self.migrates else told

    def _note(self, node: str, problem: FitnessProblem | None) -> None:
        before = self._problems.pop(node, None)
        if problem is not None:
            self._problems[node] = problem
        if problem == before:
            return
        for each, value in ((before, 0), (problem, 1)):
            if each is not None:
                self._metrics.store_unfit.labels(each.check).set(value)
        if not self.tells:
            return
        at = {"node": node} if node else {}
        if problem is not None:
            fields = {"check": problem.check, "found": problem.found, **at}
            log.error("the store is none to work with, waiting until it is", extra=fields)
        else:
            log.warning("the store can be worked with again", extra=at)

    def _note_run(self, node: str, run: str) -> None:
        before = self._runs.get(node)
        self._runs[node] = run
        if before is None or run == before:
            return
        self.generation += 1
        self._metrics.store_changes.labels("server").inc()
        if self.tells:
            log.info("the store's server was restarted, or is another one", extra={"run_id": run})

    def _note_life(self, life: str) -> None:
        before, self._life = self._life, life or self._life
        if not before or not life or life == before:
            return
        self.generation += 1
        self.emptied_at_s = time.time()
        self._metrics.store_changes.labels("emptied").inc()
        if self.tells:
            log.error("the store was emptied, or lost what it had; psd replay books it again")

    def _note_erased(self, word: str | None) -> None:
        """Somebody was erased: who is thought to be in the store may not be."""
        before, self._erased = self._erased, self._erased if word is None else word
        if before is not None and word is not None and word != before:
            self.generation += 1

    def _note_durability(self, node: str, replies: Sequence[Any]) -> None:
        if not replies or any(isinstance(reply, RedisError) for reply in replies):
            return
        advice = durability_check(replies, self._settings)
        before = self._durability.get(node, advice)
        self._durability[node] = advice
        if self.tells and advice not in ("ok", before):
            log.warning(advice.removeprefix("ok: "))


def _refusal(node: str, problem: FitnessProblem) -> UnfitStoreError:
    found = f"{node}: {problem.found}" if node else problem.found
    return UnfitStoreError(
        f"redis: UNFIT: {found}{problem.remedy}",
        check=problem.check,
        found=found,
        remedy=problem.remedy,
    )


def _raise_unless_untold(reply: Any) -> None:
    """Raise an error reply, unless the server may not be asked that, or another one knows."""
    if isinstance(reply, PsdError):
        raise reply
    if isinstance(reply, RedisError) and not isinstance(reply, NoPermissionError | MovedError):
        raise psd_error(reply)
