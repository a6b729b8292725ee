"""Sessions are billed by a plan of prices: each minute by the price of its time."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from psd.charging.part import ChargingPart
from psd.charging.plugs.plug_readings import NJ_A_KWH
from psd.charging.plugs.states import PlugState
from psd.charging.sessions.session_audit import SessionAudit
from psd.config_sources import load_settings
from psd.errors import ConfigError
from psd.runtime import open_service
from tests.support.charging.site_services import CENTS, NOON_S, SITE, Yard, yard_on
from tests.support.engine import engine_on

PLAN_TZ = "Australia/Brisbane"
DEAR_FROM_S = NOON_S + 120
"""The price changes at two past ten in Brisbane, two minutes behind the beginning."""


def plan_file(folder: Path, cheap: str, dear: str) -> str:
    """A price, and another one from 10:02 on."""
    rates = [
        {"name": "cheap", "rate": cheap, "from": "00:00", "to": "10:02"},
        {"name": "dear", "rate": dear},
    ]
    file = folder / f"{dear}.json"
    file.write_text(json.dumps({"plan": "p", "currency": "aud", "tz": PLAN_TZ, "rates": rates}))
    return str(file)


async def test_a_plan_bills_the_minutes_of_a_session_and_what_comes_late_by_the_same_prices(
    redis_url: str, tmp_path: Path
) -> None:
    own = plan_file(tmp_path, "0.30", "3.00")
    async with yard_on(redis_url, "p1", plan=own) as yard:
        await yard.charge("p1")
        began_ms = (await yard.plug("p1")).session_start_ms
        await yard.tick(240, p1=10)
        sessions, now_ms = yard.services.sessions, yard.clock.now_ms()
        found = await sessions.so_far(SITE, "p1", began_ms, now_ms)
        dear = Fraction(2400 * (now_ms // 1000 - DEAR_FROM_S), 3_600_000) * 300
        cheap = (Fraction(found.nj, NJ_A_KWH) - dear / 300) * 30
        assert found.cents == round(cheap + dear) > 20
        late_s = yard.clock.now_s() + 30
        await yard.tick(60)
        await yard.finish("p1")
        [billed] = await yard.services.session_store.newest(SITE, 9)
        assert (billed.cents, billed.cents_per_kwh) == (found.cents, -1)
        assert await yard.balance() == CENTS - billed.cents
        # Whoever counts it again knows of other prices by now.
        other = Yard(yard.psd, yard.clock, plan=plan_file(tmp_path, "0.01", "9.00"))
        await other.read(late_s, p1=10)
        await other.tick(3)
        [corrected] = await yard.services.session_store.newest(SITE, 9)
        assert corrected.prices == billed.prices
        more = Fraction(corrected.nj - billed.nj, NJ_A_KWH) * 300
        assert corrected.nj > billed.nj
        assert corrected.cents == round(cheap + dear + more)
        assert await yard.balance() == CENTS - corrected.cents
        for services in (yard.services, other.services, Yard(yard.psd, yard.clock).services):
            numbers = yard.psd.settings.numbers
            audit = SessionAudit(services, yard.desk.accounts, yard.psd.engine, numbers)
            assert {each.outcome async for each in audit.every(repair=True)} == {"clean"}


async def test_credit_is_what_is_left_by_the_prices_of_the_plan(
    redis_url: str, tmp_path: Path
) -> None:
    """50 dollars are 0.25 kWh at 200 dollars each, and 166 kWh at 30 cents."""
    async with yard_on(redis_url, "p1", plan=plan_file(tmp_path, "200.00", "200.00")) as yard:
        await yard.charge("p1", amps=60)
        await yard.tick(50, p1=60)
        assert (await yard.plug("p1")).place is PlugState.CHARGING
        await yard.tick(130, p1=60)
        assert (await yard.plug("p1")).place is not PlugState.CHARGING
        ended = yard.services.metrics.steps.sessions.collect()[0].samples
        assert {"end": "credit"} in [each.labels for each in ended]


async def test_nobody_serves_by_a_plan_that_is_not_there(redis_url: str, tmp_path: Path) -> None:
    flags = {
        "redis.url": redis_url,
        "archive.folder": str(tmp_path / "archive"),
        "charging.plan": "/gone.json",
    }
    with pytest.raises(ConfigError, match=r"charging\.plan: /gone\.json"):
        await open_service(load_settings(flags=flags).settings, "")


async def test_a_command_that_asks_for_charging_needs_its_plan(redis_url: str) -> None:
    async with engine_on(redis_url, {"charging.plan": "/gone.json"}) as runtime:
        with pytest.raises(ConfigError, match=r"charging\.plan: /gone\.json"):
            runtime.part(ChargingPart)
