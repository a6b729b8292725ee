"""Clients that nobody closes: scripts and notebooks end so, and see nothing of it."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import subprocess
import sys

import pytest

from psd.client import AsyncClient
from psd.runtime import Runtime
from tests.support.clients.client_side import ADMIN, STEPS_OF_THREE
from tests.support.waiting import wait_until

pytestmark = STEPS_OF_THREE

SCRIPT = """\
from psd.client import Client

psd = Client({url!r}, token={token!r})
standings = psd.standings("steps")
print(next(standings).uid, psd.top("steps", limit=1).data[0].value)
"""

ASYNCHRONOUS = """\
import asyncio

from psd.client import AsyncClient

psd = AsyncClient({url!r}, token={token!r})

async def cell():
    rows = [row async for row in psd.standings("steps")]
    print(rows[0].uid, (await psd.top("steps", limit=1)).data[0].value)

"""

# A notebook runs one cell after the other in a loop that it does not close.
NOTEBOOK = f"{ASYNCHRONOUS}loop = asyncio.new_event_loop()\nloop.run_until_complete(cell())\n"
OTHER_CELL = f"{NOTEBOOK}loop.run_until_complete(asyncio.sleep(0))\ndel psd\n"


async def ended(program: str, url: str, *options: str) -> tuple[int, str, str]:
    """Exit code, output and complaints of a program that asks the server.

    That something took long, as ``-X dev`` tells on a busy machine, is no complaint.
    """
    command = [sys.executable, *options, "-c", program.format(url=url, token=ADMIN.secret)]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=120
    )
    complaints = re.sub(
        r"^Executing <.*> took \d+\.\d+ seconds\n", "", done.stderr, flags=re.MULTILINE
    )
    return done.returncode, done.stdout, complaints


async def test_a_script_ends_without_a_word(url: str) -> None:
    assert await ended(SCRIPT, url, "-X", "dev") == (0, "1 50\n", "")


@pytest.mark.parametrize(
    "program",
    [NOTEBOOK, OTHER_CELL, f"{ASYNCHRONOUS}asyncio.run(cell())\n"],
    ids=["notebook", "dropped", "closed loop"],
)
async def test_a_notebook_ends_without_a_word(program: str, url: str) -> None:
    assert await ended(program, url) == (0, "1 50\n", "")


async def test_a_client_that_nobody_holds_any_more_ends_its_connections(
    runtime: Runtime, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def connections() -> float | None:
        return runtime.metrics.registry.get_sample_value("psd_http_connections")

    asking = AsyncClient(url, token=ADMIN.secret)
    await asking.top("steps")
    assert connections() == 1
    with caplog.at_level(logging.WARNING):
        del asking
        gc.collect()
        await wait_until("it hangs up", lambda: connections() == 0)
    assert caplog.records == []
