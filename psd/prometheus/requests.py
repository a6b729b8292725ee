"""What is asked of Prometheus's read API and the shapes of its answers, as the reference has them.

A text that is missing is an empty one (psd/domain/dialect.py), so what is needed is checked where
it is used; ``match[]`` comes as often as there are selectors.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

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
