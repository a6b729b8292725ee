"""Two writers that read facts, compute and book, in any interleaving, end in the newest facts.

A writer changes a fact, reads all of them and how often they have changed, works out what is to be
booked, and books it with that number as its fence. Where it is superseded it reads again. Between
any two of these steps the other one may do any of its own.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from psd.engine.events import Report
from psd.runtime import Runtime
from tests.support.engine import NOON_S
from tests.support.stored.keyspace import keyspace
from tests.support.stored.placements import owner_key

HISTORIES = 60
CHANGES = 2
WINDOWS = 6


class Facts:
    """What is known, and how often it has changed."""

    def __init__(self, rng: random.Random) -> None:
        self.number = 0
        self._rng = rng
        self._values = [0] * WINDOWS

    def change(self) -> None:
        self.number += 1
        self._values[self._rng.randrange(WINDOWS)] = self._rng.randrange(-50, 500)

    def reports(self) -> list[Report]:
        """Windows that grow, of two activities by turns: each holds the facts up to its end."""
        ends = [NOON_S + 40_000 * (window + 1) for window in range(WINDOWS)]
        return [
            Report(1, 1, 2, window % 2, sum(self._values[: window + 1]), NOON_S, end)
            for window, end in enumerate(ends)
        ]


class Writer:
    """Takes one step at a time."""

    def __init__(self, facts: Facts, *, is_fenced: bool) -> None:
        self._facts = facts
        self._is_fenced = is_fenced
        self._changes_left = CHANGES
        self._is_to_read = False
        self._read: tuple[int, list[Report]] | None = None
        self.superseded = 0

    @property
    def is_done(self) -> bool:
        return not (self._changes_left or self._is_to_read or self._read)

    async def step(self, runtime: Runtime) -> None:
        if self._read is not None:
            number, reports = self._read
            self._read = None
            fences = {1: ("facts", number)} if self._is_fenced else None
            outcomes = await runtime.engine.book(reports, fences=fences)
            self._is_to_read = outcomes[0].status == "superseded"
            assert {each.status == "superseded" for each in outcomes} == {self._is_to_read}
            self.superseded += self._is_to_read
        elif self._is_to_read:
            self._read, self._is_to_read = (self._facts.number, self._facts.reports()), False
        else:
            self._facts.change()
            self._changes_left -= 1
            self._is_to_read = True


async def ends_in_the_newest(
    runtime: Runtime, rng: random.Random, *, is_fenced: bool
) -> tuple[bool, int]:
    """Whether the keys are those of the newest facts alone; how often a writer was superseded."""
    await runtime.store.client.flushdb()
    facts = Facts(rng)
    writers = [Writer(facts, is_fenced=is_fenced) for _ in range(2)]
    while going := [each for each in writers if not each.is_done]:
        writer = rng.choice(going)
        for _ in range(rng.randint(1, 6)):
            if not writer.is_done:
                await writer.step(runtime)
    await runtime.engine.book([replace(each, uid=2) for each in facts.reports()])
    held = await keyspace(runtime.store.client)
    return keys_of(1, held) == keys_of(2, held), sum(each.superseded for each in writers)


def keys_of(uid: int, held: dict[str, Any]) -> dict[str, Any]:
    root = owner_key(uid, "")
    return {
        key.removeprefix(root): value
        for key, value in held.items()
        if key.startswith(root) and not key.startswith(f"{root}f:")
    }


@pytest.mark.parametrize("seed", range(4))
async def test_the_newest_facts_stand_in_the_end(runtime: Runtime, seed: int) -> None:
    superseded = 0
    for number in range(HISTORIES):
        rng = random.Random(f"fenced {seed}/{number}")
        is_newest, times = await ends_in_the_newest(runtime, rng, is_fenced=True)
        assert is_newest, f"seed {seed}/{number}"
        superseded += times
    assert superseded > HISTORIES // 10


async def test_without_fences_older_facts_may_stand_in_the_end(runtime: Runtime) -> None:
    """So the histories are such that the fence is what holds them."""
    found = [
        await ends_in_the_newest(runtime, random.Random(f"fenced 0/{number}"), is_fenced=False)
        for number in range(HISTORIES)
    ]
    assert not all(is_newest for is_newest, _ in found)
