"""Variants of the recorded scenarios, in any order: a plug does what plain Python says of it.

The oracle (tests/support/plain/plain_plug.py) shares no line with psd, and is itself held against
the recording first.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from psd.charging.plugs.plug_play import PlugPlay, clock_of_scenario
from psd.charging.plugs.plug_scenarios import scenario_of
from psd.charging.plugs.states import PlugState
from tests.conftest import AnyStore
from tests.support.draws.random_scenarios import random_scenario
from tests.support.engine import engine_on
from tests.support.plain.plain_plug import PlainPlug

RECORDING = json.loads((Path(__file__).parents[1] / "golden" / "charging.json").read_text())
KWH = 1e-9
PARTS = ("trace", "balances", "prompts_at_end", "session_events", "end")
SEEDS = 24
PHRASES = 14


def expected_of(sessions: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Sessions but for the last bits of their floats."""
    return {
        id_: {**each, "total_kwh": pytest.approx(each["total_kwh"], abs=KWH)}
        for id_, each in sessions.items()
    }


@pytest.mark.parametrize("recorded", RECORDING["scenarios"], ids=lambda each: each["name"])
def test_the_oracle_says_what_was_recorded(recorded: dict[str, Any]) -> None:
    plain = PlainPlug()
    plain.play(recorded["steps"])
    told = plain.told()
    assert {part: told[part] for part in PARTS} == {part: recorded[part] for part in PARTS}
    assert told["sessions"] == expected_of(recorded["sessions"])


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_plug_does_what_plain_python_says_whatever_happens_to_it(
    redis_server: AnyStore, seed: int
) -> None:
    redis_server.empty()
    steps = random_scenario(random.Random(f"scenario {seed}"), PHRASES)
    plain = PlainPlug()
    plain.play(steps)
    expected = plain.told()
    clock = clock_of_scenario()
    async with engine_on(redis_server.url, clock=clock) as psd:
        told = await PlugPlay(scenario_of({"steps": steps}), psd.core, clock).told()
    for part in PARTS:
        assert told[part] == expected[part], (part, steps)
    assert told["sessions"] == expected_of(expected["sessions"]), steps


@pytest.mark.parametrize("seed", range(SEEDS // 2))
async def test_it_does_so_in_whatever_state_and_whosever_it_is_at_first(
    redis_server: AnyStore, seed: int
) -> None:
    redis_server.empty()
    rng = random.Random(f"beginning {seed}")
    init = rng.choice(sorted(PlugState.__members__))
    owner = rng.choice(("", "u1", "u2", "u3"))
    steps = random_scenario(rng, PHRASES // 2)
    plain = PlainPlug(init, owner)
    plain.play(steps)
    expected = plain.told()
    clock = clock_of_scenario()
    async with engine_on(redis_server.url, clock=clock) as psd:
        played = scenario_of({"steps": steps, "init": init, "init_owner": owner})
        told = await PlugPlay(played, psd.core, clock).told()
    for part in PARTS:
        assert told[part] == expected[part], (part, init, owner, steps)
    assert told["sessions"] == expected_of(expected["sessions"]), (init, owner, steps)
