"""Calls of scripts that read pages of owners: how many travel at once, and what replies say.

100,000 owners are 200 calls of 500. Two waves of WAVE_CALLS are on their way at a time, so that
Redis works on one while psd reads the other, no trip lasts longer than a few calls, and the
commands of others find their turn in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from psd.engine.newest import Newest
from psd.engine.sums import check_whole, sum_error
from psd.errors import StoreError
from psd.store.keys import owner_root
from psd.store.owner_calls import Page, Placement, owner_pages
from psd.store.redis import Store
from psd.store.scripts import Script

WAVE_CALLS = 8
"""Calls that travel together; one of 500 owners takes Redis some 5 ms."""

WAVES = 2

Reply = tuple[list[int], list[Any]]
"""Positions of the page's owners in what was asked, and the script's reply after its head."""


class OwnerReader:
    """Calls of scripts about owners; each reply's first element says whether detail expired."""

    def __init__(self, store: Store, placement: Placement) -> None:
        self._store = store
        self.placement = placement

    async def of_owners(
        self,
        script: Script,
        uids: Sequence[int],
        arguments: Sequence[bytes | str | int],
        page_max: int,
        newest: Newest | None = None,
    ) -> list[Reply]:
        """One reply a page of at most ``page_max`` owners, in no particular order.

        Of scripts whose second element is the newest second of the page's owners.
        """
        roots = [owner_root(uid) for uid in uids]
        replies = await self.of_pages(
            lambda: owner_pages(self.placement, script, roots, arguments, page_max)
        )
        if newest is not None:
            for _, [second, *_] in replies:
                newest.note(second)
        return [(places, rest) for places, [_, *rest] in replies]

    async def of_pages(self, pages_of: Callable[[], Iterable[Page]]) -> list[Reply]:
        """One reply a page, in no particular order; the pages are made anew when owners moved.

        Raises :class:`~psd.errors.DetailExpiredError` where a script had to read what has expired.
        """
        return await self._store.reads.regrouped(lambda: self._taken(pages_of()))

    async def _taken(self, pages: Iterable[Page]) -> list[Reply]:
        waves = iter(pages)
        replies: list[Reply] = []
        takers = [self._take_waves(waves, replies) for _ in range(WAVES)]
        for ended in await asyncio.gather(*takers, return_exceptions=True):
            if isinstance(ended, StoreError):
                raise sum_error(ended) from ended
            if isinstance(ended, BaseException):
                raise ended
        return replies

    async def _take_waves(self, pages: Iterator[Page], replies: list[Reply]) -> None:
        while wave := list(islice(pages, WAVE_CALLS)):
            found = await self._store.reads.call_all([command for _, command in wave])
            for (places, _), reply in zip(wave, found, strict=True):
                check_whole(reply[0], activities=False)
                replies.append((places, reply[1:]))
