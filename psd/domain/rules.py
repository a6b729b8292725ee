"""The commands of domains as rules: what makes their messages events.

Every way in asks the same rules (psd/engine/event_rules.py), so a command of a domain is read
alike from the queue, over HTTP, by a replay and by an audit::

    {"command": "activity", "activity": {"vehicle": 7, ...}}          -> [Report(...)]
    {"command": "activities", "activities": [{...}, {...}]}           -> [Report(...), Report(...)]

Both names of a command take one object or a list, as its struct has it. A name that two domains
have is told apart by a field (:attr:`psd.domain.command.Command.unless`)::

    {"command": "vehicle", "vehicle": {"vehicle": 7}}     the earlier domain's
    {"command": "vehicle", "vehicle": {"vin": "V1"}}      that of the later one, unless="vehicle"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import GenericAlias
from typing import Any

import msgspec

from psd.config import Settings
from psd.domain.command import Command, Messages
from psd.domains import domains, named
from psd.engine.decoding import Decoders, decode_message
from psd.engine.envelopes import unwrapping
from psd.engine.event_rules import EventRules, Kind, rules_of
from psd.engine.events import Accepted
from psd.engine.withdrawal import withdraw_kinds
from psd.errors import MalformedError


def messages_of(settings: Settings) -> dict[str, Messages]:
    """What domains add to the queue, by their names."""
    return {
        domain.name: named(domain.messages)(settings.section(domain.name), settings.numbers)
        if domain.messages
        else Messages()
        for domain in domains()
    }


def every_rule(settings: Settings, messages: Mapping[str, Messages] | None = None) -> EventRules:
    """The rules of every message; ``messages`` are those of domains where they are known."""
    added = (messages_of(settings) if messages is None else messages).values()
    rules = rules_of(settings)
    kinds: dict[str, Kind] = {}
    for each in added:
        for command in each.commands:
            found = kinds_of([command])
            shared = kinds.keys() & found.keys()
            assert command.unless or not shared, f"two domains have {sorted(shared)}"
            for name in shared:
                found[name] = _told_apart(name, command.unless, kinds[name], found[name])
            kinds |= found
        kinds |= {topic.command: unwrapping(topic.read) for topic in each.topics}
    numbered = frozenset[int]().union(*(each.things for each in added))
    kinds |= withdraw_kinds(rules.things, numbered)
    return msgspec.structs.replace(rules, kinds=kinds, numbered=numbered)


def kinds_of(commands: Sequence[Command]) -> dict[str, Kind]:
    """Readers of messages by the names of their commands."""
    decoders = Decoders(_envelope(commands))
    return {
        name: partial(_read, decoders, name, command)
        for command in commands
        for name in names_of([command])
    }


def names_of(commands: Iterable[Command]) -> list[str]:
    """Every name of commands, one object's before that of a list."""
    return [name for each in commands for name in dict.fromkeys((each.name, each.many))]


def wire_fields(commands: Iterable[Command]) -> list[tuple[str, Any]]:
    """What stands in a message beside its command: a name and its type, for each."""
    found: list[tuple[str, Any]] = []
    for each in commands:
        listed: Any = GenericAlias(list, (each.fields,))
        if each.many == each.name:
            found.append((each.name, each.fields | listed))
        else:
            found += [(each.name, each.fields), (each.many, listed)]
    return found


def _told_apart(name: str, unless: str, earlier: Kind, later: Kind) -> Kind:
    """Hands a message to the earlier domain where an object of it has the field."""
    probe = msgspec.defstruct("Probe", [(unless, Any, msgspec.UNSET)], gc=False)
    listed = GenericAlias(list, (probe,))
    decoders: Decoders[Any] = Decoders(
        msgspec.defstruct("ProbedEnvelope", [(name, probe | listed | None, None)], gc=False)
    )

    def read(body: bytes, now_s: int, message_id: str, rules: EventRules) -> list[Accepted]:
        found = getattr(decode_message(body, decoders, rules.depth_max), name) or []
        objects = found if isinstance(found, list) else [found]
        is_earlier = any(getattr(each, unless) is not msgspec.UNSET for each in objects)
        return (earlier if is_earlier else later)(body, now_s, message_id, rules)

    return read


def _envelope(commands: Iterable[Command]) -> type[msgspec.Struct]:
    fields = [(name, kind | None, None) for name, kind in wire_fields(commands)]
    return msgspec.defstruct("DomainEnvelope", fields, gc=False)


def _read(
    decoders: Decoders[Any],
    name: str,
    command: Command,
    body: bytes,
    now_s: int,
    _message_id: str,
    rules: EventRules,
) -> list[Accepted]:
    """The events of one message (a :data:`~psd.engine.event_rules.Kind`)."""
    found = getattr(decode_message(body, decoders, rules.depth_max), name)
    if found is None:
        raise MalformedError(f"{name}: missing; command {name!r} needs it")
    listed = found if isinstance(found, list) else [found]
    rules.check_batch(name, len(listed))
    return [command.check(fields, now_s, rules) for fields in listed]
