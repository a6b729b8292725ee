"""The reference of the HTTP API as a test reads it: its document, and what stands in it.

>>> document = await document_of(client)
>>> next(operations(document))
("GET", "/v3/sum", {"operationId": "sum", ...})
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from multidict import CIMultiDict

from tests.support.clients.http import Answer, HttpClient


async def document_of(client: HttpClient) -> dict[str, Any]:
    """What the server says of itself."""
    answer = await client.get("/openapi.json")
    assert answer.status == 200
    document: dict[str, Any] = answer.json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each route."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def header(answer: Answer, name: str) -> str:
    """One that the answer must have, in whatever letters."""
    found: str = CIMultiDict(answer.headers)[name]
    return found
