"""A store that was lost, and all of its plugs, sessions, energy and money back from the archive."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from psd.charging.accounts.ledger_entries import customer_uid
from psd.charging.keys import (
    account_key,
    ledger_key,
    plugs_key,
    rings_key,
    session_key_of,
    site_sessions_key,
)
from psd.cli.main import psd as psd_command
from psd.clock import ManualClock, SystemClock
from psd.runtime import Runtime
from psd.users import uid_of
from tests.property.test_charging import NOON_S, agrees, yard_on
from tests.support.draws.random_yard import SITE, RandomYard
from tests.support.engine import emptied, engine_on, sum_of

LATELY_S = 1_200
FLAGS = {"charging.enabled": True}
THINGS = ("charge_energy", "customer_energy", "ledger")


async def kept(psd: Runtime, yard: RandomYard) -> dict[str, Any]:
    """All that a replay has to bring back, as it stands in the store."""
    client = psd.store.client
    found: dict[str, Any] = {
        "plugs": await client.hgetall(plugs_key(SITE)),
        "rings": await client.hgetall(rings_key(SITE)),
        "sessions": await client.zrange(site_sessions_key(SITE), 0, -1, withscores=True),
    }
    for id_, _ in found["sessions"]:
        found[f"session {id_}"] = await client.get(session_key_of(SITE, id_.decode()))
    for customer in yard.customers:
        held = await client.hgetall(account_key(customer))
        found[f"account {customer}"] = held
        entries = await client.xrange(ledger_key(customer))
        found[f"ledger {customer}"] = sorted(fields[b"e"] for _, fields in entries)
    owners = [customer_uid(each) for each in yard.customers]
    owners += [uid_of("plug", each) for each in yard.plugs]
    for thing in THINGS:
        number = psd.settings.numbers[thing]
        found[thing] = [await sum_of(psd, uid=uid, thing=number) for uid in owners]
    return found


async def replayed(url: str, archive: Path, code: int = 0) -> str:
    """What ``psd replay`` of everything says."""
    command = ["--set", f"redis.url={url}", "--set", f"archive.folder={archive}"]
    command += ["--set", "charging.enabled=true", "replay", "--from", "1"]
    done = await asyncio.to_thread(CliRunner().invoke, psd_command, command)
    assert done.exit_code == code, done.output
    return done.output


async def test_a_replay_brings_everything_back_into_an_empty_store(
    redis_url: str, tmp_path: Path
) -> None:
    clock, rng = ManualClock(NOON_S), random.Random(1)
    async with (
        engine_on(redis_url, FLAGS, clock, archive=tmp_path) as psd,
        yard_on(psd, clock, rng, 2, count=2) as yard,
    ):
        await yard.begin()
        await yard.live(60)
        await yard.finish()
        await yard.settle()
        before = await kept(psd, yard)
        assert any(before["charge_energy"])
        await emptied(psd)
        await replayed(redis_url, tmp_path)
        assert await kept(psd, yard) == before
        await agrees(psd, yard)
        told = await replayed(redis_url, tmp_path)
        assert await kept(psd, yard) == before
        assert "decisions carried out" not in told


async def test_a_session_that_went_on_goes_on_behind_a_replay(
    redis_url: str, tmp_path: Path
) -> None:
    # Not long ago, because readings of what ended lately are kept again, and later ones come.
    clock, rng = ManualClock(SystemClock().now_s() - LATELY_S), random.Random(7)
    async with (
        engine_on(redis_url, FLAGS, clock, archive=tmp_path) as psd,
        yard_on(psd, clock, rng, 2, count=2) as yard,
    ):
        await yard.begin()
        while not yard.began:
            await yard.live(1)
        await yard.live(40)
        before = await kept(psd, yard)
        await emptied(psd)
        await replayed(redis_url, tmp_path)
        after = await kept(psd, yard)
        for name in ("plugs", "rings", "sessions", "ledger"):
            assert after[name] == before[name]
        assert all(
            now >= then
            for now, then in zip(after["charge_energy"], before["charge_energy"], strict=True)
        )
        await yard.finish()
        await yard.settle()
        await agrees(psd, yard)
