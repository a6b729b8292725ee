"""What operators did: when, who, what, and to what. The newest 500, for everybody who runs psd.

::

    await log.note("amp", "replay dead letters", "0f2a6c3b1d4e5f60: 1 replayed")
    await log.newest(50)
    -> [OperatorDeed("2016-04-12T12:00:00Z", "amp", "replay dead letters", "0f2a...: 1 replayed")]

It is written behind the deed: what it says has been done. No secret stands in it.
"""

from __future__ import annotations

import logging

import msgspec

from psd.clock import Clock, utc_text
from psd.store.keys import OPERATORS_KEY
from psd.store.redis import Store

log = logging.getLogger("operations")

DEEDS_MAX = 500
WHAT_CHARACTERS_MAX = 500

_encode = msgspec.json.Encoder().encode


class OperatorDeed(msgspec.Struct, frozen=True):
    """One of them."""

    at: str
    by: str
    what: str
    subject: str


_decode = msgspec.json.Decoder(OperatorDeed).decode


class DeedsLog:
    """The log in a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def note(self, by: str, what: str, subject: str) -> None:
        """Keep that somebody did something. 1 trip."""
        deed = OperatorDeed(utc_text(self._clock.now_s()), by, what, subject[:WHAT_CHARACTERS_MAX])
        log.info(what, extra={"by": by, "subject": deed.subject})
        await self._store.writes.call_all(
            [
                ("LPUSH", OPERATORS_KEY, _encode(deed)),
                ("LTRIM", OPERATORS_KEY, 0, DEEDS_MAX - 1),
            ]
        )

    async def newest(self, limit: int) -> list[OperatorDeed]:
        """The newest first. 1 trip."""
        found = await self._store.reads.call(("LRANGE", OPERATORS_KEY, 0, limit - 1))
        return [_decode(each) for each in found]
