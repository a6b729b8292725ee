"""Lists of tags, as clients write them."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from psd.errors import BadQueryError
from server.conditions import Tags, asked_tags, has_already


def tags_of(*lines: str) -> Tags | None:
    headers = CIMultiDict([("if-none-match", line) for line in lines])
    return asked_tags(make_mocked_request("GET", "/", headers), "If-None-Match")


def has(tag: str, *lines: str) -> bool:
    headers = CIMultiDict([("If-None-Match", line) for line in lines])
    return has_already(make_mocked_request("GET", "/", headers), tag)


@pytest.mark.parametrize(
    ("lines", "strong", "weak"),
    [
        (('"a"',), {"a"}, set()),
        (('"a","b"',), {"a", "b"}, set()),
        ((' "a" ,\tW/"b" , ',), {"a"}, {"b"}),
        (('"a"', 'W/"b", "c"'), {"a", "c"}, {"b"}),
        ((',"a",,"b",',), {"a", "b"}, set()),
        (('"a,b", "W/c"',), {"a,b", "W/c"}, set()),
        (('""',), {""}, set()),
    ],
)
def test_a_list_of_tags_is_read(lines: tuple[str, ...], strong: set[str], weak: set[str]) -> None:
    assert tags_of(*lines) == Tags(False, frozenset(strong), frozenset(weak))


@pytest.mark.parametrize(
    "line", ["a", '"a', '"a" "b"', 'w/"a"', "W/a", '*, "a"', '"a", *', "", "'a'", '"a";"b"']
)
def test_what_is_no_list_is_refused_where_it_would_protect_a_change(line: str) -> None:
    with pytest.raises(BadQueryError, match="If-None-Match"):
        tags_of(line)
    assert not has("a", line), "whoever only reads gets the whole answer"


def test_what_a_client_has_is_compared_weakly() -> None:
    assert has("b", 'W/"a", "b"')
    assert has("a", 'W/"a", "b"')
    assert has("b", '"a"', '"b"')
    assert has("b", "*")
    assert not has("b", '"ab"')
    assert not has("b")
