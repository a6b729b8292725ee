"""The recorded scenarios of the original, played through take, step, commit and outbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from psd.charging.plugs.plug_play import PlugPlay, clock_of_scenario
from psd.charging.plugs.plug_scenarios import PlugScenarioError, scenario_of, scenarios_in
from psd.charging.plugs.states import PlugState
from psd.cli.main import psd
from tests.support.engine import engine_on

RECORDING = json.loads((Path(__file__).parents[1] / "golden" / "charging.json").read_text())
SCENARIOS = scenarios_in(RECORDING)
KWH = 1e-9
"""The recording adds floats up; here they are integers."""

BEGUN = [
    {"op": "balance", "user": "u1", "cents": 5000},
    {"op": "tick", "n": 1, "cur": 0, "volt": 240},
    {"op": "user", "user": "u1", "state": "ACCOUNT_ADDED"},
]
CHARGING = [
    *BEGUN,
    {"op": "tick", "n": 5, "cur": 0, "volt": 240},
    {"op": "resp", "state": "ON"},
    {"op": "tick", "n": 60, "cur": 10, "volt": 240},
]
STOPPED = [
    {"op": "user", "user": "u1", "state": "ACCOUNT_REMOVAL_REQUESTED"},
    {"op": "tick", "n": 1, "cur": 0, "volt": 240},
    {"op": "resp", "state": "OFF"},
]


async def played(url: str, *steps: dict[str, Any], **scenario: Any) -> dict[str, Any]:
    clock = clock_of_scenario()
    async with engine_on(url, clock=clock) as runtime:
        played = scenario_of({"steps": [*steps], **scenario})
        return await PlugPlay(played, runtime.core, clock).told()


def states(told: dict[str, Any]) -> list[tuple[int, str]]:
    return [(each["t"], each["to"]) for each in told["trace"] if each["ev"] == "state"]


def of(told: dict[str, Any], event: str) -> list[dict[str, Any]]:
    return [each for each in told["trace"] if each["ev"] == event]


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_happens_and_what_it_comes_to_is_as_recorded(redis_url: str, name: str) -> None:
    recorded = SCENARIOS[name]
    told = await played(redis_url, *recorded["steps"], init=recorded["init"])
    for part in ("trace", "balances", "prompts_at_end", "session_events", "end"):
        assert told[part] == recorded[part], part
    expected = {
        id_: {**each, "total_kwh": pytest.approx(each["total_kwh"], abs=KWH)}
        for id_, each in recorded["sessions"].items()
    }
    assert told["sessions"] == expected


async def test_a_session_has_readings_of_its_own_and_the_next_id(redis_url: str) -> None:
    told = await played(
        redis_url,
        *CHARGING,
        *STOPPED,
        {"op": "tick", "n": 200, "cur": 0, "volt": 240},
        {"op": "user", "user": "u1", "state": "ACCOUNT_ADDED"},
        {"op": "tick", "n": 5, "cur": 0, "volt": 240},
        {"op": "resp", "state": "ON"},
        {"op": "tick", "n": 20, "cur": 10, "volt": 240},
        {"op": "tick", "n": 10, "cur": 0.01, "volt": 240},
    )
    assert [*told["sessions"]] == ["id-2"]
    assert told["end"]["session_in_details"] == "id-15"
    assert told["end"]["state"] == PlugState.CHARGING.name


async def test_a_request_that_is_refused_leaves_nothing_behind(redis_url: str) -> None:
    told = await played(
        redis_url,
        {"op": "tick", "n": 1},
        {"op": "user", "user": "u2", "state": "CHARGING"},
        *BEGUN[2:],
        {"op": "user", "user": "u2", "state": "ACCOUNT_REMOVAL_REQUESTED"},
        {"op": "user", "user": "u1", "state": "SENSING_CHARGE"},
        {"op": "user", "user": "u1", "state": "ACCOUNT_REMOVAL_REQUESTED", "plug": "p9"},
    )
    assert [each["status"] for each in of(told, "user_result")] == [
        *("FAILURE", "SUCCESS", "FAILURE", "FAILURE", "RECEIVED")
    ]
    assert of(told, "user_result")[2]["reason"] == "User u2 does not control the plug"
    assert told["end"]["owner_in_details"] == "u1"


async def test_whoever_runs_out_of_credit_is_switched_off_and_topped_up_once(
    redis_url: str,
) -> None:
    told = await played(
        redis_url,
        {"op": "balance", "user": "u1", "cents": 3},
        {"op": "topup", "user": "u1", "threshold": 1000, "value": 2000, "enabled": True},
        *CHARGING[1:],
        {"op": "tick", "n": 125, "cur": 10, "volt": 240},
        {"op": "resp", "state": "OFF"},
        {"op": "resp", "state": "OFF"},
    )
    assert (183, "INSUFFICIENT_CREDIT") in states(told)
    assert [each["cents"] for each in of(told, "charge")] == [2000]
    assert [each["transitioned"] for each in of(told, "response_result")] == [True, True, False]
    assert told["balances"] == {"u1": 3 - told["sessions"]["id-2"]["cents"]}


async def test_a_late_on_is_taken_and_an_answer_to_another_command_is_not(redis_url: str) -> None:
    told = await played(
        redis_url,
        *BEGUN,
        {"op": "tick", "n": 75, "cur": 0, "volt": 240},
        {"op": "resp", "state": "ON", "req_id": "another"},
        {"op": "resp", "state": "ON"},
    )
    assert [each["transitioned"] for each in of(told, "response_result")] == [False, True]
    assert told["end"]["state"] == "SENSING_CHARGE"


async def test_a_site_that_is_silent_at_the_start_can_be_left(redis_url: str) -> None:
    silent = [*BEGUN, {"op": "tick", "n": 70, "cur": 0, "volt": 240}]
    told = await played(redis_url, *silent)
    assert told["prompts_at_end"] == [["Request Enable Again", "Disable Socket"]]


async def test_a_time_without_readings_is_not_billed(redis_url: str) -> None:
    silence = {"op": "tick", "n": 1800}
    rest = {"op": "tick", "n": 60, "cur": 10, "volt": 240}
    told = await played(redis_url, *CHARGING, silence, rest, *STOPPED)
    assert told["sessions"]["id-2"]["total_kwh"] == pytest.approx(0.04 + 0.04 - 0.00133, abs=1e-3)


async def test_without_an_account_nothing_starts(redis_url: str) -> None:
    told = await played(redis_url, *BEGUN[1:], {"op": "tick", "n": 2})
    assert states(told)[-1] == (3, "INSUFFICIENT_CREDIT")


async def test_a_plug_that_nobody_has_blinks_and_another_does_not(redis_url: str) -> None:
    told = await played(
        redis_url,
        {"op": "tick", "n": 1},
        {"op": "commission"},
        {"op": "tick", "n": 6},
        *BEGUN[2:],
        {"op": "commission"},
    )
    assert [each["requested_state"] for each in of(told, "command")] == ["ON", "OFF"]
    assert [each["status"] for each in of(told, "commission_result")] == ["SUCCESS", "FAILURE"]
    assert told["end"]["state"] == "ACCOUNT_ADDED"


@pytest.mark.parametrize(
    ("spoiled", "told"),
    [
        ({"op": "jump"}, r"steps\[1\]: op: 'jump' is none of tick, user, resp, balance"),
        ({"n": 3}, r"steps\[1\]: op: None is none of tick"),
        ("tick", r"steps\[1\]: op: 'tick' is none of tick"),
        ({"op": "tick", "n": "many"}, r"steps\[1\]: tick: .*n"),
        ({"op": "tick", "n": -1}, r"steps\[1\]: tick: .*n"),
        ({"op": "tick", "cur": "10"}, r"steps\[1\]: tick: .*cur"),
        ({"op": "user", "user": "u1"}, r"steps\[1\]: user: .*state"),
        ({"op": "user", "user": "u1", "state": "GONE"}, r"steps\[1\]: user: state: 'GONE'"),
        ({"op": "user", "user": "", "state": 8}, r"steps\[1\]: user: .*user"),
        ({"op": "resp", "state": "MAYBE"}, r"steps\[1\]: resp: .*state"),
        ({"op": "balance", "cents": 5}, r"steps\[1\]: balance: .*user"),
        ({"op": "balance", "user": "u1", "cents": 0.5}, r"steps\[1\]: balance: .*cents"),
        ({"op": "topup", "user": "u1", "on": 1}, r"steps\[1\]: topup: .*on"),
    ],
)
def test_a_step_that_is_none_is_told_by_its_place_and_field(spoiled: Any, told: str) -> None:
    with pytest.raises(PlugScenarioError, match=told):
        scenario_of({"steps": [{"op": "tick"}, spoiled]})


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        ({"steps": {}}, "steps: .* is no list"),
        ({"steps": [], "init": "NOWHERE"}, "init: 'NOWHERE' is no state"),
        ({"steps": [], "init": None}, "init: None is no state"),
        ({"steps": [], "init_owner": 7}, "init_owner: 7 is no text"),
    ],
)
def test_a_scenario_that_is_none_is_told_by_its_field(scenario: Any, told: str) -> None:
    with pytest.raises(PlugScenarioError, match=told):
        scenario_of(scenario)


@pytest.mark.one_server("the command has a store of its own")
def test_the_command_prints_what_was_recorded_and_exits_2_for_what_is_no_scenario(
    tmp_path: Path,
) -> None:
    recorded = SCENARIOS["manual disable while charging"]
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(recorded))
    done = CliRunner().invoke(psd, ["charging", "scenario", str(file), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["trace"] == recorded["trace"]
    assert told["sessions"]["id-2"]["cents"] == recorded["sessions"]["id-2"]["cents"]
    assert told["balances"] == recorded["balances"]
    assert told["prompts_at_end"] == recorded["prompts_at_end"]
    for spoiled in ("{", "[]", "7", '{"steps": [{"op": "jump"}]}'):
        file.write_text(spoiled)
        refused = CliRunner().invoke(psd, ["charging", "scenario", str(file), "--json"])
        assert (refused.exit_code, refused.stdout) == (2, ""), spoiled
        assert "Error: " in refused.stderr
