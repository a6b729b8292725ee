"""Asks psd a question by its query functions or over HTTP, and brings the answer into one shape.

The shape is that of the JSON body, with the watermark's second as ``newest`` and, where there are
pages, those that were asked for as one. A CSV says the same in fewer words: :func:`as_csv` makes of
an expected answer what a CSV tells of it.
"""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from yarl import URL

from psd.engine.plan import Range
from psd.errors import BadQueryError
from psd.queries.activities import ActivityQueries
from psd.queries.activity_answers import ActivitiesQuery
from psd.queries.boards.requests import StandingQuery
from psd.queries.freshness import unknown_depth
from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient
from tests.support.clients.prometheus_asking import vector
from tests.support.draws.histories import THINGS
from tests.support.draws.random_questions import Question
from tests.support.plain.plain_books import listed, numbers
from tests.support.plain.plain_times import Fields, tidy


class Asking:
    """Both ways to ask."""

    def __init__(self, runtime: Runtime, client: HttpClient) -> None:
        self.runtime = runtime
        self._client = client
        self._activities = ActivityQueries(
            runtime.engine, THINGS, span_max_s=0, ids_max=1000, depth=unknown_depth
        )

    async def answer(self, question: Question) -> Fields:
        """The answer, all pages of it where the question walks; or which field is refused."""
        if question.kind == "listing":
            return await self._listing(question.fields)
        try:
            return await self._pages(question)
        except BadQueryError as refused:
            return {"refused": str(refused).partition(": ")[0]}

    async def panel(self, query: str, at_s: int) -> list[tuple[dict[str, str], str]]:
        """The labels and the value of each series of a Prometheus panel at one instant."""
        return await vector(self._client, query, at_s)

    async def _pages(self, question: Question) -> Fields:
        answer = await self._page(question, question.fields)
        if "next" not in answer:
            return answer
        cursor = answer["next"]
        while question.walks and cursor is not None:
            if not is_csv(question):
                assert len(answer["data"]) % question.fields["limit"] == 0
            page = await self._page(question, {**question.fields, "cursor": cursor})
            answer["data"] += page["data"]
            cursor = page["next"]
        return answer | {"next": cursor is not None}

    async def _page(self, question: Question, fields: Fields) -> Fields:
        if question.http is not None:
            return await self._request(question, fields)
        answer: Fields = msgspec.to_builtins(await self._call(question, fields))
        return _with_newest(answer)

    async def _call(self, question: Question, fields: Fields) -> Any:
        queries = self.runtime.queries
        match question.kind:
            case "sum":
                return await queries.sum(msgspec.convert(fields, SumQuery))
            case "series":
                return await queries.series(msgspec.convert(fields, SeriesQuery))
            case "leaderboard":
                return await queries.leaderboard(msgspec.convert(fields, LeaderboardQuery))
            case "standing":
                asked = msgspec.convert(fields, StandingQuery).of(question.name)
                return await queries.leaderboard(asked)
            case "bracket":
                return await self.runtime.challenges.bracket(question.name, fields["as_of"])
        now_s = self.runtime.clock.now_s()
        asked_activities = msgspec.convert(fields, ActivitiesQuery)
        return await self._activities.activities(
            int(question.name), asked_activities, now_s, sees=True
        )

    async def _listing(self, fields: Fields) -> Fields:
        """The list of activities that v1 and v2 give, by the engine's own function."""
        uids = numbers(fields["uid"])
        things = [THINGS[name] for name in listed(fields["thing"])]
        range_ = Range(*tidy(fields["start"], fields["end"]))
        found = await self.runtime.engine.sums(uids, things, [range_] * len(uids), activities=True)
        return {
            "sums": [{t: each.sums.get(t, 0) for t in things} for each in found],
            "activities": [each.activities for each in found],
        }

    async def _request(self, question: Question, fields: Fields) -> Fields:
        assert question.http is not None
        format_, method = question.http
        path = {
            "standing": f"/v3/boards/{question.name}/standing",
            "bracket": f"/v3/boards/{question.name}/bracket",
            "activities": f"/v3/users/{question.name}/activities",
        }.get(question.kind, f"/v3/{question.kind}")
        if method == "GET" or question.name:
            method = "GET"
            path += "?" + urlencode(_pairs(fields), quote_via=quote)
        body = msgspec.json.encode(fields) if method == "POST" else None
        media = {"csv": "text/csv", "msgpack": "application/msgpack"}.get(format_, "*/*")
        headers = {"Accept": media, "Content-Type": "application/json"}
        url = URL(self._client.url + path, encoded=True)
        async with self._client.session.request(
            method, url, data=body, headers=headers
        ) as response:
            content = await response.read()
            if response.status == 400:
                problem = msgspec.json.decode(content)
                assert problem["code"] == "bad_query", problem
                raise BadQueryError(problem["detail"])
            assert response.status == 200, content
            if question.kind == "bracket" or format_ == "json":
                return _with_newest(msgspec.json.decode(content))
            if format_ == "msgpack":
                return _with_newest(msgspec.msgpack.decode(content))
            rows = list(csv.DictReader(io.StringIO(content.decode())))
            return {"data": rows, **_headers(question.kind, response.headers)}


def is_csv(question: Question) -> bool:
    """Whether the answer comes as CSV."""
    is_table = question.kind != "bracket"
    return question.http is not None and question.http[0] == "csv" and is_table


def as_csv(answer: Fields, kind: str) -> Fields:
    """What a CSV and its headers tell of an answer."""
    in_each = {"partial": "false"} if kind == "series" else {}
    told = {name: value for name, value in answer.items() if name != "previous_range"}
    told["data"] = [
        {**in_each, **{name: _cell(value) for name, value in row.items()}} for row in answer["data"]
    ]
    return told


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def flat_activities(answer: Fields) -> Fields:
    """A row for each activity and thing; what stands around the rows is not in a CSV of them."""
    rows = []
    for row in answer["data"]:
        sums = row["sums"]
        rows += [{**row, "thing": thing, "sum": value} for thing, value in sums.items()]
    for row in rows:
        del row["sums"]
    return {"data": rows, "range": answer["range"], "next": answer["next"]}


def _with_newest(answer: Fields) -> Fields:
    answer["newest"] = answer.pop("watermark")["newest"]
    return answer


def _pairs(fields: Fields) -> list[tuple[str, str]]:
    """Parameters of a URL; every second list with commas."""
    pairs = []
    for number, (name, value) in enumerate(fields.items()):
        texts = ["true" if each is True else str(each) for each in listed(value)]
        pairs += [(name, text) for text in ([",".join(texts)] if number % 2 else texts)]
    return pairs


def _headers(kind: str, headers: Any) -> Fields:
    start, _, end = headers["Psd-Range"].partition("/")
    found: Fields = {"range": {"start": start, "end": end}}
    if kind not in ("sum", "series"):
        found["next"] = headers.get("Psd-Next")
    if kind != "activities":
        found |= {"exact": headers["Psd-Exact"] == "true", "newest": headers.get("Psd-Newest")}
    if kind in ("leaderboard", "standing"):
        found["total"] = int(headers["Psd-Total"])
    return found
