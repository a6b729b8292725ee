"""Integrations: the points of the set on which a vehicle was active in a week. Pure.

With the shipped tables Smartcar and AutoPi together earn 7,000; any other set earns its best
single, so Tesla and AutoPi earn 6,000.

>>> from psd.rewards.tables import load_tables
>>> tables = load_tables()
>>> integration_points(tables.mask(["Smartcar", "Tesla", "AutoPi"]), tables)
7000
"""

from __future__ import annotations

from psd.rewards.tables import Tables


def integration_points(mask: int, tables: Tables) -> int:
    """Points of a set of integrations: the best that any single or configured pair in it earns."""
    best = 0
    for each in tables.integrations:
        if mask >> each.id & 1 and each.points > best:
            best = each.points
    for pair in tables.pairs:
        wanted = tables.mask(pair.integrations)
        if mask & wanted == wanted and pair.points > best:
            best = pair.points
    return best
