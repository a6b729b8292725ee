"""What the ledger keeps without a limit is read whole, and no command reads it whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from psd.rewards.keys import rewards_key
from psd.rewards.part import RewardsPart
from psd.rewards.rulings import SCANNED
from psd.runtime import Runtime
from psd.store.lane import Command, Lane

ENTRIES = 2 * SCANNED + 7


async def keep(psd: Runtime, name: str, entries: dict[str, dict[str, Any]]) -> None:
    fields = [each for key, value in entries.items() for each in (key, msgspec.json.encode(value))]
    await psd.store.writes.call(("HSET", rewards_key(name), *fields))


@pytest.fixture
def longest_reply(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    longest = [0]
    call = Lane.call

    async def measured(lane: Lane, command: Command) -> Any:
        reply = await call(lane, command)
        if command[0] == "HSCAN":
            longest[0] = max(longest[0], len(reply[1]) // 2)
        elif isinstance(reply, list):
            longest[0] = max(longest[0], len(reply))
        return reply

    monkeypatch.setattr(Lane, "call", measured)
    return longest


@pytest.mark.one_server("it looks at the replies that the lane to one server has")
async def test_a_blacklist_of_any_length_is_read_in_parts(
    runtime: Runtime, longest_reply: list[int]
) -> None:
    owners = [f"0x{number:040x}" for number in range(ENTRIES)]
    made = {
        owner: {"owner": owner, "note": "n", "author": "a", "created_at_s": 1} for owner in owners
    }
    await keep(runtime, "blacklist", made)
    assert [*await runtime.part(RewardsPart).ledger.blacklist()] == owners
    assert 0 < longest_reply[0] <= 2 * SCANNED


@pytest.mark.one_server("it looks at the replies that the lane to one server has")
async def test_overrides_of_any_number_are_read_in_parts(
    runtime: Runtime, longest_reply: list[int]
) -> None:
    made = {
        f"3:{vehicle}": {
            "week": 3,
            "vehicle": vehicle,
            "streak": 1,
            "note": "n",
            "author": "a",
            "created_at_s": 1,
        }
        for vehicle in range(ENTRIES)
    }
    await keep(runtime, "overrides", made)
    found = await runtime.part(RewardsPart).ledger.overrides(3)
    assert [each.vehicle for each in found] == [*range(ENTRIES)]
    assert 0 < longest_reply[0] <= 2 * SCANNED
