"""JSON schemas of msgspec types, all of one document together. Pure.

::

    schemas = Schemas([SumAnswer, list[int]])
    schemas.of(SumAnswer)      -> {"$ref": "#/components/schemas/SumAnswer"}
    schemas.components         -> {"SumAnswer": {"type": "object", ...}, "SumRow": {...}, ...}

Docstrings become descriptions: without the indentation of the source, and in the Markdown that
OpenAPI reads.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"

GLOSSARY: dict[str, str] = {
    "thing": "what is summed: names of configured things",
    "uid": "users, as 64-bit integers",
    "atid": "activity types that count; all unless given",
    "as_of": "as it stood at that instant: nothing booked at it or later counts",
    "compare_to": "an instant of the same range, or another range `start/end`",
    "every": "the calendar unit, in the zone `tz`",
    "tz": "an IANA time zone: of its calendar are units, dates, and times without a zone",
    "fill": "what stands where nothing was booked: 0, null, or no point at all",
    "by": "tells the sums of users or of activity types apart",
    "aggregates": "what is told of each user and thing",
    "ties": "how equal values are ranked",
    "limit": "how many at most",
    "cursor": "the `next` of the page before",
    "around": "this user, and those about him",
    "span": "how many above and below `around`",
    "board": "the name of a board",
    "all": "everybody",
}
"""What a question's field means where its struct does not say."""

METRIC_GLOSSARY: dict[str, str] = {
    "thing": "what was counted: the name of a configured thing",
    "uid": "the user",
    "atid": "the type of the activity",
    "aid": "the activity; reports of one aid replace and complete each other",
    "value": "how much, from `ts1` to `ts2`, both included",
    "ts1": "the first Unix second",
    "ts2": "the last Unix second; an increment happens at it",
    "mode": "`total`, or `increment`, which adds `value` once for its `id`",
    "id": "names an increment",
}
"""What the fields of a metric mean."""


class Schemas:
    """The schemas of some types; the components that they refer to have their names."""

    def __init__(self, kinds: Iterable[Any]) -> None:
        self.kinds = list({id(each): each for kind in kinds for each in _ways(kind)}.values())
        found, components = msgspec.json.schema_components(
            self.kinds, ref_template=REFERENCE + "{name}"
        )
        self._found = {id(kind): tidy(each) for kind, each in zip(self.kinds, found, strict=True)}
        self.components = {name: _told(name, tidy(each)) for name, each in components.items()}

    def of(self, kind: Any) -> Schema:
        """The schema of one of the types that were given; of a tuple, that it is any of them.

        Not just one: a page without rows may be a page of either.
        """
        if isinstance(kind, tuple):
            return {"anyOf": [self.of(each) for each in kind]}
        return self._found[id(kind)]


def _ways(kind: Any) -> tuple[Any, ...]:
    return kind if isinstance(kind, tuple) else (kind,)


def explained(field: str, described: str) -> str:
    """What a question's field means, and what its type says of itself."""
    meaning = GLOSSARY.get(field, "")
    return meaning if described == meaning else "; ".join(filter(None, [meaning, described]))


def _told(name: str, schema: Schema) -> Schema:
    if name.endswith("Query"):
        for field, each in schema["properties"].items():
            if field in GLOSSARY:
                each["description"] = explained(field, each.get("description", ""))
    if name in ("MetricFields", "EventDocument"):
        for field, meaning in METRIC_GLOSSARY.items():
            schema["properties"][field].setdefault("description", meaning)
    return schema


def tidy(schema: Schema) -> Schema:
    """A schema with its descriptions in Markdown, and without titles that repeat its name.

    Whatever is a decimal may be sent as a number or as its text.
    """
    if schema.get("format") == "decimal":
        schema = schema | {"type": ["number", "string"]}
    return {key: _tidy_value(key, value) for key, value in schema.items() if key != "title"}


def _tidy_value(key: str, value: Any) -> Any:
    if key == "description":
        return markdown(value)
    if key in ("properties", "mapping"):
        # Here the keys are names of fields, and one of them may well be "title".
        return {name: _tidy_value("", each) for name, each in value.items()}
    if key in ("default", "enum", "examples"):
        return value
    if isinstance(value, list):
        return [_tidy_value("", each) for each in value]
    return tidy(value) if isinstance(value, dict) else value


def markdown(text: str) -> str:
    """A docstring as Markdown: its code in single backticks, its paragraphs in one line each."""
    paragraphs = inspect.cleandoc(text).replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
