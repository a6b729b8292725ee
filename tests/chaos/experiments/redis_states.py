"""Redis cannot work for a while: it is full, read-only, loading, busy, locked, and so on.

One trial is one state of tests/chaos/redis_troubles.py. A third of a stream is booked; then the
state begins, another third is published, and while it lasts

- a worker pauses, nothing is dead-lettered, nothing is booked;
- ``POST /v1/write`` answers 503 with Retry-After within 2 s, and so does a query, except where
  this state lets Redis read (OOM, READONLY, MISCONF): there it may answer the right sum instead;
- ``/readyz`` answers 503 and ``/healthz`` 200.

When it ends, what was published is booked within 5 s, the write that was refused succeeds, and
after the last third every bucket is exact.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from psd.engine.events import Report
from psd.store.keys import owner_root
from tests.chaos.callers import sum_path, write_body
from tests.chaos.dead_letters import pauses
from tests.chaos.oracle import differences
from tests.chaos.redis_troubles import TROUBLES, GuardedRedis, Trouble
from tests.chaos.stage import Stage
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes
from tests.support.http import Answer, HttpClient, client_of
from tests.support.waiting import wait_until

NAME = "redis-states"
MESSAGES = 300
OWNERS = 4
LANES = 2
WORKERS = 2
NOON_S = 1_460_462_400
ANSWERED_WITHIN_S = 2.0
RESUMED_WITHIN_S = 5.0
PAUSED_WITHIN_S = 10.0
LASTS_S = 4.0
"""Past the timeout of a message (1 s) and the longest pause between two tries (2 s)."""

ASKED_EVERY_S = 0.25


class RedisStatesExperiment:
    """Each state once, in an order that the seed begins anywhere."""

    name = NAME
    short = len(TROUBLES)
    whole = len(TROUBLES)

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run the trials, a few beside each other: a state is mostly waiting."""
        seen: list[_State] = []

        async def trial(stage: GuardedStage, seed: int) -> Tally:
            return await _trial(stage, seed, seen)

        tally = await run_in_lanes(NAME, trials, seed, _stage, trial, say, lanes=LANES)
        slowest_s = max((state.slowest_s for state in seen), default=0)
        resumed_s = max((state.resumed_s for state in seen), default=0)
        tally.notes.append(f"slowest answer {slowest_s:.2f} s, slowest resume {resumed_s:.1f} s")
        return tally


class GuardedStage(Stage):
    """A stage whose Redis asks for a password and has an operator; with workers and a server."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, settings={"redis.timeout_s": 1.5})
        self.redis.remove()
        self.redis = GuardedRedis(folder / "guarded")
        self.settings["redis.url"] = self.redis.url

    async def populate(self) -> None:
        """Start what works on it."""
        for _ in range(WORKERS):
            self.start_worker()
        await self.start_server()
        await self.consuming()


def _stage(lane: int) -> GuardedStage:
    return GuardedStage(Path(tempfile.mkdtemp(prefix=f"{NAME}-{lane}-")))


async def _trial(stage: GuardedStage, seed: int, seen: list[_State]) -> Tally:
    """The state whose turn it is with this seed."""
    if not stage.workers:
        await stage.populate()
    name = list(TROUBLES)[seed % len(TROUBLES)]
    stream = generate(seed, MESSAGES, OWNERS)
    state = _State(stage, seed, TROUBLES[name])
    seen.append(state)
    await state.run(stream)
    found = await differences(stage.client, stream)
    return Tally(
        trials=1,
        lost=sum(each.kind == "lost" for each in found),
        doubled=sum(each.kind == "doubled" for each in found),
        duplicates_suppressed=stream.repeats,
        notes=[
            f"{name}: slowest answer {state.slowest_s:.2f} s, resumed in {state.resumed_s:.1f} s"
        ],
        failures=failures_of(f"{NAME} ({name})", seed, [*found, *state.failures]),
    )


class _State:
    """One state and what was seen in it."""

    def __init__(self, stage: Stage, seed: int, trouble: Trouble) -> None:
        self.failures: list[str] = []
        self.slowest_s = 0.0
        self.resumed_s = 0.0
        self._stage = stage
        self._trouble = trouble
        self._url = stage.servers[0].url
        self._uid = 2**40 + seed
        self._increment = Report(1, self._uid, 0, 1, 10, NOON_S, NOON_S, event_id="before")
        self._refused = Report(1, self._uid, 0, 1, 7, NOON_S, NOON_S, event_id="meanwhile")

    async def run(self, stream: Stream) -> None:
        """Before, meanwhile, after."""
        stage, third = self._stage, len(stream.bodies) // 3
        async with client_of(self._url) as client:
            self._expect((await client.write(write_body(self._increment))).status == 200, "ready")
            await stage.publish(stream.bodies[:third])
            await stage.drained()
            async with self._trouble.make(stage.redis):
                await self._meanwhile(client, stream.bodies[third : 2 * third])
            await self._resume(client)
            await stage.publish(stream.bodies[2 * third :])
            await stage.drained()
        stream.events += [self._increment, self._refused]
        stream.roots.append(owner_root(self._uid))

    async def _meanwhile(self, client: HttpClient, bodies: list[bytes]) -> None:
        paused, letters = pauses(self._stage), self._stage.dead_letters()
        await self._stage.publish(bodies)
        ends_s = time.monotonic() + LASTS_S
        while time.monotonic() < ends_s:
            await asyncio.gather(
                self._ask_to_write(client),
                self._ask_for_sum(client),
                asyncio.sleep(ASKED_EVERY_S),
            )
        ready, alive = await asyncio.gather(client.get("/readyz"), client.get("/healthz"))
        self._expect(ready.status == 503, f"/readyz {ready.status}")
        self._expect(alive.status == 200, f"/healthz {alive.status}")
        await wait_until("a worker pauses", lambda: pauses(self._stage) > paused, PAUSED_WITHIN_S)
        self._expect(self._stage.dead_letters() == letters, "something was dead-lettered")
        self._expect(self._stage.unfinished() >= len(bodies), "messages were finished")

    async def _resume(self, client: HttpClient) -> None:
        """Wait until what was published meanwhile is booked, and a write succeeds."""
        started_s = time.monotonic()
        await self._stage.drained()

        async def writes() -> bool:
            return (await client.write(write_body(self._refused))).status == 200

        await wait_until("a write succeeds", writes)
        self.resumed_s = time.monotonic() - started_s
        self._expect(
            self.resumed_s <= RESUMED_WITHIN_S, f"resumed only after {self.resumed_s:.1f} s"
        )

    async def _ask_to_write(self, client: HttpClient) -> None:
        answer = await self._timed(client, "POST", "/v1/write", write_body(self._refused))
        self._expect_refusal("write", answer)

    async def _ask_for_sum(self, client: HttpClient) -> None:
        answer = await self._timed(client, "GET", sum_path(self._uid))
        if self._trouble.reads and answer.status == 200:
            self._expect(answer.text == str(self._increment.value), f"a sum of {answer.text}")
        else:
            self._expect_refusal("query", answer)

    async def _timed(self, client: HttpClient, method: str, path: str, body: bytes = b"") -> Answer:
        started_s = time.monotonic()
        answer = await client.request(method, path, body)
        self.slowest_s = max(self.slowest_s, time.monotonic() - started_s)
        self._expect(
            time.monotonic() - started_s <= ANSWERED_WITHIN_S,
            f"{method} {path}: answered after {time.monotonic() - started_s:.1f} s",
        )
        return answer

    def _expect_refusal(self, what: str, answer: Answer) -> None:
        self._expect(
            answer.status == 503 and answer.headers.get("Retry-After") == "1",
            f"{what}: {answer.status} {answer.text[:100]!r} "
            f"with Retry-After {answer.headers.get('Retry-After')}",
        )

    def _expect(self, fact: bool, failure: str) -> None:
        if not fact:
            self.failures.append(failure)


EXPERIMENT = RedisStatesExperiment()
