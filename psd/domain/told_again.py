"""By what messages what a domain keeps could be told again, to a store that has nothing of it.

They are of two forms, as the archive has them: decisions (psd/archive/decisions.py), and commands
as a queue carries them. What is kept is the same after either was carried out::

    ToldAgain("ledgers", "meters", standing)
    standing(Range(...))
    -> ToldMessage("eco", 1460462400, b'{"command":"decision","decision":{...}}')

``psd export`` writes them under the kind, ``psd import`` carries them out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec

from psd.archive.decisions import Decision, entry_of
from psd.engine.plan import Range

_encode = msgspec.json.Encoder().encode


class ToldMessage(msgspec.Struct, frozen=True):
    """A message, what it is about, and the second when that was; 0 is of no time."""

    about: str
    second: int
    body: bytes


class ToldAgain(msgspec.Struct, frozen=True):
    """Messages of a domain that belong to a kind of export, in an order that stays.

    ``standing`` may leave out and cut what does not lie within; whoever asks looks at seconds too.
    """

    kind: str
    domain: str
    standing: Callable[[Range], AsyncIterator[ToldMessage]]


def decided(about: str, second: int, decision: Decision) -> ToldMessage:
    """A decision as a message."""
    return ToldMessage(about, second, entry_of(decision, 0).body)


def commanded(about: str, second: int, command: str, fields: msgspec.Struct) -> ToldMessage:
    """A command as a message."""
    return ToldMessage(about, second, _encode({"command": command, command: fields}))
