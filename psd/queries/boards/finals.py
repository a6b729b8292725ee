"""The final of a board: its standing as somebody declared it, held against the buckets of now.

Until then everything about a board follows from the buckets, so late reports change it. What is
declared final is kept as it was found, with who said so and when::

    await finals.declare("april", "ops")
    answer = await finals.read("april")
    answer.data[0]                   -> Standing(rank=1, uid="11", value=900, ...) as declared
    answer.differences               -> [{"uid": "11", "rank": 1, "value": 900, "rank_now": 2,
                                          "value_now": 850}], because a report was withdrawn

The differences are those of the buckets alone: members who came or went and a definition that was
changed since do not count, and a bracket keeps the field that it was played with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET

from psd.clock import Clock, utc_text
from psd.engine.plan import Range
from psd.errors import (
    BadQueryError,
    ConflictError,
    DetailExpiredError,
    NotFoundError,
    TooLargeError,
)
from psd.queries.boards.answers import (
    FinalAnswer,
    MatchDifference,
    RoundRow,
    StandingDifference,
)
from psd.queries.boards.board_windows import standing_range, zone_of
from psd.queries.boards.challenges import Challenges, champion, round_rows
from psd.queries.boards.definitions import Definition, StoredBoard, without
from psd.queries.boards.store import BoardsStore
from psd.queries.moments import held, moment
from psd.queries.ranking import Place, Ranking
from psd.queries.requests import LIMIT_MAX, Time
from psd.queries.results import AnsweredRange, Standing, Watermark
from psd.queries.shown import NO_NAMES, NameSource, named, with_names
from psd.slices import give_way, in_slices
from psd.store.records import msgpack_record
from psd.users import user_of

DIFFERENCES_MAX = 1000
"""Members and matches whose difference is told; how many there are is told of all."""


PLACES_AT_ONCE = 1000
"""Places that are compared before others have their turn: 3 us each."""


class KeptFinal(msgspec.Struct, frozen=True):
    """What is kept: about 20 bytes a member, in the order of the board."""

    declared_by: str
    declared_at_s: int
    as_of_s: int
    start_s: int
    end_s: int
    definition: Definition
    standings: list[tuple[int, int, int | None]]
    field: list[int] | None
    rounds: list[RoundRow] | None
    champion: str | None

    @property
    def range_(self) -> Range:
        """The range of the standing."""
        return Range(self.start_s, self.end_s)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgpack_record(KeptFinal, "boards: a final")


def with_alias(final: bytes, aliases: Mapping[int, int]) -> bytes:
    """What is kept of a final, with other numbers for some users; itself where it has none of them.

    They keep their places, because the others' ranks count them.
    """
    kept = _decode(final)
    uids = {uid for uid, _, _ in kept.standings}.union(kept.field or ())
    if uids.isdisjoint(aliases):
        return final
    texts = {uid: str(alias) for uid, alias in aliases.items()}
    shown = {str(uid): text for uid, text in texts.items()}
    return _encode(
        msgspec.structs.replace(
            kept,
            definition=without(kept.definition, lambda user: user_of(user) in aliases),
            standings=[(aliases.get(uid, uid), *rest) for uid, *rest in kept.standings],
            field=None if kept.field is None else [aliases.get(uid, uid) for uid in kept.field],
            rounds=None if kept.rounds is None else [with_names(r, texts) for r in kept.rounds],
            champion=shown.get(kept.champion or "", kept.champion),
        )
    )


class Finals:
    """Declares finals and reads them."""

    def __init__(
        self,
        boards: BoardsStore,
        challenges: Challenges,
        clock: Clock,
        names: NameSource = NO_NAMES,
    ) -> None:
        self._boards = boards
        self._challenges = challenges
        self._clock = clock
        self._names = names

    async def declare(
        self, name: str, author: str, as_of: Time | None = None, *, again: bool = False
    ) -> FinalAnswer:
        """Keep the standing at an instant as the final one.

        The instant is the end of the window and of the last round, whichever is later; a window
        that moves on needs it named. Raises ConflictError before that instant, and where there is
        a final already unless ``again``; DetailExpiredError where it cannot be told exactly.
        """
        board = await self._boards.get(name)
        now_s = self._clock.now_s()
        as_of_s = _instant(board.definition, as_of)
        if as_of_s > now_s:
            raise ConflictError(
                f"as_of: board {name!r} is not over before {utc_text(as_of_s)}, "
                f"now it is {utc_text(now_s)}"
            )
        kept = await self._found(board, author, now_s, as_of_s)
        # All that is answered is known before anything is kept: nothing slow comes behind.
        page = await _page(name, kept, LIMIT_MAX, None, await self._mark(kept))
        page = await named(page, self._names)
        await self._boards.keep_final(board, _encode(kept), again=again)
        matches = UNSET if kept.rounds is None else 0
        return msgspec.structs.replace(page, changed=0, matches_changed=matches)

    async def read(
        self, name: str, limit: int = LIMIT_MAX, cursor: str | None = None
    ) -> FinalAnswer:
        """The final as it was declared; raises NotFoundError before it was."""
        board = await self._boards.get(name)
        raw = await self._boards.final(board)
        if raw is None:
            raise NotFoundError(f"final: board {name!r} has not been declared final")
        kept = _decode(raw)
        page = await _page(name, kept, limit, cursor, await self._mark(kept))
        return await named(await self._compared(page, kept), self._names)

    async def _mark(self, kept: KeptFinal) -> Watermark:
        uids = [uid for uid, _, _ in kept.standings]
        thing = self._challenges.scoring(kept.definition).thing
        return await self._challenges.watermark(uids, thing)

    async def _found(self, board: StoredBoard, author: str, now_s: int, as_of_s: int) -> KeptFinal:
        definition = board.definition
        members = await self._boards.members_of(board)
        scoring, scores = self._challenges.scoring(definition), self._challenges.scores
        range_ = standing_range(definition.window, as_of_s)
        found = await scores.ranked(members, scoring, range_, definition.ties)
        _require_exact(found.resolution)
        ranked = found.value
        ordered = ranked.ordered
        await give_way()
        unknown = [pair for pair in ordered[:LIMIT_MAX] if pair[0] not in ranked.seconds]
        found_seconds, _ = await scores.seconds(unknown, scoring, range_)
        seconds = {**found_seconds, **ranked.seconds}
        kept = KeptFinal(
            declared_by=author,
            declared_at_s=now_s,
            as_of_s=as_of_s,
            start_s=range_.start,
            end_s=range_.end,
            definition=definition,
            standings=[(*pair, seconds.get(pair[0])) for pair in ordered],
            field=None,
            rounds=None,
            champion=None,
        )
        return await self._with_rounds(kept, members) if definition.rounds else kept

    async def _with_rounds(self, kept: KeptFinal, members: list[int]) -> KeptFinal:
        field = await self._challenges.field(kept.definition, members, kept.as_of_s)
        uids = field.uids or []
        stages = await self._challenges.stages(kept.definition, uids, kept.as_of_s)
        for resolution in (field.resolution, *(stage.resolution for stage in stages)):
            _require_exact(resolution)
        return msgspec.structs.replace(
            kept, field=uids, rounds=round_rows(stages), champion=champion(stages)
        )

    async def _compared(self, answer: FinalAnswer, kept: KeptFinal) -> FinalAnswer:
        """The answer with what the buckets of now say otherwise."""
        try:
            found = await self._standing_differences(kept)
            answer = msgspec.structs.replace(
                answer, changed=len(found), differences=found[:DIFFERENCES_MAX]
            )
            if kept.rounds is None:
                return answer
            matches = await self._match_differences(kept)
        except DetailExpiredError as error:
            return msgspec.structs.replace(answer, exact=False, resolution=error.resolution)
        except TooLargeError:
            # Declared where more could be ranked at once: it is told, and held against nothing.
            return answer
        return msgspec.structs.replace(
            answer, matches_changed=len(matches), match_differences=matches[:DIFFERENCES_MAX]
        )

    async def _standing_differences(self, kept: KeptFinal) -> list[StandingDifference]:
        uids = [uid for uid, _, _ in kept.standings]
        definition = kept.definition
        scoring = self._challenges.scoring(definition)
        ranked = await self._challenges.scores.ranked(uids, scoring, kept.range_, definition.ties)
        _require_exact(ranked.resolution)
        if definition.ties != "first_to_reach" and _sums(kept) == dict(ranked.value.standings):
            return []
        board, now = await _board_of(kept), await ranked.value.board.places(uids)

        def differing(positions: Sequence[int]) -> list[StandingDifference]:
            return [
                StandingDifference(str(old.uid), old.rank, old.value, new.rank, new.value)
                for old in board.page(positions[0], positions[-1] + 1)
                if (old.rank, old.value) != ((new := now[old.uid]).rank, new.value)
            ]

        differences = await in_slices(range(len(board)), differing, PLACES_AT_ONCE)
        # First those whose sum is another one, then those whom these have overtaken.
        return sorted(differences, key=lambda each: each.value == each.value_now)

    async def _match_differences(self, kept: KeptFinal) -> list[MatchDifference]:
        stages = await self._challenges.stages(kept.definition, kept.field or [], kept.as_of_s)
        for stage in stages:
            _require_exact(stage.resolution)
        return match_differences(kept.rounds or [], round_rows(stages))


async def _page(
    name: str, kept: KeptFinal, limit: int, cursor: str | None, mark: Watermark
) -> FinalAnswer:
    """A page of what was declared, without what differs."""
    board = await _board_of(kept)
    seconds = {uid: at for uid, _, at in kept.standings}
    start = board.after(cursor)
    places = board.page(start, start + limit)
    stop = start + len(places)
    return FinalAnswer(
        board=name,
        declared_by=kept.declared_by,
        declared_at=utc_text(kept.declared_at_s),
        as_of=utc_text(kept.as_of_s),
        range=AnsweredRange.of(kept.range_),
        data=[_standing(place, seconds[place.uid]) for place in places],
        next=board.cursor(stop - 1) if places and stop < board.total else None,
        total=board.total,
        changed=None,
        differences=[],
        rounds=UNSET if kept.rounds is None else kept.rounds,
        champion=UNSET if kept.rounds is None else kept.champion,
        matches_changed=UNSET if kept.rounds is None else None,
        match_differences=UNSET if kept.rounds is None else [],
        watermark=mark,
    )


def match_differences(
    declared: Sequence[RoundRow], now: Sequence[RoundRow]
) -> list[MatchDifference]:
    """The matches of the same field that are not the same, in the order of the rounds."""
    return [
        MatchDifference(before.number, line, old, new)
        for before, after in zip(declared, now, strict=True)
        for line, (old, new) in enumerate(zip(before.matches, after.matches, strict=True), start=1)
        if old != new
    ]


def _instant(definition: Definition, as_of: Time | None) -> int:
    if as_of is not None:
        return held(moment(as_of, "as_of", zone_of(definition.window)))
    end_s = definition.end_s()
    if end_s is None:
        raise BadQueryError("as_of: missing; the window of this board moves on, it has no end")
    return end_s


def _require_exact(resolution: str | None) -> None:
    if resolution is not None:
        raise DetailExpiredError("final: the detail that it needs has expired", resolution)


def _sums(kept: KeptFinal) -> dict[int, int]:
    return {uid: value for uid, value, _ in kept.standings}


async def _board_of(kept: KeptFinal) -> Ranking:
    seconds = {uid: at for uid, _, at in kept.standings}
    standings = [(uid, value) for uid, value, _ in kept.standings]
    return await Ranking.made(standings, kept.definition.ties, seconds)


def _standing(place: Place, reached_s: int | None) -> Standing:
    reached_at = None if reached_s is None else utc_text(reached_s)
    return Standing(place.rank, str(place.uid), place.value, reached_at, place.percentile)
