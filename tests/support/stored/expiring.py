"""Keys that end when they should by a clock that a test moves, and not by the server's own.

>>> ending = Ending(psd.store.client, clock, longest_s=90_300)
>>> await book(psd, [report()])
>>> await ending.wait(90_301)   # what had a lifetime of that or less is gone
"""

from __future__ import annotations

from redis.asyncio import Redis

from psd.clock import ManualClock

JUST_WRITTEN_S = 120
"""A lifetime that has so little less than what it began with was given since it was looked at."""

OUT_OF_REACH_S = 10**9
"""What a key has instead while a test waits."""


class Ending:
    """Ends keys at their second; ``lifetimes_s`` are those that keys are given."""

    def __init__(self, client: Redis, clock: ManualClock, lifetimes_s: set[int]) -> None:
        self._client = client
        self._clock = clock
        self._lifetimes_s = lifetimes_s
        self._ends: dict[bytes, int] = {}

    async def wait(self, seconds: int) -> list[str]:
        """Let so many seconds pass; the keys that have ended meanwhile."""
        await self._look()
        self._clock.advance(seconds)
        now_s = int(self._clock.now_ms() // 1000)
        over = [key for key, end in self._ends.items() if end <= now_s]
        for key in over:
            del self._ends[key]
            await self._client.delete(key)
        return sorted(key.decode() for key in over)

    async def _look(self) -> None:
        """Note the ends of keys that were written since the last look."""
        now_s = int(self._clock.now_ms() // 1000)
        keys = [key async for key in self._client.scan_iter(count=1000)]
        asked = self._client.pipeline(transaction=False)
        for key in keys:
            asked.ttl(key)
        for key, left_s in zip(keys, await asked.execute(), strict=True):
            for lifetime_s in self._lifetimes_s:
                if lifetime_s - JUST_WRITTEN_S < left_s <= lifetime_s:
                    self._ends[key] = now_s + lifetime_s
                    await self._client.expire(key, OUT_OF_REACH_S)
