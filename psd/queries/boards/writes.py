"""How boards are written: what was decided, archived and is now carried out, live or by a replay.

Each write has the version of its decision, and the scripts refuse one that comes behind a later
one; that only happens to a process that stood still for longer than its turn.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgpack
import msgspec

from psd.errors import (
    ConflictError,
    OutcomeUnknownError,
    PsdError,
    StoreError,
    TooLargeError,
)
from psd.queries.boards.definitions import Membership, StoredBoard
from psd.queries.boards.staging import PART, Staged, StagedChange, StagedMembers
from psd.store.kept import write_kept
from psd.store.keys import boards_key, named_board_root
from psd.store.lane import Command
from psd.store.records import json_record
from psd.store.redis import Store
from psd.store.scripts import Script

SCRIPT_MEMBERS_MAX = 2000
"""Members that one script call changes, in 1 to 7 ms; more are staged."""

KINDS = ("members", "members:unchanged", "final", "versions")
"""What a board has beside its definition. Staged members end by themselves."""

_encode = msgspec.json.Encoder().encode
_decode = json_record(StoredBoard, "boards: a definition")


class BoardWrites:
    """Writes boards in the turn of whoever decides about them; reads what that needs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._change = Script("boards.change")
        self._members = Script("boards.members")
        self.staged = StagedMembers(store)

    async def held(self, name: str) -> StoredBoard | None:
        """The board that is there now. 1 call."""
        return board_in(await self._store.writes.call(definition_of(name)))

    async def version(self, name: str) -> int:
        """That of the last decision about the definition of a board, 0 for none. 1 call."""
        return int(await self._store.writes.call(("HGET", boards_key("versions"), name)) or 0)

    async def version_of(self, board: StoredBoard, subject: str) -> int:
        """That of the last decision about its ``members`` or its ``final``. 1 call."""
        key = versions_key(board)
        return int(await self._store.writes.call(("HGET", key, subject)) or 0)

    async def boards(self) -> int:
        """How many there are. 1 call."""
        return int(await self._store.writes.call(("HLEN", boards_key("definitions"))))

    async def define(
        self, name: str, made: StoredBoard | None, version: int, boards_max: int
    ) -> None:
        """Put a board in the place of what is there; None takes that away with all it has.

        Safe to repeat. Killed half-way, the keys of a board that was taken away end with the next.
        """
        raw = await self._store.writes.call(definition_of(name)) or b""
        held = board_in(raw)
        if held is not None and (made is None or made.id != held.id):
            await self._swap(name, raw, held, None, version, boards_max)
            await self._sweep()
            raw, held = b"", None
        if made is not None and made != held:
            await self._swap(name, raw, held, made, version, boards_max)
        elif held is None:
            await write_kept(self._store, [("HSET", boards_key("versions"), name, version)])

    async def planned(self, board: StoredBoard, change: StagedChange, most: int) -> Membership:
        """What a change that one call makes will come to; raises TooLargeError. 3 trips."""
        kept, left = await self._held_among(board, change.add), 0
        if not change.is_all:
            left = await self._held_among(board, change.remove)
        before = int(await self._store.writes.call(("SCARD", members_key(board))))
        removed = before - kept if change.is_all else left
        count = before + len(change.add) - kept - removed
        if count > max(most, before):
            raise TooLargeError(
                f"members: {count} members would be on it, at most {most} are allowed"
            )
        return Membership(len(change.add) - kept, removed, count)

    async def _held_among(self, board: StoredBoard, uids: Sequence[int]) -> int:
        key = members_key(board)
        parts: list[Command] = [
            ("SMISMEMBER", key, *uids[start : start + PART]) for start in range(0, len(uids), PART)
        ]
        return sum(map(sum, await self._store.writes.call_all(parts))) if parts else 0

    async def prepared(
        self, board: StoredBoard, change: StagedChange, most: int
    ) -> Staged | Membership:
        """All of a change but the last call; raises TooLargeError."""
        if len(change) > SCRIPT_MEMBERS_MAX:
            return await self.staged.stage(members_key(board), change, most)
        return await self.planned(board, change, most)

    async def change_members(
        self,
        board: StoredBoard,
        change: StagedChange,
        most: int,
        version: int,
        prepared: Staged | Membership,
    ) -> Membership:
        """Make a change that was prepared; all of it or nothing."""
        versions = versions_key(board)
        try:
            if isinstance(prepared, Staged):
                return await self.staged.put(prepared, versions, version)
            return await self._change_at_once(board, change, most, version)
        except StoreError as exc:
            raise refusal(exc) from exc

    async def keep_final(self, board: StoredBoard, final: bytes, version: int) -> None:
        """Keep what was declared final."""
        commands: list[Command] = [
            ("SET", final_key(board), final),
            ("HSET", versions_key(board), "final", version),
        ]
        await write_kept(self._store, commands)

    async def has_final(self, board: StoredBoard) -> bool:
        """Whether something was declared. 1 call."""
        return bool(await self._store.writes.call(("EXISTS", final_key(board))))

    async def _change_at_once(
        self, board: StoredBoard, change: StagedChange, most: int, version: int
    ) -> Membership:
        keys = (members_key(board), versions_key(board))
        asked = (_packed(change.add), _packed(change.remove), most, int(change.is_all), version)
        [reply] = await write_kept(
            self._store, [("EVALSHA", self._members.sha, len(keys), *keys, *asked)]
        )
        return Membership(*reply)

    async def _swap(
        self,
        name: str,
        raw: bytes,
        held: StoredBoard | None,
        made: StoredBoard | None,
        version: int,
        boards_max: int,
    ) -> None:
        keys = (boards_key("definitions"), boards_key("dropped"), boards_key("versions"))
        packed = b"" if made is None else _encode(made)
        place = "" if held is None else f"{name}:{held.id}"
        asked = (name, raw, packed, place, boards_max, version)
        try:
            [done] = await write_kept(
                self._store, [("EVALSHA", self._change.sha, len(keys), *keys, *asked)]
            )
        except StoreError as exc:
            raise refusal(exc) from exc
        if not done:
            raise overtaken()

    async def _sweep(self) -> None:
        dropped = await self._store.writes.call(("SMEMBERS", boards_key("dropped")))
        roots = [named_board_root(*each.decode().split(":")) for each in dropped]
        commands: list[Command] = [("UNLINK", f"{root}:{kind}") for root in roots for kind in KINDS]
        await write_kept(self._store, commands)
        if dropped:
            await write_kept(self._store, [("SREM", boards_key("dropped"), *dropped)])


def definition_of(name: str) -> Command:
    """The command that reads a definition."""
    return ("HGET", boards_key("definitions"), name)


def board_in(raw: bytes | None) -> StoredBoard | None:
    """The board that is kept so; None for nothing."""
    return _decode(raw) if raw else None


def versions_key(board: StoredBoard) -> str:
    """The versions of a board's members and of its final."""
    return f"{board.root}:versions"


def looked_at(board: StoredBoard) -> tuple[Command, ...]:
    """Commands whose replies are others whenever a board's definition, members or final is."""
    return definition_of(board.name), ("HGETALL", versions_key(board))


def members_key(board: StoredBoard) -> str:
    """Who is on a board."""
    return f"{board.root}:members"


def final_key(board: StoredBoard) -> str:
    """What was declared final."""
    return f"{board.root}:final"


def too_many(count: int, most: int) -> TooLargeError:
    """Of members."""
    return TooLargeError(f"members: {count} on this board, at most {most} are allowed")


def overtaken() -> OutcomeUnknownError:
    """Of a decision whose turn was over when it was carried out; the archive has it."""
    return OutcomeUnknownError("board: others changed it while this one stood still; ask again")


def refusal(error: StoreError) -> PsdError:
    """What the scripts refuse, in the words of the tree."""
    if "PSD_OVERTAKEN" in str(error):
        return overtaken()
    code, _, rule = str(error).partition("PSD_TOO_MANY_")[2].partition(" ")
    if code == "BOARDS":
        return ConflictError(f"name: {rule}")
    return TooLargeError(f"members: {rule}") if code == "MEMBERS" else error


def _packed(uids: Sequence[int]) -> bytes:
    # As texts: Lua's numbers have 53 bits.
    packed: bytes = msgpack.packb([str(uid) for uid in uids])
    return packed
