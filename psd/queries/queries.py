"""The queries as HTTP, the command line and the domains ask them: check, then answer.

::

    queries = Queries(engine, QueryRules({"steps": 1}), clock, boards)
    answer = await queries.sum(SumQuery(thing="steps", uid="1503960366", end=1460505600))
    answer.data[0].sum                                     -> 13158

Each raises what its question breaks (BadQueryError, TooLargeError), NotFoundError for a board that
there is not, and what the engine raises.
"""

from __future__ import annotations

from psd.clock import Clock, utc_text
from psd.engine.reads import Reads
from psd.errors import NotFoundError
from psd.queries.boards.board_reads import BoardReads
from psd.queries.freshness import QueueDepth, unknown_depth
from psd.queries.leaderboard import answer_leaderboard
from psd.queries.questions import (
    QueryRules,
    check_who,
    leaderboard_question,
    series_question,
    sum_question,
)
from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.queries.results import AnyAnswer, LeaderboardAnswer, SeriesAnswer, SumAnswer
from psd.queries.series import answer_series
from psd.queries.shown import NO_NAMES, NameSource, asked_names, beside, named, with_names
from psd.queries.sums import Sees, answer_sum, everybody
from psd.queries.user_sums import UserSums


class Queries:
    """One set of query functions over an engine; ``depth`` tells how much waits to be booked."""

    def __init__(
        self,
        engine: Reads,
        rules: QueryRules,
        clock: Clock,
        boards: BoardReads,
        depth: QueueDepth = unknown_depth,
        names: NameSource = NO_NAMES,
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._clock = clock
        self._depth = depth
        self._boards = boards
        self._names = names

    async def sum(self, query: SumQuery, sees: Sees = everybody) -> SumAnswer:
        """Things of users over one range."""
        question = sum_question(query, self._rules, self._clock.now_s())
        asking = answer_sum(self._engine, question, self._depth, sees)
        asked = asked_names(query.uid)
        return with_names(*await beside(asking, self._names, question.uids, asked))

    async def series(self, query: SeriesQuery, sees: Sees = everybody) -> SeriesAnswer:
        """Sums by calendar unit."""
        question = series_question(query, self._rules, self._clock.now_s())
        asking = answer_series(self._engine, question, self._depth, sees)
        if question.by != "uid":
            return await asking
        asked = asked_names(query.uid)
        return with_names(*await beside(asking, self._names, question.uids, asked))

    async def leaderboard(
        self, query: LeaderboardQuery, sees: Sees = everybody
    ) -> LeaderboardAnswer:
        """A page of a board."""
        check_who(query)
        board = None
        if query.board is not None:
            board = await self._boards.board(query.board)
            if board is None:
                raise NotFoundError(f"board: {query.board!r} is not known")
        question = leaderboard_question(query, self._rules, self._clock.now_s(), board)
        budget = UserSums(self._rules.user_sums_max)
        asked = asked_names(query.uid) if query.uid is not None else {}
        answer = await answer_leaderboard(
            self._engine, question, self._depth, sees, budget, self._names
        )
        return await named(answer, self._names, asked)

    def is_closed(self, answer: AnyAnswer) -> bool:
        """Whether the range of an answer is over, so that only late reports can change it."""
        return answer.range.end <= utc_text(self._clock.now_s())
