"""The tables of the weekly rewards, read from ``conf/rewards.toml`` or a copy of it. Pure.

What lives here: reading and checking; what a table is *for* is in the module of its idea
(levels.py, integrations.py, shares.py). Integration ids are bits of a mask wherever a set of
integrations is kept::

    tables = load_tables()
    tables.integration("AutoPi").id        -> 3
    tables.mask(["Smartcar", "AutoPi"])    -> 0b1010
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from psd.errors import ConfigError, OutOfBoundsError
from psd.names import THING
from psd.shipped_files import shipped

Split = Literal["largest_remainder", "floor"]

INTEGRATION_IDS = range(1, 32)
"""Bits of a row's 32-bit mask; bit 0 stays free."""

POINTS_MAX = 2**31 - 1

SIGNALS_THING = "signals"
"""The thing that activity is booked as."""

_INTEGRATION_NAME = re.compile(r"[^\s,+](?:[^\t\n\r\f\v,+]{0,62}[^\s,+])?")
_INTEGRATION_RULE = "1 to 64 characters, no comma or +, no blank at its ends"


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From ``weeks_min`` connected weeks on; ``points`` are those of a week at this level."""

    weeks_min: int
    points: int


class Integration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way in which a vehicle is connected; ``id`` is the atid of its activity."""

    id: int
    name: str
    points: int
    aliases: tuple[str, ...] = ()


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Integrations that earn ``points`` together."""

    integrations: tuple[str, ...]
    points: int


class PoolTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weekly pool and how it is split; ``pool_wei`` is a text, being past 64 bits."""

    first_week: int
    pool_wei: str
    decay: tuple[int, int]
    weeks_a_year: int
    split: Split = "largest_remainder"


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """All of them; ``version`` names them in what they computed."""

    version: str
    levels: tuple[Level, ...]
    integrations: tuple[Integration, ...]
    tokens: PoolTable
    pairs: tuple[Pair, ...] = ()
    weeks_off_to_drop: int = 3
    constant_signals: tuple[str, ...] = ()
    earnings: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Integration]:
        """Integrations by every name that they go by."""
        return {name: each for each in self.integrations for name in (each.name, *each.aliases)}

    @cached_property
    def by_id(self) -> dict[int, Integration]:
        """Integrations by their number."""
        return {each.id: each for each in self.integrations}

    @cached_property
    def digest(self) -> str:
        """12 letters that differ when any number of the tables does."""
        content = msgspec.json.encode(self, order="deterministic")
        return hashlib.blake2b(content, digest_size=6).hexdigest()

    def integration(self, name: str) -> Integration:
        """The integration of a name; raises OutOfBoundsError that tells the known ones."""
        found = self.by_name.get(name)
        if found is None:
            known = ", ".join(each.name for each in self.integrations)
            raise OutOfBoundsError(f"integration: {name[:100]!r} is unknown; known are {known}")
        return found

    def mask(self, names: Iterable[str]) -> int:
        """The set of these integrations; names that no integration has count for nothing."""
        mask = 0
        for name in names:
            found = self.by_name.get(name)
            mask |= 1 << found.id if found else 0
        return mask

    def names(self, mask: int) -> list[str]:
        """The names of a set, in the order of the table."""
        return [each.name for each in self.integrations if mask >> each.id & 1]


def shipped_tables() -> Path:
    """Those that psd ships."""
    return shipped("rewards.toml")


def load_tables(path: Path | None = None) -> Tables:
    """Read and check a file of tables, by default the shipped one.

    Raises ConfigError that names the file, the key and the rule.
    """
    path = path or shipped_tables()
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = msgspec.convert(tree, Tables)
    except (OSError, ValueError, msgspec.ValidationError) as exc:
        raise ConfigError(f"{path}: {exc}") from exc
    problem = tables_problem(tables)
    if problem:
        raise ConfigError(f"{path}: {problem}")
    return tables


def tables_problem(tables: Tables) -> str:
    """What contradicts itself, or an empty text."""
    return (
        _level_problem(tables)
        or _integration_problem(tables)
        or _pair_problem(tables)
        or _earnings_problem(tables.earnings)
        or _token_problem(tables.tokens)
    )


def _level_problem(tables: Tables) -> str:
    minimums = [level.weeks_min for level in tables.levels]
    if not tables.version:
        return "version: empty"
    if not minimums or minimums[0] != 0 or minimums != sorted(set(minimums)):
        return f"levels: weeks_min {minimums} must begin with 0 and grow"
    if any(not 0 <= level.points <= POINTS_MAX for level in tables.levels):
        return f"levels: points must lie between 0 and {POINTS_MAX}"
    if tables.weeks_off_to_drop < 1:
        return f"weeks_off_to_drop: {tables.weeks_off_to_drop} must be 1 or more"
    return ""


def _integration_problem(tables: Tables) -> str:
    ids = [each.id for each in tables.integrations]
    names = [name for each in tables.integrations for name in (each.name, *each.aliases)]
    for each in tables.integrations:
        if each.id not in INTEGRATION_IDS:
            return f"integrations: id {each.id} of {each.name!r} must lie between 1 and 31"
        if not 0 <= each.points <= POINTS_MAX:
            return f"integrations: points of {each.name!r} must lie between 0 and {POINTS_MAX}"
    if not ids or len(set(ids)) != len(ids) or len(set(names)) != len(names):
        return "integrations: at least one, each id and each name once"
    # They are told side by side, with commas or blanks between: what is in them must not part them.
    wrong = [name for name in names if not _INTEGRATION_NAME.fullmatch(name)]
    if wrong:
        return f"integrations: name {wrong[0]!r} must be {_INTEGRATION_RULE}"
    return ""


def _earnings_problem(earnings: tuple[str, ...]) -> str:
    """Each would be added to the points of a week as often as it stands there."""
    for name in earnings:
        if earnings.count(name) > 1 or not THING.fullmatch(name):
            return f"earnings: {name!r} must be the name of a thing, each of them once"
        if name == SIGNALS_THING:
            return f"earnings: {name!r} counts activity, and is no earnings"
    return ""


def _pair_problem(tables: Tables) -> str:
    for pair in tables.pairs:
        found = [tables.by_name.get(name) for name in pair.integrations]
        if None in found or len({each.id for each in found if each}) < 2:
            return f"pairs: {list(pair.integrations)} must name two or more integrations"
        if not 0 <= pair.points <= POINTS_MAX:
            return f"pairs: points of {list(pair.integrations)} must be 0 to {POINTS_MAX}"
    return ""


def _token_problem(tokens: PoolTable) -> str:
    numerator, denominator = tokens.decay
    if not (tokens.pool_wei.isascii() and tokens.pool_wei.isdecimal()):
        return f"tokens.pool_wei: {tokens.pool_wei!r} must be a whole number of 0 or more, quoted"
    if not 0 <= numerator <= denominator or denominator == 0:
        return f"tokens.decay: {[numerator, denominator]} must be a fraction from 0 to 1"
    if tokens.weeks_a_year < 1 or tokens.first_week < 0:
        return "tokens: weeks_a_year must be 1 or more and first_week 0 or more"
    return ""
