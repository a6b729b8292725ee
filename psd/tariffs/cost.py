"""What energy costs by a plan: exact products, and each line of the bill rounded once. Pure.

::

    1.5 kWh at 0.3412 and 3 days at 0.4512, 5 % of VAT, in pounds
    peak      0.5118 -> 0.51      standing 1.3536 -> 1.35      vat 0.09327 -> 0.09      total 1.95

Each line is rounded half to even from its own exact amount, and the total is the sum of the lines.
VAT is on what is taken, standing and minimum charge included, and not on what is delivered. A
minimum is one of a month: what its energy and standing charge lack of it, for the part of the month
that is in the range. Energy at a time without a price has no line; ``unpriced_mwh`` is how much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Literal

import msgspec

from psd.measures.money import RATE_UNIT, amount_of, minor
from psd.tariffs.periods import Month, shares, times_charged
from psd.tariffs.plans import Charge, PricePlan, Rate, Tier, TiersBy

LineKind = Literal["energy", "standing", "minimum", "vat", "export"]

STANDING: LineKind = "standing"
MINIMUM: LineKind = "minimum"
VAT: LineKind = "vat"
HUNDRED = 100


Taken = tuple[int | None, int | None, tuple[int, int, int], int]
"""The place of a rate or a price, the period, and mWh."""


class Line(msgspec.Struct, frozen=True):
    """A line of a bill: mWh where it is of energy, and minor units of money."""

    name: str
    mwh: int | None
    amount: int
    kind: LineKind = "energy"


class Cost(msgspec.Struct, frozen=True):
    """A bill: its lines, their sum in minor units, and how much energy has no price."""

    plan: str
    currency: str
    decimals: int
    lines: tuple[Line, ...]
    total: int
    unpriced_mwh: int = 0


class Bill:
    """What a bill adds up, before anything is rounded: of one version of a plan, or of several."""

    def __init__(self) -> None:
        self.mwh: Counter[str] = Counter()
        self.amounts: dict[str, Fraction] = {}
        self.export_mwh: Counter[str] = Counter()
        self.export_amounts: dict[str, Fraction] = {}
        self.standing = Fraction(0)
        self.minimum = Fraction(0)
        self.vat = Fraction(0)
        self.unpriced_mwh = 0
        self.has_standing = self.has_minimum = self.has_vat = False

    def add_taken(self, plan: PricePlan, start: int, end: int, taken: Sequence[Taken]) -> None:
        """What a plan takes for [start, end), and the energy in it."""
        by_month = self._energy(plan, taken)
        days = shares(start, end, plan.zone)
        standing = _charged(plan.standing, days)
        lacking = {
            month: max(least - by_month.get(month, 0) - standing.get(month, 0), Fraction(0))
            for month, least in _charged(plan.minimum, days).items()
        }
        self.has_standing |= plan.standing is not None
        self.has_minimum |= plan.minimum is not None
        self.has_vat |= plan.vat != 0
        due, least = sum(standing.values(), Fraction(0)), sum(lacking.values(), Fraction(0))
        self.standing += due
        self.minimum += least
        net = sum(by_month.values(), Fraction(0)) + due + least
        self.vat += net * plan.vat / (HUNDRED * RATE_UNIT)

    def add_delivered(self, plan: PricePlan, delivered: Sequence[Taken]) -> None:
        """What a plan pays for energy that is delivered; one without such rates pays nothing."""
        groups = _groups(plan.export, delivered)
        for (name, _, _), (rate, mwh) in groups.items():
            self.export_mwh[name] += mwh
            self.export_amounts[name] = self.export_amounts.get(name, Fraction(0)) - amount_of(
                tiered(rate.tiers, mwh, plan.tiers_by)
            )

    def rounded(self, plan: PricePlan) -> Cost:
        """The bill, in the money of a plan."""
        parts: list[tuple[LineKind, str, int | None, Fraction]] = [
            ("energy", name, self.mwh[name], amount) for name, amount in self.amounts.items()
        ]
        parts += [(STANDING, STANDING, None, self.standing)] * self.has_standing
        parts += [(MINIMUM, MINIMUM, None, self.minimum)] * self.has_minimum
        parts += [(VAT, VAT, None, self.vat)] * self.has_vat
        parts += [
            ("export", f"export {name}", self.export_mwh[name], amount)
            for name, amount in self.export_amounts.items()
        ]
        lines = tuple(
            Line(name, mwh, minor(amount, plan.decimals), kind) for kind, name, mwh, amount in parts
        )
        total = sum(line.amount for line in lines)
        return Cost(plan.id, plan.currency, plan.decimals, lines, total, self.unpriced_mwh)

    def _energy(self, plan: PricePlan, taken: Sequence[Taken]) -> dict[Month, Fraction]:
        """Note energy; money by month."""
        by_month: dict[Month, Fraction] = {}
        if plan.series:
            priced: Iterable[tuple[str, Month, int, int]] = (
                (plan.series, period[:2], mwh, price * mwh)
                for _, price, period, mwh in taken
                if price is not None
            )
            self.unpriced_mwh += sum(mwh for _, price, _, mwh in taken if price is None)
        else:
            priced = (
                (name, period[:2], mwh, tiered(rate.tiers, mwh, plan.tiers_by))
                for (name, _, period), (rate, mwh) in _groups(plan.rates, taken).items()
            )
        products: Counter[str] = Counter()
        monthly: Counter[Month] = Counter()
        for name, month, mwh, product in priced:
            self.mwh[name] += mwh
            products[name] += product
            monthly[month] += product
        for name, product in products.items():
            self.amounts[name] = self.amounts.get(name, Fraction(0)) + amount_of(product)
        by_month.update({month: amount_of(product) for month, product in monthly.items()})
        return by_month


def tiered(tiers: Sequence[Tier], mwh: int, by: TiersBy) -> int:
    """What energy of one period costs, as rate times mWh: exact.

    >>> tiers = (Tier(2, 100), Tier(3))
    >>> tiered(tiers, 150, "graduated"), tiered(tiers, 150, "volume"), tiered(tiers, 100, "volume")
    (350, 450, 200)
    """
    if by == "volume":
        return mwh * next(
            tier.rate for tier in tiers if tier.up_to_mwh is None or mwh <= tier.up_to_mwh
        )
    product, below = 0, 0
    for tier in tiers:
        top = mwh if tier.up_to_mwh is None else min(mwh, tier.up_to_mwh)
        product += tier.rate * max(top - below, 0)
        below = max(top, below)
    return product


def ranked(costs: Iterable[Cost], limit: int | None = None) -> list[Cost]:
    """The cheapest first, equal ones by their id; behind them what is not priced as a whole."""
    return sorted(costs, key=_place)[:limit]


def _place(cost: Cost) -> tuple[bool, Fraction, str]:
    total: int = 10**cost.decimals
    return cost.unpriced_mwh > 0, Fraction(cost.total, total), cost.plan


def _groups(
    rates: Sequence[Rate], taken: Sequence[Taken]
) -> Mapping[tuple[str, int, tuple[int, int, int]], tuple[Rate, int]]:
    """Energy by name, place of the first such rate, and the period that its tiers are of.

    Rates of one name and the same tiers are one, as at two times of a day; with other tiers they
    share a line, and nothing else.
    """
    alike = {(rate.name, rate.tiers, rate.tiers_per): place for place, rate in enumerate(rates)}
    places = [alike[rate.name, rate.tiers, rate.tiers_per] for rate in rates]
    found: dict[tuple[str, int, tuple[int, int, int]], int] = {}
    for place, _, of, mwh in taken:
        if place is None:
            continue
        rate = rates[place]
        period = of if rate.tiers_per == "day" else (*of[:2], 0)
        key = (rate.name, places[place], period)
        found[key] = found.get(key, 0) + mwh
    return {key: (rates[key[1]], mwh) for key, mwh in found.items()}


def _charged(charge: Charge | None, days: Mapping[Month, Fraction]) -> dict[Month, Fraction]:
    """Units of money of a charge by month."""
    if charge is None:
        return {}
    times = times_charged(days, charge.per)
    return {month: each * charge.amount / RATE_UNIT for month, each in times.items()}
