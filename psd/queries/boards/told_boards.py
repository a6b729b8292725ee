"""Boards, their members and finals as decisions that make them again.

::

    board_defined april, as it stands     members_changed april, 1,000 of them     final_declared
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from psd.archive.decisions import Decision
from psd.queries.boards.decisions import BoardDefined, FinalDeclared, MembersChanged
from psd.queries.boards.store import BoardsStore
from psd.queries.boards.writes import BoardWrites
from psd.store.redis import Store

AT_ONCE = 100
MEMBERS_AT_ONCE = 1_000
FIRST_VERSION = 1
"""Of what was decided before decisions had versions: a store without it has none."""


class ToldBoards:
    """Tells boards by their names."""

    def __init__(self, boards: BoardsStore, store: Store) -> None:
        self._boards = boards
        self._writes = BoardWrites(store)

    async def decisions(self) -> AsyncIterator[tuple[str, int, Decision]]:
        """Name, when it was changed last, and a decision; those of a board in their order."""
        after = ""
        while page := await self._boards.page(after, AT_ONCE):
            for board in page:
                version = await self._writes.version(board.name) or FIRST_VERSION
                told = (board.name, board.changed_at_s)
                yield *told, BoardDefined(version=version, board=board)
                version = await self._writes.version_of(board, "members") or FIRST_VERSION
                members = await self._boards.members_of(board)
                for start in range(0, len(members), MEMBERS_AT_ONCE):
                    some = members[start : start + MEMBERS_AT_ONCE]
                    names = await self._boards.names.names(some)
                    change = MembersChanged(
                        version=version,
                        name=board.name,
                        id=board.id,
                        add=some,
                        remove=[],
                        is_all=start == 0,
                        names=tuple(names[uid] for uid in some if uid in names),
                    )
                    yield *told, change
                final = await self._boards.final(board)
                if final is not None:
                    version = await self._writes.version_of(board, "final") or FIRST_VERSION
                    declared = FinalDeclared(
                        version=version, name=board.name, id=board.id, final=final
                    )
                    yield *told, declared
            after = page[-1].name
