"""What people decide of a domain over HTTP, answered by itself.

::

    Decree(method="PUT", path="/v3/meters/{meter}/owner", body=OwnerBody, decide=owners.set, ...)
        PUT /v3/meters/m-1/owner {"owner": "u1"}
        -> done and archived by owners.set -> 200 {"meter": "m-1", "owner": "u1"}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from psd.domain.deed import Done
from psd.domain.question import Asked, Example

if TYPE_CHECKING:
    from psd.access.identity import Scope


class Decree(msgspec.Struct, frozen=True, kw_only=True):
    """A body in, a struct out (server/domain/decrees.py), which no message says: no producer can.

    ``decide`` does it, and archives what a replay is to know of it (psd/archive/decisions.py). It
    raises errors of psd/errors.py; what is wrong with a field is 422. Nobody who is restricted to
    some owners may do one, unless it is not ``whole`` and ``decide`` refuses what is another's. One
    that does more than the store is asked for ``is_patient``: it takes as long as it takes.
    """

    method: Literal["POST", "PUT"] = "POST"
    path: str
    body: type[msgspec.Struct]
    answer: Any
    decide: Callable[[Asked], Awaitable[Done]]
    summary: str
    meaning: str
    sent: str
    example: Example
    details: str = ""
    refused: tuple[int, ...] = ()
    whole: bool = True
    scope: Scope = "write"
    is_patient: bool = False
