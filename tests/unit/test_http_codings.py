"""What was packed is unpacked whole, or refused: never a part of it."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.errors import MalformedError, UnsupportedCodingError
from server.codings import (
    MEMBERS_MAX,
    PIECE_BYTES,
    Coding,
    body_coding,
    check_charset,
    unpacked,
)

TEXT = b'{"thing":"steps","uid":5,"aid":1,"value":10,"ts2":1458061000}\n' * 10


def raw_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


PACKED: dict[str, tuple[bytes, Coding]] = {
    "gzip": (gzip.compress(TEXT), "gzip"),
    "deflate": (zlib.compress(TEXT), "deflate"),
    "deflate without head and sum": (raw_deflate(TEXT), "deflate"),
}


def whole(packed: bytes, coding: Coding) -> bytes:
    return b"".join(unpacked(packed, coding))


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("X-GZip", "gzip"),
        ("deflate", "deflate"),
        (" Deflate ", "deflate"),
        ("gzip, identity", "gzip"),
        ("identity,gzip", "gzip"),
        ("identity", None),
        ("", None),
        (",", None),
    ],
)
def test_a_coding_is_known_in_each_of_its_spellings(header: str, coding: Coding | None) -> None:
    assert body_coding(header) == coding


@pytest.mark.parametrize(
    "header",
    ["snappy", "br", "zstd", "compress", "gzip, gzip", "deflate, gzip", "gzip;q=1", "gzip br", "*"],
)
def test_another_coding_is_refused_by_its_name(header: str) -> None:
    with pytest.raises(UnsupportedCodingError, match="gzip, x-gzip and deflate"):
        body_coding(header)


@pytest.mark.parametrize("name", PACKED)
def test_what_was_packed_comes_out(name: str) -> None:
    assert whole(*PACKED[name]) == TEXT


@pytest.mark.parametrize("name", PACKED)
def test_a_body_that_is_cut_off_anywhere_is_refused(name: str) -> None:
    packed, coding = PACKED[name]
    for end in range(len(packed)):
        with pytest.raises(MalformedError, match="cut off"):
            whole(packed[:end], coding)


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("behind", [b"\0", b"x", b"{}\n", gzip.compress(b"{}", mtime=0)[:-1]])
def test_what_stands_behind_the_end_is_refused(name: str, behind: bytes) -> None:
    packed, coding = PACKED[name]
    with pytest.raises(MalformedError):
        whole(packed + behind, coding)


@pytest.mark.parametrize("name", ["gzip", "deflate"])
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_bit_that_is_turned_is_found_by_the_sum(name: str, place: int, bit: int) -> None:
    packed, coding = PACKED[name]
    damaged = bytearray(packed)
    damaged[place % len(packed)] ^= 1 << bit
    try:
        found = whole(bytes(damaged), coding)
    except MalformedError:
        return
    # The head of gzip has a time and a system, of which no sum is taken.
    assert found == TEXT


def test_several_members_of_gzip_are_one_body() -> None:
    assert whole(gzip.compress(TEXT) + gzip.compress(b"") + gzip.compress(TEXT), "gzip") == TEXT * 2
    with pytest.raises(MalformedError, match="members"):
        whole(gzip.compress(b"") * (MEMBERS_MAX + 1), "gzip")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.slow("100 MB, unpacked")
def test_a_bomb_comes_piece_by_piece(coding: Coding) -> None:
    packing = {"gzip": gzip.compress, "deflate": zlib.compress}[coding]
    pieces = unpacked(packing(bytes(50_000_000)), coding)
    assert [len(next(pieces)) for _ in range(3)] == [PIECE_BYTES] * 3


@given(st.sampled_from(["gzip", "deflate"]), st.binary(max_size=300))
@pytest.mark.slow("examples of Hypothesis")
def test_no_bytes_break_the_reader(coding: Coding, packed: bytes) -> None:
    try:
        whole(packed, coding)
    except MalformedError:
        return


@pytest.mark.parametrize("charset", [None, "utf-8", "UTF-8", "utf8", "us-ascii"])
def test_utf_8_is_read_whatever_is_in_it(charset: str | None) -> None:
    check_charset(charset, "Zoë".encode())


@pytest.mark.parametrize("charset", ["ISO-8859-1", "latin1", "windows-1252", "iso-8859-15"])
def test_ascii_may_be_called_what_begins_with_it(charset: str) -> None:
    check_charset(charset, b'{"id":"Zo"}')
    with pytest.raises(UnsupportedCodingError, match="UTF-8"):
        check_charset(charset, "Zoë".encode("latin-1"))


@pytest.mark.parametrize("charset", ["utf-16", "utf-32", "utf-7", "ebcdic-cp-us", "x"])
def test_what_does_not_begin_with_ascii_is_refused(charset: str) -> None:
    with pytest.raises(UnsupportedCodingError, match="UTF-8"):
        check_charset(charset, b"{}")
