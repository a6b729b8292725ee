"""Plans as they are kept, and what people decide about them. Pure.

A plan is a list of versions, each valid from a date in its own zone until the next one's::

    PUT {"plan": "eco", "rates": [...0.21]}                                one version, of ever
    PUT {"plan": "eco", "valid_from": "2026-04-01", "rates": [...0.23]}    a second one
    PUT {"versions": [...]}                                                these, and no others

First as the store keeps it, then as the archive keeps who decided it (psd/archive/decisions.py).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from psd.archive.decisions import Decision, kinds_of
from psd.energy.channels import checked_name
from psd.errors import ConflictError, InputError, OutOfBoundsError, WrongTypeError
from psd.tariffs.documents import PlanFields, plan_fields, plan_of
from psd.tariffs.plans import PricePlan

VERSIONS_MAX = 200
"""Of a plan: one a month for 16 years."""

FOREVER = dt.date.min
"""From when a version is valid that does not say it."""


class StoredPlan(msgspec.Struct, frozen=True):
    """A plan; ``id`` tells plans of one name apart that came after each other."""

    plan: str
    id: str
    revision: int
    changed_at_s: int
    changed_by: str
    versions: list[PlanFields]

    @property
    def tag(self) -> str:
        """What names this state: another one for each change."""
        return f"{self.id}-{self.revision}"

    def changed(self, versions: list[PlanFields], now_s: int, author: str) -> StoredPlan:
        """The next state; the same one where the versions are."""
        if versions == self.versions:
            return self
        return StoredPlan(self.plan, self.id, self.revision + 1, now_s, author, versions)


class PlanSent(msgspec.Struct, frozen=True):
    """What somebody sends of a plan: a version, or with ``is_all`` all of them."""

    versions: list[PlanFields]
    is_all: bool

    def over(self, held: Sequence[PlanFields]) -> list[PlanFields]:
        """The versions that stand then, in their order."""
        by_date = {} if self.is_all else {each.valid_from: each for each in held}
        by_date |= {each.valid_from: each for each in self.versions}
        return sorted(by_date.values(), key=lambda each: each.valid_from or FOREVER)


class PlanPut(Decision, frozen=True, tag="plan_put"):
    """A plan was made, or has other versions."""

    kept: StoredPlan

    @property
    def plan(self) -> str:
        """Its name."""
        return self.kept.plan


class PlanDropped(Decision, frozen=True, tag="plan_dropped"):
    """A plan was taken away."""

    plan: str


KINDS = kinds_of(PlanPut, PlanDropped)


def plan_name(text: str) -> str:
    """A plan's name as psd keeps it; raises an InputError."""
    return checked_name("plan", text)


def plan_sent(name: str, document: Mapping[str, Any]) -> PlanSent:
    """What a document says of a plan; raises an InputError that names the field."""
    listed = document.get("versions")
    if listed is None:
        return PlanSent([_version(name, document, "")], is_all=False)
    if len(document) > 1 + ("plan" in document) or not isinstance(listed, list) or not listed:
        raise WrongTypeError("versions: a list of plans, and nothing else beside it")
    if document.get("plan", name) != name:
        raise WrongTypeError(f"plan: {document['plan']!r} is not {name!r}, as the path has it")
    versions = [_version(name, each, f"versions[{place}]") for place, each in enumerate(listed)]
    if len({each.valid_from for each in versions}) < len(versions):
        raise WrongTypeError("versions: two of them have one valid_from")
    return PlanSent(versions, is_all=True)


def check_versions(versions: Sequence[PlanFields]) -> None:
    """Refuse versions that cannot be one plan; raises an InputError."""
    if len(versions) > VERSIONS_MAX:
        raise OutOfBoundsError(f"versions: {len(versions)}, at most {VERSIONS_MAX} are allowed")
    if len({(each.currency, each.decimals) for each in versions}) > 1:
        raise ConflictError("currency: versions of a plan have one currency, and its decimals")


def price_plans(stored: StoredPlan) -> tuple[PricePlan, ...]:
    """The versions of a plan, in their order."""
    return tuple(plan_of(each) for each in stored.versions)


def _version(name: str, document: Any, within: str) -> PlanFields:
    if not isinstance(document, dict):
        raise WrongTypeError(f"{within}: expected a plan")
    fields = plan_fields(document, within)
    if fields.plan and fields.plan != name:
        raise WrongTypeError(f"plan: {fields.plan!r} is not {name!r}, as the path has it")
    fields = msgspec.structs.replace(fields, plan=name)
    try:
        plan_of(fields)
    except InputError as exc:
        if not within:
            raise
        raise type(exc)(f"{within}.{exc}") from exc
    return fields
