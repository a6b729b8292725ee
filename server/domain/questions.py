"""A domain's question as routes: its struct read from a URL or a form, its answer written.

What is ours speaks as all of /v3 does: unknown parameters are refused, and an answer is written in
the format that is asked for, with an ETag. Where it has rows, a CSV has them alone, and what stands
around them becomes headers (server/formats.py)::

    GET /v3/streaks?limit=1&format=csv   ->  rank,vehicle,connection_streak,level,points
                                             1,7,36,4,9500
                                             Psd-Week: 9, Psd-Next: OS4y

What has a dialect speaks as the API that it stands for: JSON in its frame, errors in its words, and
parameters that nobody knows are ignored.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec.structs import replace

from psd.domain.question import Asked, Endpoint
from psd.errors import BadQueryError, MalformedError
from psd.queries.parsing import unknown_field
from server import answers
from server.access import IDENTITY, seen_by
from server.answer_rows import ROWS, around_rows, rows_of
from server.bodies import BodyReader
from server.conditions import READING
from server.deadline import deadline_unless
from server.formats import (
    FORMATS,
    NOT_MODIFIED,
    WITHOUT_ROWS,
    asked_form,
    asked_format,
    csv_of_many,
    entity_tag,
    heading,
)
from server.forms import read_pairs
from server.openapi.about import (
    CSV_TYPE,
    FORM_TYPE,
    JSON_TYPE,
    MSGPACK_TYPE,
    About,
    Answer,
    Example,
    json_answer,
)
from server.openapi.questions import Chosen, FormatQuery, PlainFormatQuery, Rows
from server.parameters import PathReader, QueryReader
from server.routing import Handler, Route


def endpoint_routes(endpoint: Endpoint, group: str, bodies: BodyReader) -> list[Route]:
    """The routes of an endpoint: by GET, and where it takes forms by POST."""
    asked = EndpointAsking(endpoint, bodies)
    methods = ("GET", "POST") if endpoint.by_form else ("GET",)
    return [
        Route(
            method,
            endpoint.path,
            asked.handler(method),
            endpoint.dialect or "problem",
            endpoint.scope,
            endpoint.whole,
            _about(endpoint, group, method, asked.rows),
        )
        for method in methods
    ]


class EndpointAsking:
    """Asks one endpoint; ``rows`` is the struct of its answer's rows, None where it has none."""

    def __init__(self, endpoint: Endpoint, bodies: BodyReader) -> None:
        self.rows = None if endpoint.dialect else rows_of(endpoint.answer)
        self._endpoint = endpoint
        self._bodies = bodies
        self._formats = WITHOUT_ROWS if self.rows is None else FORMATS
        is_lenient = endpoint.dialect is not None
        self._read = endpoint.read or QueryReader(endpoint.query, is_lenient=is_lenient).read
        self._parts = PathReader(endpoint.parts)

    def handler(self, method: str) -> Handler:
        """What answers a request of this method."""
        write = self._in_dialect if self._endpoint.dialect else self._negotiated

        async def handle(request: web.Request) -> web.Response:
            form = asked_form(request, self._endpoint.forms)
            if self._endpoint.dialect is None and not form:
                asked_format(request, self._formats, self._endpoint.forms)
            asked = await self.asked(request, is_form=method == "POST")
            async with deadline_unless(self._endpoint.is_patient):
                answer = await self._endpoint.ask(replace(asked, form=form))
            return self._in_form(request, answer) if form else await write(request, answer)

        return handle

    async def asked(self, request: web.Request, *, is_form: bool = False) -> Asked:
        """What a request asks, without HTTP."""
        form = await self._form(request) if is_form else []
        return Asked(
            self._read([*form, *request.query.items()]),
            self._parts.read(request.match_info),
            request[IDENTITY],
            seen_by(request),
        )

    def _in_form(self, request: web.Request, answer: msgspec.Struct) -> web.Response:
        """Somebody else's object, or 304 where the client has it already."""
        content = msgspec.json.encode(answer)
        response = heading(request, "json", entity_tag(content, "json"))
        if response.status != NOT_MODIFIED:
            response.body = content
        return response

    async def _in_dialect(self, _request: web.Request, answer: Any) -> web.Response:
        dialect = self._endpoint.dialect
        assert dialect is not None, "it was chosen for one"
        return answers.in_dialect(dialect, dialect.frame(answer) if dialect.frame else answer)

    async def _negotiated(self, request: web.Request, answer: msgspec.Struct) -> web.Response:
        """The answer in the format that is asked for, or 304 where the client has it already."""
        format_ = asked_format(request, self._formats)
        content = msgspec.json.encode(answer)
        tag = entity_tag(content, format_) if request.method in READING else None
        response = heading(request, format_, tag)
        if response.status == NOT_MODIFIED:
            return response
        if format_ == "csv":
            response.headers.update(around_rows(answer))
            response.body = await csv_of_many(getattr(answer, ROWS), self.rows)
        else:
            response.body = content if format_ == "json" else msgspec.msgpack.encode(answer)
        return response

    async def _form(self, request: web.Request) -> list[tuple[str, str]]:
        """The fields of the body; in a dialect a body that is no form has none."""
        body = await self._bodies.read(request)
        if request.content_type != FORM_TYPE:
            if body and self._endpoint.dialect is None:
                raise MalformedError(f"body: expected a form ({FORM_TYPE})")
            return []
        pairs = read_pairs(body)
        if self._endpoint.dialect is None:
            self._check_known(pairs)
        return pairs

    def _check_known(self, pairs: Sequence[tuple[str, str]]) -> None:
        known = self._endpoint.query.__struct_encode_fields__
        for name, _ in pairs:
            if name not in known:
                raise BadQueryError(unknown_field(name, known))


def _about(endpoint: Endpoint, group: str, method: str, rows: type[msgspec.Struct] | None) -> About:
    """What a route of an endpoint says of itself in the reference."""
    is_form = method == "POST"
    fields = (endpoint.query,) if endpoint.query.__struct_fields__ else ()
    about = About(
        group=group,
        summary=(endpoint.ask.__doc__ or "").partition("\n")[0],
        details=endpoint.details,
        path=endpoint.parts,
        query=() if is_form else fields,
        body={FORM_TYPE: endpoint.query} if is_form else {},
        # What the form lacks may stand in the URL, or have a default.
        body_needed=False,
        answers=(json_answer(endpoint.answer, endpoint.meaning),),
        refused=endpoint.refused,
        examples=(_example(endpoint.example, is_form=is_form),),
    )
    return about if endpoint.dialect else _with_formats(about, endpoint, rows, has_tag=not is_form)


def _with_formats(
    about: About, endpoint: Endpoint, rows: type[msgspec.Struct] | None, *, has_tag: bool
) -> About:
    content: dict[str, Any] = {JSON_TYPE: endpoint.answer, MSGPACK_TYPE: endpoint.answer}
    if endpoint.forms:
        content[JSON_TYPE] = (endpoint.answer, *endpoint.forms.values())
    if rows is not None:
        content[CSV_TYPE] = Rows
    told = (Answer(200, endpoint.meaning, content),)
    unchanged = (Answer(304, "you have this answer already"),)
    return msgspec.structs.replace(
        about,
        query=(*about.query, _format_query(rows is not None, endpoint.forms)),
        headers={"If-None-Match": "the ETag of an earlier answer"} if has_tag else {},
        answers=told + unchanged if has_tag else told,
    )


def _example(example: tuple[str, str], *, is_form: bool) -> Example:
    asked, answered = example
    if not is_form:
        return Example(asked, answered)
    path, _, parameters = asked.partition("?")
    return Example(path, answered, parameters, FORM_TYPE)


def _format_query(has_rows: bool, forms: Collection[str]) -> type[msgspec.Struct]:
    """The parameter that says how an answer is written."""
    kind = FormatQuery if has_rows else PlainFormatQuery
    if not forms:
        return kind
    names = (*(FORMATS if has_rows else WITHOUT_ROWS), *forms)
    field: Any = Annotated[Literal.__getitem__(names), Chosen] | None
    return msgspec.defstruct(kind.__name__, [("format", field, None)])
