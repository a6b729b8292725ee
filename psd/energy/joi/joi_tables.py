"""The plans and accounts of the JOI face, read from ``conf/joi.toml`` or a copy of it. Pure.

>>> tables = load_joi_tables()
>>> tables.rates["price-plan-0"], tables.plan_of("smart-meter-0"), tables.plan_of("smart-meter-7")
(10, 'price-plan-0', None)
"""

from __future__ import annotations

import math
import tomllib
from functools import cached_property
from pathlib import Path

import msgspec

from psd.errors import ConfigError
from psd.shipped_files import shipped


class JoiPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plan of one rate, in money a kWh."""

    id: str
    supplier: str
    rate: int | float


class JoiAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who has a meter, and by which plan."""

    meter: str
    plan: str
    user: str = ""


class JoiTables(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """The whole file."""

    plans: tuple[JoiPlan, ...]
    accounts: tuple[JoiAccount, ...] = ()

    @cached_property
    def rates(self) -> dict[str, int | float]:
        """The rate of each plan."""
        return {plan.id: plan.rate for plan in self.plans}

    def plan_of(self, meter: str) -> str | None:
        """The plan that a meter has."""
        return next((each.plan for each in self.accounts if each.meter == meter), None)


def load_joi_tables(path: str = "") -> JoiTables:
    """Read and check a file, by default the shipped one; raises ConfigError that names it."""
    file = Path(path) if path else shipped("joi.toml")
    try:
        tables = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), JoiTables)
    except (OSError, ValueError, msgspec.ValidationError) as exc:
        raise ConfigError(f"{file}: {exc}") from exc
    problem = _problem(tables)
    if problem:
        raise ConfigError(f"{file}: {problem}")
    return tables


def _problem(tables: JoiTables) -> str:
    """What contradicts itself, or an empty text."""
    ids = [plan.id for plan in tables.plans]
    meters = [account.meter for account in tables.accounts]
    if len(set(ids)) != len(ids) or len(set(meters)) != len(meters):
        return "each plan has an id of its own, and each meter one account"
    for plan in tables.plans:
        if not math.isfinite(plan.rate):
            return f"plans: rate of {plan.id!r} must be a finite number"
    for account in tables.accounts:
        if account.plan not in ids:
            return f"accounts: {account.meter!r} has plan {account.plan!r}, which there is not"
    return ""
