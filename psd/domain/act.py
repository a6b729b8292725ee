"""What people decide of a domain over HTTP, answered by itself.

::

    Act(method="PUT", path="/v3/meters/{meter}/owner", body=OwnerBody, act=owners.set, ...)
        PUT /v3/meters/m-1/owner {"owner": "u1"}
        -> done and archived by owners.set -> 200 {"meter": "m-1", "owner": "u1"}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from psd.domain.deed import Done
from psd.domain.question import Asked, Example


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """A body in, a struct out (server/acts.py), and no message says it, so no producer can.

    ``act`` does it, and archives what a replay is to know of it (psd/archive/decisions.py). It
    raises errors of psd/errors.py; what is wrong with a field is 422. Nobody who is restricted to
    some owners may do one, unless it is not ``whole`` and ``act`` refuses what is another's.
    """

    method: Literal["POST", "PUT"] = "POST"
    path: str
    body: type[msgspec.Struct]
    answer: Any
    act: Callable[[Asked], Awaitable[Done]]
    summary: str
    meaning: str
    sent: str
    example: Example
    details: str = ""
    refused: tuple[int, ...] = ()
    whole: bool = True
