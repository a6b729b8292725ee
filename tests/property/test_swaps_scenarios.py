"""Random scenarios in the words of the recording, against a replay that shares no code with psd."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from psd.swaps.part import SwapsPart
from psd.swaps.scenario import Play, clock_of
from tests.support.draws.odd_swaps import random_scenario
from tests.support.engine import engine_on
from tests.support.plain.plain_scenarios import states

SIZE = 25


async def played(url: str, scenario: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """The states, and of each refused operation its place and the word that is wrong."""
    clock = clock_of(scenario)
    async with engine_on(url, clock=clock) as psd:
        play = Play(scenario, psd.part(SwapsPart).ledger(), clock)
        found = await play.states()
    return found, [":".join(each.split(":")[:2]) for each in play.refused]


@pytest.mark.parametrize("seed", range(12))
async def test_a_scenario_ends_each_operation_in_what_a_replay_says(
    redis_url: str, seed: int
) -> None:
    scenario = random_scenario(random.Random(f"scenario {seed}"), SIZE)
    found, refused = await played(redis_url, scenario)
    wanted, wrong = states(scenario)
    assert refused == wrong
    for at, (state, expected) in enumerate(zip(found, wanted, strict=True)):
        assert state == expected, (at, scenario["ops"][: at + 1])
        # Orders and kinds of numbers are those of the recording, too.
        assert json.dumps(state) == json.dumps(expected)
