"""Reading a request's body, within the time and the size that the settings allow.

aiohttp bounds the size (413) and knows no deadline: a client that sends one byte a minute
would hold a connection for ever. Here it gets 408. A length that is announced and too large is
refused before a byte of it is read.

A packed body is unpacked here and nowhere else: by a route that reads one, for whoever the gate
has admitted, and no further than to the limit of its size::

    680 kB of gzip that hold 700 MB   -> 413, after 1 MiB was unpacked
    gzip without its last byte        -> 400
    Content-Encoding: snappy          -> 415, Accept-Encoding: gzip, deflate

Of a stranger only the form is read with which he signs in, and what a hook takes by its signature;
both are short and come as they are.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import HttpVersion11, web

from psd.engine.nesting import JSON, check_nesting
from psd.errors import MalformedError, UnsupportedCodingError
from server.codings import Coding, body_coding, check_charset, unpacked
from server.forms import Upload, read_form, read_upload

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

GZIP = b"\x1f\x8b"
"""How a file begins that is packed by it."""

STRANGERS_BYTES_MAX = 16_384
"""A name, a password and a proof; all that is read of somebody who is not admitted yet."""


class BodyReader:
    """Reads whole bodies; ``timeout_s`` counts from the moment the head was read."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    async def read(self, request: web.Request) -> bytes:
        """The body as it was before it was packed; raises an InputError or an HTTPException."""
        headers = request.headers
        packed = headers.getall("Content-Encoding", ())
        coding = body_coding(",".join(packed)) if packed else None
        body = await self._received(request)
        if coding is not None:
            body = await _unpack(body, coding, request.client_max_size)
        if "charset" in headers.get("Content-Type", "").lower():
            check_charset(request.charset, body)
        return body

    async def read_file(self, request: web.Request, bytes_max: int) -> bytes:
        """A file of so many bytes at most, which may itself be packed by gzip."""
        body = await self.read(request.clone(client_max_size=bytes_max))
        return await _unpack(body, "gzip", bytes_max) if body.startswith(GZIP) else body

    async def _received(self, request: web.Request) -> bytes:
        """What the client sent.

        A small body comes in one segment with its head and is complete already; then no
        timer is set, which is the common case of a write.
        """
        if request.content.is_eof():
            return await request.read()
        announced, bytes_max = request.content_length, request.client_max_size
        if announced is not None and announced > bytes_max:
            raise web.HTTPRequestEntityTooLarge(max_size=bytes_max, actual_size=announced)
        try:
            async with asyncio.timeout(self._timeout_s):
                await _ask_for_it(request)
                return await request.read()
        except TimeoutError as exc:
            raise web.HTTPRequestTimeout(
                text=f"body: not complete after {self._timeout_s:g} s"
            ) from exc
        except ConnectionError as exc:
            # Nobody reads the answer; but it is no defect of ours that would be logged as one.
            raise MalformedError("body: the client hung up before its end") from exc

    async def form(self, request: web.Request) -> dict[str, str]:
        """The fields of a form in the body."""
        body = await self.read(request)
        return read_form(request.headers.get("Content-Type", ""), body)

    async def upload(self, request: web.Request, bytes_max: int) -> Upload:
        """A form with files, of so many bytes at most; it comes as it is, and is not packed."""
        if "Content-Encoding" in request.headers:
            raise UnsupportedCodingError("Content-Encoding: a form with files is not packed")
        body = await self._received(request.clone(client_max_size=bytes_max))
        return read_upload(request.headers.get("Content-Type", ""), body)

    async def strangers(self, request: web.Request, bytes_max: int) -> bytes:
        """What somebody sent who may be anybody: short, and as it is."""
        if "Content-Encoding" in request.headers:
            raise UnsupportedCodingError("Content-Encoding: nothing of a stranger is unpacked")
        return await self._received(request.clone(client_max_size=bytes_max))

    async def strangers_form(self, request: web.Request) -> dict[str, str]:
        """The form of whoever signs in."""
        body = await self.strangers(request, STRANGERS_BYTES_MAX)
        return read_form(request.headers.get("Content-Type", ""), body)


def object_in(body: bytes, depth_max: int) -> dict[str, Any]:
    """The JSON object that a body is; raises MalformedError, or as check_nesting does."""
    check_nesting(body, JSON, depth_max=depth_max)
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedError(f"body: expected one JSON object ({exc})") from exc


async def _ask_for_it(request: web.Request) -> None:
    """Tell a client to send its body that waits for the word: it is admitted, and has a route."""
    expected = request.headers.get("Expect")
    if expected is None or request.version < HttpVersion11:
        return
    if expected.strip().lower() != "100-continue":
        raise web.HTTPExpectationFailed(text="Expect: only 100-continue is known")
    await request.writer.write(CONTINUE)
    # It is no part of the answer: aiohttp takes an answer that has begun for one that is lost.
    request.writer.output_size = 0


async def _unpack(packed: bytes, coding: Coding, bytes_max: int) -> bytes:
    """The body, and not a piece more than the limit; the loop turns between the pieces."""
    body = bytearray()
    for piece in unpacked(packed, coding):
        body += piece
        if len(body) > bytes_max:
            text = f"body: unpacked it has more than {bytes_max} bytes"
            raise web.HTTPRequestEntityTooLarge(bytes_max, len(body), text=text)
        await asyncio.sleep(0)
    return bytes(body)
