"""What the part of Prometheus's read API says of itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.openapi.about import FORM_TYPE, JSON_TYPE, About, Answer, Example

Expression = Annotated[
    str,
    Meta(
        description="PromQL: selectors on thing, uid, atid and board, `increase`, "
        "`sum_over_time`, `sum by` and `topk`",
        examples=['increase(steps{uid="1"}[1d])'],
    ),
]
Instant = Annotated[
    str,
    Meta(
        description="Unix seconds with or without a fraction, or RFC 3339; to the millisecond",
        examples=["1496620800"],
    ),
]
Step = Annotated[str, Meta(description="seconds, or a duration such as 1h", examples=["3600"])]
Limit = Annotated[str, Meta(description="the most values; 0 is no limit of yours", examples=["10"])]
Matches = Annotated[
    list[str], Meta(description="selectors, each as in a query", examples=[['steps{uid="1"}']])
]


class InstantQuery(msgspec.Struct):
    """An expression at one instant."""

    query: Expression
    time: Instant | None = None


class RangeQuery(msgspec.Struct):
    """An expression at instants that are a step apart."""

    query: Expression
    start: Instant
    end: Instant
    step: Step


class LookUp(msgspec.Struct):
    """Which labels or series are looked up."""

    match: Matches = msgspec.field(name="match[]", default_factory=list)
    limit: Limit | None = None


class SeriesLookUp(msgspec.Struct):
    """Which series are looked up."""

    match: Matches = msgspec.field(name="match[]")
    limit: Limit | None = None


class MetadataLookUp(msgspec.Struct):
    """Which metrics are told of."""

    metric: str | None = None
    limit: Limit | None = None


class PrometheusResult(msgspec.Struct):
    """What an expression came to; numbers are texts."""

    resultType: Literal["scalar", "vector", "matrix"]  # noqa: N815  (Prometheus's name for it)
    result: list[Any]


class PrometheusQueried(msgspec.Struct):
    """The answer to an expression."""

    status: Literal["success"]
    data: PrometheusResult
    warnings: list[str] | UnsetType = UNSET


class PrometheusNames(msgspec.Struct):
    """Names or values of labels."""

    status: Literal["success"]
    data: list[str]
    warnings: list[str] | UnsetType = UNSET


class PrometheusSeries(msgspec.Struct):
    """The labels of series."""

    status: Literal["success"]
    data: list[dict[str, str]]
    warnings: list[str] | UnsetType = UNSET


class PrometheusMetadata(msgspec.Struct):
    """What each metric is."""

    status: Literal["success"]
    data: dict[str, list[dict[str, str]]]


class PrometheusBuild(msgspec.Struct):
    """Who answers."""

    status: Literal["success"]
    data: dict[str, str]


REFUSED = (400, 422)


def _told(
    method: str, summary: str, kind: type[msgspec.Struct], answer: Any, example: Example
) -> About:
    is_get = method == "GET"
    return About(
        group="Prometheus",
        summary=summary,
        query=(kind,) if is_get else (),
        body={} if is_get else {FORM_TYPE: kind},
        # What the form lacks may stand in the URL.
        body_needed=False,
        answers=(Answer(200, "the answer", {JSON_TYPE: answer}),),
        refused=REFUSED,
        examples=(example,),
    )


def _asked(method: str, path: str, parameters: str, answered: str) -> Example:
    if method == "GET":
        return Example(f"{path}?{parameters}", answered)
    return Example(path, answered, parameters, FORM_TYPE)


def query(method: str) -> About:
    """``/api/v1/query``."""
    asked = _asked(
        method,
        "/api/v1/query",
        "query=increase(steps%7Buid=%221%22%7D%5B1d%5D)&time=1496620800",
        '{"status":"success","data":{"resultType":"vector","result":'
        '[{"metric":{"uid":"1"},"value":[1496620800,"10"]}]}}',
    )
    return _told(method, "An expression at one instant.", InstantQuery, PrometheusQueried, asked)


def query_range(method: str) -> About:
    """``/api/v1/query_range``."""
    asked = _asked(
        method,
        "/api/v1/query_range",
        "query=sum(steps%7Buid=~%221%7C9%22%7D)&start=1496534400&end=1496620800&step=1d",
        '{"status":"success","data":{"resultType":"matrix","result":'
        '[{"metric":{},"values":[[1496534400,"..."],[1496620800,"..."]]}]}}',
    )
    return _told(
        method,
        "An expression over time, as a panel plots it.",
        RangeQuery,
        PrometheusQueried,
        asked,
    )


def series(method: str) -> About:
    """``/api/v1/series``."""
    asked = _asked(
        method,
        "/api/v1/series",
        "match%5B%5D=steps%7Buid=%221%22%7D",
        '{"status":"success","data":[{"__name__":"steps","uid":"1"}]}',
    )
    return _told(method, "The labels of series.", SeriesLookUp, PrometheusSeries, asked)


def labels(method: str) -> About:
    """``/api/v1/labels``."""
    asked = _asked(
        method,
        "/api/v1/labels",
        "match%5B%5D=steps",
        '{"status":"success","data":["__name__","atid","board","uid"]}',
    )
    return _told(method, "The names of labels.", LookUp, PrometheusNames, asked)


VALUES = _told(
    "GET",
    "The values of a label; of one that psd does not have, none.",
    LookUp,
    PrometheusNames,
    Example(
        "/api/v1/label/atid/values?match%5B%5D=steps%7Buid=%221%22%7D",
        '{"status":"success","data":["2"]}',
    ),
)
METADATA = _told(
    "GET",
    "What each metric is.",
    MetadataLookUp,
    PrometheusMetadata,
    Example(
        "/api/v1/metadata?metric=steps",
        '{"status":"success","data":{"steps":[{"type":"counter",'
        '"help":"the sum of steps that were booked","unit":"steps"}]}}',
    ),
)
BUILDINFO = About(
    group="Prometheus",
    summary="Who answers: psd, in its own version.",
    answers=(Answer(200, "the version", {JSON_TYPE: PrometheusBuild}),),
    examples=(
        Example(
            "/api/v1/status/buildinfo",
            '{"status":"success","data":{"application":"psd","version":"...",...}}',
        ),
    ),
)
