"""All customers, and all that is kept of one: what an audit reads and writes.

::

    await whole.customers()                        -> ["u1", "u2"]
    await whole.seen("u1")                         -> {"use/id-2": 1}
    await whole.restore("u1", 1, -12, {"x": 0})    -> True, if nobody posted meanwhile
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from psd.charging.accounts.account_store import CUSTOMERS, SCANNED
from psd.charging.keys import customer_root, entries_seen_key
from psd.store.kept import write_kept
from psd.store.keys import NAME_SHARDS, names_key
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import Script

_pack = msgspec.msgpack.Encoder().encode


class WholeAccounts:
    """Reads what no request needs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._restore = Script("charging.restore")

    async def customers(self) -> list[str]:
        """Everybody who ever had an account or an entry; reads all names, SCANNED a call."""
        found: list[str] = []
        for shard in range(NAME_SHARDS):
            cursor = b"0"
            while True:
                asked = ("HSCAN", names_key(shard, CUSTOMERS), cursor, "COUNT", SCANNED)
                cursor, flat = await self._store.reads.call(asked)
                found += [name.decode() for name in flat[1::2]]
                if cursor == b"0":
                    break
        return sorted({*found})

    async def seen(self, customer: str) -> dict[str, int]:
        """Numbers of entries by their ids. 1 trip a page of SCANNED."""
        found: dict[str, int] = {}
        cursor = b"0"
        while True:
            asked = ("HSCAN", entries_seen_key(customer), cursor, "COUNT", SCANNED)
            cursor, flat = await self._store.writes.call(asked)
            for id_, n in zip(flat[::2], flat[1::2], strict=True):
                found[id_.decode()] = int(n)
            if cursor == b"0":
                return found

    async def restore(
        self, customer: str, last: int, balance_cents: int, ids: Mapping[str, int]
    ) -> bool:
        """Write what follows from a ledger whose newest entry is ``last``; an id at 0 goes.

        False where somebody posted meanwhile. 1 trip.
        """
        packed = _pack([part for pair in ids.items() for part in pair])
        call: Command = (
            *("EVALSHA", self._restore.sha, 1, customer_root(customer)),
            *(last, balance_cents, packed),
        )
        [done] = await write_kept(self._store, [call])
        return bool(done)
