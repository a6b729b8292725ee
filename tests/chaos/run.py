"""``make chaos``: every experiment, one table, and ``N trials, 0 lost, 0 doubled`` as last line.

    python -m tests.chaos.run --short                                     some 7 minutes, for CI
    python -m tests.chaos.run                                             whole
    python -m tests.chaos.run --only worker-kills --seed 73 --trials 1    one trial again

Servers run in a temporary folder on free ports and end with the programme; the folder is kept when
something failed. A run must bite to count: enough duplicates, enough kills between booking and FIN
over all experiments that were asked for, and a naive booking that fails.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import multiprocessing.util
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple, cast

from tests.chaos.trial import BROKEN, SHORT, Experiment, Say, Tally

MODULES = (
    "kills",
    "command_cuts",
    "naive",
    "proxy",
    "power_cut",
    "torn_aof",
    "nsqd_kills",
    "rolling",
    "redis_states",
    "full_disk",
    "swapped_stores",
    "failovers",
    "poison",
    "decisions",
    "swap_kills",
    "meter_kills",
    "charging_kills",
    "clocks",
    "backups",
    "soak",
)
BESIDE = ("soak",)
"""Experiments that run beside the others, because they mostly take time."""

DUPLICATES_MIN = 100
KILLS_BEFORE_FIN_MIN = 30


class Row(NamedTuple):
    """What one experiment found, and how long it took."""

    name: str
    tally: Tally
    minutes: float


def experiments() -> list[Experiment]:
    """Every experiment, in the order of MODULES and of its module."""
    found: list[Experiment] = []
    for module in MODULES:
        held = vars(importlib.import_module(f"tests.chaos.experiments.{module}"))
        for value in held.values():
            if not isinstance(value, type) and hasattr(value, "run") and hasattr(value, "whole"):
                found.append(cast("Experiment", value))
    return found


async def run_all(chosen: Sequence[Experiment], options: argparse.Namespace) -> list[Row]:
    """Run experiments one after the other, those of BESIDE beside them; rows in their order."""
    rows: dict[str, Row] = {}

    async def run(experiment: Experiment) -> None:
        trials = options.trials or (experiment.short if options.short else experiment.whole)
        started_s = time.monotonic()
        tally = await _run_guarded(experiment, trials, options.seed, _say)
        rows[experiment.name] = Row(experiment.name, tally, (time.monotonic() - started_s) / 60)

    async def run_the_others() -> None:
        for experiment in chosen:
            if experiment.name not in BESIDE:
                await run(experiment)

    async with asyncio.TaskGroup() as group:
        group.create_task(run_the_others())
        for experiment in chosen:
            if experiment.name in BESIDE:
                group.create_task(run(experiment))
    return [rows[experiment.name] for experiment in chosen]


async def _run_guarded(experiment: Experiment, trials: int, seed: int, say: Say) -> Tally:
    try:
        return await experiment.run(trials, seed, say)
    except BROKEN as error:
        reason = f"{experiment.name}: {type(error).__name__}: {error}"
        say(reason)
        return Tally(failures=[reason])


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown, which is also easy to read as it stands."""
    lines = [
        "| experiment | trials | kills | between booking and FIN | duplicates suppressed | lost "
        "| doubled | other failures | minutes | notes |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, tally, minutes in rows:
        other = 0 if tally.lost or tally.doubled else len(tally.failures)
        counts = [tally.trials, tally.kills, tally.kills_before_fin, tally.duplicates_suppressed]
        counts += [tally.lost, tally.doubled, other]
        cells = [name, *map(str, counts), f"{minutes:.1f}", "; ".join(tally.notes)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def what_does_not_count(total: Tally, every_experiment: bool) -> list[str]:
    """Why a run that found nothing proves nothing; a part of the experiments need not bite."""
    if not every_experiment:
        return []
    reasons = []
    if total.duplicates_suppressed < DUPLICATES_MIN:
        reasons.append(f"{total.duplicates_suppressed} duplicates, at least {DUPLICATES_MIN} count")
    if total.kills_before_fin < KILLS_BEFORE_FIN_MIN:
        reasons.append(
            f"{total.kills_before_fin} kills between booking and FIN, "
            f"at least {KILLS_BEFORE_FIN_MIN} count"
        )
    return reasons


def report(rows: Sequence[Row], every_experiment: bool, folder: str) -> bool:
    """Print the table, what failed, where to look, and the summary; whether the run passed."""
    total = Tally()
    for row in rows:
        total.add(row.tally)
    print(f"\n{table(rows)}\n")
    reasons = what_does_not_count(total, every_experiment)
    for line in [*total.failures, *(f"the run does not count: {reason}" for reason in reasons)]:
        print(line)
    passed = total.passed and not reasons
    if not passed:
        print(f"logs and data are in {folder}")
    print(f"{total.trials} trials, {total.lost} lost, {total.doubled} doubled", flush=True)
    return passed


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the numbers of trials for CI")
    parser.add_argument("--only", action="append", metavar="NAME", help="repeatable")
    parser.add_argument("--seed", type=int, default=1, help="seed of each first trial")
    parser.add_argument("--trials", type=int, default=0, help="instead of each one's own number")
    return parser.parse_args(arguments)


async def _until_done(chosen: Sequence[Experiment], options: argparse.Namespace) -> list[Row]:
    """Run; SIGTERM ends everything as Ctrl-C does."""
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await run_all(chosen, options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 when nothing was lost, doubled or otherwise wrong."""
    options = options_of(arguments)
    known = experiments()
    chosen = [each for each in known if not options.only or each.name in options.only]
    unknown = set(options.only or ()) - {each.name for each in known}
    if unknown:
        names = ", ".join(each.name for each in known)
        print(f"unknown experiment {', '.join(sorted(unknown))}; known are {names}")
        return 2
    # Who forks has a folder of its own, which it removes behind everything else.
    multiprocessing.util.get_temp_dir()
    folder = tempfile.mkdtemp(prefix="psd-chaos-")
    tempfile.tempdir = folder
    # A server that is missing is a failure here, never a skip.
    os.environ["CI"] = "true"
    os.environ[SHORT] = str(int(options.short))
    try:
        rows = asyncio.run(_until_done(chosen, options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped before the end")
        shutil.rmtree(folder)
        return 1
    if not report(rows, len(chosen) == len(known), folder):
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
