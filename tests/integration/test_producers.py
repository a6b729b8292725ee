"""The producers of examples/, each in its own language: what they publish is booked."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes.worker_stack import WorkerStack, worker_running
from tests.support.servers.nsqd import Nsqd
from tests.support.waiting import wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"
COMPILE_TIMEOUT_S = 300
"""The first run of Go on a machine compiles its HTTP library."""


def go() -> str:
    """The Go compiler; skips (on CI: fails) the test when there is none."""
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found is None:
        reason = "go is missing: apt-get install golang-go"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return found


async def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """A program, to its end; it reaches this machine past any proxy."""
    return await asyncio.to_thread(
        subprocess.run,
        command,
        env={**os.environ, "no_proxy": "127.0.0.1", "GOTOOLCHAIN": "local", "GOPROXY": "off"},
        capture_output=True,
        text=True,
        check=False,
        timeout=COMPILE_TIMEOUT_S,
    )


@pytest.mark.parametrize("stack", ["nsq"], indirect=True)
@pytest.mark.parametrize(
    ("program", "sums"),
    [("producer.py", {501: 3500, 502: 1800}), ("producer.go", {601: 2400, 602: 1800})],
)
async def test_what_a_producer_publishes_is_booked_once(
    stack: WorkerStack, program: str, sums: dict[int, int]
) -> None:
    command = [sys.executable] if program.endswith(".py") else [go(), "run"]
    assert isinstance(stack.nsqd, Nsqd)
    stack.nsqd.create_channel(stack.settings.queue.topic, stack.settings.queue.channel)
    for _ in range(2):
        done = await run(*command, EXAMPLES / program, stack.nsqd.http_address)
        assert done.returncode == 0, done.stderr
        assert "reports are on the topic psd" in done.stdout
    async with worker_running(stack):
        await wait_until("nothing is left over", stack.drained)
    assert {uid: await stack.sum_of(uid) for uid in sums} == sums
    assert await stack.letters() == []


async def test_a_producer_says_that_nsqd_is_away() -> None:
    done = await run(go(), "run", EXAMPLES / "producer.go", "127.0.0.1:9")
    assert (done.returncode, "connection refused" in done.stderr) == (1, True)
