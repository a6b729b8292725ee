"""A plug's newest readings as they stand in the store, of which few are ever looked at. Pure.

A site of 250 plugs has 15,000 readings in its rings, and a step asks for the newest of most of
them, so that each is made only when it is asked for::

    ring = PlugRing(packed)         60 readings, 1,080 bytes
    ring[-1].ma                     13000          1 us
    ring.most_ma                    15500          5 us, in the place of 60 for all of them
    ring.current_at(now, 30_000)    13000, 0 if that was read more than 30 s ago
    ring.since(1723939201000)       those of a session
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import overload

from psd.charging.plugs.plug_readings import MS_BYTES, READING_BYTES, PlugReading, pack, unpack

MA_END = MS_BYTES + 3


class PlugRing(Sequence[PlugReading]):
    """Readings in order of time."""

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes = b"") -> None:
        self._packed = packed

    @classmethod
    def of(cls, *readings: PlugReading) -> PlugRing:
        """A ring of these."""
        return cls(b"".join(map(pack, readings)))

    def __len__(self) -> int:
        return len(self._packed) // READING_BYTES

    @overload
    def __getitem__(self, at: int) -> PlugReading: ...

    @overload
    def __getitem__(self, at: slice) -> PlugRing: ...

    def __getitem__(self, at: int | slice) -> PlugReading | PlugRing:
        found = range(len(self))[at]
        if isinstance(found, int):
            return unpack(self._packed[found * READING_BYTES : (found + 1) * READING_BYTES])[0]
        assert found.step == 1, "a ring is in order of time"
        return PlugRing(self._packed[found.start * READING_BYTES : found.stop * READING_BYTES])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlugRing) and self._packed == other._packed

    def __hash__(self) -> int:
        return hash(self._packed)

    @property
    def most_ma(self) -> int:
        """The greatest current; 0 of none."""
        packed = self._packed
        places = range(0, len(packed), READING_BYTES)
        most = max((packed[at + MS_BYTES : at + MA_END] for at in places), default=b"")
        return int.from_bytes(most)

    def current_at(self, ms: int, fresh_ms: int) -> int:
        """The current that was read last by an instant; 0 where that is too long ago."""
        packed = self._packed
        for at in range(len(packed) - READING_BYTES, -1, -READING_BYTES):
            read_ms = int.from_bytes(packed[at : at + MS_BYTES])
            if read_ms <= ms:
                return self._ma(at) if ms - read_ms <= fresh_ms else 0
        return 0

    def instants(self, first_ms: int, last_ms: int) -> Iterator[int]:
        """When it was read between two milliseconds, both included, the newest first."""
        packed = self._packed
        for at in range(len(packed) - READING_BYTES, -1, -READING_BYTES):
            read_ms = int.from_bytes(packed[at : at + MS_BYTES])
            if read_ms < first_ms:
                return
            if read_ms <= last_ms:
                yield read_ms

    def since(self, ms: int) -> PlugRing:
        """Those from a millisecond on."""
        packed, first = self._packed, max(ms, 0).to_bytes(MS_BYTES)
        at = bisect_left(
            range(len(self)),
            first,
            key=lambda at: packed[at * READING_BYTES : at * READING_BYTES + MS_BYTES],
        )
        return self[at:] if at else self

    def _ma(self, at: int) -> int:
        return int.from_bytes(self._packed[at + MS_BYTES : at + MA_END])
