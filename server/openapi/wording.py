"""JSON schemas in words, for people. Pure.

::

    kind_of_schema({"type": "array", "items": {"$ref": "#/components/schemas/SumRow"}})
    -> [("list of ", False), ("SumRow", True)]
    kind_of_schema({"type": "integer", "minimum": 1, "maximum": 9})
    -> [("integer, 1 to 9", False)]
"""

from __future__ import annotations

from server.openapi.schemas import Schema

Words = list[tuple[str, bool]]
"""Words, and whether each is the name of a shape."""

NAMES = {"object": "object", "null": "null", "boolean": "true or false", "string": "text"}


def kind_of_schema(schema: Schema) -> Words:
    """What a schema lets through."""
    ways = schema.get("anyOf") or schema.get("oneOf")
    others = schema.get("additionalProperties")
    if "$ref" in schema:
        return [(schema["$ref"].rpartition("/")[2], True)]
    if ways:
        return _joined(ways)
    if schema.get("type") == "array":
        return _list(schema)
    if isinstance(others, dict):
        return [("object of ", False), *kind_of_schema(others)]
    return [(_named(schema), False)]


def fields_of(schema: Schema, document: Schema) -> list[tuple[str, Schema, bool]]:
    """Name, schema, and whether it is needed, of each field of an object or of a list of them."""
    while "$ref" in schema or schema.get("type") == "array":
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        else:
            # A list of fixed length has no items of one kind: the schema says false then.
            schema = schema.get("items") or {}
    needed = schema.get("required", ())
    fields = schema.get("properties", {})
    return [(name, field, name in needed) for name, field in fields.items()]


def _list(schema: Schema) -> Words:
    if "prefixItems" in schema:
        return [("list of ", False), *_joined(schema["prefixItems"], ", ")]
    items = schema.get("items") or {}
    most = f", at most {schema['maxItems']:,}" if "maxItems" in schema else ""
    return [("list of ", False), *kind_of_schema(items), *([(most, False)] if most else [])]


def _joined(schemas: list[Schema], between: str = " | ") -> Words:
    words: Words = []
    for schema in schemas:
        kind = kind_of_schema(schema)
        if any(kind == kind_of_schema(other) for other in schemas[: schemas.index(schema)]):
            continue
        words += ([(between, False)] if words else []) + kind
    return words


def _named(schema: Schema) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    name = str(schema.get("type", "anything"))
    return NAMES.get(name, name) + _limits(schema)


def _limits(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f", {least:,} to {most:,}"
    if least is not None:
        return f", at least {least:,}"
    if most is not None:
        return f", at most {most:,}"
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if longest is not None:
        return f", {shortest or 0} to {longest} characters"
    return ""
