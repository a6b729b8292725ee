"""Which key of another store a key becomes: owners' under the tag of their partition. Pure.

>>> names = MovedNames("3", None, Partitions(1))
>>> names.moved(b"psd:{1503960366}:1:y"), names.moved(b"psd:board:{april:01}:members")
(b'psd:{p0}:1503960366:1:y', b'psd:board:{april:01}:members')

What a store says of itself is not moved, nor what nothing reads any more; columns and the positions
in them are of a partition, so they are made anew where the number of partitions is another.
"""

from __future__ import annotations

import re

from psd.store.keys import (
    LEFTOVERS,
    LIFE_KEY,
    MIGRATION_KEY,
    MODES_KEY,
    OWNER_TAG,
    PARTITIONS_KEY,
    PROBE_KEY,
    SCHEMA_KEY,
    SCHEMA_VERSION,
)
from psd.store.partitions import Partitions

OF_A_STORE = frozenset(
    key.encode() for key in (SCHEMA_KEY, PARTITIONS_KEY, LIFE_KEY, PROBE_KEY, MIGRATION_KEY)
)
"""What each store says for itself."""

BEGUN = OF_A_STORE | {MODES_KEY.encode()}
"""What a psd writes into a store that nobody has booked in; its name is beside them."""

_OLD_OWNER = re.compile(rb"psd:\{(-?\d{1,19})\}(:.+)", re.DOTALL)
_OWNER = re.compile(rf"psd:\{{{OWNER_TAG}\}}:(-?\d{{1,19}})(:.+)".encode(), re.DOTALL)
_COLUMNS = re.compile(rb"psd:columns:\{p.+", re.DOTALL)
_LEFTOVER = re.compile(LEFTOVERS.encode())
_YEARS = re.compile(rb":\d+:y")


class MovedNames:
    """The names that keys of a store get in another one, which has these partitions.

    ``schema`` and ``held`` are the version and the partitions that the first says, empty or None
    where it says none.
    """

    def __init__(self, schema: str, held: Partitions | None, partitions: Partitions) -> None:
        self._partitions = partitions
        self._owner = _OWNER if schema == SCHEMA_VERSION else _OLD_OWNER
        self.keeps_columns = held is not None and held.count == partitions.count

    def moved(self, name: bytes) -> bytes | None:
        """The key's name there; None for one that is not moved."""
        if name in OF_A_STORE or _LEFTOVER.fullmatch(name):
            return None
        if not self.keeps_columns and _COLUMNS.fullmatch(name):
            return None
        match = self._owner.fullmatch(name)
        if match is None:
            return name
        return self._partitions.owner_root(int(match[1])).encode() + match[2]

    def has_position(self, name: bytes) -> bool:
        """Whether a key holds a position in columns that are not moved with it."""
        match = self._owner.fullmatch(name)
        return not self.keeps_columns and match is not None and bool(_YEARS.fullmatch(match[2]))
