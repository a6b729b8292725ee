"""What people decide about boards, as the archive keeps it (psd/archive/decisions.py). Pure.

A definition replaces the one before, and so does a final. Changes of members do not: each names
those that come and go, so what stands is what the last one said of each uid::

    v3 [11, 22] come    v5 all go, [33] comes    v4 [22] goes, [44] comes      in any order
    -> [33], of a board that had [7] before: v5 is behind v3 and v4, and 7 is not among those
       that it named
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psd.archive.decisions import Decision, kinds_of
from psd.queries.boards.definitions import StoredBoard
from psd.queries.boards.staging import StagedChange
from psd.users import user_of


class BoardDefined(Decision, frozen=True, tag="board_defined"):
    """A board was made, or given another definition."""

    board: StoredBoard

    @property
    def name(self) -> str:
        """The board's."""
        return self.board.name


class BoardDropped(Decision, frozen=True, tag="board_dropped"):
    """A board was taken away with all that it had."""

    name: str


class MembersChanged(Decision, frozen=True, tag="members_changed", omit_defaults=True):
    """Members came and went; with ``is_all`` everybody else went, too.

    ``names`` are of those who came and were given by name; an empty tuple is not archived.
    """

    name: str
    id: str
    add: Sequence[int]
    remove: Sequence[int]
    is_all: bool
    names: Sequence[str] = ()


class FinalDeclared(Decision, frozen=True, tag="final_declared"):
    """A board was declared final; ``final`` is what is kept of it."""

    name: str
    id: str
    final: bytes


KINDS = kinds_of(BoardDefined, BoardDropped, MembersChanged, FinalDeclared)


class MembersSaid:
    """What all changes of one board's members together say, in whatever order they come."""

    def __init__(self, changes: Iterable[MembersChanged] = ()) -> None:
        self.versions: set[int] = set()
        self._emptied = 0
        self._said: dict[int, tuple[int, bool]] = {}
        self._names: dict[int, str] = {}
        for each in changes:
            self.add(each)

    @property
    def newest(self) -> int:
        """The version of the last change."""
        return max(self.versions, default=0)

    def add(self, change: MembersChanged) -> None:
        """Take one more into account; one that came before changes nothing."""
        self.versions.add(change.version)
        self._names.update((user_of(name), name) for name in change.names)
        if change.is_all:
            self._emptied = max(self._emptied, change.version)
        for uids, stays in ((change.add, True), (change.remove, False)):
            for uid in uids:
                self._said[uid] = max(self._said.get(uid, (0, False)), (change.version, stays))

    def names(self) -> dict[int, str]:
        """Of those whom a change called by name, and who are on the board."""
        return {
            uid: name
            for uid, name in self._names.items()
            if (said := self._said.get(uid)) is not None and said[1] and said[0] >= self._emptied
        }

    def change(self, before: set[int]) -> StagedChange:
        """What of it those who are on the board do not show yet."""
        came = {uid for uid, (at, stays) in self._said.items() if stays and at >= self._emptied}
        untold = set[int]() if self._emptied else before.difference(self._said)
        after = untold | came
        return StagedChange(sorted(after - before), sorted(before - after))
