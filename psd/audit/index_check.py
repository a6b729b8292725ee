"""Holds the index of owners against who has keys: whoever has some must be in it.

Who is in the index without bookings is no difference (psd/engine/owner_index.py). A line of
``psd verify`` for owner 7 and thing 1::

    psd:owners:{o42}:1 7: nothing, should be a member by its keys
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from psd.audit.examine import Discrepancy
from psd.store.keys import OWNER_ROOT, owner_shard, owners_key, uid_of
from psd.store.lane import Command

_PREFIX = re.compile(rf"({OWNER_ROOT}):(\d+):")


class Calls(Protocol):
    """A lane to the server, or to all of a cluster."""

    async def call(self, command: Command) -> Any:
        """One command's reply."""
        ...


class IndexAudit:
    """Audits owners' places in the index."""

    def __init__(self, lane: Calls) -> None:
        self._lane = lane

    async def lacks(self, prefix: str, *, repair: bool) -> list[Discrepancy]:
        """What the index lacks of an owner that has keys; a count is in none. 1 or 2 trips."""
        match = _PREFIX.fullmatch(prefix)
        if match is None:
            return []
        uid, thing = uid_of(match[1]), int(match[2])
        key = owners_key(owner_shard(uid), thing)
        if await self._lane.call(("SISMEMBER", key, uid)):
            return []
        if repair:
            await self._lane.call(("SADD", key, uid))
        return [Discrepancy(key, str(uid), "a member", "nothing", "its keys")]
