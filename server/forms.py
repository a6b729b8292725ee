"""Forms as the original read them: the body alone, urlencoded or multipart, first value wins.

The query string of the URL and JSON bodies are no forms. A missing field is an empty text,
which as a list is one empty element::

    read_form("application/x-www-form-urlencoded", b"ids=1,2&ids=3") -> {"ids": "1,2"}

A multipart form ends with its closing boundary, or it was cut off and is refused.

What the original does not have is read by :func:`read_pairs`: each field as often as it comes.
"""

from __future__ import annotations

import re
from email.message import Message
from urllib.parse import parse_qsl, unquote_plus

import msgspec

from psd.errors import MalformedError, TooLargeError

FIELDS_MAX = 256
"""Three are ever read; the limit bounds the work that a hostile body can ask for."""

_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """All fields of a form; empty when the content type is not that of a form."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _read_urlencoded(body)
    if kind == "multipart/form-data":
        return _read_multipart(_parameter(content_type, "boundary"), body).fields
    return {}


class Upload(msgspec.Struct, frozen=True):
    """A form with files: texts and contents by the names of their fields."""

    fields: dict[str, str]
    files: dict[str, bytes] = {}


def read_upload(content_type: str, body: bytes) -> Upload:
    """The same with its files; what was chosen none for is not among them."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return Upload(read_form(content_type, body), {})
    return _read_multipart(_parameter(content_type, "boundary"), body)


def read_pairs(body: bytes) -> list[tuple[str, str]]:
    """The fields of an urlencoded form in their order; raises TooLargeError past FIELDS_MAX."""
    text = body.decode("utf-8", "replace")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError as exc:
        raise TooLargeError(f"form: more than {FIELDS_MAX} fields") from exc


def _read_urlencoded(body: bytes) -> dict[str, str]:
    pairs = body.decode("utf-8", "replace").split("&", FIELDS_MAX)
    if len(pairs) > FIELDS_MAX:
        raise TooLargeError(f"form: more than {FIELDS_MAX} fields")
    fields: dict[str, str] = {}
    for pair in pairs:
        # A pair that cannot be decoded is left out and the rest is read, as the original did.
        if not pair or ";" in pair or _BAD_ESCAPE.search(pair):
            continue
        name, _, value = pair.partition("=")
        fields.setdefault(
            unquote_plus(name, errors="replace"), unquote_plus(value, errors="replace")
        )
    return fields


def _read_multipart(boundary: str, body: bytes) -> Upload:
    found = Upload({}, {})
    if not boundary:
        return found
    delimiter = b"\r\n--" + boundary.encode()
    parts = (b"\r\n" + body).split(delimiter, FIELDS_MAX + 1)[1:]
    for part in parts:
        if part.startswith(b"--"):
            return found
        head, _, content = part.partition(b"\r\n\r\n")
        name, is_file = _field_name(head.decode("utf-8", "replace"))
        if name and is_file:
            found.files.setdefault(name, content)
        elif name:
            found.fields.setdefault(name, content.decode("utf-8", "replace"))
    if len(parts) > FIELDS_MAX:
        raise TooLargeError(f"form: more than {FIELDS_MAX} fields")
    # Of a list of ids that breaks off, the last one would be another's.
    raise MalformedError("form: cut off, its closing boundary is missing")


def _field_name(head: str) -> tuple[str, bool]:
    """The name in a part's head, empty for none, and whether the part is a file."""
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return _parameter(value, "name"), bool(_parameter(value, "filename"))
    return "", False


def _parameter(header: str, name: str) -> str:
    """A parameter of a header such as ``form-data; name="ids"``; empty when it is not there."""
    message = Message()
    message["content-type"] = " ".join(header.split())
    value = message.get_param(name, "")
    return value if isinstance(value, str) else ""
