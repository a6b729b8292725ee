"""What follows a request that offers another protocol, and is told that there is none.

aiohttp's parser stops behind a request with ``Upgrade``, and drops the rest of its segment unless
it knows the protocol: ``Upgrade: h2c``, as Java's client says it on each new connection, and a
second request behind it left the second one without an answer. psd speaks HTTP/1.1 alone, so what
comes is cut where a request may end, and nothing is left behind one::

    GET /a, Upgrade: h2c  GET /b      one segment
    GET /a, Upgrade: h2c | GET /b     two pieces, both parsed

Connections on which the word never comes are not cut: they pay for a search, 0.3 us a segment.
"""

from __future__ import annotations

WORD = b"upgrade"
WORD_BEGUN = len(WORD) - 1

HEAD_END = b"\r\n\r\n"
"""A head ends so, and a chunked body; a body of a length may hold it too."""

KEPT = len(HEAD_END) - 1
"""So much of what was given is looked at again: an end may lie in two segments."""


class Pieces:
    """What came on a connection and is not parsed yet, cut where a request may end.

    ``body_bytes`` is what is left of the body of such a request, when its length was told: no end
    is looked for in there, because it comes after that.
    """

    __slots__ = ("_at", "_held", "_is_wary", "body_bytes")

    def __init__(self) -> None:
        self.body_bytes = 0
        self._held = b""
        self._at = 0
        self._is_wary = False

    def is_wary(self, data: bytes) -> bool:
        """Whether the word came, now or before, so that this segment has to be cut."""
        if not self._is_wary:
            text = self._held + data
            if WORD not in text.lower():
                self._held = text[-WORD_BEGUN:]
                return False
            self._is_wary = True
            self._at = len(self._held)
        return True

    def hold(self, data: bytes) -> None:
        """Keep a segment behind what is held already."""
        first = max(self._at - KEPT, 0)
        self._held = self._held[first:] + data
        self._at -= first

    def next(self) -> bytes:
        """The next piece; nothing when all was given."""
        held, start = self._held, self._at
        if self.body_bytes:
            end = min(start + self.body_bytes, len(held))
            self.body_bytes -= end - start
        else:
            found = held.find(HEAD_END, max(start - KEPT, 0))
            end = len(held) if found < 0 else found + len(HEAD_END)
        self._at = end
        return held[start:end]
