"""5,000 random questions of every kind on two populations, against plain Python over the bookings.

Boards and panels of everybody are asked three times: by columns (psd/engine/everybody.py), by those
of a store that keeps them by the day, and owner by owner where it keeps none.

A question is made from the population's seed and its number alone, and a difference names them.
To ask it again::

    PSD_DIFFERENTIAL=sample:1711 pytest tests/property/test_differential.py

``PSD_DIFFERENTIAL_SEED=2`` asks other questions, of another random population.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from itertools import zip_longest
from random import Random
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from psd.clock import ManualClock
from psd.queries.boards.definitions import Definition
from tests.support.clients.asking import Asking, as_csv, flat_activities, is_csv
from tests.support.clients.http import serving
from tests.support.draws.histories import THINGS, History, random_history, sample_history
from tests.support.draws.random_boards import random_boards
from tests.support.draws.random_questions import FORMATS, KINDS, Question, Questions
from tests.support.engine import DAY_S, EVER, engine_on
from tests.support.plain.plain_boards import Boards
from tests.support.plain.plain_books import Books, atids_of, listed, numbers
from tests.support.plain.plain_times import Fields, RefusedError, tidy
from tests.support.servers.redis_server import RedisServer

pytestmark = [
    pytest.mark.slow("every question of a month of 33 people"),
    pytest.mark.asyncio(loop_scope="module"),
]

QUESTIONS = 2500
"""Of each population."""

BATCH = 200
SEED = int(os.environ.get("PSD_DIFFERENTIAL_SEED", "1"))
HTTP_LEAST = 150
EVERYBODY_LEAST = 150
"""Boards of everybody, which columns tell and owners tell one by one."""

PANELS = 60
"""Questions of a Prometheus panel about everybody, of each population and way to keep columns."""

REFUSED_MOST = 0.12
"""The part of the questions that are mistakes, of which nothing is compared but the refusal."""
BOOKED_IN_A_TOTAL = ("booked", "unchanged")

ONE = os.environ.get("PSD_DIFFERENTIAL", "")


class Population:
    """A history in psd, and in the lists that answer for it."""

    def __init__(self, history: History, seed: int) -> None:
        self.history = history
        self.seed = seed
        named = random_boards(history, seed)
        self.questions = Questions(history, named, seed)
        self.books = Books(history)
        self.boards = Boards(self.books, named)

    def expected(self, question: Question) -> Fields:
        """The answer of the lists, or the field for which the question is refused."""
        try:
            return self._answer(question)
        except RefusedError as refused:
            return {"refused": str(refused)}

    def _answer(self, question: Question) -> Fields:
        fields = question.fields
        answer: Fields
        match question.kind:
            case "sum":
                return self.books.sum_answer(fields)
            case "series":
                return self.books.series_answer(fields)
            case "bracket":
                return self.boards.bracket_answer(question.name, fields["as_of"])
            case "listing":
                return self._listing(fields)
            case "activities":
                answer = self.books.activities_answer(int(question.name), fields)
            case _:
                named = {"board": question.name} if question.name else {}
                answer = self.boards.leaderboard_answer({**fields, **named})
        return self._paged(question, answer)

    def _paged(self, question: Question, answer: Fields) -> Fields:
        """The first page alone, unless the question walks through all."""
        limit = question.fields.get("limit", 10**9)
        if question.walks or "around" in question.fields:
            limit = 10**9
        has_more = len(answer["data"]) > limit
        return answer | {"data": answer["data"][:limit], "next": has_more}

    def _listing(self, fields: Fields) -> Fields:
        names, piece = listed(fields["thing"]), tidy(fields["start"], fields["end"])
        uids, atids = numbers(fields["uid"]), atids_of(fields)
        lines = [[self.books.line(uid, THINGS[name], atids) for name in names] for uid in uids]
        return {
            "sums": [
                {THINGS[name]: line.sum(*piece) for name, line in zip(names, of_uid, strict=True)}
                for of_uid in lines
            ],
            "activities": [
                {
                    int(row["aid"]): row["atid"]
                    for row in self.books.activities(uid, names, atids, piece)
                }
                for uid in uids
            ],
        }


@pytest.fixture(scope="module", params=["sample", "random"])
def population(request: pytest.FixtureRequest) -> Population:
    is_sample = request.param == "sample"
    return Population(sample_history() if is_sample else random_history(SEED), SEED)


@pytest.fixture(scope="module", params=[True, "day", False], ids=["second", "day", "none"])
def boards(request: pytest.FixtureRequest) -> bool | str:
    """How columns are kept."""
    kept: bool | str = request.param
    return kept


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def psd(
    redis_server: RedisServer, population: Population, boards: bool | str
) -> AsyncIterator[Asking]:
    redis_server.flush()
    clock = ManualClock(population.history.now_s)
    things = {name: {"id": number, "boards": boards} for name, number in THINGS.items()}
    async with engine_on(redis_server.url, {"things": things}, clock=clock) as runtime:
        events = population.history.events
        for start in range(0, len(events), BATCH):
            outcomes = await runtime.books.book(events[start : start + BATCH])
            expected = population.history.statuses[start : start + BATCH]
            for outcome, status in zip(outcomes, expected, strict=True):
                # A new increment that a report's total contained already is "booked" too.
                assert outcome.status == status or (outcome.status, status) == BOOKED_IN_A_TOTAL
        for name, board in population.boards.named.items():
            fields = {key: value for key, value in board.items() if key != "members"}
            definition = msgspec.convert(fields, Definition)
            await runtime.boards.put(name, definition, "test", members=board["members"])
        async with serving(runtime) as client:
            yield Asking(runtime, client)


@pytest.mark.parametrize("boards", [True], ids=["second"], indirect=True)
async def test_every_answer_is_that_of_plain_python_over_the_bookings(
    psd: Asking, population: Population, boards: bool | str
) -> None:
    await check_kept(psd, boards)
    refused = 0
    kinds: Counter[str] = Counter()
    over_http: Counter[str] = Counter()
    for number in asked_numbers(population):
        question = population.questions.question(number)
        refused += await compare(psd, population, question)
        kinds[question.kind] += 1
        if question.http is not None:
            over_http[question.http[0]] += 1
    if not ONE:
        assert set(kinds) == set(KINDS)
        assert set(over_http) == set(FORMATS)
        assert over_http.total() >= HTTP_LEAST
        assert 0 < refused < QUESTIONS * REFUSED_MOST


@pytest.mark.parametrize("boards", ["day", False], ids=["day", "none"], indirect=True)
async def test_boards_of_everybody_are_the_same_however_columns_are_kept(
    psd: Asking, population: Population, boards: bool | str
) -> None:
    await check_kept(psd, boards)
    asked = 0
    for number in asked_numbers(population):
        question = population.questions.question(number)
        if question.kind == "leaderboard" and not {"uid", "board"} & question.fields.keys():
            await compare(psd, population, question)
            asked += 1
    assert asked >= EVERYBODY_LEAST or ONE


async def test_panels_of_everybody_are_the_same_however_columns_are_kept(
    psd: Asking, population: Population
) -> None:
    history, draw = population.history, Random(f"panels {SEED}")
    everybody = population.books.populations[THINGS["steps"]]
    for _ in range(PANELS):
        near = draw.choice(history.seconds)
        at_s = near + draw.choice((0, 1, -1, -(near % DAY_S), 3 * DAY_S))
        window_s = draw.choice((None, 1, 3600, DAY_S, 30 * DAY_S, draw.randrange(1, 400 * DAY_S)))
        start = 0 if window_s is None else max(0, at_s - window_s)
        sums = {
            uid: population.books.line(uid, THINGS["steps"], None).sum(start, at_s)
            for uid in everybody
        }
        best = sorted((-value, uid) for uid, value in sums.items())[: draw.randrange(1, 30)]
        leaf = "steps" if window_s is None else f"increase(steps[{window_s}s])"
        told = await psd.panel(f"topk({len(best)}, {leaf})", at_s)
        assert [(-int(value), int(of["uid"])) for of, value in told] == best, (leaf, at_s)
        told = await psd.panel(f"sum by (uid) ({leaf})", at_s)
        assert {int(of["uid"]): int(value) for of, value in told} == sums, (leaf, at_s)
        [(_, together)] = await psd.panel(f"sum({leaf})", at_s)
        assert int(together) == sum(sums.values()), (leaf, at_s)


async def check_kept(psd: Asking, boards: bool | str) -> None:
    """Columns tell what everybody has, or nothing does."""
    for thing in THINGS.values():
        told = await psd.runtime.engine.everybody(thing, EVER, lambda _: None)
        assert (told is not None) == bool(boards)


def asked_numbers(population: Population) -> Iterable[int]:
    """All questions, or the one of PSD_DIFFERENTIAL."""
    if not ONE:
        return range(QUESTIONS)
    name, number = ONE.split(":")
    return [int(number)] if name == population.history.name else []


async def compare(psd: Asking, population: Population, question: Question) -> bool:
    """Ask both; what they differ in names the question. Whether it was refused."""
    expected = population.expected(question)
    told = await psd.answer(question)
    is_refused = "refused" in expected
    is_table = is_csv(question) and not is_refused
    if is_table and question.kind == "activities":
        expected = flat_activities(expected)
    settle_types(told, expected)
    if is_table:
        expected = as_csv(expected, question.kind)
    if told != expected:
        where = f"PSD_DIFFERENTIAL_SEED={SEED} PSD_DIFFERENTIAL={population.history.name}"
        where += f":{question.number}"
        pytest.fail(f"{where}\n{question}\n{difference(told, expected)}")
    return is_refused


def settle_types(told: Fields, expected: Fields) -> None:
    """An activity has the type of its first second; where that has several, it is any of these."""
    rows = zip(told.get("data", ()), expected.get("data", ()), strict=False)
    pairs: list[tuple[Any, Any, Any]] = [(*each, "atid") for each in rows]
    for found, types in zip(
        told.get("activities", ()), expected.get("activities", ()), strict=False
    ):
        pairs += [(found, types, aid) for aid in found]
    for found, types, key in pairs:
        if isinstance(types.get(key), set) and int(found[key]) in types[key]:
            types[key] = found[key]


def difference(told: Fields, expected: Fields) -> str:
    """What is not the same: the fields, and of rows the first one."""
    lines = []
    for name in sorted({*told, *expected}):
        ours, theirs = told.get(name), expected.get(name)
        if ours == theirs:
            continue
        shown = name
        if isinstance(ours, list) and isinstance(theirs, list):
            lines.append(f"{name}: {len(ours)} rows of psd, {len(theirs)} expected")
            pairs = enumerate(zip_longest(ours, theirs))
            at, (ours, theirs) = next(each for each in pairs if each[1][0] != each[1][1])
            shown = f"{name}[{at}]"
        lines.append(f"{shown}: psd {ours!r}\n{shown}: expected {theirs!r}")
    return "\n".join(lines)
