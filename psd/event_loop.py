"""The event loop of every process that serves: uvloop where there is one, else asyncio's.

::

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(settings))

uvloop answers about twice as many requests, and does not exist for every platform. Short commands
take asyncio's: they are over before a loop matters.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import Callable

new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
with contextlib.suppress(ImportError):
    new_event_loop = importlib.import_module("uvloop").new_event_loop
