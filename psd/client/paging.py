"""Times as callers have them, and answers that come in pages.

::

    second(datetime(2016, 4, 12, tzinfo=UTC), "start")        -> 1460419200
    compared((start, end), "compare_to")                      -> "1460419200/1460505600"
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar, overload

from psd.errors import BadQueryError
from psd.queries.requests import Time

When = Time | dt.datetime
"""RFC 3339, Unix seconds, or a datetime that knows its zone."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Page(Protocol):
    """An answer that says where the next one begins."""

    @property
    def next(self) -> str | None:
        """The cursor of the page after this one."""
        ...


P = TypeVar("P", bound=Page)


@overload
def second(when: When, field: str) -> Time: ...
@overload
def second(when: When | None, field: str) -> Time | None: ...
def second(when: When | None, field: str) -> Time | None:
    """A time as a question says it; raises BadQueryError for a datetime without a zone.

    Python takes such a one for local time, psd would take it for UTC.
    """
    if not isinstance(when, dt.datetime):
        return when
    if when.tzinfo is None:
        raise BadQueryError(f"{field}: {when} has no time zone")
    return (when - _EPOCH) // dt.timedelta(seconds=1)


def compared(with_what: When | tuple[When, When] | None, field: str) -> Time | None:
    """What a board is compared with: an instant, or another range."""
    if not isinstance(with_what, tuple):
        return second(with_what, field)
    start, end = (second(each, field) for each in with_what)
    return f"{start}/{end}"


async def pages(
    ask: Callable[[str | None], Awaitable[P]], cursor: str | None = None
) -> AsyncIterator[P]:
    """Every page from a cursor on."""
    while True:
        page = await ask(cursor)
        yield page
        cursor = page.next
        if cursor is None:
            return
