"""What is answered about brackets and finals of boards, as HTTP and clients write it. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from psd.frames import Rows
from psd.queries.results import AnsweredRange, Standing, Watermark

State = Literal["over", "under_way", "to_come"]


class ContenderRow(msgspec.Struct, frozen=True):
    """One of a match; ``score`` is null before the round begins and for a bye.

    ``reached_at`` says when the score was first that much, where both have the same.
    """

    seed: int
    uid: str
    score: int | None = None
    reached_at: str | None = None


class MatchRow(msgspec.Struct, frozen=True):
    """A match; without a second one it is a bye. ``winner`` is null until the round is over."""

    first: ContenderRow
    second: ContenderRow | None
    ahead: str | None
    winner: str | None


class RoundRow(msgspec.Struct, frozen=True):
    """A round and its matches, in the order of the bracket's lines."""

    number: int
    start: str
    end: str
    state: State
    matches: list[MatchRow]


class BracketAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All rounds of a board at an instant; ``contenders`` is 0 before the field is seeded."""

    board: str
    as_of: str
    seeded_by: str
    seeded_at: str | None
    contenders: int
    rounds: list[RoundRow]
    champion: str | None
    exact: bool = True
    resolution: str | UnsetType = UNSET
    watermark: Watermark


class StandingDifference(msgspec.Struct, frozen=True):
    """A member whose place the buckets of now would make another one."""

    uid: str
    rank: int
    value: int
    rank_now: int
    value_now: int


class MatchDifference(msgspec.Struct, frozen=True):
    """A match that the buckets of now would make another one, as it was and as it would be."""

    round: int
    match: int
    declared: MatchRow
    now: MatchRow


class FinalAnswer(Rows, frozen=True, kw_only=True):
    """A page of the standing as it was declared, its bracket, and what differs from it now.

    ``changed`` counts members, ``matches_changed`` matches; both are null, and ``exact`` false,
    where the detail that they need has expired.
    """

    board: str
    declared_by: str
    declared_at: str
    as_of: str
    range: AnsweredRange
    data: list[Standing]
    next: str | None
    total: int
    changed: int | None
    differences: list[StandingDifference]
    rounds: list[RoundRow] | UnsetType = UNSET
    champion: str | UnsetType | None = UNSET
    matches_changed: int | UnsetType | None = UNSET
    match_differences: list[MatchDifference] | UnsetType = UNSET
    exact: bool = True
    resolution: str | UnsetType = UNSET
    watermark: Watermark
