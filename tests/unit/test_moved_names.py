"""Which key of another store a key becomes."""

from __future__ import annotations

import pytest

from psd.store.keys import SCHEMA_VERSION
from psd.store.moved_names import MovedNames
from psd.store.partitions import Partitions

OF_BEFORE = MovedNames("3", None, Partitions(1))
OTHER_NUMBER = MovedNames(SCHEMA_VERSION, Partitions(1), Partitions(16))
SAME = MovedNames(SCHEMA_VERSION, Partitions(16), Partitions(16))


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        (b"psd:{7}:1:y", b"psd:{p0}:7:1:y"),
        (b"psd:{-7}:k:16903", b"psd:{p0}:-7:k:16903"),
        (b"psd:{7}:log", b"psd:{p0}:7:log"),
        (b"psd:{7}:f:rides", b"psd:{p0}:7:f:rides"),
        (b"psd:c:{7}:0:y", b"psd:c:{7}:0:y"),
        (b"psd:rewards:{s1}:vehicles", b"psd:rewards:{s1}:vehicles"),
        (b"psd:stream:\xff", b"psd:stream:\xff"),
        (b"psd:store", b"psd:store"),
    ],
)
def test_owners_of_a_version_before_come_under_the_tag_of_their_partition(
    name: bytes, moved: bytes
) -> None:
    assert OF_BEFORE.moved(name) == moved


@pytest.mark.parametrize(
    "name",
    [
        *(b"psd:schema", b"psd:life:{psd:schema}", b"psd:partitions:{psd:schema}", b"psd:probe"),
        *(b"psd:owners:newest", b"psd:{7}:1:i:-24", b"psd:c:{n}:0:i:5"),
    ],
)
def test_what_a_store_says_of_itself_and_what_nobody_reads_is_not_moved(name: bytes) -> None:
    assert OF_BEFORE.moved(name) is None


def test_owners_get_the_tag_of_another_number_of_partitions() -> None:
    assert OTHER_NUMBER.moved(b"psd:{p0}:7:1:y") == b"psd:{p5dt}:7:1:y"
    assert MovedNames("4", Partitions(16), Partitions(1)).moved(b"psd:{p5dt}:7:log") == (
        b"psd:{p0}:7:log"
    )


def test_columns_and_positions_are_of_a_partition_and_kept_where_it_is_the_same() -> None:
    assert OTHER_NUMBER.moved(b"psd:columns:{p0}:1:owners") is None
    assert OTHER_NUMBER.has_position(b"psd:{p0}:7:1:y")
    assert not OTHER_NUMBER.has_position(b"psd:{p0}:7:1:m:2016")
    assert SAME.moved(b"psd:columns:{p5dt}:1:owners") == b"psd:columns:{p5dt}:1:owners"
    assert not SAME.has_position(b"psd:{p5dt}:7:1:y")
