"""What people decide and no event says: who is barred, what was paid, what a board is made of.

The store is not the only place that has it. A decision is archived before it is carried out, as
an entry among those of messages, whose command no queue takes::

    {"command": "decision", "decision": {"kind": "barred", "version": 1460462400001,
                                         "owner": "0x12..ef", "note": "stolen wallet", ...}}

Its *version* is a number that the store gave (psd/archive/turns.py): of two about the same subject
the greater one stands, in whatever order, in whichever files and however often they come. Whoever
keeps decisions of some kinds is a :class:`Keeper`, and carries them out anew in a :class:`Redo`
(psd/archive/redoing.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from psd.archive.entries import Entry
from psd.errors import MalformedError

COMMAND = "decision"

_START = b'{"command":"decision","decision":{"kind":"'


class Decision(msgspec.Struct, frozen=True, tag_field="kind", kw_only=True):
    """One decision; of one that was never archived the version is 0."""

    version: int = 0


D = TypeVar("D", bound=Decision)

Kinds = Mapping[str, type[Decision]]
"""Types by the kind that their entries name."""


class Redo(Protocol):
    """Decisions of a keeper as an archive has them, in any order; made for one replay."""

    async def take(self, decision: Any) -> None:
        """Carry one out, unless a later one stands; or hold it until all have come."""
        ...

    async def finish(self) -> None:
        """Carry out what depends on others; all have come."""
        ...


class Redone(msgspec.Struct):
    """How many decisions a replay carried out, how many stood already, and what was refused."""

    kept: int = 0
    known: int = 0
    refusals: list[str] = msgspec.field(default_factory=list)

    def count(self, changed: bool) -> None:
        """Count one by whether it changed something."""
        if changed:
            self.kept += 1
        else:
            self.known += 1


class Keeper(Protocol):
    """Who carries out decisions of some kinds."""

    @property
    def kinds(self) -> Kinds:
        """What it carries out."""
        ...

    def redo(self, redone: Redone, tail: Tail, *, is_dry: bool) -> Redo:
        """Carries out again what an archive has, and counts it; dry, it only looks."""
        ...


class Tail(Protocol):
    """The decisions that were archived while a replay reads."""

    def newer(self, kind: type[D]) -> list[D]:
        """Those of one kind that may not have been handed over."""
        ...


class _DecisionEnvelope(msgspec.Struct):
    decision: msgspec.Raw


class _DecisionKind(msgspec.Struct):
    kind: str


_encode = msgspec.json.Encoder().encode
_envelope = msgspec.json.Decoder(_DecisionEnvelope).decode
_kind = msgspec.json.Decoder(_DecisionKind).decode


def entry_of(decision: Decision, now_ms: int) -> Entry:
    """A decision as the archive keeps it."""
    return Entry(now_ms, "", _encode({"command": COMMAND, COMMAND: decision}))


def is_decision(entry: Entry) -> bool:
    """Whether an entry is a decision; no message begins so, as its command would be refused."""
    return entry.body.startswith(_START)


def kinds_of(*types: type[Decision]) -> dict[str, type[Decision]]:
    """Types by their kinds."""
    return {str(each.__struct_config__.tag): each for each in types}


def decision_of(entry: Entry, kinds: Kinds) -> Decision:
    """The decision that an entry is; raises MalformedError for one that this psd cannot read."""
    try:
        raw = _envelope(entry.body).decision
        kind = _kind(raw).kind
        if kind not in kinds:
            raise MalformedError(
                f"decision: kind {kind!r} is unknown to this psd; a newer one archived it"
            )
        return msgspec.json.decode(raw, type=kinds[kind])
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise MalformedError(f"decision: cannot be read ({exc})") from exc
