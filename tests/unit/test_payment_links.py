"""Who may follow which way to Stripe: tokens of customers, and links that are signed."""

from __future__ import annotations

import pytest

from psd.access.identity import ANYBODY, Identity
from psd.charging.payments.signed_links import LIVES_S, is_signed, link_path
from psd.charging.whose import is_of
from psd.users import user_of
from server.access import NOBODY

NOW_S = 1_723_939_200
READ = frozenset({"read"})


@pytest.mark.parametrize(
    ("identity", "is_allowed"),
    [
        (ANYBODY, True),
        (Identity("all", READ), True),
        (Identity("worker", frozenset({"write"})), False),
        (NOBODY, False),
        (Identity("u1", READ, frozenset({user_of("u1")}), names=("u1",)), True),
        (Identity("u1", READ, frozenset({user_of("u1")})), True),
        (Identity("jwt", READ, frozenset(), subject="u1"), True),
        (Identity("u2", READ, frozenset({user_of("u2")}), names=("u2",)), False),
        (Identity("jwt", READ, frozenset(), subject="u2"), False),
    ],
)
def test_a_customer_is_whoever_has_its_token(identity: Identity, is_allowed: bool) -> None:
    assert is_of(identity, "u1") is is_allowed


def test_a_name_that_no_user_can_have_is_nobodys() -> None:
    assert not is_of(Identity("x", READ, frozenset({7})), "007")


def test_a_link_is_for_one_customer_one_purpose_and_a_quarter_of_an_hour() -> None:
    path = link_path("key", "topup", "u1", NOW_S)
    assert path.startswith(f"/topup/u1?expires={NOW_S + LIVES_S}&signature=")
    signature = path.rpartition("=")[2]
    told = ("topup", "u1", NOW_S + LIVES_S, signature)
    assert is_signed("key", *told, NOW_S)
    assert is_signed("key", *told, NOW_S + LIVES_S - 1)
    assert not is_signed("key", *told, NOW_S + LIVES_S)
    assert not is_signed("other", *told, NOW_S)
    assert not is_signed("key", "manage", *told[1:], NOW_S)
    assert not is_signed("key", "topup", "u2", *told[2:], NOW_S)
    assert not is_signed("key", "topup", "u1", NOW_S + LIVES_S - 1, signature, NOW_S)


def test_without_a_key_nothing_is_signed() -> None:
    signature = link_path("", "topup", "u1", NOW_S).rpartition("=")[2]
    assert not is_signed("", "topup", "u1", NOW_S + LIVES_S, signature, NOW_S)
