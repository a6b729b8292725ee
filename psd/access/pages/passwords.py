"""What is kept of a password: its scrypt hash, slow on purpose because passwords are guessed. Pure.

A hash says how it was made, so that a later psd may ask for more and still read it::

    scrypt:16384:8:1:<salt>:<key>       16 MB and some 40 ms a check

``UNKNOWN`` is what the password of a name that nobody has is checked against, so that its refusal
takes as long as that of a wrong password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from psd.errors import OutOfBoundsError

N, R, P = 1 << 14, 8, 1
"""OWASP's least for interactive use is of this order; it is what domains.md asks for."""

SALT_BYTES, KEY_BYTES = 16, 32
MEMORY_BYTES_MAX = 64 * 1024 * 1024

CHARACTERS_MIN, BYTES_MAX = 6, 1024


def checked(password: str) -> str:
    """The password itself; raises OutOfBoundsError for one that is too short or too long."""
    if len(password) < CHARACTERS_MIN or len(password.encode("utf-8", "replace")) > BYTES_MAX:
        raise OutOfBoundsError(
            f"password: expected {CHARACTERS_MIN} characters or more, and at most {BYTES_MAX} bytes"
        )
    return password


def hashed(password: str, salt: bytes | None = None) -> str:
    """What is kept of a password."""
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    return f"scrypt:{N}:{R}:{P}:{salt.hex()}:{_key(password, salt, N, R, P).hex()}"


def is_right(password: str, kept: str) -> bool:
    """Whether this is the password that a hash is of."""
    _, n, r, p, salt, key = kept.split(":")
    found = _key(password, bytes.fromhex(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, bytes.fromhex(key))


def _key(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # What a form holds beyond the limit is no password of anybody, and costs no more for it.
    text = password.encode("utf-8", "surrogateescape")[: BYTES_MAX + 1]
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=MEMORY_BYTES_MAX, dklen=KEY_BYTES)


UNKNOWN = f"scrypt:{N}:{R}:{P}:{'00' * SALT_BYTES}:{'00' * KEY_BYTES}"
"""No password has this key."""
