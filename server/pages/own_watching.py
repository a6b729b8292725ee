"""What psd's own pages watch, by the sessions of those who look: that they show something else now.

::

    GET /watch                       event: state    what runs
    GET /boards/june/watch           event: board    a named board
    GET /board/watch?thing=steps     event: board    any board of a thing, or of some users
    GET /users/7/watch               event: user     a user, of all things

An event says no more than that: the page is asked for again then, and those who ask for the same
view of one version get one answer (:class:`SharedViews`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from urllib.parse import quote, urlencode

import msgspec

from psd.domain.question import Asked, Endpoint, Versioned, Watchable
from psd.domain.web_page import Visit
from psd.errors import ForbiddenError, NotFoundError
from psd.foreign_texts import shown
from psd.queries.things import asked_thing
from psd.runtime import Runtime
from psd.users import user_of
from server.booked_versions import BookedVersions


class Changed(msgspec.Struct, frozen=True):
    """Something is another one than it was."""

    page: str


class AnyPage(msgspec.Struct, frozen=True):
    """The parameters of a page, of which a few say what is watched."""

    pairs: tuple[tuple[str, str], ...] = ()

    def all_of(self, name: str) -> list[str]:
        """The values of one, which may stand with commas between them."""
        return [part for key, text in self.pairs if key == name for part in text.split(",") if part]


class OwnWatching:
    """Watches for those who are signed in; who may not see a page may not watch it."""

    def __init__(self, runtime: Runtime) -> None:
        self._boards = runtime.boards
        self._store = runtime.store
        self._things = runtime.settings.numbers
        domain_things = runtime.books.things
        self._of_users = [each for each in self._things.values() if each not in domain_things]
        self.versions = BookedVersions(runtime.store, runtime.boards, runtime.clock)

    def watchables(self) -> tuple[Watchable, ...]:
        """All but that of what runs."""
        return (
            _watched("/boards/{name}", "board", self.of_named, whole=True),
            _watched("/board", "board", self.of_any, whole=True),
            _watched("/users/{uid}", "user", self.of_user),
        )

    async def board(self, name: str | None, visit: Visit, asked: Mapping[str, str]) -> str:
        """Where a page of a board watches, with the version that it is about to show."""
        kept = {each: asked[each] for each in ("thing", "uid") if each in asked and name is None}
        path = {} if name is None else {"name": name}
        question = Asked(_read(kept.items()), path, visit.identity, visit.sees)
        at = "/board/watch" if name is None else f"/boards/{quote(name, safe='')}/watch"
        versioned = self.of_any if name is None else self.of_named
        return await self._at(at, kept, await versioned(question))

    async def user(self, name: str, visit: Visit) -> str:
        """The same of the page of a user."""
        question = Asked(AnyPage(), {"uid": name}, visit.identity, visit.sees)
        return await self._at(
            f"/users/{quote(name, safe='')}/watch", {}, await self.of_user(question)
        )

    async def _at(self, path: str, kept: Mapping[str, str], versioned: Versioned) -> str:
        version = versioned.read(await self._store.reads.call_all(versioned.commands))
        return f"{path}?{urlencode({**kept, 'version': version})}"

    async def of_named(self, asked: Asked) -> Versioned:
        """Of a named board."""
        name = asked.path["name"]
        board = await self._boards.board(name)
        if board is None:
            raise NotFoundError(f"board: {shown(name)} is not known")
        thing = asked_thing(board.definition.thing, self._things)
        return await self.versions.of_board(name, thing)

    async def of_any(self, asked: Asked) -> Versioned:
        """Of a board by parameters."""
        page: AnyPage = asked.query
        names = page.all_of("thing") or [next(iter(self._things))]
        things = [asked_thing(each, self._things) for each in names[:1]]
        uids = [user_of(each) for each in page.all_of("uid")]
        if uids:
            return await self.versions.of_users(things, uids)
        return await self.versions.of_things(things)

    async def of_user(self, asked: Asked) -> Versioned:
        """Of a user, of whatever is booked of users."""
        name = asked.path["uid"]
        uid = user_of(name)
        if not asked.sees(uid):
            raise ForbiddenError(f"user {name} is none that you may see")
        return await self.versions.of_users(self._of_users, [uid])


def _watched(
    path: str,
    event: str,
    versioned: Callable[[Asked], Awaitable[Versioned]],
    *,
    whole: bool = False,
) -> Watchable:
    async def changed(_asked: Asked) -> Changed:
        """Say that it is another one."""
        return Changed(event)

    endpoint = Endpoint(
        path=path,
        query=AnyPage,
        read=_read,
        answer=Changed,
        ask=changed,
        meaning=f"that the page of the {event} has changed",
        example=(path, '{"page":"..."}'),
        whole=whole,
    )
    return Watchable(endpoint=endpoint, event=event, versioned=versioned)


def _read(pairs: Iterable[tuple[str, str]]) -> AnyPage:
    return AnyPage(tuple(pairs))
