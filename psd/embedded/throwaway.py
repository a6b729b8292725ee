"""A store that lives as long as a command: in a folder that is made for it and goes with it.

::

    async with throwaway_store("psd-yard-", settings.redis.server) as store:
        store.url, store.path

Whatever ends the command takes both along: its end, an error, Ctrl-C, and SIGTERM, which is taken
as Ctrl-C is. Only SIGKILL leaves the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from psd.embedded.folder import DataFolder
from psd.embedded.server_process import embedded_server

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@contextlib.asynccontextmanager
async def throwaway_store(prefix: str, configured: str) -> AsyncIterator[DataFolder]:
    """Run a server in a folder of such a name; ``configured`` is the setting ``redis.server``."""
    with _interrupted(), tempfile.TemporaryDirectory(prefix=prefix) as folder:
        data = DataFolder(Path(folder))
        async with embedded_server(data, configured):
            yield data


@contextlib.contextmanager
def _interrupted() -> Iterator[None]:
    """Both signals cancel the task within; what comes out is KeyboardInterrupt.

    Also of a command that a script started in the background, where Ctrl-C is ignored otherwise.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    heard: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        heard.append(number)
        if task is not None:
            task.cancel()

    for number in INTERRUPTS:
        loop.add_signal_handler(number, interrupt, number)
    try:
        yield
    except asyncio.CancelledError:
        if heard:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number in INTERRUPTS:
            loop.remove_signal_handler(number)
