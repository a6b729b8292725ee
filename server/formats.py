"""Answers of the queries as JSON, CSV or msgpack, and 304 for what a client has already.

``?format=csv`` goes before the ``Accept`` header; whoever asks for nothing that there is gets
JSON. A CSV holds the rows alone, so what stands around them becomes headers::

    uid,thing,sum                      Psd-Exact: true
    1503960366,steps,13158             Psd-Range: 2016-04-12T00:00:00Z/2016-04-13T00:00:00Z
                                       Psd-Newest: 2016-05-12T23:00:00Z

The ETag of a closed range is that of its rows and not of the watermark, which tells how fresh they
are and changes with every event. It is a weak one for that reason.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Literal, get_args

import msgspec
from aiohttp import web
from msgspec import UNSET

from psd.errors import BadQueryError
from psd.foreign_texts import in_spreadsheet
from psd.queries.results import (
    AnyAnswer,
    LeaderboardAnswer,
    SeriesAnswer,
    SeriesPoint,
    Standing,
    SumAnswer,
    SumRow,
    Watermark,
)
from server.conditions import READING, has_already

Format = Literal["json", "csv", "msgpack"]

FORMATS: tuple[Format, ...] = get_args(Format)

FormatWithoutRows = Literal["json", "msgpack"]
"""What an answer is written as that is no list of rows."""

WITHOUT_ROWS: tuple[Format, ...] = get_args(FormatWithoutRows)

CONTENT_TYPES: dict[Format, str] = {
    "json": "application/json; charset=utf-8",
    "csv": "text/csv; charset=utf-8; header=present",
    "msgpack": "application/msgpack",
}

VARY = "Accept, Authorization, Accept-Encoding"
"""What of a request an answer depends on."""

MEDIA_TYPES: dict[str, Format] = {
    "*/*": "json",
    "application/*": "json",
    "application/json": "json",
    "text/*": "csv",
    "text/csv": "csv",
    "application/msgpack": "msgpack",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
}

ROWS: dict[type[AnyAnswer], type[msgspec.Struct]] = {
    SumAnswer: SumRow,
    SeriesAnswer: SeriesPoint,
    LeaderboardAnswer: Standing,
}

LOOP_ROWS_MAX = 1000
"""Rows of a CSV that the loop writes itself, in 2 to 4 ms."""

NOT_MODIFIED = 304

_QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|\Z)", re.ASCII)
_NOTHING = Watermark(None, None)

ACCEPTS_KEPT = 128
"""Accept headers whose meaning is remembered: clients say the same each time, and a line of a head
has some 8 kB at most."""


def asked_form(request: web.Request, forms: Collection[str]) -> str:
    """The one of an endpoint's own forms that a request asks for by ``format``, "" for none."""
    named = request.query.getall("format", [])
    return named[-1] if named and named[-1] in forms else ""


def asked_format(
    request: web.Request, formats: tuple[Format, ...] = FORMATS, forms: Collection[str] = ()
) -> Format:
    """The format that a request asks for; raises BadQueryError for an unknown ``format``."""
    named = request.query.getall("format", [])
    if named:
        for each in formats:
            if each == named[-1]:
                return each
        known = ", ".join((*formats, *forms))
        raise BadQueryError(f"format: {named[-1][:64]!r} is not one of {known}")
    return accepted(request.headers.get("Accept", "*/*"), formats)


@lru_cache(maxsize=ACCEPTS_KEPT)
def accepted(header: str, formats: tuple[Format, ...] = FORMATS) -> Format:
    """The first of the best formats that an Accept header names; JSON when it names none."""
    best: Format = "json"
    best_quality = 0.0
    for part in header.split(","):
        media = MEDIA_TYPES.get(part.partition(";")[0].strip().lower())
        found = _QUALITY.search(part)
        quality = float(found[1]) if found else 1.0
        if media in formats and quality > best_quality:
            best, best_quality = media, quality
    return best


def accepts_pages(header: str) -> bool:
    """Whether an Accept header names HTML, as that of every browser does: ``*/*`` is no name."""
    return any(
        part.partition(";")[0].strip().lower() == "text/html" and not _is_refused(part)
        for part in header.split(",")
    )


def _is_refused(part: str) -> bool:
    found = _QUALITY.search(part)
    return found is not None and float(found[1]) == 0


async def write_answer(request: web.Request, answer: AnyAnswer, *, is_closed: bool) -> web.Response:
    """The whole answer of a query, or 304 where the client has its rows already."""
    format_ = asked_format(request)
    tag = None
    if is_closed and request.method in READING:
        lasting = msgspec.structs.replace(answer, watermark=_NOTHING)
        tag = entity_tag(msgspec.json.encode(lasting), format_)
    response = heading(request, format_, tag)
    if response.status == NOT_MODIFIED:
        return response
    if format_ == "csv":
        response.headers.update(_around_rows(answer))
        response.body = await csv_of_many(answer.data, ROWS[type(answer)])
    else:
        response.body = encoded(answer, format_)
    return response


def heading(request: web.Request, format_: Format, tag: str | None) -> web.Response:
    """An answer that lacks its body: 304, which has none, where the client has it already.

    An answer without a ``tag`` is one that is always told.
    """
    headers = {"Vary": VARY, "Cache-Control": "private, no-cache"}
    if tag is not None:
        headers["ETag"] = f'W/"{tag}"'
        if has_already(request, tag):
            return web.Response(status=NOT_MODIFIED, headers=headers)
    return web.Response(headers={"Content-Type": CONTENT_TYPES[format_], **headers})


def entity_tag(content: bytes, format_: Format) -> str:
    """The tag of what an answer says, in a format."""
    return f"{hashlib.sha256(content).hexdigest()[:24]}-{format_}"


def encoded(answer: Any, format_: Format) -> bytes:
    """The body of an answer in JSON or msgpack."""
    return msgspec.json.encode(answer) if format_ == "json" else msgspec.msgpack.encode(answer)


async def csv_of_many(rows: list[Any], kind: type[msgspec.Struct] | None = None) -> bytes:
    """The same as :func:`csv_rows`; of many rows in a thread, which is all Python and lets in."""
    if len(rows) <= LOOP_ROWS_MAX:
        return csv_rows(rows, kind)
    return await asyncio.to_thread(csv_rows, rows, kind)


def csv_rows(rows: list[Any], kind: type[msgspec.Struct] | None = None) -> bytes:
    """Rows as RFC 4180 has them, below the names of their fields; null is an empty cell.

    Without a row there is nothing, or given their ``kind`` the names of what each row has.
    """
    if not rows and kind is None:
        return b""
    names = [
        field.name
        for field in msgspec.structs.fields(kind or type(rows[0]))
        if (getattr(rows[0], field.name) if rows else field.default) is not UNSET
    ]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_cell(getattr(row, name)) for name in names] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return in_spreadsheet(value) if isinstance(value, str) else value


def _around_rows(answer: AnyAnswer) -> dict[str, str]:
    """What stands around the rows, as headers; what is not known is left out."""
    mark = answer.watermark
    fields: dict[str, Any] = {
        "Psd-Exact": str(answer.exact).lower(),
        "Psd-Resolution": answer.resolution,
        "Psd-Range": f"{answer.range.start}/{answer.range.end}",
        "Psd-Newest": mark.newest,
        "Psd-Queue-Depth": mark.queue_depth,
    }
    if isinstance(answer, LeaderboardAnswer):
        fields |= {"Psd-Next": answer.next, "Psd-Total": answer.total}
    return {name: str(value) for name, value in fields.items() if value not in (None, UNSET)}
