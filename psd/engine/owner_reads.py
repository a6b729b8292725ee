"""Calls of scripts that read pages of owners: how many travel at once, and what replies say.

100,000 owners are 400 calls of 250. Two waves of WAVE_CALLS are on their way at a time, so that
Redis works on one while psd reads the other, no trip lasts longer than a few calls, and the
commands of others find their turn in between.

A call ends where it has read enough (lua/lib/effort.lua) and tells how many of its owners it has
answered; the others are asked for again. Each owner's answer is of one moment::

    EVALSHA <engine.sum> psd:{p0}:1 ... psd:{p0}:100    -> [nil, newest, 60, sums of 1 to 60]
    EVALSHA <engine.sum> psd:{p0}:61 ... psd:{p0}:100   -> [nil, newest, 40, sums of 61 to 100]
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from psd.engine.newest import Newest
from psd.engine.whole import check_whole, sum_error
from psd.errors import StoreError, TooLargeError
from psd.slices import in_slices
from psd.store.owner_calls import Page, owner_call
from psd.store.redis import Store
from psd.store.scripts import Script

WAVE_CALLS = 8
"""Calls that travel together; one takes Redis some 5 ms."""

WAVES = 2

Reply = tuple[list[int], list[Any]]
"""Positions of owners in what was asked, and the script's reply about them after its head."""

Take = Callable[[list[int], list[Any]], Awaitable[None]]
"""Takes such a reply."""


class OwnerCall(msgspec.Struct, frozen=True):
    """A script, what it takes beside the owners, and how many of them at most go into a call.

    ``parted_max`` is how many calls may end before all of their owners are answered, None for any
    number: each has taken 1 to 3 ms by then.
    """

    script: Script
    arguments: Sequence[bytes | str | int]
    page_max: int
    wave_calls: int = WAVE_CALLS
    reads_bookings: bool = False
    parted_max: int | None = None


class OwnerPage(msgspec.Struct, frozen=True):
    """Owners of one partition: their positions in what was asked, and their roots."""

    asked: OwnerCall
    places: list[int]
    roots: list[str]

    def from_(self, answered: int) -> OwnerPage:
        """Those who are not answered yet."""
        return OwnerPage(self.asked, self.places[answered:], self.roots[answered:])


class OwnerReader:
    """Calls of scripts about owners; each reply's first element says whether detail expired."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def roots(self, uids: Sequence[int]) -> list[str]:
        """The roots of these owners' keys."""
        return await in_slices(uids, (await self._store.placed()).owner_roots)

    async def of_owners(
        self,
        script: Script,
        uids: Sequence[int],
        arguments: Sequence[bytes | str | int],
        page_max: int,
        newest: Newest | None = None,
        parted_max: int | None = None,
    ) -> list[Reply]:
        """The replies about these owners, in no particular order."""
        roots = await self.roots(uids)
        asked = OwnerCall(script, arguments, page_max, parted_max=parted_max)
        replies: list[Reply] = []

        async def take(places: list[int], rest: list[Any]) -> None:
            replies.append((places, rest))

        await self.take_pages(self.pages(asked, range(len(roots)), roots), take, newest)
        return replies

    def pages(
        self, asked: OwnerCall, places: Sequence[int], roots: Sequence[str]
    ) -> Iterator[OwnerPage]:
        """Pages of the owners that have these places and roots."""
        for group in self._store.placement.groups(roots):
            for start in range(0, len(group), asked.page_max):
                page = group[start : start + asked.page_max]
                yield OwnerPage(asked, [places[at] for at in page], [roots[at] for at in page])

    async def take_pages(
        self, pages: Iterable[OwnerPage], take: Take, newest: Newest | None = None
    ) -> None:
        """Read pages of scripts that reply [expired, newest second, owners answered, ...].

        Raises :class:`~psd.errors.DetailExpiredError` where a script had to read what has expired.
        """
        waiting = _OwnerPages(pages)
        if waiting.are_many:
            await _raised_first(self._take_waves(waiting, take, newest) for _ in range(WAVES))
            return
        try:
            await self._take_waves(waiting, take, newest)
        except StoreError as exc:
            raise sum_error(exc) from exc

    async def of_one(
        self,
        script: Script,
        root: str,
        arguments: Sequence[bytes | str | int],
        newest: Newest | None = None,
    ) -> list[Any]:
        """The reply of such a script about one owner, after its head."""
        try:
            reply: list[Any] = await self._store.reads.call(owner_call(script, (root,), arguments))
        except StoreError as exc:
            raise sum_error(exc) from exc
        expired, second, _answered, *rest = reply
        check_whole(expired)
        if newest is not None:
            newest.note(second)
        return rest

    async def of_pages(self, pages: Iterable[Page]) -> list[Reply]:
        """One reply a page, in no particular order.

        Of scripts that answer about all of their owners: the reply is [expired, ...].
        """
        waves = iter(pages)
        replies: list[Reply] = []
        await _raised_first(self._take_whole(waves, replies) for _ in range(WAVES))
        return replies

    async def _take_waves(self, waiting: _OwnerPages, take: Take, newest: Newest | None) -> None:
        while wave := waiting.next_wave():
            found = await self._store.reads.call_all([self._command(page) for page in wave])
            for page, (expired, second, answered, *rest) in zip(wave, found, strict=True):
                check_whole(expired, activities=page.asked.reads_bookings)
                if newest is not None:
                    newest.note(second)
                if answered < len(page.places):
                    waiting.put_back(page.from_(answered))
                await take(page.places[:answered], rest)

    def _command(self, page: OwnerPage) -> tuple[bytes | str | int, ...]:
        asked = page.asked
        return owner_call(asked.script, page.roots, asked.arguments)

    async def _take_whole(self, pages: Iterator[Page], replies: list[Reply]) -> None:
        while wave := list(islice(pages, WAVE_CALLS)):
            found = await self._store.reads.call_all([command for _, command in wave])
            for (places, _), reply in zip(wave, found, strict=True):
                check_whole(reply[0])
                replies.append((places, reply[1:]))


class _OwnerPages:
    """Pages to be asked for: made when their turn comes, those that were parted first."""

    def __init__(self, pages: Iterable[OwnerPage]) -> None:
        self._pages = iter(pages)
        self._first = deque(islice(self._pages, 2))
        self._parted_times = 0
        self.are_many = len(self._first) > 1

    def next_wave(self) -> list[OwnerPage]:
        """The pages of the next trip, empty where none is left."""
        wave: list[OwnerPage] = []
        while not wave or len(wave) < wave[0].asked.wave_calls:
            page = self._first.popleft() if self._first else next(self._pages, None)
            if page is None:
                break
            wave.append(page)
        return wave

    def put_back(self, page: OwnerPage) -> None:
        """The rest of a page whose call has ended; raises TooLargeError past ``parted_max``."""
        self._first.appendleft(page)
        self._parted_times += 1
        most = page.asked.parted_max
        if most is not None and self._parted_times > most:
            raise TooLargeError(
                "range: too many of these users have too much in the days that it cuts; ask for "
                "whole days, or name fewer users"
            )


async def _raised_first(takers: Iterable[Awaitable[None]]) -> None:
    """Await all of them, then raise what the first that failed has raised."""
    for ended in await asyncio.gather(*takers, return_exceptions=True):
        if isinstance(ended, StoreError):
            raise sum_error(ended) from ended
        if isinstance(ended, BaseException):
            raise ended
