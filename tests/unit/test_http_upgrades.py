"""What came is given whole and in order, cut where a request may end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.connections.upgrades import HEAD_END, Pieces

WARY = b"GET / HTTP/1.1\r\nUpGrAdE: h2c\r\n\r\n"


def pieces_of(pieces: Pieces, data: bytes) -> list[bytes]:
    pieces.hold(data)
    found = []
    while piece := pieces.next():
        found.append(piece)
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(ends)]


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", HEAD_END])), st.lists(st.integers(0)))
def test_no_piece_goes_past_an_end_and_none_is_lost(parts: list[bytes], places: list[int]) -> None:
    data = b"".join(parts)
    pieces = Pieces()
    assert pieces.is_wary(WARY)
    pieces_of(pieces, WARY)
    found: list[bytes] = []
    for segment in cut(data, places):
        assert pieces.is_wary(segment)
        found += pieces_of(pieces, segment)
    assert b"".join(found) == data
    positions = {len(b"".join(found[:n])) for n in range(len(found) + 1)}
    at = data.find(HEAD_END)
    while at >= 0:
        assert at + len(HEAD_END) in positions
        at = data.find(HEAD_END, at + 1)


@given(st.lists(st.integers(0)))
def test_the_word_is_found_in_any_two_segments(places: list[int]) -> None:
    pieces = Pieces()
    seen = [pieces.is_wary(segment) for segment in cut(WARY, places)]
    assert seen[-1]


def test_what_was_looked_at_before_the_word_came_is_not_given_twice() -> None:
    pieces = Pieces()
    assert not pieces.is_wary(b"GET / HTTP/1.1\r\nUpg")
    assert pieces.is_wary(b"rade: h2c\r\n\r")
    assert pieces_of(pieces, b"rade: h2c\r\n\r") == [b"rade: h2c\r\n\r"]
    assert pieces_of(pieces, b"\nGET") == [b"\n", b"GET"]


@pytest.mark.parametrize("length", [1, 5, 30])
def test_a_body_whose_length_is_known_is_a_piece(length: int) -> None:
    pieces = Pieces()
    assert pieces.is_wary(WARY)
    body = (HEAD_END * 10)[:length]
    pieces.hold(WARY + body + WARY)
    assert pieces.next() == WARY
    pieces.body_bytes = length
    assert [pieces.next(), pieces.next(), pieces.next()] == [body, WARY, b""]
