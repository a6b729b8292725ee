"""What one trial is, what an experiment counts, and how trials run beside each other.

An experiment runs its trials with the seeds ``seed``, ``seed + 1``, ... A trial makes all that it
draws from its seed, so that ``--only NAME --seed N --trials 1`` draws the same again:

>>> tally = Tally(trials=1, kills=1, duplicates_suppressed=38)
>>> tally.add(Tally(trials=1, lost=2, failures=["worker-kills seed 8: ..."]))
>>> tally.trials, tally.lost, tally.passed
(2, 2, False)
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import pytest

Say = Callable[[str], None]
"""Where an experiment tells what it does, one line at a time."""

LANES = 3
"""Trials beside each other, each with servers of its own: most of a trial is waiting."""


BROKEN = (Exception, BaseExceptionGroup, pytest.fail.Exception)
"""What a trial may raise: a finding like others, not the end of the run. A server that does not
start is pytest's failure, because the tests share what starts servers."""


class Tally(msgspec.Struct):
    """What a number of trials found.

    ``lost`` and ``doubled`` count fields that are too small and too large; ``failures`` are texts
    with the seed, of those and of everything else that a trial must not do.
    """

    trials: int = 0
    lost: int = 0
    doubled: int = 0
    kills: int = 0
    kills_before_fin: int = 0
    duplicates_suppressed: int = 0
    notes: list[str] = msgspec.field(default_factory=list)
    failures: list[str] = msgspec.field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, doubled or otherwise wrong."""
        return not (self.lost or self.doubled or self.failures)

    def add(self, other: Tally) -> None:
        """Take in what other trials found."""
        self.trials += other.trials
        self.lost += other.lost
        self.doubled += other.doubled
        self.kills += other.kills
        self.kills_before_fin += other.kills_before_fin
        self.duplicates_suppressed += other.duplicates_suppressed
        self.notes += other.notes
        self.failures += other.failures


class Experiment(Protocol):
    """One row of the table: how many trials it has, short and whole, and how to run them."""

    name: str
    short: int
    whole: int

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run trials with the seeds ``seed`` and up; a failing one does not end the others."""
        ...


T = TypeVar("T")


class InLanes:
    """An experiment whose trials each take an empty folder, in which they start all they need."""

    name = ""

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run trials with the seeds ``seed`` and up."""
        return await run_in_lanes(self.name, trials, seed, self._folder, self._trial, say)

    async def _trial(self, folder: Path, seed: int) -> Tally:
        raise NotImplementedError

    @asynccontextmanager
    async def _folder(self, lane: int) -> AsyncIterator[Path]:
        yield Path(tempfile.mkdtemp(prefix=f"{self.name}-{lane}-"))


async def run_in_lanes(
    name: str,
    trials: int,
    seed: int,
    lane: Callable[[int], AbstractAsyncContextManager[T]],
    trial: Callable[[T, int], Awaitable[Tally]],
    say: Say,
    lanes: int = LANES,
) -> Tally:
    """Run ``trial(stage, seed)`` for each seed, on a few stages that ``lane(number)`` opens.

    A trial that raises has failed; its lane goes on with a fresh stage, because nobody knows what
    state the old one is in. Notes of a trial are said and not kept.
    """
    total = Tally()
    seeds = iter(range(seed, seed + trials))

    async def work(number: int) -> None:
        current = next(seeds, None)
        while current is not None:
            async with lane(number) as stage:
                while current is not None:
                    found = await _guarded(name, trial, stage, current)
                    _tell(name, current, found, f"{total.trials + 1}/{trials}", say)
                    found.notes.clear()
                    total.add(found)
                    current = next(seeds, None)
                    if not found.passed:
                        break

    async with asyncio.TaskGroup() as group:
        for number in range(min(lanes, trials)):
            group.create_task(work(number))
    return total


async def _guarded(
    name: str, trial: Callable[[T, int], Awaitable[Tally]], stage: T, seed: int
) -> Tally:
    try:
        return await trial(stage, seed)
    except BROKEN as error:
        return Tally(trials=1, failures=[f"{name} seed {seed}: {_reason(error)}"])


SHORT = "CHAOS_SHORT"
"""Set by the short programme, which runs beside the tests of CI."""

SHORT_WITHIN_S = 60.0


def within_s(limit_s: float) -> float:
    """How long something may take: the limit itself is looked at where nobody else works."""
    return SHORT_WITHIN_S if os.environ.get(SHORT) == "1" else limit_s


def _reason(error: BaseException) -> str:
    """The error's kind and text; of a group, those of each."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_reason(each) for each in error.exceptions)
    return f"{type(error).__name__}: {error}"


def _tell(name: str, seed: int, found: Tally, done: str, say: Say) -> None:
    for failure in found.failures:
        say(failure)
    if found.failures:
        say(f"again: python -m tests.chaos.run --only {name} --seed {seed} --trials 1")
    notes = "".join(f", {each}" for each in found.notes)
    say(f"{name} {done} seed {seed}: {'exact' if found.passed else 'FAILED'}{notes}")


def failures_of(name: str, seed: int, differences: Sequence[object], shown: int = 5) -> list[str]:
    """Texts for what a trial found different, the first few in full."""
    texts = [f"{name} seed {seed}: {each}" for each in differences[:shown]]
    if len(differences) > shown:
        texts.append(f"{name} seed {seed}: and {len(differences) - shown} more")
    return texts
