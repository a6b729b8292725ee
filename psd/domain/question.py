"""Questions of a domain over HTTP, without HTTP: struct in, struct out; and those that are watched.

::

    Endpoint(path="/v3/meters/{meter}", answer=MeterAnswer, ask=questions.meter, ...)
        GET /v3/meters/m-1          -> questions.meter(Asked(NoParameters(), {"meter": "m-1"}, ...))
    Watchable(endpoint=..., event="meter", versioned=questions.version)
        GET /v3/meters/m-1/watch    the same answer, told again with each version of it
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from psd.domain.dialect import Dialect

if TYPE_CHECKING:
    from psd.access.identity import Identity, Scope
    from psd.queries.sums import Sees
    from psd.store.lane import Command as StoreCommand


Example = tuple[str, str]
"""A request, and its answer with ``...`` for what differs from run to run."""


class Asked(msgspec.Struct, frozen=True):
    """A request without HTTP: the struct of its parameters, the parts of its path, and who asks.

    ``sees`` is whom the one who asks may see, as the questions of psd/queries take it. ``form`` is
    which of the endpoint's own ``forms`` is asked for, "" for none of them.
    """

    query: Any
    path: Mapping[str, Any]
    identity: Identity
    sees: Sees
    form: str = ""


class NoParameters(msgspec.Struct, frozen=True):
    """Nothing is asked but what the path says."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A question over HTTP: struct in, struct out. server/domain/questions.py makes routes of it.

    Parameters are read as ``query`` says; a list is one that comes several times. Parts of the path
    are read as ``parts`` say; one that is not told is a text. ``by_form`` asks the same by POST,
    with a form in the body, which goes before the URL. ``ask`` raises errors of psd/errors.py, and
    ``refused`` are statuses that come of them beside those of every route; the first line of its
    docstring is the summary in the reference. With ``whole`` the answer is about everybody.

    An answer is JSON or msgpack as the request says, and CSV where it has rows (``data``); it has
    an ETag. In a ``dialect`` it is JSON alone, as the other API has it. ``forms`` are further
    answers by the name that ``format`` calls them: others' objects, as JSON. Parameters that a URL
    may say in several ways are ``read`` by rules of their own, of all that stand there. What is
    not asked of the store alone, and may take longer than it, ``is_patient``.
    """

    path: str
    query: type[msgspec.Struct] = NoParameters
    answer: Any
    ask: Callable[[Asked], Awaitable[Any]]
    meaning: str
    example: Example
    parts: Mapping[str, Any] = {}
    details: str = ""
    refused: tuple[int, ...] = ()
    scope: Scope | Literal["open"] = "read"
    whole: bool = False
    by_form: bool = False
    dialect: Dialect | None = None
    forms: Mapping[str, Any] = {}
    read: Callable[[Iterable[tuple[str, str]]], msgspec.Struct] | None = None
    is_patient: bool = False


class Versioned(msgspec.Struct, frozen=True):
    """How the version of a resource is read, in one trip with the versions of all others.

    The version is what ``read`` makes of the replies to ``commands``: a text without line breaks
    that is another one whenever the resource is. Two that ask the same are one.
    """

    commands: tuple[StoreCommand, ...]
    read: Callable[[Sequence[Any]], str]


class Watchable(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint that tells its answer again whenever that is of another version.

    The endpoint's path with ``/watch`` behind it streams the answers as server-sent ``event``
    (server/watching.py). ``versioned`` finds out what to look at; it raises what the endpoint
    would raise for whoever may not have the answer, or where there is none. ``details`` say what
    is told where that is something else than the path without ``/watch`` answers.
    """

    endpoint: Endpoint
    event: str
    versioned: Callable[[Asked], Awaitable[Versioned]]
    details: str = ""
