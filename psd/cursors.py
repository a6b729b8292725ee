"""Where an answer goes on: two numbers as a client carries them. Pure.

What they mean is the matter of whoever writes them. A client sends the text back as it is::

    write_cursor(16, -1)   -> "MTYuLTE"
    read_cursor("MTYuLTE") -> (16, -1)
"""

from __future__ import annotations

import base64
import binascii
import re

from psd.errors import MalformedError

_CURSOR = re.compile(r"-?[0-9]{1,19}\.-?[0-9]{1,19}", re.ASCII)


def write_cursor(first: int, second: int) -> str:
    """Two numbers as a text for URLs."""
    return base64.urlsafe_b64encode(f"{first}.{second}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[int, int]:
    """The numbers of a cursor; raises MalformedError for a text that is none."""
    try:
        found = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as exc:
        raise MalformedError("cursor: none that an answer gave") from exc
    if not _CURSOR.fullmatch(found):
        raise MalformedError("cursor: none that an answer gave")
    first, _, second = found.partition(".")
    return int(first), int(second)
