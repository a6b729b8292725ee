"""Decisions about boards carried out again from the archive (psd/archive/redoing.py).

Definitions at once, as the later stands in any order. Members and finals belong to a board of one
id, so they wait until all definitions have come; of a board that was taken away, or made anew
under its name since, they are known.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext

from psd.archive.decisions import Redone, Tail
from psd.archive.turns import Turns
from psd.engine.named import NamedUsers
from psd.queries.boards.decisions import (
    BoardDefined,
    BoardDropped,
    FinalDeclared,
    MembersChanged,
    MembersSaid,
)
from psd.queries.boards.definitions import StoredBoard
from psd.queries.boards.writes import BoardWrites, members_key

ANY_NUMBER = 1 << 52
"""What was within the limits of its day is carried out whatever they are today."""

Place = tuple[str, str]
"""A board's name and id."""


class BoardsRedo:
    """One replay's; of each board it holds who is on it (some 100 bytes) and its last final."""

    def __init__(
        self,
        writes: BoardWrites,
        turns: Turns,
        names: NamedUsers,
        redone: Redone,
        tail: Tail,
        *,
        is_dry: bool,
    ) -> None:
        self._writes = writes
        self._turns = turns
        self._names = names
        self._redone = redone
        self._tail = tail
        self._is_dry = is_dry
        self._members: dict[Place, MembersSaid] = {}
        self._finals: dict[Place, FinalDeclared] = {}
        # What a dry run would have done.
        self._defined: dict[str, BoardDefined | BoardDropped] = {}

    async def take(
        self, decision: BoardDefined | BoardDropped | MembersChanged | FinalDeclared
    ) -> None:
        """Carry out a definition; hold what belongs to one."""
        if isinstance(decision, BoardDefined | BoardDropped):
            await self._define(decision)
            return
        place = (decision.name, decision.id)
        if isinstance(decision, MembersChanged):
            self._members.setdefault(place, MembersSaid()).add(decision)
            return
        held = self._finals.get(place)
        if held is None or held.version < decision.version:
            self._finals[place] = decision
        if held is not None:
            self._redone.known += 1

    async def finish(self) -> None:
        """Members and finals of the boards that are there now."""
        for place, said in self._members.items():
            async with self._turn(place[0], said.newest):
                await self._set_members(place, said)
        for place, final in self._finals.items():
            async with self._turn(place[0], final.version):
                await self._keep_final(place, final)

    def _turn(self, name: str, version: int) -> AbstractAsyncContextManager[object]:
        """The turn to decide about a board; a dry run takes it from nobody."""
        if self._is_dry:
            return nullcontext()
        return self._turns.turn(subject_of(name), version)

    async def _define(self, decision: BoardDefined | BoardDropped) -> None:
        is_due = await self._newest(decision.name) < decision.version
        if is_due and self._is_dry:
            self._defined[decision.name] = decision
        elif is_due:
            async with self._turn(decision.name, decision.version):
                # Somebody may have decided meanwhile.
                is_due = await self._newest(decision.name) < decision.version
                if is_due:
                    made = decision.board if isinstance(decision, BoardDefined) else None
                    await self._writes.define(decision.name, made, decision.version, ANY_NUMBER)
        self._redone.count(is_due)

    async def _newest(self, name: str) -> int:
        """The version of the last decision about a board's definition."""
        seen = self._defined.get(name)
        return max(await self._writes.version(name), 0 if seen is None else seen.version)

    async def _set_members(self, place: Place, said: MembersSaid) -> None:
        board = await self._board(place, len(said.versions))
        if board is None:
            return
        newest = await self._writes.version_of(board, "members")
        if newest > said.newest:
            # Whoever changes members has the turn to it, so what is archived by now is all.
            for each in self._tail.newer(MembersChanged):
                if (each.name, each.id) == place:
                    said.add(each)
        if newest > said.newest:
            self._redone.refusals.append(
                f"board {place[0]!r}: its members were changed later than this archive tells; "
                "replay those of all machines together"
            )
            return
        change = said.change(await self._writes.staged.members(members_key(board)))
        new = sum(version > newest for version in said.versions) or 1 if len(change) else 0
        self._redone.kept += new
        self._redone.known += len(said.versions) - new
        if not self._is_dry:
            await self._names.ensure(said.names())
        if len(change) and not self._is_dry:
            prepared = await self._writes.prepared(board, change, ANY_NUMBER)
            await self._writes.change_members(board, change, ANY_NUMBER, said.newest, prepared)

    async def _keep_final(self, place: Place, final: FinalDeclared) -> None:
        board = await self._board(place, 1)
        if board is None:
            return
        is_due = await self._writes.version_of(board, "final") < final.version
        self._redone.count(is_due)
        if is_due and not self._is_dry:
            await self._writes.keep_final(board, final.final, final.version)

    async def _board(self, place: Place, decisions: int) -> StoredBoard | None:
        """The board of this id, None where it is no longer that one; counts that."""
        name, id_ = place
        defined = self._defined.get(name)
        if defined is None:
            held = await self._writes.held(name)
        else:
            held = defined.board if isinstance(defined, BoardDefined) else None
        if held is not None and held.id == id_:
            return held
        if held is None and defined is None and not await self._writes.version(name):
            self._redone.refusals.append(
                f"board {name!r}: it is not there, and was made before what is replayed; "
                "begin the replay before that"
            )
        else:
            self._redone.known += decisions
        return None


def subject_of(name: str) -> str:
    """What a turn is about: one at a time decides about a board, its members and its final."""
    return f"board:{name}"
