"""The ledger of swaps under four writers that die: what is sent again ends where a replay does.

Each writer is a psd of its own, which archives and books. One that dies, behind an append or behind
a booking, leaves everything as it lies; another one comes in its place, and what nobody was told of
is sent again. In the end the naive replay of what was accepted says the same as the ledger, now and
cut at any second; and so it does of a store in which nothing was, once the archive is replayed.
The chaos programme has the same with real processes (tests/chaos/experiments/swap_kills.py).
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from psd.archive.entries import Entry
from psd.cli.main import psd as psd_command
from psd.clock import ManualClock
from psd.runtime import Runtime
from psd.swaps.part import SwapsPart
from tests.conftest import AnyStore
from tests.support.draws.random_swaps import SECONDS, random_history
from tests.support.engine import engine_on
from tests.support.plain.plain_swaps import Sent
from tests.support.swaps.network import NOW_S, OFFSET, Network, registration_waves

WRITERS = 4
SIZE = 50
DIES = 0.15
"""Of all appends and bookings."""


class KilledError(BaseException):
    """A writer has died here."""


class Writers:
    """Four at once, each on a psd of its own; dead ones are replaced."""

    def __init__(self, url: str, archive: Path, rng: random.Random) -> None:
        self.deaths = 0
        self._url = url
        self._archive = archive
        self._rng = rng

    async def write(self, bodies: Sequence[bytes]) -> None:
        """Have all of it accepted or refused, however many die meanwhile."""
        waiting = deque(bodies)
        await asyncio.gather(*(self._write(waiting) for _ in range(WRITERS)))

    async def _write(self, waiting: deque[bytes]) -> None:
        while waiting:
            async with self._psd() as psd:
                await self._until_death(psd, waiting)

    async def _until_death(self, psd: Runtime, waiting: deque[bytes]) -> None:
        while waiting:
            body = waiting.popleft()
            try:
                await self._accept(psd, body)
            except KilledError:
                self.deaths += 1
                # The queue gives it to somebody else, later.
                waiting.insert(self._rng.randint(0, len(waiting)), body)
                return

    async def _accept(self, psd: Runtime, body: bytes) -> None:
        events = psd.rules.events(body, NOW_S, "")
        entry = Entry(NOW_S * 1000, "", body)
        for outcome in await psd.intake.accept(events, lambda: [entry]):
            assert outcome.error is None or outcome.error.code in REFUSALS, outcome

    @asynccontextmanager
    async def _psd(self) -> AsyncIterator[Runtime]:
        async with engine_on(self._url, clock=ManualClock(NOW_S), archive=self._archive) as psd:
            yield psd


REFUSALS = {"conflict", "unchanged", "wrong_type"}


class Deaths:
    """Where those who append or book die by chance, as long as ``share`` is above 0."""

    def __init__(self) -> None:
        self.share = DIES
        self.chances = random.Random("deaths")

    def reach(self, place: str) -> None:
        """Stands for psd.failpoints.reach."""
        if place in {"swaps_appended", "swaps_booked"} and self.chances.random() < self.share:
            raise KilledError


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    """From here on some of those who append or book die."""
    made = Deaths()
    monkeypatch.setattr("psd.swaps.ledger.reach", made.reach)
    monkeypatch.setattr("psd.swaps.unsettled.reach", made.reach)
    return made


@pytest.mark.parametrize("seed", range(6))
async def test_writers_that_die_leave_what_a_replay_says(
    redis_server: AnyStore, tmp_path: Path, deaths: Deaths, seed: int
) -> None:
    redis_server.empty()
    rng = random.Random(f"kills {seed}")
    deaths.chances.seed(seed)
    writers = Writers(redis_server.url, tmp_path, rng)
    async with engine_on(redis_server.url, clock=ManualClock(NOW_S)) as psd:
        network = Network(psd, f"k{seed}")
        for wave in registration_waves(network.name):
            await writers.write(wave)
        history = random_history(rng, SIZE, explicit=True)
        while ready := [each for each in history if is_next(each, network)]:
            bodies = [network.message(each) for each in ready] * 2
            rng.shuffle(bodies)
            await writers.write(bodies)
            await catch_up(network, ready)
            # A refused one is never accepted, and so is what corrects it.
            history = [each for each in history if each not in ready]
        assert len(network.plain.history) > SIZE // 3
        assert writers.deaths > 3
        deaths.share = 0
        await psd.part(SwapsPart).ledger(network.name).settle_left()
        await hold(psd, network, rng)
    redis_server.empty()
    await replay(redis_server.url, tmp_path)
    async with engine_on(redis_server.url, clock=ManualClock(NOW_S)) as psd:
        network.psd = psd
        await hold(psd, network, rng)


def is_next(each: Sent, network: Network) -> bool:
    """Whether what it corrects has a number."""
    return each.corrects is None or each.corrects in network.plain.numbers


async def catch_up(network: Network, sent: Sequence[Sent]) -> None:
    """Tell the oracle what was accepted, in the order in which it was; it takes all of it."""
    by_id = {each.id: each for each in sent}
    for event in await network.ledger.events(OFFSET + len(network.plain.history)):
        assert network.plain.send(by_id[event.event.id]) == "booked"
        assert network.plain.numbers[event.event.id] + OFFSET == event.n


async def hold(psd: Runtime, network: Network, rng: random.Random) -> None:
    """All that psd tells, against the oracle and against its own stream."""
    async for audited in psd.part(SwapsPart).auditing.every(repair=False):
        assert audited.outcome == "clean", audited.differences
    for until in (None, *rng.sample(SECONDS, 3)):
        await network.check(until)
    await network.check_books(rng)


async def replay(url: str, archive: Path) -> None:
    """``psd replay`` of all that the writers have archived."""
    command = ["--set", f"redis.url={url}", "--set", f"archive.folder={archive}"]
    command += ["replay", "--from", "1"]
    done = await asyncio.to_thread(CliRunner().invoke, psd_command, command)
    # 1 says that some were refused, as they were at first.
    assert done.exit_code in (0, 1), done.output
