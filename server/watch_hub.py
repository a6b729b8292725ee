"""Who watches what in this process: all versions are looked at together, twice a second.

::

    hub = Hub(store, settings.server, metrics)
    with hub.place(versioned, is_gone, who) as place: raises WatchersError for one too many
        place.version = await hub.version(versioned)  1 trip
        await place.news(15.0)                        until it is another one, or 15 s have passed

However many watch, one trip each :data:`LOOK_S` asks for the versions of whatever is watched, each
once. Redis has a way to tell of changes itself, Pub/Sub, but what it tells while a connection is
away is lost, and psd's user of Redis has no channels (docs/security.md). Nobody is looked after
while nobody watches. One caller, a token or an address, has so many places and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable, Iterator, Sequence
from contextvars import Context
from typing import Any

from psd.config import ServerSettings
from psd.domain.question import Versioned
from psd.errors import BusyError, PsdError, WatchersError
from psd.observe.metrics import Metrics
from psd.store.redis import Store

log = logging.getLogger("server")

LOOK_S = 0.5
"""A change is seen a quarter of a second after it was made, on average."""


class WatchPlace:
    """Where one watcher waits; ``version`` is what was seen last of what it watches."""

    __slots__ = ("_news", "is_gone", "version", "versioned")

    def __init__(self, versioned: Versioned, is_gone: Callable[[], bool]) -> None:
        self.versioned = versioned
        self.is_gone = is_gone
        self.version = ""
        self._news = asyncio.Event()

    def see(self, version: str) -> None:
        """It is of this version now."""
        if version != self.version:
            self.version = version
            self._news.set()

    def wake(self) -> None:
        """There is something else to look at."""
        self._news.set()

    async def news(self, within_s: float) -> None:
        """Return once there is some, or this time has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._news.wait()
        self._news.clear()


class Hub:
    """All watchers of one process."""

    def __init__(self, store: Store, settings: ServerSettings, metrics: Metrics) -> None:
        self.has_ended = False
        self._store = store
        self._watchers_max = settings.watchers_max
        self._caller_max = settings.watchers_caller_max
        self._callers: Counter[str] = Counter()
        self._looks = metrics.watch_looks
        self._told = metrics.watch_answers
        self._watchers = metrics.watchers
        self._places: dict[WatchPlace, None] = {}
        self._answers: dict[Hashable, asyncio.Task[bytes]] = {}
        self._looking: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Have all watchers leave, and let nobody in any more."""
        self.has_ended = True
        for place in self._places:
            place.wake()

    @contextlib.contextmanager
    def place(
        self, versioned: Versioned, is_gone: Callable[[], bool], caller: str
    ) -> Iterator[WatchPlace]:
        """A place for one more of a caller's, who is woken when he ``is_gone`` too."""
        if self.has_ended:
            raise WatchersError("watch: this server is about to end; try again")
        if len(self._places) >= self._watchers_max:
            raise WatchersError(f"watch: {self._watchers_max} watch already; try again later")
        if self._callers[caller] >= self._caller_max:
            raise BusyError(f"watch: you watch {self._caller_max} things already; end one first")
        place = WatchPlace(versioned, is_gone)
        self._places[place] = None
        self._callers[caller] += 1
        self._watchers.inc()
        if self._looking is None:
            # It looks for all of them, and is none of the request that comes first.
            self._looking = asyncio.create_task(self._look_on(), context=Context())
        try:
            yield place
        finally:
            del self._places[place]
            self._callers[caller] -= 1
            self._callers += Counter()
            self._watchers.dec()
            if not self._places:
                self._looking.cancel()
                self._looking = None

    async def version(self, versioned: Versioned) -> str:
        """The version at this moment. 1 trip."""
        return versioned.read(await self._store.reads.call_all(versioned.commands))

    async def shared(self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """What is answered to ``ask``, once for all who ask the same just now."""
        task = self._answers.get(key)
        if task is None:
            self._told.inc()
            task = self._answers[key] = asyncio.create_task(ask())
            task.add_done_callback(lambda _: self._answers.pop(key))
        # One who leaves does not take it from the others.
        return await asyncio.shield(task)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look()
            except PsdError as error:
                log.debug("versions were not read", extra={"reason": str(error)})
            except Exception:
                log.exception("versions cannot be read")

    async def _look(self) -> None:
        """Tell each watcher the version of what it watches, and who is gone that he is."""
        wanted: dict[Versioned, list[WatchPlace]] = {}
        for place in self._places:
            if place.is_gone():
                place.wake()
            wanted.setdefault(place.versioned, []).append(place)
        self._looks.inc()
        replies = await self._store.reads.call_each(
            [command for versioned in wanted for command in versioned.commands]
        )
        rest = iter(replies)
        for versioned, places in wanted.items():
            told = [next(rest) for _ in versioned.commands]
            version = _version_of(versioned, told)
            if version is not None:
                for place in places:
                    place.see(version)


def _version_of(versioned: Versioned, replies: Sequence[Any]) -> str | None:
    """The version, None where something of it is not known now: then it is asked again."""
    if any(isinstance(reply, BaseException) for reply in replies):
        return None
    try:
        return versioned.read(replies)
    except PsdError as error:
        log.error("a version is none", extra={"reason": str(error)})
        return None
