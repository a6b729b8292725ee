"""Named boards as Redis keeps them: definitions in one hash, the members of each in a set.

::

    await boards.put("april", Definition(thing="steps", window=...), "ops", members=[11, 22])
    psd:boards:{boards}:definitions             april = {"id":"9f..","revision":1,...}
    psd:board:{april:9f3a5c0e12b47d68}:members  11 22

One at a time decides about a board, and what was decided is archived before it is carried out
(psd/archive/turns.py, psd/queries/boards/writes.py): two do not undo each other, and a store that
was lost has it again. The ``tag`` of a definition names it, for those who read it long before;
members come and go without a new one. A board that is made again under the name of one that was
taken away has another id: nothing of the old one can be on it.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from psd.archive.decisions import Kinds, Redone, Tail
from psd.archive.turns import Turn, Turns
from psd.clock import Clock
from psd.engine.named import NamedUsers
from psd.errors import BadQueryError, ConflictError, TooLargeError
from psd.failpoints import reach
from psd.queries.boards.board_reads import NamedBoard
from psd.queries.boards.board_windows import MEMBERS_MAX, check_name
from psd.queries.boards.decisions import (
    KINDS,
    BoardDefined,
    BoardDropped,
    FinalDeclared,
    MembersChanged,
)
from psd.queries.boards.definitions import (
    CHANGE_MAX,
    Definition,
    Membership,
    SeededRounds,
    StoredBoard,
    checked,
    members_max,
    not_there,
)
from psd.queries.boards.redo import BoardsRedo, subject_of
from psd.queries.boards.staging import Staged, StagedChange, change_of
from psd.queries.boards.versions import EITHER, Versions
from psd.queries.boards.writes import (
    BoardWrites,
    board_in,
    definition_of,
    final_key,
    members_key,
    too_many,
)
from psd.slices import sorted_in_slices
from psd.store.keys import boards_key
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import Script

BOARDS_MAX = 10_000

BOARDS_SLACK = 100
"""Boards past the limit that are made where several are made at the same moment."""

LISTED_MAX = 20_000
"""Members that one call tells, in some 6 ms; of 100,000 it took 30."""

Make = Callable[[StoredBoard | None], StoredBoard]
"""The board that is to stand in the place of the one there."""


class BoardsStore:
    """Makes, changes and reads boards; ``things`` are the numbers of things by name."""

    kinds: Kinds = KINDS

    def __init__(
        self,
        store: Store,
        clock: Clock,
        things: Mapping[str, int],
        turns: Turns,
        names: NamedUsers,
        most: int = MEMBERS_MAX,
    ) -> None:
        self._store = store
        self._most = most
        self._listed = Script("boards.listed")
        self._clock = clock
        self._things = things
        self._turns = turns
        self.names = names
        self._writes = BoardWrites(store)

    async def get(self, name: str) -> StoredBoard:
        """A board; raises NotFoundError. 1 call."""
        found = board_in(await self._raw(check_name(name)))
        if found is None:
            raise not_there(name)
        return found

    async def board(self, name: str) -> NamedBoard | None:
        """A board with its members, as questions ask for it; None for an unknown one. 2 calls."""
        found = board_in(await self._raw(check_name(name)))
        if found is None:
            return None
        return NamedBoard(name, found.definition, await self.members_of(found))

    async def members(self, name: str) -> list[int]:
        """Everybody on a board, ascending; raises NotFoundError. 2 calls."""
        return await self.members_of(await self.get(name))

    async def members_of(self, board: StoredBoard) -> list[int]:
        """Everybody on this board, ascending, of one moment. 1 call; of many, a trip for 2,000."""
        key = members_key(board)
        asked: Command = ("EVALSHA", self._listed.sha, 1, key, LISTED_MAX)
        found = await self._store.reads.call(asked)
        if found is None:
            return await sorted_in_slices(list(await self._writes.staged.listed(key)))
        return sorted(map(int, found))

    async def counts_of(self, boards: Sequence[StoredBoard]) -> list[int]:
        """How many are on each of these boards. 1 trip."""
        commands: list[Command] = [("SCARD", members_key(board)) for board in boards]
        return list(await self._store.reads.call_all(commands)) if commands else []

    async def page(self, after: str, limit: int) -> list[StoredBoard]:
        """The boards whose names come next, in order. 2 calls."""
        key = boards_key("definitions")
        names = sorted(name.decode() for name in await self._store.reads.call(("HKEYS", key)))
        wanted = names[bisect_right(names, after) :][:limit]
        if not wanted:
            return []
        found = await self._store.reads.call(("HMGET", key, *wanted))
        return [board for raw in found if (board := board_in(raw)) is not None]

    async def put(
        self,
        name: str,
        definition: Definition,
        author: str,
        *,
        members: Iterable[int | str] | None = None,
        versions: Versions = EITHER,
    ) -> tuple[StoredBoard, bool]:
        """Make a board, or give it another definition; ``members`` take the place of all.

        Returns the board, and whether it is a new one. Only one of ``versions`` is
        replaced, with NEW none. Raises ChangedError, ConflictError past BOARDS_MAX, and what a
        definition can be refused for. Safe to repeat: a definition is kept before its members are.
        """
        change = None
        if members is not None:
            change = await change_of(members, (), "members", is_all=True)
        checked(check_name(name), definition, self._things)
        if change is not None and len(change) > members_max(definition, self._most):
            raise too_many(len(change), members_max(definition, self._most))
        now_s = self._clock.now_s()
        id_ = secrets.token_hex(8)

        def made(held: StoredBoard | None) -> StoredBoard:
            if held is None:
                return StoredBoard(name, id_, 1, now_s, now_s, author, definition)
            return held.changed(definition, now_s, author)

        async with self._turn(name) as turn:
            board = await self._define(turn, name, made, versions, keeps_members=change is None)
            if change is not None:
                await self._set_members(turn, board, change)
        return board, board.id == id_

    async def patch(
        self, name: str, fields: Mapping[str, Any], author: str, versions: Versions = EITHER
    ) -> StoredBoard:
        """Replace single fields of a definition; None gives one its default.

        Raises NotFoundError, ChangedError, and what a definition can be refused for.
        """

        def changed(held: StoredBoard | None) -> StoredBoard:
            if held is None:
                raise not_there(name)
            definition = checked(name, held.definition.with_fields(fields), self._things)
            return held.changed(definition, self._clock.now_s(), author)

        check_name(name)
        async with self._turn(name) as turn:
            return await self._define(turn, name, changed, versions)

    async def replace_rounds(self, name: str, rounds: SeededRounds | None, author: str) -> None:
        """Replace the rounds of a board, and check nothing else of it; raises NotFoundError."""

        def changed(held: StoredBoard | None) -> StoredBoard:
            if held is None:
                raise not_there(name)
            definition = msgspec.structs.replace(held.definition, rounds=rounds)
            return held.changed(definition, self._clock.now_s(), author)

        async with self._turn(name) as turn:
            await self._define(turn, name, changed, EITHER)

    async def drop(self, name: str, versions: Versions = EITHER) -> None:
        """Take a board away with all that it has; raises NotFoundError, ChangedError.

        Killed half-way, the keys of its members end with the next board that is taken away.
        """
        check_name(name)
        async with self._turn(name) as turn:
            held = await self._writes.held(name)
            versions.check(name, None if held is None else held.tag)
            if held is None:
                raise not_there(name)
            done = await turn.archived(BoardDropped(name=name))
            await self._writes.define(name, None, done.version, BOARDS_MAX)
            reach("decision_kept")

    async def change_members(
        self, name: str, add: Iterable[int | str], remove: Iterable[int | str] = ()
    ) -> Membership:
        """Put members on a board and take others off; at most CHANGE_MAX in all.

        Raises NotFoundError, BadQueryError for one who is in both, TooLargeError.
        """
        change = await change_of(add, remove, "add")
        if len(change) > CHANGE_MAX:
            raise TooLargeError(f"members: at most {CHANGE_MAX} of one change are allowed")
        both = set(change.add).intersection(change.remove)
        if both:
            first = min(both)
            raise BadQueryError(f"remove: {change.names.get(first, first)} is in add as well")
        return await self.make_change(name, change)

    async def make_change(self, name: str, change: StagedChange) -> Membership:
        """The same of any number of uids: all of it or nothing.

        Raises NotFoundError, TooLargeError.
        """
        check_name(name)
        async with self._turn(name) as turn:
            held = await self._writes.held(name)
            if held is None:
                raise not_there(name)
            return await self._set_members(turn, held, change)

    async def clear_members(self, name: str) -> Membership:
        """Take everybody off a board; raises NotFoundError."""
        return await self.make_change(name, StagedChange([], is_all=True))

    async def keep_final(self, board: StoredBoard, final: bytes, *, again: bool) -> None:
        """Keep a board's final; raises ConflictError where it has one, unless ``again``."""
        async with self._turn(board.name) as turn:
            held = await self._writes.held(board.name)
            if held is None or held.id != board.id:
                raise not_there(board.name)
            if not again and await self._writes.has_final(board):
                raise ConflictError(f"final: board {board.name!r} has been declared final already")
            done = await turn.archived(FinalDeclared(name=board.name, id=board.id, final=final))
            await self._writes.keep_final(board, final, done.version)
            reach("decision_kept")

    async def final(self, board: StoredBoard) -> bytes | None:
        """A board's final as it was kept, None before. 1 call."""
        found: bytes | None = await self._store.reads.call(("GET", final_key(board)))
        return found

    def redo(self, redone: Redone, tail: Tail, *, is_dry: bool) -> BoardsRedo:
        """Carries out again what an archive has of decisions about boards."""
        return BoardsRedo(self._writes, self._turns, self.names, redone, tail, is_dry=is_dry)

    def _turn(self, name: str) -> AbstractAsyncContextManager[Turn]:
        """The turn to decide about a board: until it ends, nobody else does."""
        return self._turns.turn(subject_of(name))

    async def _define(
        self,
        turn: Turn,
        name: str,
        make: Make,
        versions: Versions,
        *,
        keeps_members: bool = True,
    ) -> StoredBoard:
        """What ``make`` makes of the board that is there, once it stands there."""
        held = await self._writes.held(name)
        versions.check(name, None if held is None else held.tag)
        made = make(held)
        if made == held:
            return made
        if held is None:
            await self._check_number()
        elif keeps_members and made.definition.rounds is not None:
            await self._check_room(held, made.definition)
        done = await turn.archived(BoardDefined(board=made))
        await self._writes.define(name, made, done.version, BOARDS_MAX + BOARDS_SLACK)
        reach("decision_kept")
        return made

    async def _set_members(
        self, turn: Turn, board: StoredBoard, change: StagedChange
    ) -> Membership:
        most = members_max(board.definition, self._most)
        prepared = await self._writes.prepared(board, change, most)
        if isinstance(prepared, Staged):
            # That many take a while, which is none of the time left for the rest.
            await turn.go_on()
        await self.names.ensure(change.names)
        done = await turn.archived(
            MembersChanged(
                name=board.name,
                id=board.id,
                add=[*change.add],
                remove=[*change.remove],
                is_all=change.is_all,
                names=tuple(change.names.values()),
            )
        )
        found = await self._writes.change_members(board, change, most, done.version, prepared)
        reach("decision_kept")
        return found

    async def _check_number(self) -> None:
        """Refuse one board more than there may be."""
        if await self._writes.boards() >= BOARDS_MAX:
            raise ConflictError(f"name: there are {BOARDS_MAX} boards already")

    async def _check_room(self, board: StoredBoard, definition: Definition) -> None:
        """Refuse rounds for a board that has more members than can play them."""
        [count] = await self.counts_of([board])
        if count > members_max(definition, self._most):
            raise too_many(count, members_max(definition, self._most))

    async def _raw(self, name: str) -> bytes | None:
        found: bytes | None = await self._store.reads.call(definition_of(name))
        return found
