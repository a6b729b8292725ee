"""Carrying out the messages of an export again: boards, and what domains keep.

A decision is archived and then carried out as a replay does it (psd/archive/redoing.py), so a later
decision of this store about the same stays; everything else comes in by the one door, as a message
does. A message that goes on in other rows is put together first::

    (boards, april, 0, '{"command":"decision",...', True)    (boards, april, 0, '...}}', False)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from psd.archive.decisions import COMMAND, D, Decision, Redo, Redone, decision_of, entry_of
from psd.archive.entries import Entry
from psd.errors import InputError, MalformedError
from psd.exports.booking_taking import TakenRows
from psd.exports.row_files import NumberedRow
from psd.exports.row_kinds import MessageCells
from psd.runtime import Runtime

KEPT, KNOWN = "carried out", "known"


class _Command(msgspec.Struct):
    command: str
    decision: msgspec.Raw = msgspec.Raw()


class _NoTail:
    """What was archived meanwhile is of this store, whose versions tell."""

    def newer(self, kind: type[D]) -> list[D]:
        del kind
        return []


class MessageTaker:
    """Carries messages out; with ``is_dry`` it only checks them."""

    def __init__(self, runtime: Runtime, *, is_dry: bool = False) -> None:
        self._runtime = runtime
        self._is_dry = is_dry
        self._redone = Redone()
        keepers = runtime.keepers()
        self._kinds = {kind: each for keeper in keepers for kind, each in keeper.kinds.items()}
        self._redos = [keeper.redo(self._redone, _NoTail(), is_dry=is_dry) for keeper in keepers]
        self._redo_of: dict[type[Decision], Redo] = {
            each: redo
            for keeper, redo in zip(keepers, self._redos, strict=True)
            for each in keeper.kinds.values()
        }
        self._pieces: list[str] = []
        self.taken = TakenRows()

    async def take(self, rows: Iterable[NumberedRow]) -> None:
        """Carry these out; a message that is refused leaves the others as they are."""
        for line, row in rows:
            self.taken.rows += 1
            try:
                if isinstance(row, InputError):
                    raise row
                cells = MessageCells(*row)
                self._pieces.append(cells.body)
                if not cells.more:
                    body = "".join(self._pieces).encode()
                    self._pieces.clear()
                    await self._carry_out(body)
            except InputError as error:
                self._pieces.clear()
                self.taken.refuse(line, error)

    async def finish(self) -> None:
        """Carry out what depends on others, and count."""
        if self._pieces:
            self.taken.refuse(self.taken.rows, MalformedError("body: the last one goes on nowhere"))
        for redo in self._redos:
            await redo.finish()
        for name, number in ((KEPT, self._redone.kept), (KNOWN, self._redone.known)):
            self.taken.outcomes[name] += number
        for refusal in self._redone.refusals:
            self.taken.refuse(0, MalformedError(refusal))

    async def _carry_out(self, body: bytes) -> None:
        now_ms = self._runtime.clock.now_ms()
        try:
            told = msgspec.json.decode(body, type=_Command)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as exc:
            raise MalformedError(f"body: not a message ({exc})") from exc
        if told.command == COMMAND:
            # Written anew: whoever had the file in hand may have put fields in another order.
            written = b'{"command":"decision","decision":%b}' % bytes(told.decision)
            decision = decision_of(Entry(now_ms, "", written), self._kinds)
            if not self._is_dry:
                await self._runtime.archive.append([entry_of(decision, now_ms)])
            await self._redo_of[type(decision)].take(decision)
            return
        events = self._runtime.rules.events(body, now_ms // 1000, "")
        if self._is_dry:
            self.taken.outcomes["checked"] += len(events)
            return
        entries: Sequence[Entry] = [Entry(now_ms, "", body)]
        for outcome in await self._runtime.intake.accept(events, lambda: entries):
            if outcome.error is not None:
                raise outcome.error
            self.taken.outcomes[outcome.status] += 1
