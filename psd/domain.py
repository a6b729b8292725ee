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

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from psd.config import Section, Settings, Thing
from psd.hooks import Hook, Lead
from psd.sites import WebPage

if TYPE_CHECKING:
    from psd.access.identity import Identity, Scope
    from psd.archive.decisions import Keeper
    from psd.archive.turns import Turns
    from psd.archive.writer import Appends
    from psd.audit.sweep import Audited
    from psd.clock import Clock
    from psd.domain_files import FileImport
    from psd.engine.books import Follower
    from psd.engine.engine import Engine
    from psd.engine.event_rules import EventRules, Kind
    from psd.engine.events import Accepted
    from psd.engine.outcomes import Outcome
    from psd.observe.metrics import Metrics
    from psd.queries.boards.board_reads import BoardReads
    from psd.queries.boards.versions import Versions
    from psd.queries.shown import NameSource
    from psd.queries.sums import Sees
    from psd.store.keys import KeyKind
    from psd.store.lane import Command as StoreCommand
    from psd.store.redis import Store

Example = tuple[str, str]
"""A request, and its answer with ``...`` for what differs from run to run."""


class Core(msgspec.Struct, frozen=True):
    """What psd lends a domain. What a message says is booked by commands, never here.

    The engine is for reading; what a follower computes is booked with a fence (engine/fences.py).
    ``boards`` are named boards with their members, ``names`` tells the names of users by number.
    To the ``archive`` goes what became of a message, where a replay could not find it out again.
    ``publish`` returns once the queue has bodies; who ``replays`` does nothing about what it keeps.
    """

    settings: Settings
    engine: Engine
    store: Store
    clock: Clock
    metrics: Metrics
    turns: Turns
    boards: BoardReads
    names: NameSource
    archive: Appends
    publish: Callable[[str, Sequence[bytes]], Awaitable[None]]
    replays: bool = False

    @property
    def things(self) -> Mapping[str, int]:
        """The numbers of things, by name."""
        return self.settings.numbers


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of event, for the queue, /v3/events, CloudEvents, the client and /docs alike.

    One object stands under ``name``, a list of them under ``many``. ``time_field`` says when it
    happened, and one that ``needs_id`` is applied once for its ``id``: a CloudEvent gives both.
    With a ``path`` lists of ``fields`` are booked by a POST of their own.

    Two domains may call different things by one name. Then the later one says ``unless``: what has
    this field is the earlier one's, all else its own. The reference and CloudEvents tell the
    earlier one.
    """

    name: str
    many: str
    fields: type[msgspec.Struct]
    check: Callable[[Any, int, EventRules], Accepted]
    time_field: str = "time"
    needs_id: bool = False
    unless: str = ""
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
    """A request without HTTP: the struct of its parameters, the parts of its path, and who asks.

    ``sees`` is whom the one who asks may see, as the questions of psd/queries take it.
    """

    query: Any
    path: Mapping[str, Any]
    identity: Identity
    sees: Sees


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


class FaceSample(msgspec.Struct, frozen=True):
    """What ``psd up --sample`` puts on the queue where a face is on, and what to try then.

    ``decide`` is asked before: what the domain's part is to have that no message says. In ``lines``
    stands {url} for where the face listens.
    """

    documents: Sequence[Mapping[str, Any]]
    lines: Sequence[str]
    decide: Callable[[Any], Awaitable[None]] | None = None


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """An original's site: ``psd up --face <name>`` serves it, on ``port`` unless told otherwise.

    It is off while the ``setting`` of its domain is 0. What is not there is told in the
    ``dialect``; without one, by a page. The domain's pages are there, if it ``has_pages``.
    ``sample`` names a function of the Unix second that gives a :class:`FaceSample`.
    """

    name: str
    port: int
    dialect: Dialect | None = None
    setting: str = "port"
    has_pages: bool = True
    sample: str = ""


class NoParameters(msgspec.Struct, frozen=True):
    """Nothing is asked but what the path says."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A question over HTTP: struct in, struct out. server/endpoints.py makes routes of it.

    Parameters are read as ``query`` says; a list is one that comes several times. Parts of the path
    are read as ``parts`` say; one that is not told is a text. ``by_form`` asks the same by POST,
    with a form in the body, which goes before the URL. ``ask`` raises errors of psd/errors.py, and
    ``refused`` are statuses that come of them beside those of every route; the first line of its
    docstring is the summary in the reference. With ``whole`` the answer is about everybody.

    An answer is JSON or msgpack as the request says, and CSV where it has rows (``data``); it has
    an ETag. In a ``dialect`` it is JSON alone, as the other API has it.
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


class Done(msgspec.Struct, frozen=True):
    """What a deed came to: 201 where something is there that was not, else 200."""

    answer: Any
    is_new: bool


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One command over HTTP that is answered by itself: a body in, a struct out (server/deeds.py).

    ``command`` is the name of one of the domain's :class:`Command`. ``fields`` makes of the body,
    which is ``Asked.query``, and of the path what the queue would carry under that name; it may
    look at the store, and refuses by errors of psd/errors.py. What is wrong with a field is 422,
    told by the name of the field. Then the command goes through the one door, unless a preview
    says that it would be refused, and ``told`` makes the answer of what became of it.

    ``refused`` are statuses beside 422 and those of every route that writes. What a deed says is
    about whomever it names, so nobody who is restricted to some owners may do one. One in a
    ``dialect`` answers 200 whatever was new, and its body may be ``read`` by rules of its own: of
    the bytes and their content type.
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


class KeptVersion(msgspec.Struct, frozen=True):
    """A resource as it stands, and the tag that names this version of it."""

    answer: msgspec.Struct
    tag: str
    is_new: bool = False


class KeptResource(msgspec.Struct, frozen=True, kw_only=True):
    """What people put under a name, read and take away: GET, PUT, DELETE (server/resources.py).

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


class Audit(Protocol):
    """Audits a domain, a part of it after the other; with ``repair`` it writes what should be."""

    def __call__(self, *, repair: bool) -> AsyncIterator[Audited]:
        """What became of each part, as the engine's audit tells it."""
        ...


class Part:
    """What a running process has of a domain; what it has not stays as it is here."""

    followers: Sequence[Follower] = ()
    endpoints: Sequence[Endpoint] = ()
    watchables: Sequence[Watchable] = ()
    """What of its endpoints may be watched; each stands among those, too."""
    deeds: Sequence[Deed] = ()
    resources: Sequence[KeptResource] = ()
    file_imports: Sequence[FileImport] = ()
    keepers: Sequence[Keeper] = ()
    """Who keeps what people decide, so that a replay decides it again."""
    clock: ClockTask | None = None
    pages: Sequence[WebPage] = ()
    page_watchables: Sequence[Watchable] = ()
    """What pages watch for those who are signed in, by paths from the site's root."""
    home: str = "/"
    """The page where one who signed in is led to."""
    face_endpoints: Sequence[Endpoint] = ()
    face_deeds: Sequence[Deed] = ()
    """What the domain's face has beside its pages, by paths from its root."""
    face_hooks: Sequence[Hook] = ()
    face_leads: Sequence[Lead] = ()
    audit: Audit | None = None
    """Holds what it keeps against what it follows from, for ``psd verify``."""

    async def close(self) -> None:
        """Hang up on whoever it talks to beside the store."""


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a domain before anything runs.

    ``name`` is its folder, section, group of commands, part of a client and of /docs, and the
    beginning of its keys. ``messages`` names a function of its settings and the numbers of things
    that gives its :class:`Messages`, which a POST to ``posts`` takes as /v3/events does, and no
    others; ``open`` one of the core and its settings that gives its :class:`Part`. ``cli`` is where
    its group is and the line of its help, ``client`` its part of both clients. ``checks`` are lines
    of ``psd doctor``: a name, and a function of all settings that tells what it found, or raises.
    ``face`` is the site of the original that it stands for, on the port that its settings have.
    ``page`` is its page in docs/, ``behind`` the part of the reference that its own stands behind.
    """

    name: str
    docs: str
    page: str = ""
    behind: str = "Boards"
    settings: type[Section] = Section
    things: Mapping[str, Thing] = {}
    keys: Sequence[KeyKind] = ()
    messages: str = ""
    posts: str = ""
    open: str = ""
    cli: tuple[str, str] = ("", "")
    client: tuple[str, str] | None = None
    checks: Mapping[str, str] = {}
    failpoints: Sequence[str] = ()
    face: Face | None = None
