"""A board as every question gets it: what it is about, and who is on it.

There is one way to a board's members. The leaderboard of a name, a board's standing and a board in
an expression all ask the same source, which is :class:`~psd.queries.boards.store.BoardsStore`::

    board = await boards.board("april")
    -> NamedBoard("april", Definition(thing="steps", window=...), members=[11, 22])
    leaderboard_question(LeaderboardQuery(board="april"), rules, now_s, board).uids  -> [11, 22]

Whoever changes a board, and not only asks about it, takes its version
(:class:`~psd.queries.boards.definitions.StoredBoard`).
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from psd.queries.boards.definitions import Definition, StoredBoard


class NamedBoard(msgspec.Struct, frozen=True):
    """A board of a name; the members are users' numbers, ascending."""

    name: str
    definition: Definition
    members: list[int]


class BoardReads(Protocol):
    """What questions need of the place where boards are kept."""

    async def board(self, name: str) -> NamedBoard | None:
        """The board of a name with its members, None where there is none. 2 calls."""
        ...

    async def page(self, after: str, limit: int) -> list[StoredBoard]:
        """The boards whose names come next, in order. 2 calls."""
        ...
