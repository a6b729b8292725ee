"""The text that names a span to others: W3C's ``traceparent``. Pure.

::

    read_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    -> Traceparent("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)

It stands in a header of a request (server/tracing.py) and in a field of a message
(psd/engine/message_traces.py); what is none is passed over in both.
"""

from __future__ import annotations

import re

import msgspec

TRACEPARENT = "traceparent"
"""The name of the header, and of the field."""

VERSION = "00"
SAMPLED, NOT_SAMPLED = "01", "00"
"""The one flag that is passed on: the others mean nothing in our version of the header."""

_FORM = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?",
    re.ASCII,
)
_ODD = frozenset("13579bdf")


class Traceparent(msgspec.Struct, frozen=True, gc=False):
    """A span of somebody's trace, and whether he records it."""

    trace_id: str
    span_id: str
    is_sampled: bool

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
