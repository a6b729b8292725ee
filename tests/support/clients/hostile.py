"""What a stranger may send: values for a place in a path, a form, a JSON body or an event.

>>> rng = random.Random(7)
>>> hostile_text(rng), hostile_json(rng)
('1}:3:{8', -9223372036854775809)
"""

from __future__ import annotations

import json
import random
from typing import Any

TEXTS = (
    "",
    " ",
    "0",
    "-0",
    "01",
    "+1",
    "1e3",
    "1.5",
    "0x10",
    "NaN",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "9" * 400,
    "all",
    "{1}",
    "1}:3:{8",
    "psd:{p0}:1:1:y",
    "}{",
    "a:b:c",
    "\x00",
    "1\x00",
    "1\n2",
    "\r\nSet-Cookie: x=1",
    "%",
    "%00",
    "%2e%2e%2f",
    "../../etc/passwd",
    "..",
    "*",
    "?",
    "[a-z]*",
    "'; FLUSHALL; --",
    "return redis.call('FLUSHALL')",
    "\u0660\u0661",
    "\u202e1",
    "\U0001f6b6",
    "\ufeff1",
    "1,2,3",
    ",,,,",
    "steps",
    "steps\x00",
    "STEPS",
    "x" * 3000,
)
"""Texts that have broken something somewhere: numbers at their edges, braces, colons, controls."""

NUMBERS: tuple[Any, ...] = (
    0,
    -1,
    1,
    2**31,
    2**53 - 1,
    2**53,
    -(2**53),
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**400,
    1.5,
    1e308,
    True,
    None,
)
RAW_ESCAPES = (
    "%",
    "%zz",
    "%00",
    "%ED%A0%80",
    "%ff%fe",
    "%c0%af",
    "%7B1%7D",
    "%2F",
    "%25",
    "%0d%0a",
)
"""Parts of a path that no text encodes to: half an escape, lone surrogates, overlong bytes."""


def hostile_text(rng: random.Random) -> str:
    """One text."""
    kind = rng.random()
    if kind < 0.7:
        return rng.choice(TEXTS)
    if kind < 0.85:
        return "".join(chr(rng.choice((0, 10, 34, 44, 58, 92, 123, 125, 160))) for _ in range(5))
    return str(rng.randint(-(2**64), 2**64))


def hostile_json(rng: random.Random, depth: int = 0) -> Any:
    """One value of any JSON type, seldom nested."""
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(NUMBERS)
    if kind < 0.85 or depth > 3:
        return hostile_text(rng)
    if kind < 0.93:
        return [hostile_json(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return {hostile_text(rng): hostile_json(rng, depth + 1) for _ in range(rng.randint(0, 3))}


def hostile_body(rng: random.Random, good: dict[str, Any]) -> bytes:
    """A JSON body near a good one: fields changed, lost, added; or bytes that are broken."""
    body = dict(good)
    for _ in range(rng.randint(0, 3)):
        name = rng.choice([*good, hostile_text(rng)])
        if rng.random() < 0.2:
            body.pop(name, None)
        else:
            body[name] = hostile_json(rng)
    encoded = json.dumps(body, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return broken(rng, encoded) if rng.random() < 0.4 else encoded


def broken(rng: random.Random, encoded: bytes) -> bytes:
    """Bytes that were a JSON document."""
    at = rng.randint(0, len(encoded))
    return rng.choice(
        (
            encoded[:at],
            encoded[:at] + rng.randbytes(3) + encoded[at:],
            b"[" * rng.choice((10, 5000)) + encoded,
            b"[" + encoded + b"," + encoded + b"]",
            encoded + b"\n" + encoded,
            encoded.replace(b'"steps"', b'"\\ud800"'),
        )
    )
