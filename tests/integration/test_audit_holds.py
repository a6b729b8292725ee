"""An audit that operators begin in a server: others are answered while it looks at much."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from psd.operations.auditing import Orders, whole_audit
from psd.runtime import Runtime
from tests.support.engine import book
from tests.support.heaviest.heavy_domains import heavy_meters, heavy_network
from tests.support.heaviest.heavy_owners import heavy_owner
from tests.support.loop_holds import loop_lines

pytestmark = pytest.mark.psd(archives=False)

DOMAINS = ("energy", "swaps")
BOOKINGS, SWAPS, DAYS = 6_000, 400, 200
HOLD_LINES_MAX = 120_000
"""In one piece the bookings of owner 1 are examined in 600,000 lines, swaps in 300,000."""


async def test_owners_of_many_bookings_do_not_hold_the_loop(runtime: Runtime) -> None:
    events = list(heavy_owner(BOOKINGS))
    for at in range(0, len(events), 500):
        await book(runtime, events[at : at + 500])
    await heavy_meters(runtime, meters=2, days=DAYS)
    await heavy_network(runtime, objects=20, swaps=SWAPS)
    for domains in ((), DOMAINS):
        # Modules that are read when they are first needed are no work of an audit.
        await outcomes(runtime, domains)
        with loop_lines() as holds:
            assert await outcomes(runtime, domains) == {"clean"}
        assert holds.longest < HOLD_LINES_MAX, holds.which


async def outcomes(psd: Runtime, domains: Sequence[str]) -> set[str]:
    """What an audit of all finds."""
    orders = Orders(None, None, repair=False, rate=0.0, domains=domains)
    return {audited.outcome async for audited in whole_audit(psd, orders)}
