"""One trouble of a stage while it is in use: what is published and asked before, meanwhile, after.

A third of a stream is booked; then the trouble begins, another third is published, and while it
lasts

- a worker pauses, nothing is dead-lettered, nothing is booked;
- ``POST /v1/write`` answers 503 (504 where it was sent) with Retry-After within 2 s, and a query
  503, except where the trouble lets psd read: there it may answer the right sum instead;
- ``/readyz`` answers 503, with the check that the trouble is about, and ``/healthz`` 200.

When it ends, what was published is booked within 5 s, the write that was refused succeeds, and
the last third is booked; then every bucket must be exact:

>>> outage = Outage(stage, seed, TROUBLES["OOM"])
>>> await outage.run(stream)
>>> outage.failures, await differences(stage.client, stream)
([], [])
"""

from __future__ import annotations

import asyncio
import time

from psd.engine.events import Report
from psd.store.owner_calls import ONE_SERVER
from tests.chaos.callers import sum_path, write_body
from tests.chaos.dead_letters import pauses
from tests.chaos.redis_troubles import Trouble
from tests.chaos.stage import Stage
from tests.chaos.stream import Stream
from tests.chaos.trial import within_s
from tests.support.clients.http import Answer, HttpClient, client_of
from tests.support.waiting import wait_until

NOON_S = 1_460_462_400
ANSWERED_WITHIN_S = 2.0
RESUMED_WITHIN_S = 5.0
PAUSED_WITHIN_S = 10.0
LASTS_S = 4.0
"""Past the timeout of a message (1 s) and the longest pause between two tries (2 s)."""

ASKED_EVERY_S = 0.25


class Outage:
    """One trouble and what was seen in it; ``check`` is the readiness check that must tell it."""

    def __init__(self, stage: Stage, seed: int, trouble: Trouble, check: str = "") -> None:
        self.failures: list[str] = []
        self.slowest_s = 0.0
        self.resumed_s = 0.0
        self._stage = stage
        self._trouble = trouble
        self._check = check
        self._url = stage.servers[0].url
        self._uid = 2**40 + seed
        self._increment = Report(1, self._uid, 0, 1, 10, NOON_S, NOON_S, event_id="before")
        self._refused = Report(1, self._uid, 0, 1, 7, NOON_S, NOON_S, event_id="meanwhile")

    async def run(self, stream: Stream) -> None:
        """Before, meanwhile, after."""
        stage, third = self._stage, len(stream.bodies) // 3
        async with client_of(self._url) as client:
            # Tried again: after a trial that demoted the master and left its connections open, the
            # first write may find one of them, which is 503.
            await self._written(client, self._increment)
            await stage.publish(stream.bodies[:third])
            await stage.drained()
            async with self._trouble.make(stage.redis):
                await self._meanwhile(client, stream.bodies[third : 2 * third])
            await self._resume(client)
            await stage.publish(stream.bodies[2 * third :])
            await stage.drained()
        stream.events += [self._increment, self._refused]
        stream.roots.append(ONE_SERVER.owner_root(self._uid))

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
        told = ready.json()["checks"].get(self._check, "") if self._check else ""
        self._expect(
            not self._check or (told != "" and not told.startswith("ok")),
            f"/readyz says nothing of {self._check}: {ready.text}",
        )
        await wait_until(
            "a worker pauses", lambda: pauses(self._stage) > paused, within_s(PAUSED_WITHIN_S)
        )
        self._expect(self._stage.dead_letters() == letters, "something was dead-lettered")
        self._expect(self._stage.unfinished() >= len(bodies), "messages were finished")

    async def _resume(self, client: HttpClient) -> None:
        """Wait until what was published meanwhile is booked, and a write succeeds."""
        started_s = time.monotonic()
        await self._stage.drained()
        await self._written(client, self._refused)
        self.resumed_s = time.monotonic() - started_s
        self._expect(
            self.resumed_s <= within_s(RESUMED_WITHIN_S),
            f"resumed only after {self.resumed_s:.1f} s",
        )

    async def _written(self, client: HttpClient, report: Report) -> None:
        """Write it until it is acknowledged."""

        async def succeeds() -> bool:
            return (await client.write(write_body(report))).status == 200

        await wait_until("a write succeeds", succeeds)

    async def _ask_to_write(self, client: HttpClient) -> None:
        answer = await self._timed(client, "POST", "/v1/write", write_body(self._refused))
        # 504: it was sent, and a server that stalls may book it yet.
        self._expect_refusal("write", answer, (503, 504))

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
            time.monotonic() - started_s <= within_s(ANSWERED_WITHIN_S),
            f"{method} {path}: answered after {time.monotonic() - started_s:.1f} s",
        )
        return answer

    def _expect_refusal(
        self, what: str, answer: Answer, statuses: tuple[int, ...] = (503,)
    ) -> None:
        self._expect(
            answer.status in statuses and answer.headers.get("Retry-After") == "1",
            f"{what}: {answer.status} {answer.text[:100]!r} "
            f"with Retry-After {answer.headers.get('Retry-After')}",
        )

    def _expect(self, fact: bool, failure: str) -> None:
        if not fact:
            self.failures.append(failure)
