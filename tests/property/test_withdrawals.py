"""A withdrawn activity leaves the keys of one that never was, in whatever order it all comes."""

from __future__ import annotations

import random
from typing import Any

import pytest
from redis.asyncio import Redis

from psd.audit.layout import Limits
from psd.engine.events import Event, Report, Withdrawal
from psd.runtime import Runtime
from tests.support.draws.random_reports import random_reports
from tests.support.plain.model import Model
from tests.support.stored.audits import SMALL_LIMITS, audit_of
from tests.support.stored.held_bookings import mistakes
from tests.support.stored.keyspace import forget_owners, keyspace

SETS = 60
"""Sets of one seed; with 6 seeds and both kinds of limits 720, each booked 4 times."""

THINGS = (1, 2, 3)
"""Nothing is ever reported of the last one."""

STRANGE_AID = 77
BATCHES = (1, 2, 5, 50)


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """The limits of the scripts that the runtime runs."""
    return SMALL_LIMITS if "small limits" in request.node.name else Limits()


def withdrawals_of(rng: random.Random, reports: list[Report]) -> list[Withdrawal]:
    """Some activities of the reports, and sometimes one that nobody reports."""
    aids = sorted({report.aid for report in reports})
    chosen = rng.sample(aids, rng.randint(1, min(len(aids), 5)))
    chosen += [STRANGE_AID] * rng.randint(0, 1)
    return [Withdrawal(1, aid, THINGS, "twice", "me", 1_700_000_000) for aid in chosen]


def shuffled(rng: random.Random, events: list[Event]) -> list[Event]:
    """The same in another order, a quarter again."""
    sent = [*events, *(rng.choice(events) for _ in range(len(events) // 4))]
    rng.shuffle(sent)
    return sent


async def book(runtime: Runtime, rng: random.Random, events: list[Event]) -> Model:
    """Book in batches of changing size; each outcome is that of the model.

    A call that is too much is booked again behind its whole trip: a withdrawal that stood later in
    the batch may come before it, and says so in the outcome.
    """
    model, at = Model(), 0
    while at < len(events):
        batch = events[at : at + rng.choice(BATCHES)]
        outcomes = await runtime.engine.book(batch)
        for place, (event, outcome) in enumerate(zip(batch, outcomes, strict=True)):
            statuses = allowed(model, event)
            if any(takes(later, event) for later in batch[place + 1 :]):
                statuses |= {"withdrawn"}
            assert outcome.status in statuses, event
        at += len(batch)
    return model


def takes(later: Event, event: Event) -> bool:
    """Whether one event withdraws the activity of another, a report."""
    if not isinstance(later, Withdrawal) or not isinstance(event, Report):
        return False
    return later.aid == event.aid and event.thing in later.things


def allowed(model: Model, event: Event) -> set[str]:
    """The outcome by the model; what is new may be booked where all that it moves cancels out."""
    if isinstance(event, Withdrawal):
        return {model.withdraw(event)}
    assert isinstance(event, Report)
    is_new = not model.holds(event)
    status = model.book(event)
    return {status, "booked"} if status == "unchanged" and is_new else {status}


async def keys_but_logs(client: Redis) -> dict[str, Any]:
    held = await keyspace(client)
    return {key: content for key, content in held.items() if not key.endswith(":log")}


def without_marks(held: dict[str, Any]) -> dict[str, Any]:
    """What is neither of activities nor of markers, which tell of what was withdrawn."""
    return {
        key: {f: v for f, v in content.items() if f != b"activities"} if key[-1] == "y" else content
        for key, content in held.items()
        if key.startswith(("psd:{", "psd:columns:{"))
        and not {"a", "k", "r"} & set(key.split("}")[1].split(":"))
        and (key[-1] != "y" or set(content) != {b"activities"})
    }


@pytest.mark.parametrize("seed", range(6))
async def test_withdrawals_in_any_order_leave_the_keys_of_never_having_reported(
    runtime: Runtime, limits: Limits, seed: int
) -> None:
    client = runtime.store.client
    for number in range(SETS):
        rng = random.Random(f"withdrawn {seed}/{number}")
        reports = random_reports(rng)
        withdrawals = withdrawals_of(rng, reports)
        first = None
        for sent in (
            [*reports, *withdrawals],
            [*withdrawals, *reports],
            shuffled(rng, [*reports, *withdrawals]),
        ):
            await forget_owners(client)
            model = await book(runtime, rng, sent)
            held = await keys_but_logs(client)
            first = first or held
            assert held == first, f"order matters: seed {seed}/{number}"
        assert first is not None
        assert mistakes(first, model) == [], f"seed {seed}/{number}"
        if number % 10 == 0:
            async with audit_of(runtime, limits) as audits:
                assert await audits.differences() == []
        await forget_owners(client)
        aids = {withdrawal.aid for withdrawal in withdrawals}
        await book(runtime, rng, [report for report in reports if report.aid not in aids])
        assert without_marks(first) == without_marks(await keyspace(client))
