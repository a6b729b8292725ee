"""Decisions about rewards carried out again from the archive (psd/archive/redoing.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psd.archive.decisions import Redone
from psd.rewards.decisions import LedgerDecision

if TYPE_CHECKING:
    from psd.rewards.ledger import Ledger


class LedgerRedo:
    """Each stands alone, so each is carried out as it comes."""

    def __init__(self, ledger: Ledger, redone: Redone, *, is_dry: bool) -> None:
        self._ledger = ledger
        self._redone = redone
        self._is_dry = is_dry

    async def take(self, decision: LedgerDecision) -> None:
        """Carry out what no later decision has replaced."""
        due = await self._ledger.unknown(decision)
        if due is not None and not self._is_dry:
            async with self._ledger.turn(decision.version):
                # Somebody may have decided meanwhile.
                due = await self._ledger.unknown(decision)
                if due is not None:
                    await self._ledger.carry_out(due)
        self._redone.count(due is not None)

    async def finish(self) -> None:
        """Nothing waits."""
