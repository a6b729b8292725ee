"""How deep a message is nested, and the limit on it.

Nothing that psd reads is deeper than four (message, list, report, number), but unknown fields
are passed over, and a sender may nest anything in them. A decoder recurses on that; past
:data:`DEPTH_MAX` the message is refused instead of depending on how much stack is left::

    check_nesting(b'{"uid": 1, "x": [[2]]}', JSON, depth_max=3)     # 3 deep: accepted
    check_nesting(b'{"uid": 1, "x": [[[2]]]}', JSON, depth_max=3)   # TooLargeError
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from psd.errors import MalformedError, TooLargeError

DEPTH_MAX = 32
"""Deepest nesting of a message: eight times of what any message of psd needs."""

_MSGPACK_OPENINGS = bytes([*range(0x80, 0xA0), *range(0xDC, 0xE0)])
"""The bytes that begin a map or a list. They occur within numbers and texts as well, which
makes the count an upper bound."""

_CONTAINERS = frozenset((dict, list, tuple))


class Format(msgspec.Struct, frozen=True):
    """One of the two formats: a quick upper bound of the depth, and the whole document."""

    openings: Callable[[bytes], int]
    decode: Callable[[bytes], Any]


JSON = Format(
    lambda body: body.count(b"[") + body.count(b"{"),
    msgspec.json.Decoder().decode,
)
MSGPACK = Format(
    lambda body: len(body) - len(body.translate(None, _MSGPACK_OPENINGS)),
    msgspec.msgpack.Decoder().decode,
)


def check_nesting(
    body: bytes, form: Format, *, siblings: int = 0, depth_max: int = DEPTH_MAX
) -> None:
    """Refuse a body that is nested deeper than ``depth_max``.

    ``siblings`` are brackets that are known to stand beside one another, such as all reports
    of a list but one: no path into the document meets more than one of them. A body without
    deeper brackets than these is not decoded again, so that the usual message costs 0.2 us.
    """
    if form.openings(body) - siblings <= depth_max:
        return
    try:
        document = form.decode(body)
    except RecursionError as exc:
        raise too_deep(depth_max) from exc
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise MalformedError(f"message: {exc}") from exc
    level = _containers([document])
    for _ in range(depth_max):
        if not level:
            return
        level = [child for parent in level for child in _containers(parent)]
    if level:
        raise too_deep(depth_max)


def _containers(parent: Any) -> list[Any]:
    """What a list, or a map in its keys and values, holds that can hold more."""
    # Only msgpack has keys that are no texts; there a list becomes a tuple.
    children = [*parent, *parent.values()] if isinstance(parent, dict) else parent
    return [child for child in children if type(child) in _CONTAINERS]


def too_deep(depth_max: int = DEPTH_MAX) -> TooLargeError:
    """The refusal of a message that is nested too deep."""
    return TooLargeError(f"message: nested deeper than {depth_max} levels")
