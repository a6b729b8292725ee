"""What a domain shows to people: pages.

A page is a question like any other, asked by a browser: what was typed and chosen goes in, and what
is to be seen comes out. A domain knows neither HTTP nor templates; server/pages makes routes of
pages, asks who is there, and fills the template that an answer names, which lies in the domain's
own ``templates``::

    WebPage(path="/driver/{driver}/", show=...)      GET /driver/7/ of a signed-in reader
    -> Shown("driver.html", {"driver": ...})      psd/<name>/templates/driver.html
    -> Moved("/drivers/", "Transaction added")    302, and the text once on the next page
    -> Away("https://...")                        303, to a page of somebody else's
    -> Download("days.csv", ("day", "km"), rows)  a file
    -> Said("reading", fields, ...)               kept and booked, as if it came by the queue
    -> SaidAll("reading", [fields, ...], ...)     the same of a file's worth

A page works without script. What moves has psd's own module for that, which a template finds under
``scripts["live.js"]``, and others of the domain's folder ``scripts``.

The pages of a domain are below ``/<name>/`` on the main port, and at the root of its
:class:`psd.domain.face.Face`: a port of its own, where the original's paths are as they were.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from psd.access.identity import Identity, Scope
    from psd.engine.outcomes import Outcome
    from psd.errors import InputError
    from psd.queries.sums import Sees


class Visit(msgspec.Struct, frozen=True):
    """Somebody asks for a page: parts of its path, parameters, and the form that was sent.

    A parameter that comes several times has commas between its values. ``form`` is None for one who
    only looks. ``sees`` is whom he may see. ``names`` are the parts of
    a page that is named, ``files`` those that were sent with the form. ``site_url`` is where the
    visitor has the root of the site, ``https://psd.example/meters``; empty where nobody can tell.
    """

    path: Mapping[str, int]
    query: Mapping[str, str]
    form: Mapping[str, str] | None
    identity: Identity
    sees: Sees
    names: Mapping[str, str] = {}
    files: Mapping[str, bytes] = {}
    site_url: str = ""


class Shown(msgspec.Struct, frozen=True):
    """A page: a template of the domain's folder, and what it says."""

    template: str
    values: Mapping[str, Any] = {}


class Moved(msgspec.Struct, frozen=True):
    """The way to another page of the site, by its path from the root.

    ``wanted`` goes before it: where a link said that one wants to be afterwards, when that is a
    path of this server. ``flash`` is told once, on the page that is shown then.
    """

    to: str
    flash: str = ""
    wanted: str = ""


class Away(msgspec.Struct, frozen=True):
    """The way to a page of somebody else's, by its URL. A form never leads there: pages say so."""

    url: str


class Download(msgspec.Struct, frozen=True):
    """A table as a CSV file."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[object]]


class Content(msgspec.Struct, frozen=True):
    """A file as it is: to be kept, or ``is_shown`` where a browser can, as a picture is."""

    name: str
    content_type: str
    body: bytes
    is_shown: bool = False


Answer = Shown | Moved | Away | Download | Content


class Said(msgspec.Struct, frozen=True):
    """A form says what the queue could say: a command of the domain, and what is answered.

    It is kept and booked through the one door. ``refused`` is asked in place of ``booked`` when it
    was refused for an error of the one who said it.
    """

    command: str
    fields: msgspec.Struct
    booked: Callable[[Outcome], Awaitable[Answer]]
    refused: Callable[[InputError], Awaitable[Answer]]


class SaidAll(msgspec.Struct, frozen=True):
    """A form says many things by one command, as a file does: each stands or falls by itself.

    ``told`` is asked what became of them. With a fault in any of them none is kept, and ``refused``
    is asked.
    """

    command: str
    fields: Sequence[msgspec.Struct]
    told: Callable[[Sequence[Outcome]], Awaitable[Answer]]
    refused: Callable[[InputError], Awaitable[Answer]]


class Search(msgspec.Struct, frozen=True):
    """A form of psd's first page: a text under a ``label`` goes to a page as its parameter."""

    label: str
    path: str
    field: str


class WebPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page, by its path below the root of the site; parts in braces are whole numbers.

    Those of a page that is ``named`` are texts. The ``parameters`` of its address are those that it
    knows: it says of any other one that it changes nothing, and where a file is asked for, which
    cannot say so, that is refused. Without them it may be asked with any. Its ``link`` is its text
    in the navigation of the site, where it stands there. Whoever sees it must be signed in and have
    the ``scope``. With ``takes_forms`` it is asked by POST too. A form has the token of its
    session, unless sending it ``changes`` nothing; one with files has up to ``upload_bytes_max``. A
    path at which programs have always been told that there is nothing is ``for_browsers``: who does
    not name ``text/html`` among what he accepts, nor asks for its file by ``?json=1``, is told so
    still. One that shows or does more than the store is asked for ``is_patient``.
    """

    path: str
    show: Callable[[Visit], Awaitable[Answer | Said | SaidAll]]
    parameters: tuple[str, ...] | None = None
    scope: Scope = "read"
    link: str = ""
    takes_forms: bool = False
    changes: bool = True
    named: bool = False
    for_browsers: bool = False
    upload_bytes_max: int = 0
    is_patient: bool = False
