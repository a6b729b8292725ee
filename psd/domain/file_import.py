"""Files that a domain takes over HTTP: what each comes to, in messages of the domain's own.

::

    FileImport(path="/v3/energy/imports", command="intervals", ...)
    POST /v3/energy/imports?format=csv&meter=house     a body of 22,536 rows
    -> FileMessages([IntervalFields(...), ...], told)  5 messages, and what the answer is made by
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from psd.engine.outcomes import Outcome


class FileMessages(msgspec.Struct, frozen=True):
    """What a file comes to: fields of its command, in their order, and what the answer tells.

    ``told`` makes the answer of what became of each; a rehearsal is only previewed.
    """

    fields: Sequence[msgspec.Struct]
    told: Callable[[Sequence[Outcome]], msgspec.Struct]
    is_rehearsal: bool = False


class FileImport(msgspec.Struct, frozen=True, kw_only=True):
    """A file over HTTP that becomes messages of one command (server/domain/file_imports.py).

    Parameters are read as ``query`` says. ``read`` is handed what is asked, as an endpoint is, and
    makes of the file, which has ``bytes_max`` at
    most, what the queue would carry under the name ``command``; it raises errors of psd/errors.py
    for a file that is none, while single rows that are refused are part of what it tells. Each
    message goes through the one door; they may be sent again.
    """

    path: str
    command: str
    query: type[msgspec.Struct]
    answer: type[msgspec.Struct]
    bytes_max: int
    read: Callable[[Any, bytes], Awaitable[FileMessages]]
    meaning: str
    example: tuple[str, str]
    sent: str
    details: str = ""
    refused: tuple[int, ...] = ()
