"""What the routes of operations, and of the reference itself, say of themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from psd.observe.remedies import CheckFound
from server.openapi.about import TEXT_TYPE, About, Answer, Example, json_answer


class Pong(msgspec.Struct):
    """The original's sign of life."""

    pong: Literal["OK"]


class Alive(msgspec.Struct):
    """The process answers."""

    status: Literal["ok"]


class Ready(msgspec.Struct):
    """Whether the server should get requests; what else is told is for readers of everything.

    Where it is not ready, `findings` says of each of the `checks` that is not well how it was
    seen and what mends it.
    """

    ready: bool
    checks: dict[str, str] | UnsetType = UNSET
    findings: list[CheckFound] | UnsetType = UNSET


class RunningVersion(msgspec.Struct):
    """What is running."""

    psd: str


Exposition = Annotated[str, Meta(description="the text format of Prometheus")]
Page = Annotated[str, Meta(description="a page that loads nothing from elsewhere")]
Document = Annotated[dict[str, Any], Meta(description="an OpenAPI 3.1 document")]

PING = About(
    summary="The original's sign of life.",
    answers=(json_answer(Pong, "it lives"),),
    examples=(Example("/health/ping", '{"pong":"OK"}'),),
)
HEALTHZ = About(
    summary="Whether the process answers at all.",
    answers=(json_answer(Alive, "it does"),),
    examples=(Example("/healthz", '{"status":"ok"}'),),
)
READYZ = About(
    summary="Whether the server should get requests.",
    answers=(
        json_answer(Ready, "the store takes writes, and nothing is shutting down"),
        json_answer(Ready, "not now; the checks say why", 503),
    ),
    examples=(Example("/readyz", '{"ready":true,"checks":{"draining":"ok",...}}'),),
)
METRICS = About(
    summary="All metrics, of all processes together.",
    answers=(Answer(200, "the metrics", {TEXT_TYPE: Exposition}),),
    examples=(Example("/metrics", "# HELP psd_events_total Events by outcome: ..."),),
)
VERSION = About(
    summary="The version that is running.",
    answers=(json_answer(RunningVersion, "the version"),),
    examples=(Example("/version", '{"psd":"..."}'),),
)
DOCUMENT = About(
    summary="This reference as an OpenAPI 3.1 document.",
    answers=(json_answer(Document, "the document"), Answer(304, "you have it already")),
    examples=(Example("/openapi.json", '{"openapi":"3.1.1","info":{"title":"psd",...'),),
)
REFERENCE = About(
    summary="This reference as a page.",
    answers=(Answer(200, "the page", {"text/html": Page}), Answer(304, "you have it already")),
)
