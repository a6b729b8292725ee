"""The page at ``/``: what runs, how far behind it is, and where to look.

::

    GET /          version, store, queue, newest booking, dead letters; boards; a search
    GET /?json=1   the same as a file
    GET /watch     server-sent events for it

A program that asks for ``/`` gets the 404 of pointspaced, as it always has.

On an empty store it says by which commands something comes into it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from psd.access.identity import Identity
from psd.clock import utc_text
from psd.domain.question import Asked, Endpoint, Versioned, Watchable
from psd.domain.web_page import Answer, Content, Shown, Visit, WebPage
from psd.errors import UnavailableError
from psd.queries.depth import depth_of
from psd.queries.requests import LeaderboardQuery
from psd.queue.deadletter import INSPECT_CHANNEL
from psd.runtime import Runtime
from psd.times import timestamp
from psd.users import NAMED, user_of
from psd.version import VERSION
from server.pages.booked_minutes import BookedMinutes, sparkline
from server.pages.own_watching import OwnWatching
from server.pages.shared_views import SharedViews

BOARDS = 8
OWNERS = 20
LOOK_EVERY_S = 5
"""What no key tells of is told so much later at most."""

AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))


class State(msgspec.Struct, frozen=True):
    """What runs; what cannot be told is null."""

    version: str
    store: str
    queue_depth: int | None
    dead_letters: int | None
    newest: str | None


class LinkedBoard(msgspec.Struct, frozen=True):
    """A board to which the page leads."""

    name: str
    title: str
    thing: str


class StateFile(msgspec.Struct, frozen=True):
    """The page as a file; ``booked`` is what this process booked in each of the last minutes."""

    state: State
    booked: list[int]
    boards: list[LinkedBoard]


class StatePage:
    """Shows the state of the daemon."""

    def __init__(self, runtime: Runtime, minutes: BookedMinutes, watching: OwnWatching) -> None:
        self._watching = watching
        self._views = SharedViews()
        self._minutes = minutes
        queue = runtime.settings.queue
        self._runtime = runtime
        self._depth = depth_of(queue, runtime.store)
        letters = replace(queue, topic=queue.deadletter_topic, channel=INSPECT_CHANNEL)
        self._letters = depth_of(letters, runtime.store)
        self._searches = [
            (each.label, f"/{name}{each.path}", each.field)
            for name, part in sorted(runtime.parts.items())
            for each in part.searches
        ]
        domain_things = runtime.books.things
        self._things = [
            name for name, thing in runtime.settings.things.items() if thing.id not in domain_things
        ]

    def page(self) -> WebPage:
        """The page; pointspaced has 404 at this path, and so have programs."""
        return WebPage(path="/", show=self.show, parameters=("json",), for_browsers=True)

    def watchable(self) -> Watchable:
        """What the page watches."""
        endpoint = Endpoint(
            path="",
            answer=State,
            ask=self.state,
            meaning="what runs",
            example=("/", '{"version":...}'),
            whole=True,
        )
        return Watchable(endpoint=endpoint, event="state", versioned=self.versioned)

    async def state(self, _asked: Asked) -> State:
        """What runs now."""
        depth, letters, newest, info = await asyncio.gather(
            _told(self._depth()), _told(self._letters()), self._newest(), self._info()
        )
        return State(VERSION, info, depth, letters, None if newest is None else utc_text(newest))

    async def versioned(self, _asked: Asked) -> Versioned:
        """Another one with each booking, and every few seconds."""
        numbers = self._runtime.settings.numbers
        booked = await self._watching.versions.of_things(numbers[each] for each in self._things)
        return Versioned(booked.commands, self._version)

    async def show(self, visit: Visit) -> Answer:
        """The page."""
        asked = Asked(None, {}, visit.identity, visit.sees)
        sees_all = visit.identity.owners is None
        if not sees_all:
            own = {"version": VERSION}
            if "json" in visit.query:
                return _file(own)
            users = [(name, quote(name, safe="")) for name in named_owners(visit.identity)]
            return Shown("state_of_one.html", {**own, "users": users, "things": self._things})
        state = await self._state(asked)
        boards = [
            LinkedBoard(each.name, each.definition.title or each.name, each.definition.thing)
            for each in await self._runtime.boards.page("", BOARDS)
        ]
        if "json" in visit.query:
            return _file(StateFile(state, [*self._minutes.counts], boards))
        is_admin = visit.identity.may("admin")
        return Shown("state.html", {**self._values(state, boards), "is_admin": is_admin})

    def _values(self, state: State, boards: Sequence[LinkedBoard]) -> dict[str, Any]:
        """What the page says."""
        age_s = self._runtime.clock.now_s() - timestamp(state.newest) if state.newest else 0
        counts = self._minutes.counts
        return {
            "state": state,
            "queue": "-" if state.queue_depth is None else f"{state.queue_depth:,}",
            "letters": "-" if state.dead_letters is None else f"{state.dead_letters:,}",
            "age": age(age_s) if state.newest else "nothing yet",
            "boards": [(each.title, quote(each.name), each.thing) for each in boards],
            "booked": f"{counts[-1]:,}" if counts else "-",
            "sparkline": sparkline(counts),
            "minutes": len(counts),
            "most": f"{max(counts, default=0):,}",
            "things": self._things,
            "searches": self._searches,
        }

    async def _state(self, asked: Asked) -> State:
        """What runs, found out once a second for all who look."""
        second = int(asyncio.get_running_loop().time())
        found: State = await self._views.of(second, lambda: self.state(asked))
        return found

    def _version(self, replies: Sequence[Any]) -> str:
        told = repr((replies, self._runtime.clock.now_s() // LOOK_EVERY_S))
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()

    async def _newest(self) -> int | None:
        """The newest second that is booked of any thing of users."""
        queries = self._runtime.queries
        asked = [LeaderboardQuery(thing=name, limit=1) for name in self._things]
        answers = await asyncio.gather(*(queries.leaderboard(each) for each in asked))
        found = [each.watermark.newest for each in answers]
        return max((timestamp(each) for each in found if each is not None), default=None)

    async def _info(self) -> str:
        """The store, by name and version."""
        told = await self._runtime.store.reads.each_node([("INFO", "server")])
        [info] = next(iter(told.values()))
        fields = dict(line.split(b":", 1) for line in info.splitlines() if b":" in line)
        if valkey := fields.get(b"valkey_version"):
            return f"Valkey {valkey.decode()}"
        return f"Redis {fields.get(b'redis_version', b'?').decode()}"


def named_owners(identity: Identity) -> list[str]:
    """The users to whom somebody is restricted, as they were given: names, then numbers."""
    numbers = sorted((identity.owners or frozenset()) - {user_of(name) for name in identity.names})
    own = [identity.subject] if identity.subject else []
    told = [*own, *identity.names, *(str(number) for number in numbers if number < NAMED)]
    return [*dict.fromkeys(told)][:OWNERS]


def _file(told: object) -> Content:
    return Content("state.json", "application/json", msgspec.json.encode(told))


def age(seconds: int) -> str:
    """How long ago something was.

    >>> age(59), age(7200), age(-3)
    ('59 s ago', '2 h ago', 'now')
    """
    if seconds <= 0:
        return "now"
    for length, unit in AGES:
        if seconds >= length:
            return f"{seconds // length:,} {unit} ago"
    return f"{seconds} s ago"


async def _told(asking: Any) -> int | None:
    try:
        found: int | None = await asking
    except UnavailableError:
        return None
    return found
