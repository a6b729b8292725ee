"""Tables that differ from others in what a text says, for a what-if. Pure.

The text is TOML in the form of conf/rewards.toml; what it leaves out stays as it is, and a list
takes the place of the list::

    changed_tables('weeks_off_to_drop = 5', tables)           -> tables in which five weeks drop
    changed_tables('tokens.split = "floor"', tables)          -> the same pool, split otherwise

Earnings and integrations stay the same ones: rows know what was earned as one sum a week, and who
was active on something else as little as who then earned on a VIN.
"""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec

from psd.errors import BadQueryError
from psd.rewards.tables import Tables, tables_problem

TEXT_BYTES_MAX = 4_000
"""Three of them fit into a link. The shipped file has 2,700 with its comments."""

POOL_DIGITS_MAX = 60
DECAY_MAX = 10**9
"""What is multiplied again for each year stays short."""


def changed_tables(text: str, base: Tables) -> Tables:
    """The tables with what a text changes; raises BadQueryError that names the key and the rule."""
    if len(text.encode()) > TEXT_BYTES_MAX:
        raise BadQueryError(f"tables: more than {TEXT_BYTES_MAX} bytes")
    try:
        tree = tomllib.loads(text)
        found = msgspec.convert(_merged(msgspec.to_builtins(base), tree), Tables)
    except (ValueError, RecursionError, msgspec.ValidationError) as exc:
        raise BadQueryError(f"tables: {exc}") from exc
    problem = _too_large(found) or tables_problem(found) or _not_known(found, base)
    if problem:
        raise BadQueryError(f"tables: {problem}")
    return found


def _merged(known: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """What is told over what is known; a table in it by its own keys."""
    found = dict(known)
    for name, value in told.items():
        before = known.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            found[name] = {**before, **value}
        else:
            found[name] = value
    return found


def _too_large(tables: Tables) -> str:
    tokens = tables.tokens
    if len(tokens.pool_wei) > POOL_DIGITS_MAX:
        return f"tokens.pool_wei: more than {POOL_DIGITS_MAX} digits"
    if max(tokens.decay) > DECAY_MAX:
        return f"tokens.decay: past {DECAY_MAX:,}"
    return ""


def _not_known(tables: Tables, base: Tables) -> str:
    """What the rows of a week cannot tell."""
    if tables.earnings != base.earnings:
        return (
            "earnings: they are known as one sum a week; "
            "psd rewards what-if --conf FILE computes it from what was booked"
        )
    numbers = [each.id for each in base.integrations]
    if {each.id for each in tables.integrations} != {*numbers}:
        return (
            f"integrations: their numbers are {numbers}, as weeks know them; "
            "psd rewards what-if --conf FILE computes others from what was booked"
        )
    return ""
