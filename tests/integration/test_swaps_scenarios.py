"""The recorded scenarios of the original, played on the ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from psd.swaps.part import SwapsPart
from psd.swaps.scenario import Play, clock_of, scenarios_in
from tests.support.engine import engine_on

RECORDING = json.loads((Path(__file__).parents[1] / "golden" / "ampersand.json").read_text())
SCENARIOS = scenarios_in(RECORDING)


async def states_of(url: str, scenario: Any) -> list[dict[str, Any]]:
    clock = clock_of(scenario)
    async with engine_on(url, clock=clock) as psd:
        return await Play(scenario, psd.part(SwapsPart).ledger(), clock).states()


@pytest.mark.parametrize("name", SCENARIOS)
async def test_the_ledger_says_what_is_recorded_after_each_operation(
    redis_url: str, name: str
) -> None:
    scenario = SCENARIOS[name]
    assert await states_of(redis_url, scenario) == scenario["reference_after_each_op"]
