"""How Prometheus frames an answer and tells an error.

::

    framed(PrometheusAnswer(data))                -> {"status":"success","data":...}
    told("malformed", "query: ...", 400)          -> {"status":"error","errorType":"bad_data",
                                                      "error":"query: ..."}
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from psd.domain.dialect import Dialect
from psd.prometheus.api import PrometheusAnswer


class Success(msgspec.Struct, omit_defaults=True):
    """The frame of every answer that is none of an error."""

    status: str
    data: Any
    warnings: list[str] = []


class PrometheusFailure(msgspec.Struct):
    """An error as Prometheus tells it; of a type that it has none for, psd's code stands there."""

    status: Literal["error"]
    errorType: str  # noqa: N815  (Prometheus's name for it)
    error: str


TYPES = {
    400: "bad_data",
    404: "not_found",
    406: "not_acceptable",
    410: "execution",
    422: "execution",
    500: "internal",
    503: "unavailable",
    504: "timeout",
}
"""What Prometheus calls an error of each status."""


def framed(answer: PrometheusAnswer) -> Success:
    """An answer with what stands around it."""
    return Success("success", answer.data, answer.warnings)


def told(code: str, message: str, status: int) -> PrometheusFailure:
    """An error in the words of Prometheus."""
    return PrometheusFailure("error", TYPES.get(status, code), message)


DIALECT = Dialect(
    name="prometheus", failure=PrometheusFailure, tell=told, frame=framed, root="/api/v1/"
)
