"""An audit finds nothing where only booking wrote, and repairs what anything else did."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from psd.audit.layout import Limits
from psd.runtime import Runtime
from tests.property.test_booking_order import book_in_batches
from tests.support.draws.random_reports import random_reports, shuffled_with_repeats
from tests.support.engine import emptied
from tests.support.stored.audits import SMALL_LIMITS, audit_of
from tests.support.stored.damages import KINDS, random_damage, sums_and_leaves
from tests.support.stored.keyspace import keyspace

SETS = 60
TRIALS = 40


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """The limits of the scripts that the runtime runs."""
    return SMALL_LIMITS if "small limits" in request.node.name else Limits()


@pytest.mark.parametrize("seed", range(4))
async def test_what_booking_wrote_is_what_the_audit_expects(
    runtime: Runtime, limits: Limits, seed: int
) -> None:
    """Twenty owners a round; the audit knows neither their reports nor the order they came in."""
    for number in range(SETS // 20):
        rng = random.Random(f"clean {seed}/{number}")
        await emptied(runtime)
        for uid in range(20):
            await book_in_batches(
                runtime, rng, shuffled_with_repeats(rng, random_reports(rng, uid))
            )
        async with audit_of(runtime, limits) as audits:
            audited = await audits.run()
            assert [str(d) for each in audited for d in each.differences] == []
            assert len(audited) > 20


@pytest.mark.parametrize("kind", KINDS)
async def test_each_damage_is_found_named_and_repaired(
    runtime: Runtime, limits: Limits, kind: str
) -> None:
    """Where the same facts stand elsewhere to the byte; else in every sum, leaf and total."""
    if kind.startswith("crowd") and limits == Limits():
        # By its own limits that takes 513 bookings of one second: contract/test_crowded_seconds.py.
        return
    client = runtime.store.client
    done = 0
    for number in range(TRIALS):
        rng = random.Random(f"{kind}/{number}")
        await emptied(runtime)
        await book_in_batches(runtime, rng, random_reports(rng))
        before = await keyspace(client)
        damage = random_damage(rng, before, kind)
        if damage is None:
            continue
        await damage.apply(client)
        spoiled = await keyspace(client)
        if spoiled == before:
            continue
        done += 1
        where = f"{number}: {damage}"
        async with audit_of(runtime, limits) as audits:
            found = await audits.run()
            assert any(damage.is_named_by(d) for each in found for d in each.differences), where
            assert await keyspace(client) == spoiled, f"without repair nothing is written: {where}"
            repaired = [each for each in await audits.run(repair=True) if each.differences]
            assert [each.outcome for each in repaired] == ["repaired"], where
            after = await keyspace(client)
            if damage.is_exact:
                assert after == before, where
            else:
                assert sums_and_leaves(after) == sums_and_leaves(before), where
            assert await audits.differences() == [], where
    assert done >= TRIALS // 8, "the random sets must have such keys"


async def test_whatever_is_damaged_one_repair_is_enough(runtime: Runtime, limits: Limits) -> None:
    """After it nothing differs but what is told as lost, and lost are only whole bookings."""
    client = runtime.store.client
    outcomes = Counter[str]()
    for number in range(TRIALS * 3):
        rng = random.Random(f"many {number}")
        await emptied(runtime)
        await book_in_batches(runtime, rng, random_reports(rng))
        for _ in range(rng.randint(2, 6)):
            damage = random_damage(rng, await keyspace(client))
            if damage is not None:
                await damage.apply(client)
        async with audit_of(runtime, limits) as audits:
            first = await audits.run(repair=True)
            outcomes.update(each.outcome for each in first)
            repaired = await keyspace(client)
            again = [d for each in await audits.run(repair=True) for d in each.differences]
            assert [str(d) for d in again if not d.is_lost] == [], number
            assert await keyspace(client) == repaired, number
            if "found" not in {each.outcome for each in first}:
                assert again == [], number
    assert outcomes["repaired"] > outcomes["found"] > 0
