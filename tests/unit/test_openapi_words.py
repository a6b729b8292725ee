"""What the reference makes of structs and docstrings: parameters, Markdown, words for a schema."""

from __future__ import annotations

from psd.queries.requests import LeaderboardQuery, SumQuery
from server.openapi.parameters import query_parameters
from server.openapi.schemas import Schemas, markdown
from server.openapi.wording import kind_of_schema


def test_one_or_several_becomes_a_list_and_null_becomes_nothing() -> None:
    told = {each["name"]: each for each in query_parameters(SumQuery)}
    assert told["uid"]["required"]
    assert told["uid"]["explode"]
    assert told["uid"]["schema"]["type"] == "array"
    assert told["aggregates"]["schema"]["default"] == ["sum"]
    assert not told["end"]["required"]
    assert {"type": "null"} not in told["end"]["schema"]["anyOf"]
    assert "default" not in told["end"]["schema"]
    limit = {each["name"]: each for each in query_parameters(LeaderboardQuery)}["limit"]
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000}


def test_a_docstring_becomes_markdown() -> None:
    assert markdown("One ``field``\n    of two lines.\n\n    And more.") == (
        "One `field` of two lines.\n\nAnd more."
    )


def test_a_schema_is_told_in_words() -> None:
    schemas = Schemas([dict[str, list[int]], list[SumQuery], tuple[int, str]])
    words = [
        "".join(word for word, _ in kind_of_schema(each))
        for each in (
            {"type": "integer", "minimum": 1, "maximum": 1000},
            {"type": "integer", "minimum": 5},
            {"type": "string", "maxLength": 64, "minLength": 1},
            {"enum": ["a", "b"]},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            {},
        )
    ]
    assert words == [
        "integer, 1 to 1,000",
        "integer, at least 5",
        "text, 1 to 64 characters",
        "a | b",
        "text | null",
        "anything",
    ]
    assert schemas.components["SumQuery"]["required"] == ["thing", "uid"]
    assert kind_of_schema(schemas.of(schemas.kinds[1])) == [("list of ", False), ("SumQuery", True)]
