"""By which prices sessions are billed: ``cents_per_kwh``, or the plan of a file (psd/tariffs).

The file is what ``psd energy plans`` takes too: a plan, or its versions by ``valid_from``, the
first of which holds for what lies before it as well::

    {"plan": "night", "currency": "AUD", "tz": "Australia/Sydney",
     "rates": [{"name": "night", "rate": "0.15", "from": "22:00", "to": "06:00"},
               {"name": "day", "rate": "0.3412"}]}

Only what a single session can be billed by is taken: prices of times, taxes in them. Charges of a
month, tiers and series are refused by name, and so is a price below 0.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from psd.charging.sessions.session_energy import CELL_S, MS
from psd.charging.sessions.session_prices import PriceStep, SessionPrice
from psd.charging.settings import ChargingSettings
from psd.errors import ConfigError, InputError, OutOfBoundsError, WrongTypeError
from psd.measures.money import MINOR_DECIMALS
from psd.tariffs.cells import price_cells
from psd.tariffs.documents import load_plan
from psd.tariffs.plans import PricePlan
from psd.zones import beginning_of

NOT_OF_A_SESSION = ("standing", "minimum", "vat", "export", "series")


class ChargingPrices:
    """Prices of sessions by their time; raises ConfigError for a plan that cannot be had."""

    def __init__(self, settings: ChargingSettings) -> None:
        self.flat = SessionPrice(settings.cents_per_kwh)
        self._plan = plan_in(settings.plan, settings.currency) if settings.plan else ()

    @property
    def has_plan(self) -> bool:
        """Whether there is a plan."""
        return bool(self._plan)

    def between(self, first_ms: int, last_ms: int) -> SessionPrice:
        """Of a session from a millisecond to another."""
        if not self._plan:
            return self.flat
        width_ms = CELL_S * MS
        first_s = first_ms // width_ms * CELL_S
        end_s = (max(first_ms, last_ms) // width_ms + 1) * CELL_S
        return SessionPrice(steps=steps_of(self._plan, first_s, end_s))


def plan_in(path: str, currency: str) -> tuple[PricePlan, ...]:
    """The versions of the plan of a file, in their order."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        return versions_of(document, currency)
    except (OSError, ValueError, InputError) as exc:
        raise ConfigError(f"charging.plan: {path}: {exc}") from exc


def versions_of(document: Any, currency: str) -> tuple[PricePlan, ...]:
    """The versions of a plan; raises an InputError that names the field which is wrong."""
    if not isinstance(document, dict):
        raise WrongTypeError("plan: expected an object")
    named = {"plan": document["plan"]} if "plan" in document else {}
    listed = [document]
    if "versions" in document:
        listed = document["versions"]
        if len(document) > 1 + len(named) or not isinstance(listed, list) or not listed:
            raise WrongTypeError("versions: a list of plans, and nothing else beside it")
    if not all(isinstance(each, dict) for each in listed):
        raise WrongTypeError("versions: expected objects")
    found = [load_plan({**named, **each}) for each in listed]
    if len({each.valid_from for each in found}) < len(found):
        raise WrongTypeError("versions: two of them have one valid_from")
    if len({(each.id, each.tz) for each in found}) > 1:
        raise WrongTypeError("versions: they are of one plan, and of one tz")
    for plan in found:
        _check(plan, currency)
    return tuple(sorted(found, key=lambda each: each.valid_from or dt.date.min))


def steps_of(versions: Sequence[PricePlan], first_s: int, end_s: int) -> tuple[PriceStep, ...]:
    """The prices of [first_s, end_s), each from the second on at which it changes."""
    begins = [first_s, *(max(first_s, _begins(each)) for each in versions[1:]), end_s]
    steps: list[PriceStep] = []
    for place, plan in enumerate(versions):
        for cell in price_cells(plan, begins[place], min(begins[place + 1], end_s)):
            assert cell.rate is not None, "the last rate of a plan matches always"
            rate = plan.rates[cell.rate].tiers[0].rate
            if not steps or steps[-1].rate != rate:
                steps.append(PriceStep(cell.start, rate))
    return tuple(steps)


def _begins(plan: PricePlan) -> int:
    assert plan.valid_from is not None, "of two versions the later one says from when"
    return beginning_of(plan.valid_from, plan.zone)


def _check(plan: PricePlan, currency: str) -> None:
    """Refuse what a session cannot be billed by."""
    for name in NOT_OF_A_SESSION:
        if getattr(plan, name):
            raise OutOfBoundsError(f"{name}: a session is billed by prices of times alone")
    for rate in plan.rates:
        if len(rate.tiers) > 1:
            raise OutOfBoundsError(f"rates: {rate.name} has tiers, and a session has none")
        if rate.tiers[0].rate < 0:
            raise OutOfBoundsError(f"rates: {rate.name} is below 0")
    if plan.currency and plan.currency.lower() != currency.lower():
        raise OutOfBoundsError(f"currency: {plan.currency} is not charging.currency, {currency}")
    if plan.decimals != MINOR_DECIMALS:
        raise OutOfBoundsError(f"decimals: {plan.decimals}, and a ledger has {MINOR_DECIMALS}")
