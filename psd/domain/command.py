"""What a domain adds to the queue: commands of psd's topic, and topics of its own.

::

    Command(name="reading", many="readings", fields=ReadingFields, check=check_reading)
        {"command": "reading", "reading": {"meter": "m-1", ...}}        an object
        {"command": "readings", "readings": [{...}, {...}]}             a list of them
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from psd.engine.event_rules import EventRules, Kind
    from psd.engine.events import Accepted


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


class Messages(msgspec.Struct, frozen=True):
    """What a domain adds to the queue; the uids of ``things`` are its own numbers, and no users."""

    commands: Sequence[Command] = ()
    things: frozenset[int] = frozenset()
    topics: Sequence[RawTopic] = ()
