"""Taking a user off all boards: members, orders of contenders, and finals.

Others stand on a final, with their ranks among all who took part, so nobody is taken out of it: the
user's number is replaced by an alias that nobody has. Each change is a decision like any other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from psd.archive.erasures import UserErased
from psd.errors import NotFoundError
from psd.queries.boards.definitions import StoredBoard, without
from psd.queries.boards.finals import with_alias
from psd.queries.boards.store import BoardsStore
from psd.queries.boards.writes import members_key
from psd.store.redis import Store
from psd.users import user_of

PAGE = 100

AUTHOR = "psd users erase"


class BoardsOfUser:
    """The boards that know a user."""

    def __init__(self, store: Store, boards: BoardsStore) -> None:
        self._store = store
        self._boards = boards

    async def leave(self, erased: UserErased) -> int:
        """Take him off; how many boards knew him. Safe to repeat. 3 trips for 100 boards."""
        known = 0
        async for board, is_member in self._all(erased.uid):
            try:
                known += await self._leave(board, erased, is_member=is_member)
            except NotFoundError:
                # Taken away meanwhile, with all that it had.
                continue
        return known

    async def _leave(self, board: StoredBoard, erased: UserErased, *, is_member: bool) -> bool:
        was_known = is_member
        rounds = without(board.definition, lambda user: user_of(user) == erased.uid).rounds
        if rounds != board.definition.rounds:
            await self._boards.replace_rounds(board.name, rounds, AUTHOR)
            was_known = True
        if is_member:
            await self._boards.change_members(board.name, [], [erased.uid])
        final = await self._boards.final(board)
        if final is not None:
            told = with_alias(final, {erased.uid: erased.alias})
            if told != final:
                await self._boards.keep_final(board, told, again=True)
                was_known = True
        return was_known

    async def _all(self, uid: int) -> AsyncIterator[tuple[StoredBoard, bool]]:
        after = ""
        while page := await self._boards.page(after, PAGE):
            found = await self._store.reads.call_all(
                [("SISMEMBER", members_key(board), uid) for board in page]
            )
            for board, is_member in zip(page, found, strict=True):
                yield board, bool(is_member)
            after = page[-1].name
