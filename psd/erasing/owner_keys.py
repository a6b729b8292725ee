"""All keys of one user, and putting right what came while they were deleted.

The keys stand in the slot of their partition, and are listed by SCAN, a thousand a call (1 ms of
Redis), so that none is forgotten of a thing that is configured no more.
They cannot go in one call: a user may have thousands. Whoever books meanwhile for the same user
finds some of them; what is then inconsistent is made right from the reports that stand, as
``psd verify --repair`` does (psd/audit/sweep.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection

from psd.audit.column_audit import ColumnAudit, places_of
from psd.audit.column_sweep import nobody
from psd.audit.layout import Limits
from psd.audit.sweep import Auditor, lifetimes_of
from psd.audit.truth import Lifetimes
from psd.columns.column_keys import OWNERS, column_key
from psd.config import Settings
from psd.engine.column_modes import held_modes, modes_of
from psd.store.kept import write_kept
from psd.store.keys import OWNER_ROOT, columns_pattern, year_key
from psd.store.lane import Command, Lane
from psd.store.redis import Store

SCAN_KEYS = 1000

UNLINKED_AT_ONCE = 500
"""Keys of one command: 0.5 ms; their memory is freed beside."""

_THING = re.compile(rf"({OWNER_ROOT}):(\d+):(.+)", re.DOTALL)


class OwnerKeys:
    """The keys of users; those of ``numbered`` things belong to somebody else of that number."""

    def __init__(self, store: Store, settings: Settings, numbered: Collection[int]) -> None:
        self._store = store
        self._settings = settings
        self._numbered = numbered

    async def found(self, uid: int) -> list[str]:
        """All that are the user's."""
        root = (await self._store.placed()).owner_root(uid)

        async def scanned() -> set[str]:
            lane = await self._store.writes.lane_of(root)
            cursor, names = b"0", set[str]()
            while True:
                asked = ("SCAN", cursor, "MATCH", f"{root}:*", "COUNT", SCAN_KEYS)
                cursor, page = await lane.call(asked)
                names.update(name.decode() for name in page)
                if cursor == b"0":
                    return names

        names = sorted(await self._store.writes.followed(scanned))
        shared = [name for name in names if self._thing(name) in self._numbered]
        if not shared:
            return names
        # Markers are of all things of a number: an increment of another would be booked twice.
        return [name for name in names if name not in shared and not name.startswith(f"{root}:k:")]

    async def delete(self, names: list[str]) -> None:
        """Delete these; what was written since they were found stays."""
        for start in range(0, len(names), UNLINKED_AT_ONCE):
            part = names[start : start + UNLINKED_AT_ONCE]
            await write_kept(self._store, [("UNLINK", *part)])

    async def leave_columns(self, uid: int) -> None:
        """Say nothing of a user in the columns of his partition; his positions become nobody's.

        Whoever has begun anew under the number meanwhile has another position, which stays.
        """
        root = (await self._store.placed()).owner_root(uid)
        modes = modes_of(self._settings.things) | await held_modes(self._store)
        audit = ColumnAudit(modes, Lifetimes())
        pattern = columns_pattern(root)
        routed = self._store.new_lane()
        try:
            lane = await routed.lane_of(root)
            cursor = b""
            while cursor != b"0":
                asked = ("SCAN", cursor or b"0", "MATCH", pattern, "COUNT", SCAN_KEYS)
                cursor, page = await lane.call(asked)
                for name in page:
                    audit.take(name.decode())
            for each in [*audit.roots()]:
                if int(each.rpartition(":")[2]) not in self._numbered:
                    await self._leave(lane, audit, each, uid)
        finally:
            await routed.close()

    async def _leave(self, lane: Lane, audit: ColumnAudit, columns: str, uid: int) -> None:
        asked: list[Command] = [
            ("GET", column_key(columns, OWNERS)),
            ("HGET", year_key(columns, uid), "at"),
        ]
        owners, at = await lane.call_all(asked)
        for position in places_of(owners or b"", uid):
            if at != b"%d" % position:
                async for _ in nobody(audit, lane, columns, position, uid, repair=True):
                    pass

    async def repair(self, names: list[str]) -> set[int]:
        """Make right what stands of a user; the things of which he has keys."""
        suffixes: dict[int, list[str]] = defaultdict(list)
        root = ""
        for name in names:
            match = _THING.fullmatch(name)
            if match is not None:
                root = match[1]
                suffixes[int(match[2])].append(match[3])
        if suffixes:
            lane = self._store.writes
            lifetimes = await lifetimes_of(lane, self._settings)
            auditor = Auditor(lane, self._settings, lifetimes, Limits())
            for thing, found in suffixes.items():
                prefix = f"{root}:{thing}:"
                await auditor.audit(prefix, found, repair=True)
        return set(suffixes)

    @staticmethod
    def things_of(names: list[str]) -> set[int]:
        """The things that keys are of."""
        return {int(match[2]) for name in names if (match := _THING.fullmatch(name))}

    @staticmethod
    def _thing(name: str) -> int | None:
        match = _THING.fullmatch(name)
        return int(match[2]) if match else None
