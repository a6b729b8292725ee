"""What booking would change is what booking then changes, and asking changes nothing."""

from __future__ import annotations

import random

import pytest

from psd.engine.booking import CALL_REPORTS_MAX
from psd.engine.events import VALUE_MAX, Accepted, Count, Event, Withdrawal
from psd.engine.outcomes import Outcome
from psd.rewards.vehicle_events import VehicleChange
from psd.runtime import Runtime
from tests.support.draws.random_reports import random_reports, shuffled_with_repeats
from tests.support.engine import NOON_S, dense_day, increment, report
from tests.support.stored.keyspace import keyspace


async def previewed(psd: Runtime, events: list[Accepted]) -> list[Outcome]:
    """What is said, with the fact that saying it wrote nothing."""
    before = await keyspace(psd.store.client)
    outcomes = await psd.preview().book(events)
    assert await keyspace(psd.store.client) == before
    return outcomes


def random_events(rng: random.Random) -> list[Accepted]:
    events: list[Accepted] = []
    for uid in (1, 2, 3):
        events += shuffled_with_repeats(rng, random_reports(rng, uid))
    events += [increment(f"e{n % 4}", n, uid=1) for n in range(8)]
    events += [Count("signups", n, NOON_S, f"c{n % 3}") for n in range(6)]
    events += [Withdrawal(1, aid, (1, 2), "", "", NOON_S) for aid in (0, 1, 1)]
    events += [
        VehicleChange(NOON_S + rng.randrange(5), rng.randrange(4), random_fields(rng))
        for _ in range(30)
    ]
    rng.shuffle(events)
    return events


def random_fields(rng: random.Random) -> dict[str, int | str | None]:
    choices: dict[str, list[int | str | None]] = {
        "owner": ["42", "43", None],
        "minted": [0, 1, None],
        "minted_at": [NOON_S, NOON_S + 1],
    }
    names = rng.sample(sorted(choices), rng.randrange(4))
    return {name: rng.choice(choices[name]) for name in names}


@pytest.mark.parametrize("seed", range(15))
async def test_a_batch_is_told_as_it_is_booked_then_on_any_store(psd: Runtime, seed: int) -> None:
    rng = random.Random(f"preview {seed}")
    for _ in range(3):
        events = random_events(rng)
        told = await previewed(psd, events)
        booked = await psd.books.book(events)
        different = [
            (event, one.status, other.status)
            for event, one, other in zip(events, told, booked, strict=True)
            if one.status != other.status
        ]
        assert different == []
        # And again, on a store that has them all.
        told = await previewed(psd, events)
        assert [each.status for each in told] == [
            each.status for each in await psd.books.book(events)
        ]


async def test_a_sum_that_would_pass_the_bound_is_refused_alone(psd: Runtime) -> None:
    events: list[Event] = [report(VALUE_MAX), report(1, aid=2), report(5, uid=2)]
    told = await previewed(psd, [*events])
    assert [each.status for each in told] == ["booked", "refused", "booked"]
    assert [each.status for each in await psd.engine.book(events)] == [each.status for each in told]


async def test_what_one_run_would_book_is_known_to_its_later_batches(psd: Runtime) -> None:
    preview = psd.preview()
    events: list[Accepted] = [increment("e1", 5), Withdrawal(2, 7, (1,), "", "", NOON_S)]
    later: list[Accepted] = [increment("e1", 5), report(9, uid=2, aid=7)]
    assert [each.status for each in await preview.book(events)] == ["booked", "booked"]
    assert [each.status for each in await preview.book(later)] == ["duplicate", "withdrawn"]


async def test_an_owner_with_more_reports_than_a_call_takes_is_told_right(psd: Runtime) -> None:
    events = dense_day()
    assert len(events) > CALL_REPORTS_MAX
    await psd.engine.book(events)
    assert {each.status for each in await previewed(psd, [*events])} == {"unchanged"}
