"""What a domain brings to psd, and what psd lends it.

A domain is a folder and a line of psd/domains.py. In the folder ``domain.py`` holds a
:class:`Domain`, plain data that is known before anything runs; ``open`` makes the :class:`Part`
that a running process has of it. A domain of meters::

    METERS = Domain(
        name="meters",                                  folder, [meters], psd meters, psd:meters:
        settings=MetersSettings,
        keys=KEYS,                                      of psd/meters/keys.py
        messages="psd.meters.events:messages_of",       {"command": "reading", "reading": {...}}
        open="psd.meters.part:Meters",
        cli=("psd.meters.cli:meters", "Look at meters."),
        client=("psd.meters.client:AsyncMeters", "psd.meters.client:Meters"),
    )

Whatever stands as ``module:name`` is imported when it is needed: ``psd --help`` and a client need
little of a domain. A domain imports neither another one, nor aiohttp, nor a Redis client; what two
of them share lies below both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from psd.config import Section, Settings, Thing

if TYPE_CHECKING:
    from psd.access.identity import Identity, Scope
    from psd.archive.decisions import Keeper
    from psd.archive.turns import Turns
    from psd.clock import Clock
    from psd.engine.books import Follower
    from psd.engine.engine import Engine
    from psd.engine.event_rules import EventRules, Kind
    from psd.engine.events import Accepted
    from psd.observe.metrics import Metrics
    from psd.store.keys import KeyKind
    from psd.store.redis import Store

Style = Literal["user", "prometheus", "problem"]
"""In whose words errors are told (server/errors.py); ``problem`` is RFC 9457, for what is ours."""

Example = tuple[str, str]
"""A request, and its answer with ``...`` for what differs from run to run."""


class Core(msgspec.Struct, frozen=True):
    """What psd lends a domain. The engine is for reading: what is booked is booked by commands."""

    settings: Settings
    engine: Engine
    store: Store
    clock: Clock
    metrics: Metrics
    turns: Turns

    @property
    def things(self) -> Mapping[str, int]:
        """The numbers of things, by name."""
        return self.settings.numbers


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of event, for the queue, /v3/events, CloudEvents, the client and /docs alike.

    One object stands under ``name``, a list of them under ``many``. ``time_field`` says when it
    happened, and one that ``needs_id`` is applied once for its ``id``: a CloudEvent gives both.
    With a ``path`` lists of ``fields`` are booked by a POST of their own.
    """

    name: str
    many: str
    fields: type[msgspec.Struct]
    check: Callable[[Any, int, EventRules], Accepted]
    time_field: str = "time"
    needs_id: bool = False
    path: str = ""
    summary: str = ""
    example: str = ""


class RawTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic of the queue whose messages are as somebody else writes them, and none of psd's.

    A worker takes it beside psd's own, over a connection of its own. ``read`` makes events of a
    body, the current second, the message's id and the rules, or raises an InputError. The archive
    keeps a body as ``{"command": <command>, "body": <body>}`` (psd/engine/envelopes.py).
    """

    name: str
    command: str
    read: Kind


class ClockTask(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker does by the clock (workers/clockwork.py).

    ``step`` is handed the Unix millisecond. Workers beside each other each do it.
    """

    name: str
    every_ms: int
    step: Callable[[int], Awaitable[None]]


class Messages(msgspec.Struct, frozen=True):
    """What a domain adds to the queue; the uids of ``things`` are its own numbers, and no users."""

    commands: Sequence[Command] = ()
    things: frozenset[int] = frozenset()
    topics: Sequence[RawTopic] = ()


class Asked(msgspec.Struct, frozen=True):
    """A request without HTTP: the struct of its parameters, the parts of its path, and who asks."""

    query: Any
    path: Mapping[str, Any]
    identity: Identity


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A question over HTTP: struct in, struct out. server/domains.py makes a route of it.

    Parameters are read as ``query`` says, parts of the path as ``parts`` say; a part that is not
    told is a text. ``ask`` raises errors of psd/errors.py, and ``refused`` are statuses that come
    of them beside those of every route. With ``whole`` the answer is about everybody.
    """

    path: str
    query: type[msgspec.Struct]
    answer: type[msgspec.Struct]
    ask: Callable[[Asked], Awaitable[msgspec.Struct]]
    summary: str
    meaning: str
    parts: Mapping[str, Any] = {}
    details: str = ""
    examples: tuple[Example, ...] = ()
    refused: tuple[int, ...] = ()
    scope: Scope = "read"
    whole: bool = False
    style: Style = "problem"


class Part:
    """What a running process has of a domain; what it has not stays as it is here."""

    follower: Follower | None = None
    endpoints: Sequence[Endpoint] = ()
    keepers: Sequence[Keeper] = ()
    """Who keeps what people decide, so that a replay decides it again."""
    clock: ClockTask | None = None


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a domain before anything runs.

    ``name`` is its folder, section, group of commands, part of a client and of /docs, and the
    beginning of its keys. ``messages`` names a function of its settings and the numbers of things
    that gives its :class:`Messages`; ``open`` one of the core and its settings that gives its
    :class:`Part`. ``cli`` is where its group is and the line of its help, ``client`` its part of an
    asynchronous and of a waiting client. ``checks`` are lines of
    ``psd doctor``: a name, and a function of all settings that tells what it found, or raises.
    """

    name: str
    docs: str
    settings: type[Section] = Section
    things: Mapping[str, Thing] = {}
    keys: Sequence[KeyKind] = ()
    messages: str = ""
    open: str = ""
    cli: tuple[str, str] = ("", "")
    client: tuple[str, str] | None = None
    checks: Mapping[str, str] = {}
    failpoints: Sequence[str] = ()
