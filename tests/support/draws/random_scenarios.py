"""Scenarios of a plug that are like those of a recording, and in any order, from a seed.

>>> random_scenario(random.Random("scenario 7"), phrases=9)
[{"op": "balance", "user": "u1", "cents": 3}, {"op": "topup", ...}, {"op": "tick", "n": 2}, ...]

A phrase is what somebody does: asks, asks again, answers late or to another command, charges with
much or little, is silent for longer than a minute, has no money, another card, or none at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Step = dict[str, Any]
Steps = list[Step]

USERS = ("u1", "u1", "u1", "u2", "u3")
"""The third has no account."""

STATES = (
    "ACCOUNT_ADDED",
    "ACCOUNT_REMOVAL_REQUESTED",
    "SENSING_START_REQUESTED",
    "SENSING_CHARGE",
    "ACCOUNT_NULL",
    "CHARGING",
)


def random_scenario(rng: random.Random, phrases: int) -> Steps:
    """Steps of so many phrases, behind accounts of the first two users."""
    found = _accounts(rng)
    found += _seconds(rng.randint(0, 2))
    for _ in range(phrases):
        found += rng.choice(PHRASES)(rng)
    return found


def _accounts(rng: random.Random) -> Steps:
    found: Steps = []
    for user in ("u1", "u2"):
        cents = rng.choice((0, 1, 2, 4, 5_000))
        found.append({"op": "balance", "user": user, "cents": cents})
        topup = {"threshold": rng.choice((0, 1_000)), "value": rng.choice((500, 2_000))}
        found.append({"op": "topup", "user": user, "on": rng.random() < 0.5, **topup})
    return found


def _seconds(n: int, cur: float | None = None, volt: float = 240) -> Steps:
    return [{"op": "tick", "n": n} if cur is None else _reading(n, cur, volt)]


def _reading(n: int, cur: float, volt: float) -> Step:
    return {"op": "tick", "n": n, "cur": cur, "volt": volt}


def _ask(user: str, state: str) -> Step:
    return {"op": "user", "user": user, "state": state}


def _answer(state: str, **more: str) -> Step:
    return {"op": "resp", "state": state, **more}


def _starts(rng: random.Random) -> Steps:
    """Somebody asks, and the site answers at once, late, twice or never."""
    found = [_ask(rng.choice(USERS), "ACCOUNT_ADDED"), *_seconds(rng.randint(3, 6), 0)]
    if rng.random() < 0.3:
        found += _seconds(rng.choice((50, 61, 70)), rng.choice((0, None)))
    return found + [_answer("ON") for _ in range(rng.choice((0, 1, 1, 1, 2)))]


def _ends(rng: random.Random) -> Steps:
    """Somebody wants to go, and the site answers at once, late, twice or never."""
    found = [_ask(rng.choice(USERS), "ACCOUNT_REMOVAL_REQUESTED"), *_seconds(rng.randint(0, 3), 0)]
    if rng.random() < 0.3:
        found += _seconds(rng.choice((55, 64)), rng.choice((0, 7.5)))
    return found + [_answer("OFF") for _ in range(rng.choice((0, 1, 1, 2)))]


def _charges(rng: random.Random) -> Steps:
    amps = rng.choice((0.01, 4.999, 5.0, 5.001, 10, 16, 32, -3))
    return _seconds(rng.choice((1, 2, 7, 30, 61, 121)), amps, rng.choice((240, 230, 236.7)))


def _is_full(rng: random.Random) -> Steps:
    found = _seconds(rng.choice((41, 119, 125)), rng.choice((0.01, 0.041, 0.042, 0)))
    return [*found, _answer("OFF")] if rng.random() < 0.7 else found


def _is_silent(rng: random.Random) -> Steps:
    return _seconds(rng.choice((2, 59, 60, 61, 62, 90)))


def _asks_for_anything(rng: random.Random) -> Steps:
    return [_ask(rng.choice(USERS), rng.choice(STATES)) for _ in range(rng.choice((1, 1, 2)))]


def _answers_anything(rng: random.Random) -> Steps:
    other = {"req_id": "another"} if rng.random() < 0.4 else {}
    return [_answer(rng.choice(("ON", "OFF")), **other)]


def _pays(rng: random.Random) -> Steps:
    return [{"op": "balance", "user": "u1", "cents": rng.choice((0, 1, 3, 2_000))}]


def _is_installed(_rng: random.Random) -> Steps:
    return [{"op": "commission"}, *_seconds(2)]


PHRASES: tuple[Callable[[random.Random], Steps], ...] = (
    *(_starts, _starts, _charges, _charges, _ends),
    *(_is_full, _is_silent, _asks_for_anything, _answers_anything, _pays, _is_installed),
)
