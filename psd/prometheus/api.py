"""The answers of Prometheus's read API, as Grafana's data source asks for them.

::

    api = PrometheusApi(engine, boards, {"steps": Thing(1, "steps")}, clock)
    answer = await api.query('increase(steps{uid="7"}[1d])', "1460505600")
    answer.data   -> {"resultType": "vector",
                      "result": [{"metric": {"uid": "7"}, "value": [1460505600, "13158"]}]}

Sums stand in the texts that Prometheus has for numbers, whole and exact to 2^53 - 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from psd.clock import Clock
from psd.config import Thing, numbers_of
from psd.engine.reads import Reads
from psd.errors import BadQueryError
from psd.prometheus.catalogue import Catalogue, Listed
from psd.prometheus.evaluated import EvaluatedSeries
from psd.prometheus.evaluation import Evaluation
from psd.prometheus.instants import instant_ms, stepped
from psd.prometheus.owners import OwnersFinder
from psd.prometheus.parser import parsed
from psd.prometheus.selection import SUMS
from psd.prometheus.tree import Number
from psd.queries.boards.board_reads import BoardReads
from psd.queries.shown import NO_NAMES, NameSource, by_name
from psd.queries.sums import Sees, everybody
from psd.queries.user_sums import USER_SUMS_MAX, UserSums
from psd.slices import ROWS_AT_ONCE, in_slices
from psd.version import VERSION

HELP = "the sum of {thing} that were booked"


class PrometheusAnswer(msgspec.Struct, frozen=True):
    """The data of an answer, and what is not as it was asked for."""

    data: Any
    warnings: list[str] = []


class PrometheusApi:
    """Queries and look-ups over the engine and the named boards."""

    def __init__(
        self,
        engine: Reads,
        boards: BoardReads,
        things: Mapping[str, Thing],
        clock: Clock,
        user_sums_max: int = USER_SUMS_MAX,
        names: NameSource = NO_NAMES,
    ) -> None:
        self._names = names
        self._user_sums_max = user_sums_max
        self._engine = engine
        self._boards = boards
        self._units = {name: thing.unit for name, thing in things.items()}
        self._things = numbers_of(things)
        self._clock = clock

    async def query(
        self, query: str, time: str | None = None, sees: Sees = everybody
    ) -> PrometheusAnswer:
        """An expression at one instant, now unless ``time`` is given."""
        tree = parsed(query)
        at_ms = self._clock.now_s() * 1000 if time is None else instant_ms(time, "time")
        at = _seconds(at_ms)
        if isinstance(tree, Number):
            scalar = {"resultType": "scalar", "result": [at, _number(tree.value)]}
            return PrometheusAnswer(scalar)
        evaluation = self._evaluation([at_ms], sees)
        rows = await evaluation.rows(tree)
        labels = await by_name([row.labels for row in rows], self._names, evaluation.names)
        vector = [
            {"metric": each, "value": [at, str(row.values[0])]}
            for each, row in zip(labels, rows, strict=True)
        ]
        data = {"resultType": "vector", "result": vector}
        return PrometheusAnswer(data, evaluation.warnings)

    async def query_range(
        self, query: str, start: str, end: str, step: str, sees: Sees = everybody
    ) -> PrometheusAnswer:
        """An expression at the instants from ``start`` to ``end``, ``step`` apart."""
        tree = parsed(query)
        instants_ms = stepped(start, end, step)
        times = [_seconds(at_ms) for at_ms in instants_ms]
        if isinstance(tree, Number):
            values = [[at, _number(tree.value)] for at in times]
            return PrometheusAnswer(_matrix([{"metric": {}, "values": values}]))
        evaluation = self._evaluation(instants_ms, sees)
        rows = await evaluation.rows(tree)
        labels = await by_name([row.labels for row in rows], self._names, evaluation.names)
        rows = [EvaluatedSeries(each, row.values) for each, row in zip(labels, rows, strict=True)]
        matrix = await in_slices(
            rows,
            lambda some: [_series(row, times) for row in some],
            max(1, ROWS_AT_ONCE // len(times)),
        )
        return PrometheusAnswer(_matrix(matrix), evaluation.warnings)

    async def series(
        self, matches: Sequence[str], limit: str = "", sees: Sees = everybody
    ) -> PrometheusAnswer:
        """The labels of series."""
        return _listed(await self._catalogue(limit, sees).series(matches))

    async def labels(
        self, matches: Sequence[str], limit: str = "", sees: Sees = everybody
    ) -> PrometheusAnswer:
        """The names of labels."""
        return _listed(self._catalogue(limit, sees).labels(matches))

    async def values(
        self, label: str, matches: Sequence[str], limit: str = "", sees: Sees = everybody
    ) -> PrometheusAnswer:
        """The values of a label."""
        return _listed(await self._catalogue(limit, sees).values(label, matches))

    def metadata(self, metric: str = "", limit: str = "") -> PrometheusAnswer:
        """What each metric is."""
        told = {
            name: [{"type": "counter", "help": HELP.format(thing=name), "unit": unit}]
            for name, unit in sorted(self._units.items())
        }
        told[SUMS] = [{"type": "counter", "help": HELP.format(thing="each thing"), "unit": ""}]
        if metric:
            told = {name: rows for name, rows in told.items() if name == metric}
        most = _limit(limit)
        return PrometheusAnswer(dict(list(told.items())[: most or None]))

    def buildinfo(self) -> PrometheusAnswer:
        """Who answers: psd, in its own version, and nothing that it is not."""
        names = ("revision", "branch", "buildUser", "buildDate", "goVersion")
        return PrometheusAnswer(
            {"application": "psd", "version": VERSION, **dict.fromkeys(names, "")}
        )

    def _evaluation(self, instants_ms: Sequence[int], sees: Sees) -> Evaluation:
        return Evaluation(self._engine, self._finder(sees), self._things, instants_ms)

    def _catalogue(self, limit: str, sees: Sees) -> Catalogue:
        return Catalogue(self._engine, self._finder(sees), self._things, _limit(limit), self._names)

    def _finder(self, sees: Sees) -> OwnersFinder:
        budget = UserSums(self._user_sums_max)
        return OwnersFinder(self._engine, self._boards, sees, budget)


def _listed(listed: Listed) -> PrometheusAnswer:
    return PrometheusAnswer(listed.values, listed.warnings)


def _matrix(result: list[dict[str, Any]]) -> dict[str, Any]:
    return {"resultType": "matrix", "result": result}


def _series(row: EvaluatedSeries, times: Sequence[int | float]) -> dict[str, Any]:
    values = [
        [at, str(value)] for at, value in zip(times, row.values, strict=True) if value is not None
    ]
    return {"metric": row.labels, "values": values}


def _seconds(at_ms: int) -> int | float:
    return at_ms / 1000 if at_ms % 1000 else at_ms // 1000


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value.is_integer() else repr(value)


def _limit(text: str) -> int:
    """A limit, 0 where none was given; negative ones are refused too."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadQueryError(f"limit: {text[:40]!r} is no whole number of up to nine digits")
    return int(text)
