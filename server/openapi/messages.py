"""The shapes of what the queue carries, for the reference: commands of the core and of domains.

::

    queue_message([Command(name="activity", many="activities", ...)])
    -> a struct of command, metric, metrics, count, activity, activities, withdraw
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from psd.domain.command import Command
from psd.domain.rules import names_of, wire_fields
from psd.engine.event_fields import CountFields, MetricFields
from psd.engine.withdrawal import WithdrawFields

_FIRST: list[tuple[str, Any]] = [
    ("metric", MetricFields),
    ("metrics", list[MetricFields]),
    ("count", CountFields),
]
_LAST: list[tuple[str, Any]] = [("withdraw", WithdrawFields)]


def queue_message(commands: Sequence[Command]) -> type[msgspec.Struct]:
    """One message of the queue."""
    told = "One message of the queue: the command, and beside it the part that belongs to it."
    fields: list[Any] = [("command", _names(commands)), *_parts(commands)]
    return msgspec.defstruct("QueueMessage", fields, namespace={"__doc__": told})


def event_document(commands: Sequence[Command]) -> type[msgspec.Struct]:
    """One document of ``/v3/events``."""
    told = "A message of the queue, or the fields of one metric: what has no `command` is a metric."
    fields = [("command", _names(commands) | UnsetType, UNSET), *_parts(commands)]
    return msgspec.defstruct(
        "EventDocument", fields, bases=(MetricFields,), namespace={"__doc__": told}
    )


def own_document(name: str, commands: Sequence[Command]) -> type[msgspec.Struct]:
    """One message of the queue that is a domain's own."""
    told = "A message of the queue: the command, and beside it the part that belongs to it."
    parts = [(part, kind | UnsetType, UNSET) for part, kind in wire_fields(commands)]
    names: Any = Literal[tuple(names_of(commands))]
    fields: list[Any] = [("command", names), *parts]
    return msgspec.defstruct(f"{name.title()}Message", fields, namespace={"__doc__": told})


def _names(commands: Sequence[Command]) -> Any:
    core = [name for name, _ in _FIRST]
    return Literal[(*core, *dict.fromkeys(names_of(commands)), *(name for name, _ in _LAST))]


def _parts(commands: Sequence[Command]) -> list[tuple[str, Any, Any]]:
    parts: dict[str, Any] = {}
    for name, kind in (*_FIRST, *wire_fields(commands), *_LAST):
        parts.setdefault(name, kind)
    return [(name, kind | UnsetType, UNSET) for name, kind in parts.items()]
