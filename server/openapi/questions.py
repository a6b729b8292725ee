"""What the queries of v3 say of themselves: each by GET and by POST, from one struct."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.queries.results import LeaderboardAnswer, SeriesAnswer, SumAnswer
from server.formats import Format, FormatWithoutRows
from server.openapi.about import (
    CSV_TYPE,
    JSON_TYPE,
    MSGPACK_TYPE,
    About,
    Answer,
    Example,
)

Rows = Annotated[str, Meta(description="the rows alone, below the names of their fields")]

Chosen = Meta(description="goes before the Accept header")

REFUSED = (400, 410, 422)


class FormatQuery(msgspec.Struct):
    """How an answer is written."""

    format: Annotated[Format, Chosen] | None = None


class PlainFormatQuery(msgspec.Struct):
    """How an answer is written that has no rows."""

    format: Annotated[FormatWithoutRows, Chosen] | None = None


def question(
    method: str,
    kind: type[msgspec.Struct],
    answer: Any,
    summary: str,
    examples: dict[str, Example],
    refused: tuple[int, ...] = REFUSED,
) -> About:
    """What a question says of itself, by GET or by POST."""
    is_get = method == "GET"
    content = {JSON_TYPE: answer, CSV_TYPE: Rows, MSGPACK_TYPE: answer}
    answers = (Answer(200, "the answer", content),)
    unchanged = (Answer(304, "of a closed range: you have this answer already"),)
    return About(
        group="Queries",
        summary=summary,
        details="What is asked comes as a JSON object." if not is_get else "",
        query=(kind, FormatQuery) if is_get else (FormatQuery,),
        headers={"If-None-Match": "the ETag of an earlier answer"} if is_get else {},
        body={} if is_get else {JSON_TYPE: kind},
        answers=answers + unchanged if is_get else answers,
        refused=refused,
        examples=(examples[method],) if method in examples else (),
    )


_DAY = "start=2017-06-04T00:00:00Z&end=2017-06-05T00:00:00Z"
_AROUND = (
    '"exact":true,"range":{"start":"2017-06-04T00:00:00Z","end":"2017-06-05T00:00:00Z"},'
    '"watermark":{"newest":"2017-06-04T01:29:07Z","queue_depth":...}}'
)


def sum_about(method: str) -> About:
    """``/v3/sum``."""
    return question(
        method,
        SumQuery,
        SumAnswer,
        "Sums of things of users over any range.",
        {
            "GET": Example(
                f"/v3/sum?thing=steps&uid=1&uid=2&{_DAY}",
                '{"data":[{"uid":"1","thing":"steps","sum":10},'
                '{"uid":"2","thing":"steps","sum":0}],' + _AROUND,
            ),
            "POST": Example(
                "/v3/sum",
                '{"data":[{"uid":"1","thing":"steps","sum":10,"count":1,...}],...}',
                '{"thing":"steps","uid":"1","start":"2017-06-04T00:00:00Z",'
                '"end":"2017-06-05T00:00:00Z","aggregates":["sum","count","max","last"]}',
            ),
        },
    )


def series_about(method: str) -> About:
    """``/v3/series``."""
    return question(
        method,
        SeriesQuery,
        SeriesAnswer,
        "Sums by calendar unit, in any zone.",
        {
            "GET": Example(
                f"/v3/series?thing=steps&uid=1&every=hour&fill=none&tz=Europe/Berlin&{_DAY}",
                '{"data":[{"start":"2017-06-04T01:00:00Z","end":"2017-06-04T02:00:00Z",'
                '"thing":"steps","sum":10}],' + _AROUND,
            ),
            "POST": Example(
                "/v3/series",
                '{"data":[{"start":"2017-05-31T22:00:00Z","end":"2017-06-30T22:00:00Z",'
                '"thing":"steps","sum":17}],...}',
                '{"thing":"steps","uid":["1","9"],"every":"month","tz":"Europe/Berlin",'
                '"start":"2017-05-31T22:00:00Z","end":"2017-06-30T22:00:00Z"}',
            ),
        },
    )


def leaderboard_about(method: str) -> About:
    """``/v3/leaderboard``."""
    return question(
        method,
        LeaderboardQuery,
        LeaderboardAnswer,
        "Who stands where, now or at any second of the past.",
        {
            "GET": Example(
                f"/v3/leaderboard?thing=steps&uid=1&uid=9&{_DAY}",
                '{"data":[{"rank":1,"uid":"1","value":10,"reached_at":"2017-06-04T01:29:07Z",'
                '"percentile":50.0},{"rank":2,...}],"next":null,"total":2,' + _AROUND,
            ),
            "POST": Example(
                "/v3/leaderboard",
                '{"data":[{"rank":1,"uid":"1",...,"previous_rank":1,"previous_value":0,'
                '"rank_change":0,"value_change":10},...],"next":null,"total":2,...}',
                '{"thing":"steps","uid":["1","9"],"start":"2017-06-04T00:00:00Z",'
                '"end":"2017-06-05T00:00:00Z","compare_to":"2017-06-04T01:29:07Z"}',
            ),
        },
        (*REFUSED, 404),
    )
