r"""How numbers travel to and from the Lua scripts.

Ids are 64-bit and Lua computes in doubles, so ids travel packed: big-endian two's complement
in the fewest of 1, 2, 4 or 8 bytes. ``pack_id(300) == b"\\x01\\x2c"``.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

_WIDTHS = ((1, 1 << 7), (2, 1 << 15), (4, 1 << 31), (8, 1 << 63))


@lru_cache(maxsize=65_536)
def pack_id(number: int) -> bytes:
    """A 64-bit id in its fewest bytes."""
    for width, bound in _WIDTHS:
        if -bound <= number < bound:
            return number.to_bytes(width, "big", signed=True)
    raise OverflowError(f"{number} is not a 64-bit integer")


def marker_of(event_id: str, key: bytes) -> bytes:
    """The 8 bytes that stand for an event id in a marker hash.

    Two of a million ids in one hash meet with a chance of 2.7e-8; the key keeps a sender from
    looking for ids that meet.
    """
    return hashlib.blake2b(event_id.encode(), digest_size=8, key=key).digest()
