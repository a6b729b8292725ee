"""Who took which activities of an owner back, and why: the newest of each in the owner's log."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from psd.engine.reads import Reads
from psd.engine.withdrawal import LOG_ENTRIES


class WithdrawalNote(msgspec.Struct, frozen=True):
    """When an activity was withdrawn, 0 where the log does not tell any more, by whom and why."""

    second: int
    by: str
    note: str


NO_NOTE = WithdrawalNote(0, "", "")


async def notes_of(reads: Reads, uid: int) -> Mapping[int, WithdrawalNote]:
    """Notes by activity. 1 trip."""
    entries = await reads.withdrawals(uid, 2 * LOG_ENTRIES)
    return {
        entry.aid: WithdrawalNote(entry.time_s, entry.by, entry.note) for entry in reversed(entries)
    }
