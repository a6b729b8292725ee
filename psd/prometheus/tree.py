"""What a PromQL expression of the subset is, as a tree. Pure.

``topk(3, sum by (uid) (increase(steps{board="april"}[1d])))`` is::

    Top(3, Sum(Increase(Selector("steps", (Matcher("board", "=", "april"),)), 86_400_000),
               ("uid",)))

Durations are whole milliseconds. Numbers that are added up are one number already.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Operator = Literal["=", "!=", "=~", "!~"]


class Matcher(msgspec.Struct, frozen=True):
    """One condition in braces, as it was written."""

    label: str
    operator: Operator
    value: str


class Number(msgspec.Struct, frozen=True):
    """A number without labels."""

    value: float


class Selector(msgspec.Struct, frozen=True):
    """Series by their labels; alone, each stands at its running total."""

    name: str | None
    matchers: tuple[Matcher, ...]


class Increase(msgspec.Struct, frozen=True):
    """What was booked in a window before each instant: ``increase`` and ``sum_over_time``."""

    selector: Selector
    window_ms: int


class Sum(msgspec.Struct, frozen=True):
    """Series added up, one sum for each combination of the labels in ``by``."""

    of: Expression
    by: tuple[str, ...]


class Top(msgspec.Struct, frozen=True):
    """At each instant the ``count`` largest."""

    count: int
    of: Expression


Operand = Selector | Increase
Expression = Number | Selector | Increase | Sum | Top
