"""A turn is short, is kept for as long as it takes, and its numbers rise whatever was lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from psd.archive.decisions import D, decision_of, is_decision
from psd.archive.reader import read_entries
from psd.archive.replay import END_MS
from psd.archive.turns import TURN_MS, Turn, Turns
from psd.clock import ManualClock
from psd.errors import OutcomeUnknownError, StoreUnavailableError
from psd.rewards.decisions import Barred
from psd.rewards.part import RewardsPart
from psd.rewards.rulings import SUBJECT, BlacklistEntry
from psd.runtime import Runtime
from psd.store.keys import decisions_key
from tests.support.engine import NOON_S, engine_on
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

TURN = decisions_key(f"turn:{SUBJECT}")
BARRED = Barred(entry=BlacklistEntry("42", "n", "me", NOON_S))


pytestmark = pytest.mark.psd(archives=True)


def versions_in(folder: Path, runtime: Runtime) -> list[int]:
    """Of the archived decisions about rewards, in the order in which they were archived."""
    entries = read_entries(folder / "archive", 0, END_MS)
    kinds = runtime.part(RewardsPart).ledger.kinds
    return [decision_of(each, kinds).version for each in entries if is_decision(each)]


async def test_who_was_killed_in_a_turn_holds_others_up_for_3_s_at_most(psd: Runtime) -> None:
    killed = Turn(Turns(psd.store, psd.clock, psd.numbers), SUBJECT, 0)
    assert await killed.take()
    assert 0 < await psd.store.client.pttl(TURN) <= TURN_MS == 3000
    with pytest.raises(StoreUnavailableError, match="another process changes it just now"):
        await psd.part(RewardsPart).ledger.bar("42", "n", "me")
    await psd.store.client.pexpire(TURN, 1)
    assert await psd.part(RewardsPart).ledger.bar("42", "n", "me")


async def test_a_turn_that_takes_long_is_renewed(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psd.archive.turns.RENEW_EVERY_S", 0.001)
    async with psd.part(RewardsPart).ledger.turn() as turn:
        first = turn.version
        for _ in range(3):
            await psd.store.client.pexpire(TURN, 600_000)

            async def is_renewed() -> bool:
                return 0 < await psd.store.client.pttl(TURN) <= TURN_MS

            await wait_until("the turn is renewed", is_renewed)
        assert turn.version > first
    assert not await psd.store.client.exists(TURN)


async def test_a_turn_that_ended_is_renewed_no_more(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psd.archive.turns.RENEW_EVERY_S", 0.0)
    async with psd.part(RewardsPart).ledger.turn():
        pass
    last = await psd.store.client.get(decisions_key("last"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert await psd.store.client.get(decisions_key("last")) == last
    assert "turn" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_what_was_not_renewed_in_time_is_renewed_before_anything_is_archived(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that stood still for seconds finds out whether the turn is still its own."""
    monkeypatch.setattr("psd.archive.turns.FRESH_S", -1.0)
    assert await psd.part(RewardsPart).ledger.bar("41", "n", "me")
    async with psd.part(RewardsPart).ledger.turn() as turn:
        await psd.store.client.set(TURN, "another")
        with pytest.raises(StoreUnavailableError, match="turn to change it is over"):
            await turn.archived(BARRED)
    assert len(versions_in(tmp_path, psd)) == 1


async def test_whose_turn_ended_while_the_archive_wrote_does_not_carry_it_out(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    append = Turns.append

    async def slow(turns: Turns, decision: D) -> None:
        await append(turns, decision)
        monkeypatch.setattr("psd.archive.turns.FRESH_S", -1.0)
        await psd.store.client.set(TURN, "another")

    monkeypatch.setattr(Turns, "append", slow)
    with pytest.raises(OutcomeUnknownError, match="over; ask again"):
        await psd.part(RewardsPart).ledger.bar("42", "n", "me")
    assert len(versions_in(tmp_path, psd)) == 1
    assert await psd.part(RewardsPart).ledger.blacklist() == {}
    # Whose turn it is by now keeps it.
    assert await psd.store.client.get(TURN) == b"another"


@pytest.mark.parametrize("behind_s", [0, 1, 3600, 40 * 86_400])
async def test_on_a_lost_store_a_clock_that_is_behind_makes_no_decision_look_older(
    redis_server: RedisServer, tmp_path: Path, behind_s: int
) -> None:
    redis_server.flush()
    for second in (NOON_S, NOON_S - behind_s, NOON_S - 2 * behind_s):
        clock = ManualClock(second)
        async with engine_on(redis_server.url, clock=clock, archive=tmp_path / "archive") as psd:
            for _ in range(3):
                assert await psd.part(RewardsPart).ledger.bar("42", "stolen", "me")
                assert await psd.part(RewardsPart).ledger.unbar("42")
            found = versions_in(tmp_path, psd)
        redis_server.flush()
    assert len(found) == 18
    assert found == sorted({*found})
