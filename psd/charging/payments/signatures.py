"""Signatures of Stripe's webhooks: who may say that somebody has paid. Pure.

``Stripe-Signature`` has the second of signing and a signature for each secret that is in force,
which are two while a secret is changed::

    t=1723939200,v1=5257a8...,v1=6ffbb5...

    v1 = HMAC-SHA256(secret, "1723939200." + body)

A signature counts if it is by any of our secrets and its second is within 300 of now: an old
message that somebody kept is worth nothing to him. Anything else in the header (``v0``) is no
signature. All secrets are compared with all signatures, so that the time tells nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

from psd.errors import SignatureError

TOLERANCE_S = 300
SIGNATURES_MAX = 16
"""More are not looked at: Stripe sends one a secret, and has two while one is changed."""

_SECOND = re.compile(r"\d{1,12}", re.ASCII)


def check_signature(header: str, body: bytes, secrets: Sequence[str], now_s: int) -> None:
    """Return if Stripe signed this body just now; raises SignatureError."""
    second, told = _parts(header)
    signed = f"{second}.".encode() + body
    matches = 0
    for secret in secrets:
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
        matches += sum(hmac.compare_digest(expected, each) for each in told)
    if not matches:
        raise SignatureError("Stripe-Signature: none of its v1 is by a secret of this server")
    if abs(now_s - int(second)) > TOLERANCE_S:
        raise SignatureError(
            f"Stripe-Signature: t={second} is {abs(now_s - int(second))} s from now, more than "
            f"{TOLERANCE_S}"
        )


def secrets_of(listed: str) -> list[str]:
    """The secrets of a setting, which has commas between them."""
    return [each.strip() for each in listed.split(",") if each.strip()]


def _parts(header: str) -> tuple[str, list[bytes]]:
    """The second of signing as it is written, and the signatures."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    seconds = [value for name, _, value in pairs if name == "t"]
    told = [value.encode("utf-8", "replace") for name, _, value in pairs if name == "v1"]
    if len(seconds) != 1 or not _SECOND.fullmatch(seconds[0]) or not told:
        raise SignatureError("Stripe-Signature: expected t=<second>,v1=<signature>")
    return seconds[0], told[:SIGNATURES_MAX]
