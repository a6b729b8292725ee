"""A header's value stands for one text, however it was written; what stands for none is refused."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.errors import MalformedError
from server.ce_headers import decoded

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("91", "91"),
        ('"91"', "91"),
        ('"a b"', "a b"),
        (r'"a \"b\" \\"', r'a "b" \\'.replace("\\\\", "\\")),
        ('a" "b', "a b"),
        (r"a\b", r"a\b"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%39%31", "91"),
        ("%e2%82%ac", "€"),
        ("%2541", "%41"),
        ('"%41"', "A"),
        ("Zoë", "Zoë"),
        ("", ""),
        ('""', ""),
    ],
)
def test_a_value_is_unquoted_and_then_decoded_once(value: str, text: str) -> None:
    assert decoded("id", value) == text


@pytest.mark.parametrize(
    "value",
    [
        "%FF",
        "%FE",
        "%C0%A0",
        "%ED%A0%80",
        "%E2%82",
        "\udcff",
        "%",
        "%4",
        "%zz",
        '"91',
        '91"',
        '"\\"',
    ],
)
def test_what_stands_for_no_text_is_refused(value: str) -> None:
    with pytest.raises(MalformedError, match="id: "):
        decoded("id", value)


@given(TEXTS)
def test_what_a_sender_encodes_is_what_is_read(text: str) -> None:
    assert decoded("id", quote(text, safe="")) == text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%25")
    assert decoded("id", f'"{escaped}"') == text


@given(st.text(max_size=12), st.text(max_size=12))
def test_two_values_meet_only_where_they_stand_for_one_text(one: str, other: str) -> None:
    try:
        texts = decoded("id", one), decoded("id", other)
    except MalformedError:
        return
    if texts[0] == texts[1] and '"' not in one + other and "%" not in one + other:
        assert one == other
