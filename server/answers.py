"""Answers as bytes: the original's texts and JSON, and problem+json for our own routes.

What lives here: how a body is written. Which body an error gets is server/errors.py's.
The JSON is written as Go's encoder does, because clients of the original may compare bytes:
keys of objects sorted, no blanks, ``<``, ``>`` and ``&`` escaped::

    original_json({"data": {"1": {"steps": 10, "_atids": [2]}}})
    -> b'{"data":{"1":{"_atids":[2],"steps":10}}}'
"""

from __future__ import annotations

import json as encoding
import re
from typing import Any

import msgspec
from aiohttp import web

from psd.domain.dialect import Dialect

TEXT = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"
PLAIN_JSON = "application/json"
HTML = "text/html; charset=utf-8"
PROBLEM = "application/problem+json"

SERVER = "psd"
"""All that the header tells: which version it is, is what /version is for."""

_ENCODE = msgspec.json.Encoder(order="deterministic").encode

_DIFFERENCES = re.compile(rb"\\.|[<>&]|\xe2\x80[\xa8\xa9]")
"""Where Go writes another escape: HTML's three, line separators, and \\b and \\f."""

_GO_ESCAPES = {
    b"<": b"\\u003c",
    b">": b"\\u003e",
    b"&": b"\\u0026",
    b"\xe2\x80\xa8": b"\\u2028",
    b"\xe2\x80\xa9": b"\\u2029",
    b"\\b": b"\\u0008",
    b"\\f": b"\\u000c",
}


def original_json(value: Any) -> bytes:
    """``value`` as the original would have written it; dictionaries come sorted by key."""
    return _DIFFERENCES.sub(_go_escape, _ENCODE(value))


def _go_escape(found: re.Match[bytes]) -> bytes:
    return _GO_ESCAPES.get(found[0], found[0])


def text(body: str | bytes, status: int = 200) -> web.Response:
    """A plain text answer."""
    content = body.encode() if isinstance(body, str) else body
    return web.Response(body=content, status=status, headers={"Content-Type": TEXT})


def json(body: bytes, status: int = 200) -> web.Response:
    """A JSON answer whose bytes are already written."""
    return web.Response(body=body, status=status, headers={"Content-Type": JSON})


def failure(message: str, status: int) -> web.Response:
    """The original's JSON for an error: ``{"error": message}``."""
    return json(original_json({"error": message}), status)


def partly_queued(message: str, queued: int, unknown: int, status: int) -> web.Response:
    """An outage amid the messages of a request: how many the queue has, and perhaps has."""
    told = {"error": message, "enqueued": queued, "unknown": unknown}
    return json(original_json(told), status)


def python_json(value: Any) -> bytes:
    """``value`` as Python's own encoder writes it: 1e-07, where others write 1e-7."""
    if isinstance(value, msgspec.Raw):
        return bytes(value)
    plain = msgspec.to_builtins(value)
    separators = (",", ":")
    return encoding.dumps(
        plain, ensure_ascii=False, allow_nan=False, separators=separators
    ).encode()


def in_dialect(dialect: Dialect, told: Any, status: int = 200) -> web.Response:
    """JSON as somebody else's API writes it: an answer, or an error."""
    if dialect.written_by == "python":
        headers = {"Content-Type": PLAIN_JSON}
        return web.Response(body=python_json(told), status=status, headers=headers)
    encode = original_json if dialect.written_by == "go" else msgspec.json.encode
    return json(encode(told), status)


def problem(code: str, title: str, detail: str, status: int, **more: Any) -> web.Response:
    """RFC 9457 problem details; ``code`` is the stable code of psd/errors.py."""
    told = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    body = msgspec.json.encode(told | more)
    return web.Response(body=body, status=status, headers={"Content-Type": PROBLEM})


def not_found() -> web.Response:
    """What the original says to an unknown path and to a wrong method."""
    return web.Response(
        body=b"404 page not found", status=404, headers={"Content-Type": "text/plain"}
    )


def redirect(location: str, *, keep_method: bool) -> web.Response:
    """Send the client to the path without its extra slash.

    A GET gets 301 and the original's page. Anything else gets 307, so that a client sends
    its body again instead of turning the request into a GET.
    """
    if keep_method:
        return web.Response(status=307, headers={"Location": location})
    page = moved_page(location, "Moved Permanently")
    return web.Response(body=page, status=301, headers={"Content-Type": HTML, "Location": location})


def moved_page(location: str, said: str) -> bytes:
    """What a redirection shows to whoever does not follow it, as the original does."""
    return f'<a href="{_html(location)}">{said}</a>.\n\n'.encode()


def _html(location: str) -> str:
    escapes = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
    return "".join(escapes.get(letter, letter) for letter in location)
