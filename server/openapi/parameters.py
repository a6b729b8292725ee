"""Parameters of the document: those of a path, and those that are fields of a struct. Pure.

A URL knows texts alone, so a field that takes one value or several becomes a parameter that may
come several times, and null becomes a parameter that is not there::

    class SumQuery:
        thing: Name | list[Name]        -> {"name": "thing", "in": "query", "required": true,
                                            "explode": true, "schema": {"type": "array", ...}}
        end: Time | None = None         -> {"name": "end", "in": "query", "schema": {...}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from server.openapi.schemas import Schema, explained, tidy

_PART = re.compile(r"\{(\w+)\}")


def path_parameters(path: str, kinds: Mapping[str, Any]) -> list[Schema]:
    """The parts of a path between braces; a text where its type is not told."""
    return [_path_parameter(name, kinds.get(name, str)) for name in _PART.findall(path)]


def query_parameters(kind: type[msgspec.Struct]) -> list[Schema]:
    """A parameter for each field of a struct, with the limits and the default that it has there."""
    _, components = msgspec.json.schema_components((kind,))
    schema = tidy(components[kind.__name__])
    needed = schema.get("required", ())
    return [
        _query_parameter(name, field, is_needed=name in needed)
        for name, field in schema["properties"].items()
    ]


def header_parameter(name: str, description: str) -> Schema:
    """A header that is read as a text."""
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _path_parameter(name: str, kind: Any) -> Schema:
    (schema,), _ = msgspec.json.schema_components((kind,))
    schema = tidy(schema)
    described = schema.pop("description", "")
    parameter: Schema = {"name": name, "in": "path", "required": True, "schema": schema}
    return parameter | ({"description": described} if described else {})


def _query_parameter(name: str, field: Schema, *, is_needed: bool) -> Schema:
    schema = in_url(field)
    described = explained(name, schema.pop("description", ""))
    parameter: Schema = {"name": name, "in": "query", "required": is_needed}
    if described:
        parameter["description"] = described
    if schema.get("type") == "array":
        parameter |= {"style": "form", "explode": True}
    return parameter | {"schema": schema}


def in_url(field: Schema) -> Schema:
    """A field's schema as a URL has it: a list instead of one or several, and no null."""
    around = {key: value for key, value in field.items() if key not in ("anyOf", "default")}
    ways = [way for way in field.get("anyOf", [{}]) if way.get("type") != "null"]
    lists = [way for way in ways if way.get("type") == "array"]
    chosen: Schema = {"anyOf": ways}
    if lists or len(ways) == 1:
        chosen = in_url(lists[0] if lists else ways[0]) if ways != [{}] else {}
    default = field.get("default")
    if default is not None:
        around["default"] = [default] if lists and not isinstance(default, list) else default
    return chosen | around
