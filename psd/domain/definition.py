"""What a domain is: plain data that is known before anything runs.

A domain is a folder and a line of psd/domains.py. In the folder ``domain.py`` holds a
:class:`Domain`; its ``open`` makes the :class:`~psd.domain.part.Part` that a running process has of
it. A domain of meters::

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
of them share lies below both. The modules beside this one say what it is lent (``core``), and what
it hands over: messages, questions, deeds, resources, files, pages, hooks, a face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from psd.config import Section, Thing
from psd.domain.face import Face

if TYPE_CHECKING:
    from psd.store.keys import KeyKind


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a domain before anything runs.

    ``name`` is its folder, section, group of commands, part of a client and of /docs, and the
    beginning of its keys. ``messages`` names a function of its settings and the numbers of things
    that gives its :class:`Messages`, which a POST to ``posts`` takes as /v3/events does, and no
    others; ``open`` one of the core and its settings that gives its :class:`Part`. ``cli`` is where
    its group is and the line of its help, ``client`` its part of both clients. ``checks`` are lines
    of ``psd doctor``: a name, and a function of all settings that tells what it found, or raises.
    ``exports`` are the kinds under which ``psd export`` writes what its part tells again.
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
    exports: Sequence[str] = ()
    face: Face | None = None
