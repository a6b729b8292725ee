"""Users by name: what a name is, and the number that follows from it."""

from __future__ import annotations

import unicodedata

import pytest

from psd.errors import InputError, TooLargeError, WrongTypeError
from psd.users import CODES, canonical, is_named, name_of, uid_of, user_of


def test_the_number_of_a_name_never_changes() -> None:
    assert user_of("alice@example.com") == 6640487069386845243
    assert uid_of("meter", "m-1") == 5115955319489626038


@pytest.mark.parametrize("space", CODES)
def test_the_numbers_of_a_space_lie_in_a_range_of_its_own(space: str) -> None:
    found = {uid_of(space, f"name {each}") for each in range(100)}
    assert len(found) == 100
    first = (1 << 62) | (CODES[space] << 58)
    assert all(first <= uid < first + (1 << 58) for uid in found)
    assert all(is_named(uid) == (space == "user") for uid in found)


def test_no_two_spaces_share_a_code() -> None:
    assert len(set(CODES.values())) == len(CODES)
    assert all(0 < code < 16 for code in CODES.values())


@pytest.mark.parametrize("number", [0, 7, -7, 2**53 + 1, 2**62, 2**63 - 1, -(2**63)])
def test_a_number_is_a_user_as_it_is_and_as_a_text(number: int) -> None:
    assert user_of(number) == user_of(str(number)) == number
    assert name_of(number) is None
    assert name_of(str(number)) is None


@pytest.mark.parametrize(
    "name",
    [
        "alice@example.com",
        "device-17",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "1.5",
        "10.0.0.1",
        "a b",
        "a,b;c/d?e=f&g#h%20",
        "psd:{p0}:7",
        "x" * 128,
        "\u5f20" * 42,
        "\U0001f469\u200d\U0001f680",
        "-",
        "all",
        "0x7",
    ],
)
def test_a_text_is_a_user(name: str) -> None:
    assert name_of(name) == name
    assert is_named(user_of(name))


def test_however_a_letter_with_an_accent_was_typed_it_is_one_user() -> None:
    composed, parted = "am\u00e9lie", "ame\u0301lie"
    assert unicodedata.normalize("NFC", parted) == composed
    assert user_of(parted) == user_of(composed)
    assert name_of(parted) == composed


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("007", "is not a 64-bit integer as psd writes it"),
        ("+5", "is not a 64-bit integer as psd writes it"),
        ("-0", "is not a 64-bit integer as psd writes it"),
        ("9" * 20, "is not a 64-bit integer as psd writes it"),
        ("9223372036854775808", "is not a 64-bit integer"),
        ("-9223372036854775809", "is not a 64-bit integer"),
        ("\u0667", "is not a 64-bit integer as psd writes it"),
        ("", "is empty"),
        (" alice", "begins or ends with white space"),
        ("alice\u00a0", "begins or ends with white space"),
        ("a\tb", "holds a control character"),
        ("a\0", "holds a control character"),
        ("a\u2028b", "holds a control character"),
        ("a\ud800", "holds a control character"),
    ],
)
def test_what_is_no_user_is_told_by_field_value_and_rule(text: str, rule: str) -> None:
    with pytest.raises(WrongTypeError) as refused:
        user_of(text, "uid")
    assert str(refused.value).startswith("uid: '")
    assert rule in str(refused.value)


@pytest.mark.parametrize("text", ["x" * 129, "\u5f20" * 43, "\u00e9" * 65, "x" * 1_000_000])
def test_a_name_of_more_than_128_bytes_is_refused_and_not_told_whole(text: str) -> None:
    with pytest.raises(TooLargeError, match="longer than the 128 bytes of a name") as refused:
        canonical(text)
    assert len(str(refused.value)) < 200


def test_a_refusal_does_not_become_a_user_when_it_is_asked_again() -> None:
    for _ in range(2):
        with pytest.raises(InputError):
            user_of("007")
