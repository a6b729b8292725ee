"""The texts that name a span to others: W3C's ``traceparent`` and ``tracestate``. Pure.

::

    read_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    -> Traceparent("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)
    read_tracestate("congo=t61rcWkgMzE, Rojo=1,rojo=2,,rojo=3")
    -> "congo=t61rcWkgMzE,rojo=2"

They stand in headers of a request (server/tracing.py) and in fields of a message
(psd/engine/message_traces.py); what is none is passed over in both. What others say of a trace in
its state is theirs: psd passes it on as it came, and says nothing of its own there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
"""The names of the headers, and of the fields."""

VERSION = "00"
SAMPLED, NOT_SAMPLED = "01", "00"
"""The one flag that is passed on: the others mean nothing in our version of the header."""

_FORM = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?",
    re.ASCII,
)
_ODD = frozenset("13579bdf")

STATE_CHARACTERS_MAX = 512
STATE_MEMBERS_MAX = 32
LONG_MEMBER = 128
"""A state that is too long is passed on without members that are longer, then without the last."""

_MEMBER = re.compile(
    r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]",
    re.ASCII,
)


class Traceparent(msgspec.Struct, frozen=True, gc=False):
    """A span of somebody's trace, and whether he records it; ``state`` is what others say of it."""

    trace_id: str
    span_id: str
    is_sampled: bool
    state: str = ""

    def __str__(self) -> str:
        """As the header has it."""
        flags = SAMPLED if self.is_sampled else NOT_SAMPLED
        return f"{VERSION}-{self.trace_id}-{self.span_id}-{flags}"


def read_traceparent(text: str) -> Traceparent | None:
    """What a text names; None for one that is no valid traceparent."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == VERSION and rest is not None:
        return None
    return Traceparent(trace_id, span_id, flags[1] in _ODD)


def read_tracestate(text: str) -> str:
    """What of a state is passed on: its valid members in their order, the first of each name."""
    members = dict[str, str]()
    for member in _members(text):
        members.setdefault(member.partition("=")[0], member)
    kept = [*members.values()][:STATE_MEMBERS_MAX]
    if _length(kept) > STATE_CHARACTERS_MAX:
        kept = [member for member in kept if len(member) <= LONG_MEMBER]
    while _length(kept) > STATE_CHARACTERS_MAX:
        kept.pop()
    return ",".join(kept)


def _members(text: str) -> Iterator[str]:
    for each in text.split(","):
        member = each.strip(" \t")
        if _MEMBER.fullmatch(member):
            yield member


def _length(members: list[str]) -> int:
    return sum(map(len, members)) + len(members) - 1
