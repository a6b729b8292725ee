"""How a run of the job begins, becomes visible, fails, and what it leaves behind.

::

    begin     note the run, say "Started", raise `begun`; only then may activity be read
    publish   one script: all results of the run, the states, the dirty marks that it has seen
    sweep     rows that nobody needs any longer end after ten minutes

`begun` is what makes late activity safe: whoever books an event looks at it *after* booking
(psd/rewards/booking.py). So an event is either there when the job reads, or its week is marked
dirty. A mark that comes while the job runs stays, because publishing takes away only the number
of marks that the run had seen when it began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgpack
import msgspec

from psd.clock import Clock
from psd.errors import RunInProgressError, StoreError
from psd.failpoints import reach
from psd.rewards.keys import rewards_key, rows_key, streaks_key
from psd.rewards.shards import SHARDS
from psd.rewards.tables import Tables
from psd.rewards.week_results import DECODE_RUN, ENCODE, Run, WeekResult, WeekStatus
from psd.store.kept import write_kept
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import Script

KEPT_S = 600
"""How long replaced rows stay: a reader has long finished, and an export of a large week too."""


class Publishing:
    """Writes what runs are and what they result in; the caller holds the lock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._script = Script("rewards.publish")

    async def begin(
        self, first: int, last: int, inputs: str, newest_generation: int
    ) -> tuple[Run, bool]:
        """The run that computes these weeks, and whether it is one that was killed.

        Marks its weeks as Started and raises ``begun``. 3 trips.
        """
        key = rewards_key("run")
        found, begun = await self._store.writes.call_all(
            [("GET", key), ("GET", rewards_key("begun"))]
        )
        run = None if found is None else DECODE_RUN(found)
        if run is not None and (run.first, run.last, run.inputs) != (first, last, inputs):
            await self._discard(run)
            newest_generation = max(newest_generation, run.generation)
            run = None
        continued = run is not None
        if run is None:
            generation = max(self._clock.now_ms(), newest_generation + 1)
            run = Run(generation, first, last, inputs, self._clock.now_s())
        newest = max(last, int(begun or 0))
        started = ENCODE(WeekStatus("Started", self._clock.now_s()))
        states = [part for week in range(first, last + 1) for part in (week, started)]
        await self._store.writes.call_all(
            [
                ("SET", rewards_key("begun"), newest),
                ("SET", key, ENCODE(run)),
                ("HSET", rewards_key("status"), *states),
            ]
        )
        reach("rewards_begun")
        return run, continued

    async def note(self, run: Run) -> None:
        """Keep what a run has found out and must find again when it is continued. 1 call."""
        await self._store.writes.call(("SET", rewards_key("run"), ENCODE(run)))

    async def keep_tables(self, tables: Tables) -> None:
        """Keep the tables, for the statements of what they compute. 1 call."""
        content = msgspec.json.encode(tables)
        await self._store.writes.call(("HSET", rewards_key("tables"), tables.digest, content))

    async def publish(
        self, lock: bytes, results: Sequence[WeekResult], seen: Mapping[int, int]
    ) -> None:
        """Make all results visible at once; ``seen`` are the dirty marks that they contain.

        Raises RunInProgressError, and publishes nothing, when the lock was lost. 1 call.
        """
        reach("rewards_publish")
        finished = ENCODE(WeekStatus("Finished", self._clock.now_s()))
        entries = [
            [str(each.week), ENCODE(each), finished, str(seen.get(each.week, 0))]
            for each in results
        ]
        names = ("lock", "weeks", "status", "dirty", "garbage", "run")
        keys = [rewards_key(name) for name in names]
        packed = msgpack.packb(entries, use_bin_type=False)
        command = ("EVALSHA", self._script.sha, len(keys), *keys, lock, packed)
        try:
            await write_kept(self._store, [command])
        except StoreError as exc:
            if "PSD_LOCK_LOST" in str(exc):
                raise RunInProgressError(
                    "rewards: another run has taken over; nothing of this one is visible"
                ) from exc
            raise
        reach("rewards_published")

    async def fail(self, run: Run, reason: str) -> None:
        """Say of its weeks that they failed, and why; what was visible stays. 1 call."""
        failed = ENCODE(WeekStatus("Failed", self._clock.now_s(), reason))
        states = [part for week in range(run.first, run.last + 1) for part in (week, failed)]
        await self._store.writes.call(("HSET", rewards_key("status"), *states))

    async def sweep(self) -> int:
        """Let replaced and abandoned rows end; how many weeks of rows. 1 trip a week of rows."""
        members = await self._store.reads.call(("SMEMBERS", rewards_key("garbage")))
        for member in members:
            week, _, generation = member.decode().partition(":")
            keys = [rows_key(shard, int(week), int(generation)) for shard in range(SHARDS)]
            ends: list[Command] = [
                ("EXPIRE", key, KEPT_S) for key in (*keys, streaks_key(int(week), int(generation)))
            ]
            await self._store.writes.call_all(ends)
            await self._store.writes.call(("SREM", rewards_key("garbage"), member))
        return len(members)

    async def _discard(self, run: Run) -> None:
        weeks = [f"{week}:{run.generation}" for week in range(run.first, run.last + 1)]
        await self._store.writes.call(("SADD", rewards_key("garbage"), *weeks))
