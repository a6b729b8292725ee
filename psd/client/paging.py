"""Times as callers have them, and answers that come in pages.

::

    second(datetime(2016, 4, 12, tzinfo=UTC), "start")        -> "2016-04-12T00:00:00Z"
    second(date(2016, 4, 12), "start")                        -> "2016-04-12", a date of ``tz``
    compared((1460419200, "2016-04-13"), "compare_to")        -> "1460419200/2016-04-13"
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar, overload

from psd.client.documents import second_of
from psd.clock import utc_text
from psd.errors import BadQueryError, WrongTypeError
from psd.queries.requests import Time
from psd.times import is_relative

When = Time | dt.date
"""What the server reads, a date, or a datetime that knows its zone."""


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

    Python takes such a one for local time, psd would take it for UTC. A moment is written out: as
    a number, one of 1970 might be read as a date.
    """
    if when is None or isinstance(when, str) or type(when) is int:
        return when
    if isinstance(when, dt.date) and not isinstance(when, dt.datetime):
        return when.isoformat()
    try:
        found = second_of(when, field)
        is_moment = isinstance(when, dt.datetime) or type(when).__name__ == "datetime64"
        return utc_text(found) if is_moment else found
    except (WrongTypeError, OverflowError) as exc:
        raise BadQueryError(str(exc)) from exc


def moves(when: When | tuple[When, When] | None) -> bool:
    """Whether a time, or an end of a range, is another one at each page."""
    parts = when if isinstance(when, tuple) else (when,)
    return any(
        is_relative(text) for part in parts if isinstance(part, str) for text in part.split("/")
    )


def fixed(when: When | None, answered: str) -> When | None:
    """The time for the pages behind the first, whose answer says what it was."""
    return answered if moves(when) else when


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
