"""What may be asked of named boards, and how they are shown: one struct a body or a URL.

::

    PUT /v3/boards/april   {"thing": "steps", "window": {"kind": "rolling", "seconds": 604800},
                            "members": ["11", "22"]}
    -> BoardBody, whose ``definition()`` is what is kept
    -> BoardRow(name="april", revision=1, members=2, thing="steps", ...)
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from psd.clock import utc_text
from psd.frames import Rows
from psd.queries.boards.board_windows import BoardWindow
from psd.queries.boards.definitions import CHANGE_MAX, Definition, SeededRounds, StoredBoard
from psd.queries.requests import LIMIT_MAX, SPAN_MAX, Id, Ids, LeaderboardQuery, Name, Ties, Time

BOARDS_LIMIT = 100
MEMBERS_LIMIT = 1000

Members = Annotated[list[Id], Meta(max_length=CHANGE_MAX)]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]


class BoardBody(Definition, frozen=True):
    """A board as it is made or replaced; ``members`` take the place of all that are on it."""

    members: Members | None = None

    def definition(self) -> Definition:
        """What is kept of it."""
        fields = {name: getattr(self, name) for name in Definition.__struct_fields__}
        return Definition(**fields)


class BoardsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the boards by name; ``cursor`` is the ``next`` of the page before."""

    limit: Limit = BOARDS_LIMIT
    cursor: str = ""


class MembersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the members, the lower uid first."""

    limit: Annotated[int, Meta(ge=1, le=CHANGE_MAX)] = MEMBERS_LIMIT
    cursor: str | None = None


class MembersChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who comes onto a board, and who leaves it."""

    add: Members = []
    remove: Members = []


class MembersRemoval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who leaves a board: these, or everybody."""

    uid: Ids = []
    all: bool = False


class StandingQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The standing of a board, as LeaderboardQuery has it."""

    as_of: Time | None = None
    compare_to: Time | None = None
    tz: Name | None = None
    ties: Ties | None = None
    limit: Limit | None = None
    cursor: str | None = None
    around: int | str | None = None
    span: Annotated[int, Meta(ge=0, le=SPAN_MAX)] | None = None

    def of(self, name: str) -> LeaderboardQuery:
        """The question about the board of a name."""
        fields = {field: getattr(self, field) for field in self.__struct_fields__}
        return LeaderboardQuery(board=name, **fields)


class BracketQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rounds of a board at an instant."""

    as_of: Time | None = None


class FinalQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the final standing."""

    limit: Limit = BOARDS_LIMIT
    cursor: str | None = None


class FinalBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Declares a board final; ``replace`` takes the place of an earlier declaration."""

    as_of: Time | None = None
    replace: bool = False


class BoardRow(msgspec.Struct, frozen=True):
    """A board: who changed its definition last, how many are on it, and the definition."""

    name: str
    revision: int
    members: int
    made_at: str
    changed_at: str
    changed_by: str
    title: str
    thing: str
    atid: list[str]
    window: BoardWindow
    ties: Ties
    rounds: SeededRounds | None
    note: str

    @classmethod
    def of(cls, board: StoredBoard, members: int) -> BoardRow:
        """A stored board with the number of its members."""
        kept = board.definition
        return cls(
            name=board.name,
            revision=board.revision,
            members=members,
            made_at=utc_text(board.made_at_s),
            changed_at=utc_text(board.changed_at_s),
            changed_by=board.changed_by,
            title=kept.title,
            thing=kept.thing,
            atid=[str(each) for each in kept.atid],
            window=kept.window,
            ties=kept.ties,
            rounds=kept.rounds,
            note=kept.note,
        )


class BoardsPage(Rows, frozen=True):
    """Boards by name; ``next`` is the cursor of the page after this one."""

    data: list[BoardRow]
    next: str | None


class MemberRow(msgspec.Struct, frozen=True):
    """One who is on a board."""

    uid: str


class MembersPage(Rows, frozen=True):
    """Members of a board, the lower uid first."""

    data: list[MemberRow]
    next: str | None
    total: int
