"""Who takes gzip, by what is said of it."""

from __future__ import annotations

import gzip

import brotli
import pytest

from server.packing import coding_of, packed, takes_gzip, with_brotli


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("*", True),
        ("gzip;q=0.001", True),
        ("identity;q=0.5, gzip", True),
        ("identity;q=0, gzip", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("gzip;q=x", False),
        ("gzipped", False),
    ],
)
def test_gzip_is_sent_to_whoever_takes_it(header: str, takes: bool) -> None:
    assert takes_gzip(header) == takes


def test_the_same_body_is_packed_to_the_same_bytes() -> None:
    body = b"uid,sum\n" * 1000
    assert packed(body) == packed(body)
    assert gzip.decompress(packed(body)) == body


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("br, gzip", "br"),
        ("gzip, br", "br"),
        ("gzip, br;q=0.9", "gzip"),
        ("gzip;q=0.8, br;q=0.9", "br"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("gzip;q=0, *;q=0.1", "br"),
        ("identity, br;q=0.5, gzip;q=0.5", None),
        ("identity;q=0.5, br;q=0.6", "br"),
        ("zstd, deflate", None),
        ("", None),
    ],
)
def test_what_is_liked_best_is_sent_and_of_two_brotli(header: str, coding: str | None) -> None:
    assert coding_of(header, ("br", "gzip")) == coding


def test_without_the_library_nobody_is_sent_brotli() -> None:
    assert coding_of("br", ("gzip",)) is None
    assert coding_of("gzip, br", ("gzip",)) == "gzip"


def test_what_brotli_packs_is_what_was_there_and_smaller() -> None:
    body = b'{"rank":1,"uid":"491","value":310}' * 1000
    assert brotli.decompress(with_brotli(body)) == body
    assert len(with_brotli(body)) < len(body) / 20
