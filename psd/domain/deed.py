"""Commands of a domain over HTTP that are answered by themselves.

::

    Deed(path="/v3/meters", command="meter", fields=meter_fields, told=told, ...)
        POST /v3/meters {"name": "m-1"}
        -> what the queue would carry as "meter", kept and booked -> 201 {"id": "7", ...}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from psd.domain.dialect import Dialect
from psd.domain.question import Asked, Example

if TYPE_CHECKING:
    from psd.engine.events import Accepted
    from psd.engine.outcomes import Outcome


class Done(msgspec.Struct, frozen=True):
    """What a deed came to: 201 where something is there that was not, else 200."""

    answer: Any
    is_new: bool


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One command over HTTP that is answered by itself: a body in, a struct out.

    server/domain/deeds.py makes routes of it.

    ``command`` is the name of one of the domain's :class:`Command`. ``fields`` makes of the body,
    which is ``Asked.query``, and of the path what the queue would carry under that name; it may
    look at the store, and refuses by errors of psd/errors.py. What is wrong with a field is 422,
    told by the name of the field. Then the command goes through the one door, unless a preview
    says that it would be refused, and ``told`` makes the answer of what became of it.

    ``refused`` are statuses beside 422 and those of every route that writes. What a deed says is
    about whomever it names, so nobody who is restricted to some owners may do one, unless it is not
    ``whole`` and ``fields`` refuses what is another's. One in a ``dialect`` answers 200 whatever
    was new, and its body may be ``read`` by rules of its own: of the bytes and their content type.
    """

    method: Literal["POST", "PUT"] = "POST"
    path: str
    command: str
    body: type[msgspec.Struct]
    answer: Any
    fields: Callable[[Asked], Awaitable[msgspec.Struct]]
    told: Callable[[Asked, Accepted, Outcome], Awaitable[Done]]
    summary: str
    meaning: str
    sent: str
    example: Example
    parts: Mapping[str, Any] = {}
    details: str = ""
    refused: tuple[int, ...] = ()
    dialect: Dialect | None = None
    read: Callable[[bytes, str], msgspec.Struct] | None = None
    whole: bool = True
