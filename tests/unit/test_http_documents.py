"""How the reports of one body are told apart."""

from __future__ import annotations

import pytest

from psd.errors import MalformedError, TooLargeError
from server.writing import split_documents


def test_a_list_is_split_into_its_elements() -> None:
    assert split_documents(b' [{"uid": 1}, {"uid":2}] ', 9) == [b'{"uid": 1}', b'{"uid":2}']


def test_lines_are_split_and_blank_ones_left_out() -> None:
    assert split_documents(b'{"uid":1}\r\n\n  \n{"uid":2}\n', 9) == [b'{"uid":1}', b'{"uid":2}']


def test_an_empty_body_holds_nothing() -> None:
    assert split_documents(b"", 9) == []


@pytest.mark.parametrize("body", [b"[1", b"[1] x", b'["\xff"'])
def test_a_list_that_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        split_documents(body, 9)


@pytest.mark.parametrize("body", [b"[1,2,3]", b"1\n2\n3"])
def test_more_than_the_limit_is_refused(body: bytes) -> None:
    assert len(split_documents(body, 3)) == 3
    with pytest.raises(TooLargeError):
        split_documents(body, 2)
