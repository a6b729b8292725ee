"""The pages of boards: all of them, how one stands at any instant, and any board by parameters.

::

    GET /boards/                                                  boards by name
    GET /boards/april?as_of=2016-04-20                            how it stood
    GET /boards/april?as_of=2016-04-20&compare_to=2016-04-13      and what has changed since
    GET /board?thing=steps&start=2016-04-12&around=7&ties=dense   /v3/leaderboard, looked at
    ... &csv=1, &json=1                                           the same as a file

Rows are those of /v3/leaderboard for the same parameters. With script a slider goes through the
board's time (board_scripts/time_machine.js), which asks for this page again at each instant;
without, a form has the instant. Boards are nobody's own: whoever is restricted gets none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec.structs import asdict

from psd.domain.web_page import Answer, Content, Download, Shown, Visit, WebPage
from psd.engine.plan import Range
from psd.errors import BadQueryError, ForbiddenError, NotFoundError, PsdError, UnavailableError
from psd.foreign_texts import shown
from psd.queries.boards.answers import BracketAnswer
from psd.queries.boards.board_reads import NamedBoard
from psd.queries.boards.board_windows import window_at
from psd.queries.boards.requests import BoardRow
from psd.queries.parsing import from_pairs
from psd.queries.questions import leaderboard_question, rules_of_queries
from psd.queries.requests import LeaderboardQuery, Ties
from psd.queries.results import LeaderboardAnswer, Standing
from psd.runtime import Runtime
from psd.times import timestamp
from psd.users import user_of
from server.booked_versions import LOOK_EVERY_S
from server.pages.board_tables import TimePath, board_lines, time_path
from server.pages.overtaking import Overtaking, RaceScope
from server.pages.own_watching import OwnWatching
from server.pages.shared_views import SharedViews

ROWS = 10
ROWS_MAX = 100
BOARDS = 50
TIES: tuple[Ties, ...] = ("competition", "dense", "ordinal", "first_to_reach")

FILES = ("csv", "json")
QUESTION = tuple(
    name for name in LeaderboardQuery.__struct_fields__ if name not in {"board", "all"}
)
"""Parameters of the question; a board's name stands in the path, and whom it is of beside it."""

PARAMETERS = (*QUESTION, *FILES)

_encode = msgspec.json.Encoder().encode
_columns = Standing.__struct_fields__


class BoardView(msgspec.Struct):
    """A board as it was asked for: the question, its answer, and the range without an instant."""

    query: LeaderboardQuery
    answer: LeaderboardAnswer
    whole: Range
    board: NamedBoard | None


class BoardPages:
    """Shows boards of everybody who may see all."""

    def __init__(self, runtime: Runtime, watching: OwnWatching) -> None:
        self._watching = watching
        self._views = SharedViews()
        self._queries = runtime.queries
        self._boards = runtime.boards
        self._challenges = runtime.challenges
        self._things = runtime.settings.things
        self._numbers = runtime.settings.numbers
        self._overtaking = Overtaking(runtime.engine)
        self._clock = runtime.clock
        self._rules = rules_of_queries(runtime.settings)

    def pages(self) -> tuple[WebPage, ...]:
        """All of them."""
        return (
            WebPage(path="/boards/", show=self.boards, parameters=("after", *FILES)),
            WebPage(path="/boards/{name}", show=self.named, parameters=PARAMETERS, named=True),
            WebPage(path="/board", show=self.any, parameters=PARAMETERS),
        )

    async def boards(self, visit: Visit) -> Answer:
        """Boards by name, and a form for any other."""
        check_all(visit)
        after = visit.query.get("after", "")
        found = await self._boards.page(after, BOARDS + 1)
        counts = await self._boards.counts_of(found[:BOARDS])
        rows = [BoardRow.of(*each) for each in zip(found, counts, strict=False)]
        if {*FILES} & {*visit.query}:
            return _boards_file(visit, rows)
        values = {
            "after": after,
            "boards": [
                (row.name, quote(row.name), row.title, row.thing, row.members, row.window)
                for row in rows
            ],
            "things": [*self._things],
            "next": rows[-1].name if len(found) > BOARDS else "",
        }
        return Shown("boards.html", values)

    async def named(self, visit: Visit) -> Answer:
        """How a named board stands."""
        check_all(visit)
        return await self._answer(visit, visit.names["name"])

    async def any(self, visit: Visit) -> Answer:
        """How any board stands."""
        check_all(visit)
        return await self._answer(visit, None)

    async def _answer(self, visit: Visit, name: str | None) -> Answer:
        asked = {
            key: text for key, text in visit.query.items() if text.strip() and key in PARAMETERS
        }
        board = None if name is None else await self._boards.board(name)
        if name is not None and board is None:
            raise NotFoundError(f"board: {shown(name)} is not known")
        try:
            if not {*FILES} & {*asked}:
                return Shown("board.html", await self._shared(visit, asked, board))
            view = await self._view(asked, board)
        except UnavailableError:
            raise
        except PsdError as error:
            if {*FILES} & {*asked}:
                raise
            return Shown("board.html", self._without(asked, name, str(error)))
        if "json" in asked:
            return Content(f"{name or 'board'}.json", "application/json", _encode(view.answer))
        lines = [[asdict(row).get(column) for column in _columns] for row in view.answer.data]
        cells = [[_cell(each) for each in line] for line in lines]
        return Download(f"{name or 'board'}.csv", _columns, cells)

    async def _shared(
        self, visit: Visit, asked: Mapping[str, str], board: NamedBoard | None
    ) -> dict[str, Any]:
        """What the page shows, made once for all who look at the same version of it."""
        name = None if board is None else board.name
        watch = await self._watching.board(name, visit, asked)

        async def make() -> dict[str, Any]:
            values = await self._values(asked, await self._view(asked, board), name)
            return {**values, "watch": watch}

        key = (name, frozenset(asked.items()), watch, self._clock.now_s() // LOOK_EVERY_S)
        found: dict[str, Any] = await self._views.of(key, make)
        return found

    async def _view(self, asked: Mapping[str, str], board: NamedBoard | None) -> BoardView:
        query = self._query(asked, None if board is None else board.name)
        answer = await self._queries.leaderboard(query)
        whole = self._whole(query, board)
        return BoardView(query, answer, whole, board)

    def _query(self, asked: Mapping[str, str], name: str | None) -> LeaderboardQuery:
        """The question of a page; raises BadQueryError."""
        pairs = [(key, text) for key, text in asked.items() if key not in FILES]
        query = from_pairs(pairs, LeaderboardQuery)
        if query.limit is not None and query.limit > ROWS_MAX and not {*FILES} & {*asked}:
            raise BadQueryError(
                f"limit: {query.limit}: a page has up to {ROWS_MAX} rows; a file (csv=1) has more"
            )
        limit = query.limit or (None if query.around is not None else ROWS)
        fields = {"board": name, "limit": limit}
        if name is None and query.thing is None:
            fields["thing"] = next(iter(self._things))
        return msgspec.structs.replace(query, **fields)

    def _whole(self, query: LeaderboardQuery, board: NamedBoard | None) -> Range:
        """The range of a board as if no instant were given."""
        now_s = self._clock.now_s()
        if board is not None and query.start is None and query.end is None:
            whole = window_at(board.definition.window, now_s)
            return Range(whole.start, max(whole.start + 1, min(whole.end, now_s)))
        plain = msgspec.structs.replace(query, as_of=None, compare_to=None)
        return leaderboard_question(plain, self._rules, now_s, board).range_

    async def _values(
        self, asked: Mapping[str, str], view: BoardView, name: str | None
    ) -> dict[str, Any]:
        answer = view.answer
        newest = answer.watermark.newest
        path = time_path(view.whole, None if newest is None else timestamp(newest))
        thing = self._thing(view)
        kept = {key: text for key, text in asked.items() if key not in {*FILES, "cursor"}}
        at_s = min(timestamp(answer.range.end), path.end)
        return {
            **self._frame(asked, name, view.board),
            **({} if name else {"title": f"Board of {thing}"}),
            "lines": board_lines(answer.data),
            "unit": self._unit(thing),
            "thing": thing,
            "total": f"{answer.total:,}",
            "range": (answer.range.start, answer.range.end),
            "is_exact": answer.exact,
            "resolution": answer.resolution if isinstance(answer.resolution, str) else "",
            "compared": _before(answer),
            "path": path,
            "at": max(path.start, at_s),
            "overtakes": await self._overtakes(view, path),
            "bracket": await self._bracket(view),
            "next": _link(kept, cursor=answer.next) if answer.next else "",
            "csv": _link(kept, csv="1"),
            "json": _link(kept, json="1"),
            "error": "",
        }

    def _without(self, asked: Mapping[str, str], name: str | None, error: str) -> dict[str, Any]:
        """A page of a question that cannot be answered, with its form."""
        nothing: dict[str, Any] = dict.fromkeys(
            ("lines", "overtakes", "bracket", "path", "range", "next", "csv", "json"), ""
        )
        texts = dict.fromkeys(("unit", "thing", "total", "resolution", "at", "watch"), "")
        flags = {"is_exact": True, "compared": ()}
        return {**self._frame(asked, name, None), **nothing, **texts, **flags, "error": error}

    def _frame(
        self, asked: Mapping[str, str], name: str | None, board: NamedBoard | None
    ) -> dict[str, Any]:
        title = board.definition.title if board is not None else ""
        return {
            "name": name or "",
            "title": title or name or "Any board",
            "note": board.definition.note if board is not None else "",
            "asked": {
                key: asked.get(key, "")
                for key in (
                    *("thing", "start", "end", "tz", "uid", "atid"),
                    *("as_of", "compare_to", "around", "span", "ties", "limit"),
                )
            },
            "things": [*self._things],
            "all_ties": TIES,
        }

    def _thing(self, view: BoardView) -> str:
        if view.board is not None:
            return view.board.definition.thing
        thing = view.query.thing
        return thing if isinstance(thing, str) else (thing or [""])[0]

    def _unit(self, thing: str) -> str:
        """The unit of a thing, where that is another word."""
        unit = self._things[thing].unit if thing in self._things else ""
        return "" if unit == thing else unit

    async def _overtakes(self, view: BoardView, path: TimePath) -> list[Any]:
        """Who of those who are shown passed whom, up to the instant that is shown."""
        number = self._numbers.get(self._thing(view))
        until = min(timestamp(view.answer.range.end), path.end)
        start = max(timestamp(view.answer.range.start), path.start)
        users = {row.uid: user_of(row.uid) for row in view.answer.data}
        if number is None or len(users) < len("ab") or until - start < len("ab"):
            return []
        atids = view.board.definition.atids() if view.board is not None else None
        if view.query.atid is not None:
            given = view.query.atid if isinstance(view.query.atid, list) else [view.query.atid]
            atids = frozenset(int(each) for each in given)
        return await self._overtaking.newest(users, RaceScope(number, atids, Range(start, until)))

    async def _bracket(self, view: BoardView) -> BracketAnswer | None:
        board = view.board
        if board is None or board.definition.rounds is None:
            return None
        return await self._challenges.bracket(board.name, view.query.as_of)


def _before(answer: LeaderboardAnswer) -> tuple[str, ...]:
    """The instant that a board is compared with, or both ends of another range; else nothing."""
    before = answer.previous_range
    if isinstance(before, msgspec.UnsetType):
        return ()
    is_same = before.start == answer.range.start
    return (before.end,) if is_same else (before.start, before.end)


def _boards_file(visit: Visit, rows: Sequence[BoardRow]) -> Answer:
    """The boards of a page as a file."""
    if "json" in visit.query:
        return Content("boards.json", "application/json", _encode({"data": rows}))
    columns = ("name", "title", "thing", "members", "ties", "changed_at", "changed_by")
    return Download(
        "boards.csv", columns, [[getattr(row, each) for each in columns] for row in rows]
    )


def check_all(visit: Visit) -> None:
    """Raises ForbiddenError for one who may not see everybody."""
    if visit.identity.owners is not None:
        raise ForbiddenError("boards are of everybody, and you may see single owners alone")


def _link(asked: Mapping[str, str], **more: str) -> str:
    """The same page with other parameters."""
    return "?" + urlencode({**asked, **more})


def _cell(value: object) -> object:
    return "" if value is None or value is msgspec.UNSET else value
