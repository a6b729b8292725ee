"""Signatures of webhooks: by Stripe, forged, old, and while secrets change."""

from __future__ import annotations

import hashlib
import hmac

import pytest
import stripe

from psd.charging.payments.signatures import TOLERANCE_S, check_signature
from psd.errors import SignatureError
from server.simulation.webhook_sending import signature_header

NOW_S = 1_723_939_200
BODY = b'{"id":"evt_1"}'


def test_a_signature_of_stripes_own_making_counts() -> None:
    made = stripe.WebhookSignature._compute_signature(f"{NOW_S}.{BODY.decode()}", "whsec_a")
    check_signature(f"t={NOW_S},v1={made}", BODY, ["whsec_a"], NOW_S)
    check_signature(f"t={NOW_S}, v0=00, v1={made}, scheme=x", BODY, ["whsec_a"], NOW_S)


@pytest.mark.parametrize("signing", [["new"], ["old"], ["new", "old"], ["other", "old"]])
def test_while_a_secret_is_changed_either_counts(signing: list[str]) -> None:
    header = signature_header(BODY, signing, NOW_S)
    check_signature(header, BODY, ["new", "old"], NOW_S)


def test_a_secret_that_was_given_up_does_not_count() -> None:
    header = signature_header(BODY, ["old"], NOW_S)
    with pytest.raises(SignatureError):
        check_signature(header, BODY, ["new"], NOW_S)


def test_nothing_counts_where_there_is_no_secret() -> None:
    with pytest.raises(SignatureError):
        check_signature(signature_header(BODY, [""], NOW_S), BODY, [], NOW_S)


@pytest.mark.parametrize("late_s", [-TOLERANCE_S, 0, TOLERANCE_S])
def test_a_signature_counts_for_five_minutes(late_s: int) -> None:
    check_signature(signature_header(BODY, ["a"], NOW_S), BODY, ["a"], NOW_S + late_s)


@pytest.mark.parametrize("late_s", [-TOLERANCE_S - 1, TOLERANCE_S + 1, 86_400])
def test_an_old_one_is_worth_nothing_and_cannot_be_dated_anew(late_s: int) -> None:
    header = signature_header(BODY, ["a"], NOW_S)
    with pytest.raises(SignatureError, match="300"):
        check_signature(header, BODY, ["a"], NOW_S + late_s)
    dated = header.replace(f"t={NOW_S}", f"t={NOW_S + late_s}")
    with pytest.raises(SignatureError, match="none of its v1"):
        check_signature(dated, BODY, ["a"], NOW_S + late_s)


def test_each_byte_of_the_body_and_of_the_signature_is_signed() -> None:
    header = signature_header(BODY, ["a"], NOW_S)
    for at in range(len(BODY)):
        changed = bytearray(BODY)
        changed[at] ^= 1
        with pytest.raises(SignatureError):
            check_signature(header, bytes(changed), ["a"], NOW_S)
    start = header.index("v1=") + 3
    for at in range(start, len(header)):
        other = "0" if header[at] != "0" else "1"
        with pytest.raises(SignatureError):
            check_signature(header[:at] + other + header[at + 1 :], BODY, ["a"], NOW_S)
    shorter = hmac.new(b"a", f"{NOW_S}.".encode(), hashlib.sha256).hexdigest()
    with pytest.raises(SignatureError):
        check_signature(f"t={NOW_S},v1={shorter}", BODY, ["a"], NOW_S)


@pytest.mark.parametrize(
    "header",
    [
        *("", "t=", f"t={NOW_S}", "v1=00", f"t={NOW_S},t={NOW_S},v1=00", "t=now,v1=00"),
        *(f"t=-{NOW_S},v1=00", f"t={NOW_S},v1=é", f"t={NOW_S}," + "v1=00," * 1000, "=,=,="),
        f"t=\u0661{NOW_S},v1=00",
    ],
)
def test_a_header_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(SignatureError):
        check_signature(header, BODY, ["a"], NOW_S)
