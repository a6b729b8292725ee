"""What people put under a name of a domain's: read, put and taken away, version by version.

::

    KeptResource(path="/v3/meters/plans/{plan}", what="a plan", get=..., put=..., drop=..., ...)
        PUT /v3/meters/plans/night      If-Match: "7"     -> 200, ETag "8"; 412 if it is another one
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from psd.domain.question import Asked, Example

if TYPE_CHECKING:
    from psd.queries.boards.versions import Versions


class KeptVersion(msgspec.Struct, frozen=True):
    """A resource as it stands, and the tag that names this version of it."""

    answer: msgspec.Struct
    tag: str
    is_new: bool = False


class KeptResource(msgspec.Struct, frozen=True, kw_only=True):
    """What people put under a name, read and take away: GET, PUT, DELETE.

    server/domain/resources.py makes routes of it.

    It is decided, not reported (psd/archive/turns.py): ``put`` and ``drop`` archive it themselves.
    ``read`` makes ``Asked.query`` of the path and the fields of a body and raises errors that name
    the field, which is 422; ``body`` is its type in the reference. ``If-Match`` and
    ``If-None-Match`` come as the versions that a change is for. ``what`` is its name, with its
    article; ``refused`` are statuses of a PUT beside 412 and 422.
    """

    path: str
    what: str
    body: type[msgspec.Struct]
    answer: type[msgspec.Struct]
    read: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
    get: Callable[[Asked], Awaitable[KeptVersion]]
    put: Callable[[Asked, Versions], Awaitable[KeptVersion]]
    drop: Callable[[Asked, Versions], Awaitable[None]]
    sent: str
    example: Example
    parts: Mapping[str, Any] = {}
    details: str = ""
    refused: tuple[int, ...] = ()
