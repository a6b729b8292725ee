"""Links that lead one customer to Stripe for a quarter of an hour, without a token. Pure.

::

    /topup/u1?expires=1723940100&signature=9f0c...
    signature = HMAC-SHA256(key, "topup u1 1723940100")

The key follows from the key of Stripe, which the server and ``psd charging link`` both have.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal
from urllib.parse import quote

Purpose = Literal["topup", "manage"]

LIVES_S = 900


def link_path(key: str, purpose: Purpose, customer: str, now_s: int) -> str:
    """The path of a link that may be followed for LIVES_S."""
    expires_s = now_s + LIVES_S
    signature = _signature(key, purpose, customer, expires_s)
    return f"/{purpose}/{quote(customer, safe='')}?expires={expires_s}&signature={signature}"


def is_signed(
    key: str, purpose: Purpose, customer: str, expires_s: int, signature: str, now_s: int
) -> bool:
    """Whether this is a link of ours that still may be followed."""
    expected = _signature(key, purpose, customer, expires_s).encode()
    is_ours = hmac.compare_digest(expected, signature.encode("utf-8", "replace"))
    return bool(key) and is_ours and now_s < expires_s <= now_s + LIVES_S


def _signature(key: str, purpose: str, customer: str, expires_s: int) -> str:
    own = hmac.new(key.encode(), b"psd charging links", hashlib.sha256).digest()
    said = f"{purpose} {customer} {expires_s}".encode("utf-8", "replace")
    return hmac.new(own, said, hashlib.sha256).hexdigest()
