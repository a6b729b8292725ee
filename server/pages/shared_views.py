"""Views of pages that several people look at: each is made once for a version of what it shows.

::

    await views.of(("june", asked, "9f3c..."), make)     makes it
    await views.of(("june", asked, "9f3c..."), make)     waits for it, or has it

When something is booked, all who watch a board ask for it within a second. What is shared is seen
by whoever may see everybody, and never stands under a key that a version is not part of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

VIEWS_MAX = 64
"""Of one process: a view of 100 rows is some 60 kB."""


class SharedViews:
    """The newest views by their keys; the one that was made first goes first."""

    def __init__(self) -> None:
        self._views: dict[Hashable, asyncio.Task[Any]] = {}

    async def of(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """The view; raises what making it raises, and then makes it anew for whoever comes next."""
        task = self._views.get(key)
        if task is None:
            if len(self._views) >= VIEWS_MAX:
                del self._views[next(iter(self._views))]
            task = self._views[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._forget(key, done))
        # One who leaves does not take it from the others.
        return await asyncio.shield(task)

    def _forget(self, key: Hashable, done: asyncio.Task[Any]) -> None:
        failed = done.cancelled() or done.exception() is not None
        if failed and self._views.get(key) is done:
            del self._views[key]
