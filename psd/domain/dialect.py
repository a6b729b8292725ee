"""Other people's APIs, where a domain answers in their place: their frames, and their errors.

::

    Dialect(name="meterhub", failure=HubFailure, tell=failure_of, root="/v1")
        GET /v1/nothing     404 {"error": "..."}, in the API's words and not in psd's
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody else's API speaks, where a domain answers in its place.

    ``tell`` makes a ``failure`` of an error's code, its message and its HTTP status, ``frame`` puts
    around an answer what stands around each. ``written_by`` says whose encoder writes the JSON.
    Everything below ``root`` is the API's: a method that a path there does not have is refused in
    its words. Unknown parameters are ignored, and a text that is missing is an empty one. Errors of
    codes in ``refusals`` are 422. With ``as_starlette`` paths are those of
    that router (server/starlette_paths.py).
    """

    name: str
    failure: type[msgspec.Struct]
    tell: Callable[[str, str, int], msgspec.Struct]
    frame: Callable[[Any], msgspec.Struct] | None = None
    written_by: Literal["psd", "go", "python"] = "psd"
    root: str = ""
    tells_missing: bool = False
    refusals: frozenset[str] = frozenset()
    as_starlette: bool = False
