"""What a running process has of a domain, and what a worker does for it by the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from psd.archive.decisions import Keeper
    from psd.audit.sweep import Audited
    from psd.domain.decree import Decree
    from psd.domain.deed import Deed
    from psd.domain.file_import import FileImport
    from psd.domain.hook import Hook, Lead
    from psd.domain.question import Endpoint, Watchable
    from psd.domain.resource import KeptResource
    from psd.domain.told_again import ToldAgain
    from psd.domain.web_page import Search, WebPage
    from psd.engine.books import Follower


class ClockTask(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker does by the clock (workers/clockwork.py).

    ``step`` is handed the Unix millisecond. Workers beside each other each do it.
    """

    name: str
    every_ms: int
    step: Callable[[int], Awaitable[None]]


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
    decrees: Sequence[Decree] = ()
    resources: Sequence[KeptResource] = ()
    file_imports: Sequence[FileImport] = ()
    keepers: Sequence[Keeper] = ()
    """Who keeps what people decide, so that a replay decides it again."""
    told_again: Sequence[ToldAgain] = ()
    """By what messages what it keeps is exported and imported."""
    clock: ClockTask | None = None
    pages: Sequence[WebPage] = ()
    page_watchables: Sequence[Watchable] = ()
    """What pages watch for those who are signed in, by paths from the site's root."""
    pages_are_open: bool = False
    """Whether anybody may look where no token is needed, as at psd's own pages."""
    searches: Sequence[Search] = ()
    """What psd's first page finds of the domain."""
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
