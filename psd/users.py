"""Users by name: any text is a user, and has a number that follows from it alone. Pure.

A user is a 64-bit number or a text of 1 to 128 bytes. The keys of a named one are those of its
number, which every process finds without asking, also after a replay::

    user_of(7), user_of("7")         -> 7
    user_of("alice@example.com")     -> 6640487069386845243
    user_of("007")                   -> WrongTypeError: uid: '007' is not a 64-bit integer ...

The number is 2^62, the code of the space (4 bits), and 58 bits of BLAKE2b of the space and the
name: above each number that people give, and apart from those of other spaces. Two of 100,000
names have one number with a chance of 1 to 10^8; psd/engine/named.py keeps who came first, and
refuses the other.

Canonical is a text in normal form C (so that an e and its accent are one letter, however they were
typed), without control characters, without white space around it; what is written like a number
is one, or refused.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b

from psd.errors import TooLargeError, WrongTypeError
from psd.integers import CANONICAL, INTEGER_MAX

CODES = {
    "meter": 1,
    "plug": 2,
    "customer": 3,
    "driver": 4,
    "battery": 5,
    "station": 6,
    "user": 7,
}
"""The spaces that names are of. They are part of stored keys: a code never changes."""

USERS = "user"

NAME_BYTES_MAX = 128

NAMED = 1 << 62
"""Numbers from here on may be those of names."""

HASH_BITS = 58

SHOWN_CHARACTERS = 64

_LIKE_A_NUMBER = re.compile(r"[+-]?\d+")
_FORBIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of characters, and what ends a line or a paragraph."""


@lru_cache(maxsize=65_536)
def uid_of(space: str, name: str) -> int:
    """The number of a canonical name of a space. 2 us."""
    digest = blake2b(f"{space}\0{name}".encode(), digest_size=8).digest()
    return NAMED | CODES[space] << HASH_BITS | int.from_bytes(digest) >> 64 - HASH_BITS


def is_named(uid: int) -> bool:
    """Whether a number may be that of a user's name."""
    return uid >> HASH_BITS == _OF_USERS


_OF_USERS = NAMED >> HASH_BITS | CODES[USERS]


def name_of(value: int | str, field: str = "uid") -> str | None:
    """The canonical name that a user is given by; None where it is a number.

    Raises an InputError for a text that is neither.
    """
    if isinstance(value, int) or CANONICAL.fullmatch(value):
        return None
    return canonical(value, field)


def user_of(value: int | str, field: str = "uid") -> int:
    """The number of a user that is given by it, as text or not, or by name; raises InputError."""
    name = name_of(value, field)
    if name is not None:
        return uid_of(USERS, name)
    number = int(value)
    if not -INTEGER_MAX - 1 <= number <= INTEGER_MAX:
        raise WrongTypeError(f"{field}: {_shown(str(value))} is not a 64-bit integer")
    return number


@lru_cache(maxsize=65_536)
def canonical(text: str, field: str = "uid") -> str:
    """A name as psd keeps it; raises an InputError that names the rule which it breaks."""
    # Of what is far too long nothing is worth the work; a composed letter is at most 4 that it was.
    is_plain = text.isascii() or len(text) > 4 * NAME_BYTES_MAX
    name = text if is_plain else unicodedata.normalize("NFC", text)
    _check(name, f"{field}: {_shown(text)}")
    return name


def _check(name: str, told: str) -> None:
    if _LIKE_A_NUMBER.fullmatch(name):
        raise WrongTypeError(f"{told} is not a 64-bit integer as psd writes it")
    if len(name) > NAME_BYTES_MAX:
        raise TooLargeError(f"{told} is longer than the {NAME_BYTES_MAX} bytes of a name")
    if any(unicodedata.category(letter) in _FORBIDDEN for letter in name):
        raise WrongTypeError(f"{told} holds a control character; a name has none")
    if name != name.strip():
        raise WrongTypeError(f"{told} begins or ends with white space; a name does not")
    if not name:
        raise WrongTypeError(f"{told} is empty; a name is 1 to {NAME_BYTES_MAX} bytes of UTF-8")
    size = len(name.encode())
    if size > NAME_BYTES_MAX:
        raise TooLargeError(
            f"{told} is {size} bytes, longer than the {NAME_BYTES_MAX} bytes of a name"
        )


def _shown(text: str) -> str:
    shown = text[:SHOWN_CHARACTERS]
    return f"{shown!r}..." if len(text) > SHOWN_CHARACTERS else repr(text)
