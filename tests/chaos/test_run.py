"""How trials run beside each other, and what a run must show to count."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from psd import failpoints
from tests.chaos.experiments import kills
from tests.chaos.run import (
    KILLS_BEFORE_FIN_MIN,
    Row,
    experiments,
    main,
    options_of,
    report,
    run_all,
    what_does_not_count,
)
from tests.chaos.trial import Say, Tally, run_in_lanes

BITES = Tally(trials=9, kills_before_fin=30, duplicates_suppressed=100)


class Lanes:
    """Counts the stages it opens; seed 3 breaks, seed 5 loses something."""

    def __init__(self) -> None:
        self.opened = 0

    @asynccontextmanager
    async def stage(self, lane: int) -> AsyncIterator[int]:
        self.opened += 1
        yield lane

    async def trial(self, _stage: int, seed: int) -> Tally:
        if seed == 3:
            raise OSError("nsqd is away")
        return Tally(trials=1, lost=int(seed == 5), kills=1)


async def test_a_failing_trial_does_not_end_the_others() -> None:
    lanes, said = Lanes(), list[str]()
    tally = await run_in_lanes("kills", 8, 1, lanes.stage, lanes.trial, said.append, lanes=2)
    assert (tally.trials, tally.lost, tally.kills) == (8, 1, 7)
    assert tally.failures == ["kills seed 3: OSError: nsqd is away"]
    assert "kills 8/8" in said[-1]


async def test_a_lane_goes_on_with_a_fresh_stage_after_a_failure() -> None:
    lanes = Lanes()
    await run_in_lanes("kills", 8, 1, lanes.stage, lanes.trial, lambda _: None, lanes=1)
    assert lanes.opened == 3


class Experiments:
    """An experiment that breaks before its first trial, or finds nothing wrong."""

    short, whole = 2, 20

    def __init__(self, name: str, error: BaseException | None = None) -> None:
        self.name = name
        self._error = error

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        if self._error is not None:
            raise self._error
        say(f"{self.name} from {seed}")
        return Tally(trials=trials)


@pytest.mark.parametrize(
    "error",
    [OSError("no port"), pytest.fail.Exception("nsqd is missing"), TimeoutError("not within 9 s")],
    ids=["error", "missing server", "timeout"],
)
async def test_an_experiment_that_breaks_does_not_end_the_others(error: BaseException) -> None:
    chosen = [Experiments("kills", error), Experiments("soak", error), Experiments("naive")]
    rows = await run_all(chosen, options_of(["--short"]))
    assert [(row.name, row.tally.trials, row.tally.passed) for row in rows] == [
        ("kills", 0, False),
        ("soak", 0, False),
        ("naive", 2, True),
    ]


def test_an_unknown_experiment_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "coffee"]) == 2
    assert "worker-kills" in capsys.readouterr().out


def test_the_last_line_is_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([Row("kills", BITES, 1.5)], every_experiment=True, folder="/tmp/x")
    assert capsys.readouterr().out.splitlines()[-1] == "9 trials, 0 lost, 0 doubled"


@pytest.mark.parametrize(
    "found",
    [
        Tally(trials=9, lost=1, kills_before_fin=30, duplicates_suppressed=100),
        Tally(trials=9, doubled=1, kills_before_fin=30, duplicates_suppressed=100),
        Tally(trials=9, failures=["x"], kills_before_fin=30, duplicates_suppressed=100),
        Tally(trials=9, kills_before_fin=29, duplicates_suppressed=100),
        Tally(trials=9, kills_before_fin=30, duplicates_suppressed=99),
    ],
    ids=["lost", "doubled", "other failure", "too few kills", "too few duplicates"],
)
def test_a_run_fails_that_found_something_or_did_not_bite(
    found: Tally, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not report([Row("kills", found, 1.5)], every_experiment=True, folder="/tmp/x")
    assert capsys.readouterr().out.splitlines()[-1].startswith("9 trials, ")


def test_workers_are_killed_at_every_failpoint_and_at_random() -> None:
    assert set(kills.PLACES) == {*failpoints.PLACES, kills.RANDOM}


def test_a_short_run_has_enough_kills_between_booking_and_fin() -> None:
    seeds = range(1, 1 + kills.WORKER_KILLS.short)
    places = [kills.PLACES[seed % len(kills.PLACES)] for seed in seeds]
    between = [place for place in places if place in kills.BETWEEN_BOOKING_AND_FIN]
    assert len(between) >= KILLS_BEFORE_FIN_MIN


def test_one_experiment_alone_need_not_bite() -> None:
    assert what_does_not_count(Tally(trials=1), every_experiment=False) == []


def test_every_experiment_of_the_programme_is_in_the_run() -> None:
    names = [each.name for each in experiments()]
    assert len(set(names)) == len(names)
    assert {"worker-kills", "redis-kills", "mixed-kills", "naive"} <= set(names)
