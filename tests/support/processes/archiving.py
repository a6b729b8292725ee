"""Workers that keep an archive, as a process in its own folder does by default.

>>> stack = archived(stack, tmp_path)
>>> await work_off(stack, [message])
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from psd.config import ArchiveSettings
from psd.runtime import Runtime, open_runtime
from tests.support.processes.worker_stack import WorkerStack
from tests.support.waiting import wait_until
from workers.crew import build_workers


def archived(stack: WorkerStack, folder: Path) -> WorkerStack:
    """The stack with its archive in a folder."""
    archive = ArchiveSettings(folder=str(folder / "archive"))
    stack.settings = msgspec.structs.replace(stack.settings, archive=archive)
    return stack


@asynccontextmanager
async def archiving(stack: WorkerStack) -> AsyncIterator[Runtime]:
    """A runtime whose process accepts events."""
    runtime = await open_runtime(stack.settings, archiving=True)
    try:
        yield runtime
    finally:
        await runtime.close()


async def work_off(stack: WorkerStack, messages: Sequence[bytes]) -> None:
    """A worker that ends with an empty queue."""
    async with archiving(stack) as runtime:
        worker = build_workers(runtime)[0].worker
        working = asyncio.create_task(worker.run())
        await stack.publish(messages)
        await wait_until("nothing is left over", stack.drained)
        worker.stop()
        await working
