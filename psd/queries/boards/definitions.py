"""What a named board is made of, and the versions of it that are kept. Pure.

A :class:`Definition` is the body of ``PUT /v3/boards/{name}``: all of a board but its name and its
members, who come and go by themselves::

    {"thing": "steps", "title": "April cup",
     "window": {"kind": "fixed", "start": "2016-04-01T00:00:00Z", "end": "2016-05-01T00:00:00Z"},
     "rounds": {"windows": [{"start": "2016-04-04T00:00:00Z", "end": "2016-04-11T00:00:00Z"}],
                "order": ["22", "11"]}}

Contenders of head-to-head rounds are the board's members, in the order of another board's standing
(``seeded_by``), in an ``order`` that is given, or in that of the board itself. Members who are not
in a given order come behind it, the lower uid first; who is in it and no member does not play.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from psd.errors import BadQueryError, NotFoundError, TooLargeError
from psd.queries.boards.board_windows import (
    MEMBERS_MAX,
    BoardWindow,
    FixedWindow,
    Rounds,
    check_name,
    check_rounds,
    check_window,
    round_ranges,
    window_at,
)
from psd.queries.ids import asked_ids, asked_users
from psd.queries.parsing import from_fields
from psd.queries.requests import Id, Name, Ties
from psd.queries.things import asked_thing
from psd.store.keys import named_board_root

CHANGE_MAX = 10_000
"""Members of one request."""

CONTENDERS_MAX = 4096
"""Members of a board with rounds: 12 rounds, whose sums of 8,192 owners take 0.1 s of Redis."""


class SeededRounds(Rounds, frozen=True):
    """Head-to-head brackets; ``order`` are uids, the best first, in the place of a ranking."""

    order: list[Id] = msgspec.field(default_factory=list)


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All of a board but its name and members."""

    thing: Name
    window: BoardWindow
    atid: list[Id] = []
    ties: Ties = "competition"
    rounds: SeededRounds | None = None
    title: Annotated[str, Meta(max_length=200)] = ""
    note: Annotated[str, Meta(max_length=1000)] = ""

    def with_fields(self, fields: Mapping[str, Any]) -> Definition:
        """The same with some fields replaced whole; None is a field's default.

        Raises BadQueryError.
        """
        held: dict[str, Any] = msgspec.to_builtins(self)
        merged = {**held, **fields}
        given = {name: value for name, value in merged.items() if value is not None}
        return from_fields(given, Definition)

    def atids(self) -> frozenset[int] | None:
        """The atids that count, None for all."""
        return frozenset(asked_ids(self.atid, "atid")) if self.atid else None

    def end_s(self) -> int | None:
        """When all that can count is over: a fixed window and the last round; None for never.

        That is what a window that moves on has, on a board without rounds.
        """
        ends = [round_ranges(self.rounds)[-1].end] if self.rounds is not None else []
        if isinstance(self.window, FixedWindow):
            ends.append(window_at(self.window, 0).end)
        return max(ends, default=None)


class StoredBoard(msgspec.Struct, frozen=True):
    """One version of a board; ``id`` tells boards of one name apart that came after each other."""

    name: str
    id: str
    revision: int
    made_at_s: int
    changed_at_s: int
    changed_by: str
    definition: Definition

    @property
    def tag(self) -> str:
        """What names this version: another one for each change of the definition."""
        return f"{self.id}-{self.revision}"

    @property
    def root(self) -> str:
        """Root of the keys that this board has alone."""
        return named_board_root(self.name, self.id)

    def changed(self, definition: Definition, now_s: int, author: str) -> StoredBoard:
        """The next version; the same one where the definition is."""
        if definition == self.definition:
            return self
        return msgspec.structs.replace(
            self,
            revision=self.revision + 1,
            changed_at_s=now_s,
            changed_by=author,
            definition=definition,
        )


class Membership(msgspec.Struct, frozen=True):
    """What a change of members came to: how many are new, how many left, how many there are."""

    added: int
    removed: int
    members: int


def checked(name: str, definition: Definition, things: Mapping[str, int]) -> Definition:
    """The definition itself; raises BadQueryError or TooLargeError for what contradicts itself."""
    check_name(name)
    asked_thing(definition.thing, things)
    asked_ids(definition.atid, "atid")
    check_window(definition.window)
    if definition.rounds is not None:
        check_rounds(definition.rounds)
        _check_order(definition.rounds)
    return definition


def _check_order(rounds: SeededRounds) -> None:
    """Refuse an order of contenders that is too long, or that something else gives already."""
    if not rounds.order:
        return
    if rounds.seeded_by is not None:
        raise BadQueryError(
            f"rounds.order: not together with rounds.seeded_by {rounds.seeded_by!r}"
        )
    if len(rounds.order) > CONTENDERS_MAX:
        raise TooLargeError(
            f"rounds.order: {len(rounds.order)} given, at most {CONTENDERS_MAX} are allowed"
        )
    asked_users(rounds.order, "rounds.order")


def members_max(definition: Definition, most: int = MEMBERS_MAX) -> int:
    """How many may be on a board, where at most so many may be on any."""
    return most if definition.rounds is None else min(most, CONTENDERS_MAX)


def field_order(members: list[int], order: list[Id]) -> list[int]:
    """The members in an order that was given; who is not in it comes behind, by uid."""
    there = set(members)
    first = [uid for uid in asked_users(order, "rounds.order") if uid in there]
    return [*first, *sorted(there.difference(first))]


def not_there(name: str) -> NotFoundError:
    """What is said of a board that nobody made."""
    return NotFoundError(f"board: there is none of the name {name!r}")


def without(definition: Definition, is_gone: Callable[[int | str], bool]) -> Definition:
    """A definition whose order of contenders lacks some users."""
    rounds = definition.rounds
    if rounds is None or not any(map(is_gone, rounds.order)):
        return definition
    order = [user for user in rounds.order if not is_gone(user)]
    return msgspec.structs.replace(definition, rounds=msgspec.structs.replace(rounds, order=order))
