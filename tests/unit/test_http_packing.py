"""Who takes gzip, by what is said of it."""

from __future__ import annotations

import gzip

import pytest

from server.packing import packed, takes_gzip


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
