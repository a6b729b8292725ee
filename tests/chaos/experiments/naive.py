"""The harness must bite: a naive booking has to fail in it, and only for the reasons we mean.

Three trials take turns, all on workers that book with HINCRBY (tests/chaos/naive_psd.py):

    seed % 3   stream                              kill         must be
    0          increments and counts, once each    none         exact, or the harness is unfair
    1          the same                            before_fin   doubled, by redelivery alone
    2          everything, with repeats            before_fin   wrong
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from tests.chaos.experiments.kills import await_death, publish_and_kill
from tests.chaos.oracle import Difference, compare, expected
from tests.chaos.stage import Stage
from tests.chaos.stored import Fields, below_root, stored
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import Say, Tally, run_in_lanes

MESSAGES = 300
OWNERS = 4


class NaiveExperiment:
    """Trials that pass when the naive booking is caught, and is right where it can be."""

    name = "naive"
    short = 2
    whole = 30

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run trials with the seeds ``seed`` and up."""
        tally = await run_in_lanes(self.name, trials, seed, self._stage, self._trial, say)
        if tally.passed:
            tally.notes.append("the naive booking was caught")
        return tally

    def _stage(self, lane: int) -> Stage:
        folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-{lane}-"))
        return Stage(folder, archive=False, program="tests.chaos.naive_psd")

    async def _trial(self, stage: Stage, seed: int) -> Tally:
        stream = generate(seed, MESSAGES, OWNERS, additive=seed % 3 < 2)
        tally = Tally(trials=1)
        worker = stage.start_worker("before_fin:3" if seed % 3 else "")
        await stage.consuming()
        await publish_and_kill(stage, stream, [], random.Random(seed))
        if worker.failpoint:
            await await_death(stage, stream, worker, tally)
            stage.start_worker()
        await stage.drained()
        for left in stage.remaining():
            left.kill()
        wrong = await _wrong_sums(stage, stream)
        tally.notes.append(f"{len(wrong)} sums are wrong")
        reason = _why_it_failed(wrong, seed)
        tally.failures += [f"{self.name} seed {seed}: {reason}"] if reason else []
        await stage.forget(stream)
        return tally


def _why_it_failed(wrong: list[Difference], seed: int) -> str:
    """What the harness did not see as it should; "" when it did."""
    if seed % 3 == 0:
        return f"it was wrong although nothing happened: {wrong[0]}" if wrong else ""
    if seed % 3 == 1:
        return "" if any(each.kind == "doubled" for each in wrong) else "nothing was doubled"
    return "" if wrong else "it was not caught"


async def _wrong_sums(stage: Stage, stream: Stream) -> list[Difference]:
    """Where the calendar's sums differ; their numbers of bookings are psd's own."""
    found = await stored(stage.client, stream.roots)
    return compare(_sums(expected(stream.events)), _sums(found))


def _sums(fields: Fields) -> Fields:
    """Sums other than 0 over all types of activity, by year, month, day and week.

    The number of activities and the newest second stand among the years; only psd writes them.
    """
    sums: Fields = {}
    for (key, field), text in fields.items():
        level = below_root(key)[1]
        total = text.partition(":")[0]
        is_total = level in {"y", "m", "d", "w"} and not key.endswith(":t")
        if is_total and ":" not in field and field not in {"activities", "newest"}:
            sums[key, field] = total
    return {place: total for place, total in sums.items() if total != "0"}


NAIVE = NaiveExperiment()
