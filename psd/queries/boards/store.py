"""Named boards as Redis keeps them: definitions in one hash, the members of each in a set.

::

    await boards.put("april", Definition(thing="steps", window=...), "ops", members=[11, 22])
    psd:boards:{boards}:definitions             april = {"id":"9f..","revision":1,...}
    psd:board:{april:9f3a5c0e12b47d68}:members  11 22

A definition is replaced only where the one that was read still stands, so that two who change it
do not undo each other; its ``tag`` names the version, for those who read it long before. Members
come and go without a new version. A board that is made again under the name of one that was taken
away has another id: nothing of the old one can be on it.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgpack
import msgspec

from psd.clock import Clock
from psd.errors import (
    BadQueryError,
    ConflictError,
    PsdError,
    StoreError,
    TooLargeError,
)
from psd.queries.boards.definitions import (
    CHANGE_MAX,
    Definition,
    Membership,
    StoredBoard,
    checked,
    members_max,
    not_there,
)
from psd.queries.boards.staging import Change, StagedMembers
from psd.queries.boards.versions import EITHER, Versions
from psd.queries.boards.windows import NamedBoard, check_name
from psd.queries.ids import asked_ids
from psd.store.kept import write_kept
from psd.store.keys import boards_key, named_board_root
from psd.store.lane import Command
from psd.store.records import json_record
from psd.store.redis import Store
from psd.store.scripts import load_script

BOARDS_MAX = 10_000

SCRIPT_MEMBERS_MAX = 2000
"""Members that one script call changes, in 1 to 7 ms; more are staged."""

KINDS = ("members", "members:unchanged", "final")
"""What a board has beside its definition. Staged members end by themselves."""

TRIES = 20
"""How often a change is made anew because another one came between: each time somebody's went
through."""

_encode = msgspec.json.Encoder().encode
_decode = json_record(StoredBoard, "boards: a definition")

Make = Callable[[StoredBoard | None], StoredBoard | None]
"""The board that is to stand in the place of the one there; None takes it away."""


class BoardsStore:
    """Makes, changes and reads boards; ``things`` are the numbers of things by name."""

    def __init__(self, store: Store, clock: Clock, things: Mapping[str, int]) -> None:
        self._store = store
        self._clock = clock
        self._things = things
        self._change = load_script("boards.change")
        self._members = load_script("boards.members")
        self._staged = StagedMembers(store)

    async def get(self, name: str) -> StoredBoard:
        """A board; raises NotFoundError. 1 call."""
        found = _read(await self._raw(check_name(name)))
        if found is None:
            raise not_there(name)
        return found

    async def board(self, name: str) -> NamedBoard | None:
        """A board with its members, as questions ask for it; None for an unknown one. 2 calls."""
        found = _read(await self._raw(check_name(name)))
        if found is None:
            return None
        return found.definition.named(name, await self.members_of(found))

    async def members(self, name: str) -> list[int]:
        """Everybody on a board, ascending; raises NotFoundError. 2 calls."""
        return await self.members_of(await self.get(name))

    async def members_of(self, board: StoredBoard) -> list[int]:
        """Everybody on this board, ascending. 1 call, some 30 ms for 100,000."""
        return sorted(map(int, await self._store.reads.call(("SMEMBERS", _members_key(board)))))

    async def counts_of(self, boards: Sequence[StoredBoard]) -> list[int]:
        """How many are on each of these boards. 1 trip."""
        commands: list[Command] = [("SCARD", _members_key(board)) for board in boards]
        return list(await self._store.reads.call_all(commands)) if commands else []

    async def page(self, after: str, limit: int) -> list[StoredBoard]:
        """The boards whose names come next, in order. 2 calls."""
        key = boards_key("definitions")
        names = sorted(name.decode() for name in await self._store.reads.call(("HKEYS", key)))
        wanted = names[bisect_right(names, after) :][:limit]
        if not wanted:
            return []
        found = await self._store.reads.call(("HMGET", key, *wanted))
        return [_decode(raw) for raw in found if raw is not None]

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
        uids = None if members is None else _change_of(members, "members")
        checked(check_name(name), definition, self._things)
        if uids is None:
            await self._check_room(name, definition)
        elif len(uids) > members_max(definition):
            raise _too_many(len(uids), members_max(definition))
        now_s = self._clock.now_s()
        id_ = secrets.token_hex(8)

        def made(held: StoredBoard | None) -> StoredBoard:
            if held is None:
                return StoredBoard(name, id_, 1, now_s, now_s, author, definition)
            return held.changed(definition, now_s, author)

        board = await self._replace(name, made, versions)
        assert board is not None, "a board was made or changed"
        if uids is not None:
            await self._set_members(board, Change(uids, is_all=True))
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

        if fields.get("rounds") is not None:
            held = await self.get(name)
            await self._check_room(name, held.definition.with_fields(fields))
        board = await self._replace(name, changed, versions)
        assert board is not None, "a board was changed"
        return board

    async def drop(self, name: str, versions: Versions = EITHER) -> None:
        """Take a board away with all that it has; raises NotFoundError, ChangedError.

        Killed half-way, the keys of its members end with the next board that is taken away.
        """

        def gone(held: StoredBoard | None) -> None:
            if held is None:
                raise not_there(name)

        await self._replace(name, gone, versions)
        dropped = await self._store.writes.call(("SMEMBERS", boards_key("dropped")))
        roots = [named_board_root(*each.decode().split(":")) for each in dropped]
        commands: list[Command] = [("UNLINK", f"{root}:{kind}") for root in roots for kind in KINDS]
        await write_kept(self._store, commands)
        if dropped:
            await write_kept(self._store, [("SREM", boards_key("dropped"), *dropped)])

    async def change_members(
        self, name: str, add: Iterable[int | str], remove: Iterable[int | str] = ()
    ) -> Membership:
        """Put members on a board and take others off; at most CHANGE_MAX in all.

        Raises NotFoundError, BadQueryError for one who is in both, TooLargeError.
        """
        added, removed = _change_of(add, "add"), _change_of(remove, "remove")
        if len(added) + len(removed) > CHANGE_MAX:
            raise TooLargeError(f"members: at most {CHANGE_MAX} of one change are allowed")
        both = set(added).intersection(removed)
        if both:
            raise BadQueryError(f"remove: {min(both)} is in add as well")
        return await self.make_change(name, Change(added, removed))

    async def make_change(self, name: str, change: Change) -> Membership:
        """The same of any number of uids: all of it or nothing.

        Raises NotFoundError, TooLargeError.
        """
        return await self._set_members(await self.get(name), change)

    async def clear_members(self, name: str) -> Membership:
        """Take everybody off a board; raises NotFoundError."""
        return await self.make_change(name, Change([], is_all=True))

    async def keep_final(self, board: StoredBoard, final: bytes, *, again: bool) -> None:
        """Keep a board's final; raises ConflictError where it has one, unless ``again``."""
        key = f"{board.root}:final"
        command: Command = ("SET", key, final) if again else ("SET", key, final, "NX")
        [kept] = await write_kept(self._store, [command])
        if kept is None:
            raise ConflictError(f"final: board {board.name!r} has been declared final already")
        await self._check_there(board, [key])

    async def final(self, board: StoredBoard) -> bytes | None:
        """A board's final as it was kept, None before. 1 call."""
        found: bytes | None = await self._store.reads.call(("GET", f"{board.root}:final"))
        return found

    async def _set_members(self, board: StoredBoard, change: Change) -> Membership:
        key, most = _members_key(board), members_max(board.definition)
        if len(change) > SCRIPT_MEMBERS_MAX:
            found = await self._staged.change(key, change, most)
        else:
            found = await self._change_at_once(key, change, most)
        await self._check_there(board, [key])
        return found

    async def _change_at_once(self, key: str, change: Change, most: int) -> Membership:
        asked = (_packed(change.add), _packed(change.remove), most, int(change.is_all))
        try:
            [reply] = await write_kept(
                self._store, [("EVALSHA", self._members.sha, 1, key, *asked)]
            )
        except StoreError as exc:
            raise _refusal(exc) from exc
        return Membership(*reply)

    async def _check_room(self, name: str, definition: Definition) -> None:
        """Refuse rounds for a board that has more members than can play them."""
        held = None if definition.rounds is None else _read(await self._raw(name))
        if held is not None:
            [count] = await self.counts_of([held])
            if count > members_max(definition):
                raise _too_many(count, members_max(definition))

    async def _check_there(self, board: StoredBoard, keys: Sequence[str]) -> None:
        """End what was written for a board that was taken away meanwhile; NotFoundError."""
        held = _read(await self._store.writes.call(_get(board.name)))
        if held is None or held.id != board.id:
            await write_kept(self._store, [("UNLINK", key) for key in keys])
            raise not_there(board.name)

    async def _replace(self, name: str, make: Make, versions: Versions) -> StoredBoard | None:
        """What ``make`` makes of the board that is there, once it stands there."""
        check_name(name)
        for _ in range(TRIES):
            raw = await self._store.writes.call(_get(name)) or b""
            held = _read(raw)
            versions.check(name, None if held is None else held.tag)
            made = make(held)
            if made == held or await self._swap(name, raw, made, held):
                return made
        raise ConflictError(f"name: board {name!r} is changed by others all the time")

    async def _swap(
        self, name: str, raw: bytes, made: StoredBoard | None, held: StoredBoard | None
    ) -> bool:
        keys = (boards_key("definitions"), boards_key("dropped"))
        packed = b"" if made is None else _encode(made)
        place = "" if held is None else f"{name}:{held.id}"
        asked = (name, raw, packed, place, BOARDS_MAX)
        try:
            [done] = await write_kept(
                self._store, [("EVALSHA", self._change.sha, len(keys), *keys, *asked)]
            )
        except StoreError as exc:
            raise _refusal(exc) from exc
        return bool(done)

    async def _raw(self, name: str) -> bytes | None:
        found: bytes | None = await self._store.reads.call(_get(name))
        return found


def _get(name: str) -> Command:
    return ("HGET", boards_key("definitions"), name)


def _read(raw: bytes | None) -> StoredBoard | None:
    return _decode(raw) if raw else None


def _members_key(board: StoredBoard) -> str:
    return f"{board.root}:members"


def _packed(uids: Sequence[int]) -> bytes:
    # As texts: Lua's numbers have 53 bits.
    packed: bytes = msgpack.packb([str(uid) for uid in uids])
    return packed


def _change_of(members: Iterable[int | str], field: str) -> list[int]:
    listed = list(members)
    if len(listed) > CHANGE_MAX:
        raise TooLargeError(
            f"{field}: {len(listed)} given, at most {CHANGE_MAX} of one change are allowed"
        )
    return asked_ids(listed, field)


def _too_many(count: int, most: int) -> TooLargeError:
    return TooLargeError(f"members: {count} on this board, at most {most} are allowed")


def _refusal(error: StoreError) -> PsdError:
    """What the scripts refuse, in the words of the tree."""
    code, _, rule = str(error).partition("PSD_TOO_MANY_")[2].partition(" ")
    if code == "BOARDS":
        return ConflictError(f"name: {rule}")
    return TooLargeError(f"members: {rule}") if code == "MEMBERS" else error
