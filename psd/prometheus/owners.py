"""Whose series a selection means: named users, the members of boards, or everybody.

::

    await owners.of(selected(parsed_selector('steps{board="april"}'), things), metric)
    -> [Owners({"board": "april"}, uids=[11, 22], hidden=[])]

A user whom whoever asks may not see is one without data. Boards are nobody's own, so who may see
some users alone finds them as if nobody had made them; everybody is then everybody whom they see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from psd.engine.reads import Reads
from psd.errors import TooLargeError
from psd.prometheus.selection import PRESENT, Metric, Selection
from psd.queries.boards.board_reads import BoardReads
from psd.queries.sums import Sees, everybody
from psd.queries.user_sums import UserSums

BOARDS_MAX = 100
"""Boards of one selector: some 30 ms of Redis for each that is full."""

PAGE = 1000


class Owners(msgspec.Struct, frozen=True):
    """Users of one board, or of none; the ``hidden`` ones were named, and have nothing to show."""

    labels: Mapping[str, str]
    uids: Sequence[int]
    hidden: Sequence[int]


class OwnersFinder:
    """Finds owners for one request; each board is read once."""

    def __init__(
        self,
        population: Reads,
        boards: BoardReads,
        sees: Sees,
        budget: UserSums | None = None,
    ) -> None:
        self.budget = budget or UserSums()
        self._population = population
        self._boards = boards
        self._sees = sees
        self._members: dict[str, list[int]] = {}
        self.warnings: list[str] = []

    def is_everybody(self, selection: Selection) -> bool:
        """Whether all users are meant, all their activities, and whoever asks sees them."""
        named = (selection.boards, selection.uids, selection.atids)
        return named == (None,) * 3 and not selection.is_split and self._sees is everybody

    async def of(self, selection: Selection, metric: Metric) -> list[Owners]:
        """The owners of a metric's series, board by board."""
        if selection.boards is not None:
            return [await self._of_board(name, selection) for name in await self._names(selection)]
        if selection.uids is None:
            most = self.budget.users_max(1)
            everyone = await self._population.population(metric.number, most)
            self.budget.spend("query", len(everyone), 1)
            return [Owners({}, [uid for uid in everyone if self._sees(uid)], [])]
        seen = [uid for uid in selection.uids if self._sees(uid)]
        return [Owners({}, seen, [uid for uid in selection.uids if not self._sees(uid)])]

    async def board_names(self, limit: int) -> list[str]:
        """The names of boards, in order; none for who may not see everybody."""
        if self._sees is not everybody:
            return []
        names: list[str] = []
        while len(names) < limit:
            wanted = min(PAGE, limit - len(names))
            page = await self._boards.page(names[-1] if names else "", wanted)
            names += [board.name for board in page]
            if len(page) < wanted:
                break
        return names

    async def _names(self, selection: Selection) -> list[str]:
        if isinstance(selection.boards, list):
            names = selection.boards
        else:
            assert selection.boards is PRESENT
            names = await self.board_names(BOARDS_MAX + 1)
        if len(names) > BOARDS_MAX:
            raise TooLargeError(f"query: {len(names)} boards, at most {BOARDS_MAX} are allowed")
        return names

    async def _of_board(self, name: str, selection: Selection) -> Owners:
        members = await self._members_of(name)
        if selection.uids is not None:
            wanted = set(selection.uids)
            members = [uid for uid in members if uid in wanted]
        return Owners({"board": name}, members, [])

    async def _members_of(self, name: str) -> list[int]:
        if name not in self._members:
            board = await self._boards.board(name) if self._sees is everybody else None
            if board is None:
                self.warnings.append(f"board {name[:64]!r} is not known")
            self._members[name] = [] if board is None else board.members
        return self._members[name]
