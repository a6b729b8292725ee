"""Head-to-head rounds of a board as they stand at an instant; nothing of them is stored.

Who meets whom follows from the field and from the sums of each round's window, so a late report
changes the bracket as it changes the sums, until the board is declared final
(psd/queries/boards/finals.py). Of three members, half-way through the second round::

    {"board": "cup", "as_of": "2016-04-14T12:00:00Z", "champion": null, "rounds": [
       {"number": 1, "state": "over", "start": "...", "end": "...", "matches": [
          {"first": {"seed": 1, "uid": "11", ...}, "second": null, "winner": "11", ...},
          {"first": {"seed": 2, "uid": "22", "score": 500, ...},
           "second": {"seed": 3, "uid": "33", "score": 700, ...}, "winner": "33", ...}]},
       {"number": 2, "state": "under_way", ..., "matches": [
          {"first": {"seed": 1, "uid": "11", "score": 90, ...},
           "second": {"seed": 3, "uid": "33", "score": 80, ...},
           "ahead": "11", "winner": null}]}]}

A round is under way from its first second to its last. Before the field is seeded, and for rounds
whose contenders are not known yet, there are no matches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from msgspec import UNSET

from psd.clock import Clock, utc_text
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.errors import BadQueryError, NotFoundError, TooLargeError
from psd.queries.boards.answers import BracketAnswer, ContenderRow, MatchRow, RoundRow, State
from psd.queries.boards.board_windows import round_ranges, seeded_at_s, standing_range, zone_of
from psd.queries.boards.brackets import (
    Contender,
    DecidedMatch,
    Match,
    decided,
    first_round,
    next_round,
)
from psd.queries.boards.definitions import (
    CONTENDERS_MAX,
    Definition,
    StoredBoard,
    field_order,
)
from psd.queries.boards.scores import BoardScores, Scoring
from psd.queries.boards.store import BoardsStore
from psd.queries.freshness import Exactly, QueueDepth, coarsest, watermark, with_depth
from psd.queries.moments import held, moment
from psd.queries.ranking import Score
from psd.queries.requests import Time
from psd.queries.results import Watermark
from psd.queries.shown import NO_NAMES, NameSource, named
from psd.queries.user_sums import USER_SUMS_MAX

Scores = Callable[[Sequence[Match], Range], Awaitable[Exactly[Mapping[int, Score]]]]


class RoundStanding(msgspec.Struct, frozen=True):
    """A round at an instant: its matches, and what they came to so far, None before it begins."""

    range_: Range
    state: State
    matches: list[Match]
    outcomes: list[DecidedMatch] | None
    resolution: str | None = None


class Field(msgspec.Struct, frozen=True):
    """Who plays, the best seed first; None before the second at which that is decided."""

    uids: list[int] | None
    resolution: str | None = None


class Challenges:
    """Brackets of the boards of a store."""

    def __init__(
        self,
        engine: Reads,
        boards: BoardsStore,
        things: Mapping[str, int],
        clock: Clock,
        depth: QueueDepth,
        user_sums_max: int = USER_SUMS_MAX,
        names: NameSource = NO_NAMES,
    ) -> None:
        self._engine = engine
        self._boards = boards
        self._things = things
        self._clock = clock
        self._depth = depth
        self._names = names
        self.scores = BoardScores(engine, user_sums_max)

    async def bracket(self, name: str, as_of: Time | None = None) -> BracketAnswer:
        """The rounds of a board at an instant, now unless it is given.

        Raises NotFoundError, and BadQueryError for a board without rounds.
        """
        board = await self._boards.get(name)
        now_s, tz = self._clock.now_s(), zone_of(board.definition.window)
        at_s = now_s if as_of is None else held(moment(as_of, "as_of", tz, now_s))
        rounds = board.definition.rounds
        if rounds is None:
            raise BadQueryError(f"board: {name!r} has no rounds")
        members = await self._boards.members_of(board)
        field = await self.field(board.definition, members, at_s)
        stages = await self.stages(board.definition, field.uids or [], at_s)
        seeded_by = "order" if rounds.order else f"board {rounds.seeded_by or name}"
        thing = self.scoring(board.definition).thing
        resolution = coarsest([field.resolution, *(stage.resolution for stage in stages)])
        answer = BracketAnswer(
            board=name,
            as_of=utc_text(at_s),
            seeded_by=seeded_by,
            seeded_at=None if rounds.order else utc_text(seeded_at_s(rounds)),
            contenders=len(field.uids or []),
            rounds=round_rows(stages),
            champion=champion(stages),
            exact=resolution is UNSET,
            resolution=resolution,
            watermark=await self.watermark(members, thing),
        )
        return await named(answer, self._names)

    async def field(self, definition: Definition, members: list[int], at_s: int) -> Field:
        """Who plays, as far as that is known at an instant."""
        rounds = definition.rounds
        assert rounds is not None, "a board without rounds has no field"
        if len(members) > CONTENDERS_MAX:
            raise TooLargeError(
                f"members: {len(members)} on a board with rounds, at most {CONTENDERS_MAX} may be"
            )
        if rounds.order:
            return Field(field_order(members, rounds.order))
        seeded_s = seeded_at_s(rounds)
        if at_s < seeded_s:
            return Field(None)
        seeding = await self._seeding(definition, rounds.seeded_by)
        range_ = standing_range(seeding.window, seeded_s)
        ranked = await self.scores.ranked(members, self.scoring(seeding), range_, seeding.ties)
        return Field(ranked.value.uids, ranked.resolution)

    async def stages(
        self, definition: Definition, field: Sequence[int], at_s: int
    ) -> list[RoundStanding]:
        """The rounds among those of a field at an instant."""
        assert definition.rounds is not None, "a board without rounds has no stages"
        scoring = self.scoring(definition)

        async def scores(matches: Sequence[Match], range_: Range) -> Exactly[Mapping[int, Score]]:
            pairs = [(m.first.uid, m.second.uid) for m in matches if m.second is not None]
            return await self.scores.of_pairs(pairs, scoring, range_)

        return await played_until(field, round_ranges(definition.rounds), at_s, scores)

    async def watermark(self, members: Sequence[int], thing: int) -> Watermark:
        """How fresh what is booked for the members of a board is."""
        return watermark(*await with_depth(self._engine.newest(members, [thing]), self._depth))

    def scoring(self, definition: Definition) -> Scoring:
        """What counts on a board; raises BadQueryError for a thing that is no longer configured."""
        if definition.thing not in self._things:
            raise BadQueryError(f"thing: {definition.thing!r} of this board is not configured")
        return Scoring(self._things[definition.thing], definition.atids())

    async def _seeding(self, definition: Definition, name: str | None) -> Definition:
        if name is None:
            return definition
        try:
            board: StoredBoard = await self._boards.get(name)
        except NotFoundError as exc:
            raise NotFoundError(f"rounds.seeded_by: there is no board {name!r}") from exc
        return board.definition


async def played_until(
    field: Sequence[int], ranges: Sequence[Range], at_s: int, scores: Scores
) -> list[RoundStanding]:
    """Rounds until one is not over, then those that are still to come; none after the final."""
    stages: list[RoundStanding] = []
    matches = first_round(field)
    is_known = bool(matches)
    for range_ in ranges:
        if is_known and not matches:
            break
        if not is_known or at_s < range_.start:
            stages.append(RoundStanding(range_, "to_come", matches if is_known else [], None))
            is_known = False
            continue
        found = await scores(matches, Range(range_.start, min(range_.end, at_s)))
        outcomes = [decided(match, found.value) for match in matches]
        is_known = at_s >= range_.end
        state: State = "over" if is_known else "under_way"
        stages.append(RoundStanding(range_, state, matches, outcomes, found.resolution))
        matches = next_round(outcomes)
    return stages


def champion(stages: Sequence[RoundStanding]) -> str | None:
    """Who won the final, once that is over."""
    last = next((stage for stage in reversed(stages) if stage.state == "over"), None)
    if last is None or last.outcomes is None or len(last.outcomes) != 1:
        return None
    return str(last.outcomes[0].winner.uid)


def round_rows(stages: Sequence[RoundStanding]) -> list[RoundRow]:
    """The rounds as an answer has them."""
    return [
        RoundRow(
            number=number,
            start=utc_text(stage.range_.start),
            end=utc_text(stage.range_.end),
            state=stage.state,
            matches=_match_rows(stage),
        )
        for number, stage in enumerate(stages, start=1)
    ]


def _match_rows(stage: RoundStanding) -> list[MatchRow]:
    if stage.outcomes is None:
        return [_match_row(match, None, is_over=False) for match in stage.matches]
    is_over = stage.state == "over"
    return [_match_row(each.match, each, is_over=is_over) for each in stage.outcomes]


def _match_row(match: Match, outcome: DecidedMatch | None, *, is_over: bool) -> MatchRow:
    if match.second is None:
        uid = str(match.first.uid)
        return MatchRow(_contender(match.first, None, None), None, uid, uid if is_over else None)
    if outcome is None:
        first, second = (_contender(each, None, None) for each in (match.first, match.second))
        return MatchRow(first, second, None, None)
    ahead = str(outcome.winner.uid)
    return MatchRow(
        _contender(match.first, outcome.first_score, outcome.second_score),
        _contender(match.second, outcome.second_score, outcome.first_score),
        ahead,
        ahead if is_over else None,
    )


def _contender(contender: Contender, own: Score | None, other: Score | None) -> ContenderRow:
    uid = str(contender.uid)
    if own is None:
        return ContenderRow(contender.seed, uid)
    is_even = other is not None and own.value == other.value
    at = utc_text(own.reached_s) if is_even and own.reached_s is not None else None
    return ContenderRow(contender.seed, uid, own.value, at)
