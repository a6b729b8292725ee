"""The OpenAPI 3.1 document of a list of routes. Pure.

::

    document = document_of(routes, "0.2.0")
    document["paths"]["/v3/sum"]["get"]["parameters"][0]["name"]     -> "thing"

Everything in it comes from the routes (server/openapi/about.py), so whoever adds a route adds it
here as well; tests/integration/test_openapi.py holds that no route is left without an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from server.errors import Style
from server.openapi.about import Answer, Example, groups
from server.openapi.parameters import header_parameter, path_parameters, query_parameters
from server.openapi.refusals import (
    HEADERS,
    meaning_of,
    reference,
    refusal_content,
    refused_by,
    style_name,
)
from server.openapi.schemas import Schema, Schemas, markdown
from server.routing import Route

VERSION = "3.1.1"

DESCRIPTION = (
    "The point space daemon: exact sums of activity over any range of seconds.\n\n"
    "Ranges of `/v3` are half-open; those of `/v1` and `/v2` include both ends. "
    "Users are texts, sums are integers. Errors of `/v3` are problems (RFC 9457).\n\n"
    "A request may bring its W3C `traceparent` and an `X-Request-Id`: both stand in its log "
    "lines and come back in its answer. Whoever brings none is given some."
)

COMMON_HEADERS: dict[str, str] = {
    "traceparent": "W3C Trace Context: continued under a new span where it is valid.",
    "tracestate": "What others say of that trace; it goes on to psd's spans and messages.",
    "X-Request-Id": "A name for this request in logs: up to 128 letters, digits and ._~:/+=@-",
}

SIGNED_HEADERS = ("traceparent", "X-Request-Id")
"""Those that each answer has."""

ANSWER_HEADERS: dict[str, str] = {
    "traceparent": "The trace of the request, and its span in psd.",
    "X-Request-Id": "The name of the request in the logs of psd.",
    "WWW-Authenticate": "What kind of token is needed (RFC 6750).",
    "Retry-After": "Seconds after which to try again.",
    "Accept-Encoding": "How a body may be packed.",
}

_WORD = re.compile(r"\w+", re.ASCII)


def document_of(routes: Sequence[Route], version: str, address: str = "localhost:1155") -> Schema:
    """The whole document."""
    schemas = Schemas(_kinds(routes))
    paths: dict[str, Schema] = {}
    for route in _in_order(routes):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas, address)
    used = {route.about.group for route in routes}
    return {
        "openapi": VERSION,
        "info": {"title": "psd", "version": version, "description": DESCRIPTION},
        "servers": [{"url": "/", "description": "this server"}],
        "tags": [
            {"name": name, "description": text} for name, text in groups().items() if name in used
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": dict(_refusals(routes, schemas)),
            "parameters": {
                name: header_parameter(name, text) for name, text in COMMON_HEADERS.items()
            },
            "headers": {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in ANSWER_HEADERS.items()
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the settings, or a JWT. Without tokens and JWKS "
                    "in the settings everybody may ask.",
                }
            },
        },
    }


def operation_id(route: Route) -> str:
    """``get_v3_sum``: unique, as no two routes share method and path."""
    return "_".join([route.method.lower(), *_WORD.findall(route.path)]).replace("__", "_")


def summary_of(route: Route) -> str:
    """What a route is for, in a line."""
    told = route.about.summary or (route.handler.__doc__ or "").strip().partition("\n")[0]
    return markdown(told)


def _in_order(routes: Sequence[Route]) -> list[Route]:
    places = {name: place for place, name in enumerate(groups())}
    return sorted(routes, key=lambda route: places[route.about.group])


def _operation(route: Route, schemas: Schemas, address: str) -> Schema:
    about = route.about
    operation: Schema = {
        "operationId": operation_id(route),
        "tags": [about.group],
        "summary": summary_of(route),
        "description": " ".join(filter(None, [markdown(about.details), _needs(route)])),
        "security": [] if route.scope == "open" else [{"bearer": [route.scope]}],
        "parameters": [
            *path_parameters(route.path, about.path),
            *(each for kind in about.query for each in query_parameters(kind)),
            *(header_parameter(name, text) for name, text in about.headers.items()),
            *({"$ref": f"#/components/parameters/{name}"} for name in COMMON_HEADERS),
        ],
    }
    if about.body:
        content = {media: {"schema": schemas.of(kind)} for media, kind in about.body.items()}
        operation["requestBody"] = {"required": about.body_needed, "content": content}
    operation["responses"] = _responses(route, schemas)
    if about.examples:
        operation["x-examples"] = [_example(route, each, address) for each in about.examples]
    return operation


def _needs(route: Route) -> str:
    if route.scope == "open":
        return "Open to everybody."
    whole = " that is not restricted to some owners" if route.whole else ""
    return f"Needs a token with scope `{route.scope}`{whole}."


def _responses(route: Route, schemas: Schemas) -> Schema:
    refused = {
        str(status): {"$ref": f"#/components/responses/{reference(route.style, status)}"}
        for status in refused_by(route)
    }
    told = {str(each.status): _answer(each, schemas) for each in route.about.answers}
    return dict(sorted((refused | told).items()))


def _answer(answer: Answer, schemas: Schemas) -> Schema:
    written: Schema = {"description": answer.meaning, "headers": _named_headers()}
    if answer.content:
        written["content"] = {
            media: {"schema": schemas.of(kind)} for media, kind in answer.content.items()
        }
    return written


def _named_headers() -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in SIGNED_HEADERS}


def _refusals(routes: Iterable[Route], schemas: Schemas) -> Iterator[tuple[str, Schema]]:
    for style, status in _styles(routes):
        kinds = refusal_content(style, status)
        content = {media: {"schema": schemas.of(kind)} for media, kind in kinds.items()}
        yield (
            reference(style, status),
            {
                "description": f"{HTTPStatus(status).phrase}: {meaning_of(style, status)}.",
                "headers": HEADERS.get(status, {}),
                "content": content,
            },
        )


def _styles(routes: Iterable[Route]) -> list[tuple[Style, int]]:
    found = {(route.style, status) for route in routes for status in refused_by(route)}
    return sorted(found, key=lambda pair: (style_name(pair[0]), pair[1]))


def _kinds(routes: Sequence[Route]) -> list[Any]:
    """Every type that the document shows, each once."""
    found: list[Any] = []
    for route in routes:
        found += route.about.body.values()
        for answer in route.about.answers:
            found += answer.content.values()
    for style, status in _styles(routes):
        found += refusal_content(style, status).values()
    return list({id(kind): kind for kind in found}.values())


def _example(route: Route, example: Example, address: str) -> Schema:
    """A request as a line for a shell, and its answer."""
    words = ["curl"]
    if route.method not in ("GET", "POST") or (route.method == "POST" and not example.sent):
        words.append(f"-X {route.method}")
    if route.scope != "open":
        words.append('-H "Authorization: Bearer $TOKEN"')
    if example.sent_as:
        words.append(f"-H 'Content-Type: {example.sent_as}'")
    if example.sent:
        words.append(f"-d '{example.sent}'")
    words.append(f"'{address}{example.asked}'")
    return {
        "curl": " ".join(words),
        "answer": example.answered,
        "path": example.asked,
        "body": example.sent,
        "contentType": example.sent_as,
    }
