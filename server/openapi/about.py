"""What a route says of itself for people and programs: its part of the OpenAPI document.

A route documents itself beside its handler. Shapes are msgspec types, most of them the very
structs that read the request and write the answer::

    Route("GET", "/v3/sum", self.sum, scope="read", about=About(
        group="Queries",
        summary="Sums over any range.",
        query=(SumQuery,),
        answers=(Answer(200, "a row a user and thing", {JSON_TYPE: SumAnswer}),),
        examples=(Example("/v3/sum?thing=steps&uid=1", answered='{"data":[...],...}'),),
    ))

What follows from the rest of the route is not said twice: the scope, the statuses of a missing
token or of a body that is too large, the words in which errors are told
(server/openapi/refusals.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from psd.domains import domains
from psd.integers import CANONICAL

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain"
FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"
LINES_TYPE = "application/x-ndjson"
MSGPACK_TYPE = "application/msgpack"
CSV_TYPE = "text/csv"
PROBLEM_TYPE = "application/problem+json"

_PSD = {
    "Queries": "Sums, series and leaderboards over any range, each by GET and by POST.",
    "Events": "Booking whatever the queue would carry.",
    "Activities": "Single activities of a user: reading them, and taking one back.",
    "Boards": "Named boards, their members, and challenges.",
    "Original": "The original daemon's routes, byte for byte. Ranges include both ends.",
    "Operations": "What operators and their machines ask.",
}


def groups() -> dict[str, str]:
    """The parts of the reference in their order, and what each is about."""
    found: dict[str, str] = {}
    for name, text in _PSD.items():
        found[name] = text
        behind = [domain for domain in domains() if domain.behind == name]
        found |= {group_of(domain.name): domain.docs for domain in behind}
    return found


def group_of(domain: str) -> str:
    """The part of the reference that is about a domain."""
    return domain.capitalize()


Uid = Annotated[
    str,
    Meta(
        description="a 64-bit integer as psd writes it",
        pattern=f"^({CANONICAL.pattern})$",
        examples=["1503960366"],
    ),
]


User = Annotated[
    str,
    Meta(
        description="a user: a 64-bit integer as psd writes it, or a name of 1 to 128 bytes",
        min_length=1,
        examples=["1503960366", "alice@example.com"],
    ),
]


class Answer(msgspec.Struct, frozen=True):
    """One answer: a type for each media type, or a tuple of types of which it is one.

    There are none where there is no body.
    """

    status: int
    meaning: str
    content: Mapping[str, Any] = {}


class Example(msgspec.Struct, frozen=True):
    """A request that a reader can try: path and query, what is sent, what comes back.

    ``...`` stands for what differs from run to run.
    """

    asked: str
    answered: str
    sent: str = ""
    sent_as: str = ""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """All that a route says of itself; without a summary, the first line of its handler counts.

    ``query`` are structs whose fields are parameters of the URL, ``path`` the types of parts of
    the path that are more than texts, ``body`` a type for each media type that is read.
    """

    group: str = "Operations"
    summary: str = ""
    details: str = ""
    path: Mapping[str, Any] = {}
    query: tuple[type[msgspec.Struct], ...] = ()
    headers: Mapping[str, str] = {}
    body: Mapping[str, Any] = {}
    body_needed: bool = True
    answers: tuple[Answer, ...] = ()
    refused: tuple[int, ...] = ()
    examples: tuple[Example, ...] = ()


def json_answer(kind: Any, meaning: str, status: int = 200) -> Answer:
    """An answer in JSON alone."""
    return Answer(status, meaning, {JSON_TYPE: kind})


def text_answer(kind: Any, meaning: str, status: int = 200) -> Answer:
    """An answer in plain text."""
    return Answer(status, meaning, {TEXT_TYPE: kind})
