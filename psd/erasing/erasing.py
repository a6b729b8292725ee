"""The erasure of a user: decided, archived, carried out; again from the beginning after a kill.

::

    decision      user_erased 6640487069386845243 by ops       in the archive, no name in it
    boards        members, orders, finals (an alias)
    keys          psd:{p0}:6640487069386845243:*                   all things, the log, the markers
    columns       psd:columns:{p0}:*                            positions are nobody's
    index, name   psd:owners:{o..}:1, psd:names:{n59}:user
    word          psd:erased                                    every process forgets whom it knows
    once more     what came meanwhile is a new beginning        made right, indexed, named
    kept          psd:erasures  6640487069386845243 = version

Every step is safe to repeat, so an erasure that was cut off is sent again. What comes for the user
while he is erased may go with the rest; what comes afterwards begins anew. The archive is cut
apart from this (psd/archive/cutting.py), and no replay brings back what it still has.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import zlib
from collections.abc import Collection

import msgspec

from psd.archive.decisions import Kinds, Redone, Tail
from psd.archive.erasures import KINDS, UserErased, new_alias
from psd.archive.turns import Turns
from psd.clock import Clock
from psd.config import Settings
from psd.engine.engine import Engine
from psd.engine.withdrawal import BY_BYTES_MAX, NOTE_BYTES_MAX
from psd.erasing.boards import BoardsOfUser
from psd.erasing.owner_keys import SCAN_KEYS, OwnerKeys
from psd.errors import TooLargeError
from psd.failpoints import reach
from psd.queries.boards.store import BoardsStore
from psd.store.kept import write_kept
from psd.store.keys import ERASED_KEY, ERASURES_KEY, IDEMPOTENCY_KEYS
from psd.store.redis import Store
from psd.store.standing import LOOK_EVERY_S

WORD_BYTES = 6

TRIP_S = 1.5
"""By then what was on its way has arrived, and every process that is busy has looked."""

IDEMPOTENCY_HASH_BYTES = 32


class Erased(msgspec.Struct, frozen=True):
    """What was found and is gone: keys, and boards that knew him."""

    decision: UserErased
    keys: int
    boards: int


class Erasing:
    """Erases users of one store."""

    kinds: Kinds = KINDS

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        engine: Engine,
        boards: BoardsStore,
        turns: Turns,
        numbered: Collection[int],
    ) -> None:
        self._store = store
        self._things = {thing.id for thing in settings.things.values()}.difference(numbered)
        self._settled_s = LOOK_EVERY_S + min(settings.redis.timeout_s, TRIP_S)
        self._clock = clock
        self._engine = engine
        self._boards = BoardsOfUser(store, boards)
        self._turns = turns
        self._keys = OwnerKeys(store, settings, numbered)

    async def erase(self, uid: int, by: str, note: str = "", name: str | None = None) -> Erased:
        """Erase a user: all that the store has. Safe to repeat; takes some 3 s and a scan.

        Raises TooLargeError, and what decisions raise.
        """
        for field, text, most in (("by", by, BY_BYTES_MAX), ("note", note, NOTE_BYTES_MAX)):
            if len(text.encode()) > most:
                raise TooLargeError(f"{field}: more than {most} bytes")
        decision = UserErased(
            uid=uid, alias=new_alias(), by=by, note=note, time_s=self._clock.now_s()
        )
        async with self._turns.turn(f"user:{uid}") as turn:
            decision = await turn.archived(decision)
        return await self.carry_out(decision, name)

    async def carry_out(self, decision: UserErased, name: str | None = None) -> Erased:
        """Do what was decided; ``name`` is the user's, for whoever begins anew meanwhile."""
        uid = decision.uid
        boards = await self._boards.leave(decision)
        names = await self._keys.found(uid)
        reach("erasing_keys")
        await self._keys.delete(names)
        await self._keys.leave_columns(uid)
        reach("erasing_index")
        things = self._things | OwnerKeys.things_of(names)
        await self._engine.forget(uid, things)
        name = name or (await self._engine.names.names([uid])).get(uid)
        await self._engine.names.remove(uid)
        if name is not None:
            await self._forget_answers(name)
        await write_kept(self._store, [("SET", ERASED_KEY, secrets.token_hex(WORD_BYTES))])
        await asyncio.sleep(self._settled_s)
        await self._begin_anew(uid, name)
        reach("erasing_settled")
        await write_kept(self._store, [("HSET", ERASURES_KEY, uid, decision.version)])
        return Erased(decision, len(names), boards)

    async def version(self, uid: int) -> int:
        """That of the last erasure of a user that was carried out, 0 for none. 1 call."""
        return int(await self._store.writes.call(("HGET", ERASURES_KEY, uid)) or 0)

    def redo(self, redone: Redone, tail: Tail, *, is_dry: bool) -> ErasuresRedo:
        """Carries out again what an archive has of erasures."""
        del tail
        return ErasuresRedo(self, redone, is_dry=is_dry)

    async def _begin_anew(self, uid: int, name: str | None) -> None:
        """What came since his keys were found: a new beginning, put right and found by all."""
        names = await self._keys.found(uid)
        if not names:
            return
        things = await self._keys.repair(names)
        await self._engine.index(uid, things)
        if name is not None:
            await self._engine.names.register([(uid, name)])

    async def _forget_answers(self, name: str) -> None:
        """Answers that are kept for whoever sends a request again, if one of them tells his name.

        They end by themselves within a day.
        """
        told = msgspec.json.encode(name)[1:-1]
        for lane in await self._store.writes.lanes():
            cursor = b"0"
            while True:
                asked = ("SCAN", cursor, "MATCH", IDEMPOTENCY_KEYS, "COUNT", SCAN_KEYS)
                cursor, keys = await lane.call(asked)
                held = await lane.call_all([("GET", key) for key in keys]) if keys else []
                gone = [
                    key for key, kept in zip(keys, held, strict=True) if kept and _tells(kept, told)
                ]
                if gone:
                    await lane.call_all([("UNLINK", key) for key in gone])
                if cursor == b"0":
                    break


class ErasuresRedo:
    """One replay's: a store that is an older copy has users who were erased since."""

    def __init__(self, erasing: Erasing, redone: Redone, *, is_dry: bool) -> None:
        self._erasing = erasing
        self._redone = redone
        self._is_dry = is_dry
        self._last: dict[int, UserErased] = {}

    async def take(self, decision: UserErased) -> None:
        """Hold it until all have come: boards are made by others."""
        held = self._last.get(decision.uid)
        if held is not None:
            self._redone.known += 1
        if held is None or held.version < decision.version:
            self._last[decision.uid] = decision

    async def finish(self) -> None:
        """Erase whom the store was not told of, before anything is booked."""
        for uid, decision in self._last.items():
            is_due = await self._erasing.version(uid) < decision.version
            self._redone.count(is_due)
            if is_due and not self._is_dry:
                await self._erasing.carry_out(decision)


def _tells(kept: bytes, told: bytes) -> bool:
    with contextlib.suppress(zlib.error):
        return told in zlib.decompress(kept[IDEMPOTENCY_HASH_BYTES:])
    return False
