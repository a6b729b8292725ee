"""Partitions: the hash tags under which owners live, and which of them an owner is in.

A store is begun with a number of partitions, a power of two: 1 on a single server, 16 in a
cluster, where each partition is one slot. All keys of an owner carry the tag of its partition, so
that one script call reaches all owners of a partition and what is kept of them together::

    partitions = Partitions(1)              psd:{p0}:1503960366:1:y
    partitions = Partitions(16)             psd:{p14ox}:1503960366:1:y    slot 14,901 of 16,384

An owner's partition is the top bits of a multiplicative hash of its uid, as its part of the index
of owners is. A tag is ``p``, the number of the partition, and the first letters with which it lies
near the middle of its part of the slots: masters share the slots out in ranges, so that 16
partitions are 8 and 8 on two, 5, 6 and 5 on three, 4 each on four.

>>> Partitions(16).of(1503960366), Partitions(1).owner_root(7)
(14, 'psd:{p0}:7')
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator
from functools import lru_cache
from itertools import count, product
from string import ascii_lowercase

from psd.config import PARTITIONS_MAX, is_partition_count
from psd.store.keys import root_under

ON_ONE_SERVER = 1
IN_A_CLUSTER = 16
"""With how many a store is begun; 64 already cost boards of 10,000 users twice as much."""

SLOTS = 16_384
_MIDDLE = 16
"""A tag is at most a sixteenth of its part of the slots away from the middle."""

_MULTIPLIER = 0x9E3779B97F4A7C15
"""2^64 by the golden ratio: consecutive numbers fall far from each other."""


def hash_top(uid: int, bits: int) -> int:
    """The top bits of the 64-bit product that places owners; a negative uid is its complement."""
    return (uid * _MULTIPLIER & (1 << 64) - 1) >> 64 - bits


class Partitions:
    """The partitions of one store."""

    def __init__(self, count: int) -> None:
        assert is_partition_count(count), count
        self.count = count
        self._bits = count.bit_length() - 1
        self._roots = lru_cache(maxsize=65_536)(self._root)

    def of(self, uid: int) -> int:
        """The partition of an owner."""
        return hash_top(uid, self._bits)

    def tag(self, partition: int) -> str:
        """The hash tag of a partition, without its braces."""
        return tag_of(partition, self.count)

    def owner_root(self, uid: int) -> str:
        """Root of an owner's keys."""
        return self._roots(uid)

    def _root(self, uid: int) -> str:
        return root_under(tag_of(self.of(uid), self.count), uid)


@lru_cache(maxsize=PARTITIONS_MAX * 2)
def tag_of(partition: int, count: int) -> str:
    """The hash tag of a partition among so many: the first that lies where it should."""
    assert 0 <= partition < count, (partition, count)
    width = SLOTS // count
    middle = partition * width + width // 2
    tags = (f"p{partition}{letters}" for letters in _letters())
    return next(tag for tag in tags if abs(_slot(tag) - middle) <= width // _MIDDLE or count == 1)


def _letters() -> Iterator[str]:
    """Nothing, ``a`` to ``z``, ``aa``, ``ab``, ..."""
    for length in count():
        for letters in product(ascii_lowercase, repeat=length):
            yield "".join(letters)


def _slot(tag: str) -> int:
    """The slot of a tag: CRC16 (XMODEM) of its text, as a cluster has it."""
    return crc_hqx(tag.encode(), 0) % SLOTS
