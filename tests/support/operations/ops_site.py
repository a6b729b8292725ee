"""A server with its pages over a store and a queue, a file of tokens, and folders of its own.

>>> async with ops_site(redis_url, tmp_path) as site:
...     await site.bury(b"poison")                       a worker has put it aside
...     await site.ask("GET", "/v3/ops/dead-letters")    as the admin of the file
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from psd.cli.main import psd
from psd.operations.dead_letters import LetterDesk
from psd.runtime import Runtime
from tests.support.clients.access import Token, bearer, token_for
from tests.support.clients.http import Answer, HttpClient, serving
from tests.support.clients.pages import Browser
from tests.support.clocks import ShiftedClock
from tests.support.engine import engine_on
from tests.support.servers.nsqd import Nsqd
from tests.support.waiting import wait_until
from workers.crew import build_workers

STEPS = 1
USER = 7
LATER_S = 2 * 86_400
"""Further ahead of the clock than is booked."""


class OpsSite(msgspec.Struct):
    """A running server, a clock that may be put forward, and a browser at its root."""

    runtime: Runtime
    main: HttpClient
    browser: Browser
    clock: ShiftedClock
    admin: Token
    folder: Path

    async def ask(
        self, method: str, path: str, body: object = None, token: Token | None = None
    ) -> Answer:
        """Ask with a token, the admin's unless told."""
        sent = b"" if body is None else msgspec.json.encode(body)
        headers = bearer((token or self.admin).secret)
        return await self.main.request(method, path, sent, "application/json", headers)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker takes what the queue has."""
        worker = build_workers(self.runtime)[0].worker
        task = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await task

    async def bury(self, *bodies: bytes) -> list[str]:
        """Let a worker put these messages aside; the ids of all letters."""
        async with self.working():
            queue = self.runtime.new_queue()
            try:
                await queue.publish(self.runtime.settings.queue.topic, bodies)
            finally:
                await queue.close()
            await wait_until("they are letters", lambda: self._are_letters(len(bodies)))
        found = await LetterDesk(self.runtime).look(100)
        return [each.id for each in found.letters]

    async def steps(self) -> int:
        """All steps of the user."""
        now_s = self.clock.now_s() + 10 * LATER_S
        answer = await self.ask("GET", f"/v3/sum?thing=steps&uid={USER}&start=0&end={now_s}")
        return int(answer.json()["data"][0]["sum"])

    async def has_steps(self, steps: int) -> bool:
        """Whether these are all that the user has."""
        return await self.steps() == steps

    def too_early(self, steps: int = 400) -> bytes:
        """A message of the day after tomorrow, which is none of today's to book."""
        second = self.clock.now_s() + LATER_S
        metric = {"thing": "steps", "uid": USER, "aid": 1, "value": steps, "ts2": second}
        return msgspec.json.encode({"command": "metric", "metric": metric})

    async def imported(self, text: str) -> str:
        """Import a table with the columns user, at and steps; the import's id."""
        settings = self.runtime.settings
        given = {
            "redis.url": settings.redis.url,
            "queue.kind": "stream",
            "imports.folder": settings.imports.folder,
            "archive.folder": str(self.folder / "cli"),
        }
        options = [word for item in given.items() for word in ("--set", "=".join(item))]
        columns = ("--uid", "user", "--time", "at", "--thing", "steps=steps", "--via", "direct")
        command = [*options, "import", "-", *columns]
        # It has a loop of its own.
        told = await asyncio.to_thread(CliRunner().invoke, psd, command, input=text.encode())
        assert told.exit_code == 0, (told.output, told.exception)
        return told.stderr.split()[1].removesuffix(":")

    async def _are_letters(self, count: int) -> bool:
        samples = [
            sample.value
            for metric in self.runtime.metrics.dead_lettered.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        ]
        return sum(samples) >= count


@asynccontextmanager
async def ops_site(
    url: str,
    folder: Path,
    nsqd: Nsqd | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[OpsSite]:
    """A site; its queue is the store's stream, or nsqd."""
    admin, clock = token_for("amp", "admin"), ShiftedClock()
    file = folder / "tokens"
    file.write_text(f"# who may ask\n{admin.line}\n")
    file.chmod(0o600)
    of_queue: dict[str, Any] = {"queue.kind": "stream"}
    if nsqd is not None:
        of_queue = {
            "queue.kind": "nsq",
            "queue.nsqd_addresses": [nsqd.address],
            "queue.msg_timeout_s": 5,
        }
    given = {
        **of_queue,
        "access.tokens_file": str(file),
        "imports.folder": str(folder / "imports"),
        **(settings or {}),
    }
    async with (
        engine_on(url, given, clock=clock, archive=folder / "archive") as runtime,
        serving(runtime) as main,
        Browser(main.url) as browser,
    ):
        yield OpsSite(runtime, main, browser, clock, admin, folder)
