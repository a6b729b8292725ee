"""Answers as rows and as frames: times are moments, whole numbers stay whole."""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from psd.client import AsyncClient, to_dicts, to_pandas
from psd.client.boards import AsyncBoards
from psd.errors import ConfigError
from psd.frames import TIMES, Rows
from psd.queries.activity_answers import ActivitiesAnswer, ActivityRow
from psd.queries.boards.requests import BoardsPage
from psd.queries.results import (
    AnsweredRange,
    LeaderboardAnswer,
    SeriesAnswer,
    SeriesPoint,
    Standing,
    SumAnswer,
    SumRow,
    Watermark,
)
from psd.rewards.client import AsyncRewards

EIGHT, NINE = (dt.datetime(2016, 4, 12, hour, tzinfo=dt.UTC) for hour in (8, 9))
AROUND: dict[str, Any] = {"range": AnsweredRange("", ""), "watermark": Watermark(None, None)}

TEXTS = {
    *("aid", "atid", "by", "changed_by", "code", "field", "integration", "message", "name", "note"),
    *("owner", "thing", "title", "uid", "vehicle", "action", "status", "reason", "tables"),
    *("digest", "source", "pool", "tokens", "tokens_before", "tokens_gained", "tokens_lost"),
}
"""Texts of rows that are no times."""


def answers() -> Iterator[type[msgspec.Struct]]:
    """Every struct with rows that a call of the client gives."""
    for part in (AsyncClient, AsyncBoards, AsyncRewards):
        for _, method in inspect.getmembers(part, inspect.isfunction):
            for kind in classes(get_type_hints(method).get("return")):
                if "data" in getattr(kind, "__struct_fields__", ()):
                    yield kind


def classes(annotation: Any) -> Iterator[type]:
    """The classes that an annotation names."""
    if get_origin(annotation) is Literal:
        return
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from classes(part)


def texts_of(kind: type[msgspec.Struct]) -> set[str]:
    """The fields of a row that are a text."""
    found = set()
    for field in msgspec.structs.fields(kind):
        parts = get_args(field.type) if get_origin(field.type) in (Union, UnionType) else ()
        if str in (field.type, *parts):
            found.add(field.name)
    return found


def test_every_answer_with_rows_can_be_turned_into_a_frame() -> None:
    found = set(answers())
    assert len(found) >= 10
    assert [kind for kind in found if not issubclass(kind, Rows)] == []


def test_every_text_of_a_row_is_known_as_a_time_or_as_none() -> None:
    rows = {get_args(get_type_hints(kind)["data"])[0] for kind in answers()}
    texts = set().union(*map(texts_of, rows))
    assert texts <= TIMES | TEXTS
    assert texts >= TIMES


def test_rows_become_mappings_with_moments_and_without_what_was_not_asked_for() -> None:
    row = SumRow("7", "steps", 90, first="2016-04-12T08:00:00Z", last=None)
    assert SumAnswer(data=[row], **AROUND).to_dicts() == [
        {"uid": "7", "thing": "steps", "sum": 90, "first": EIGHT, "last": None}
    ]
    assert to_dicts(iter([row])) == SumAnswer(data=[row], **AROUND).to_dicts()


def test_what_is_in_a_row_becomes_a_mapping_too_and_a_note_is_never_a_time() -> None:
    noted = {"name": "april", "revision": 1, "members": 0, "made_at": "2016-04-12T08:00:00Z"}
    noted |= {"changed_at": "2016-04-12T09:00:00Z", "changed_by": "", "title": "", "atid": ["2"]}
    noted |= {"thing": "steps", "ties": "dense", "rounds": None, "note": "2016-04-12T08:00:00Z"}
    noted["window"] = {"kind": "fixed", "start": "2016-04-12", "end": 1460505600}
    [row] = msgspec.convert({"data": [noted], "next": None}, BoardsPage).to_dicts()
    assert (row["made_at"], row["changed_at"]) == (EIGHT, NINE)
    assert row["note"] == "2016-04-12T08:00:00Z"
    assert (row["window"], row["atid"]) == ({"start": "2016-04-12", "end": 1460505600}, ["2"])


def test_a_frame_has_times_as_times_and_whole_numbers_with_gaps() -> None:
    pytest.importorskip("pandas")
    times = ["2016-04-12T08:00:00Z", "2016-04-12T09:00:00Z", "2016-04-12T10:00:00Z"]
    points = [
        SeriesPoint(*times[at : at + 2], "steps", value)
        for at, value in enumerate([2**53 - 1, None])
    ]
    frame = SeriesAnswer(data=points, **AROUND).to_pandas()
    assert [*frame.columns] == ["start", "end", "thing", "sum", "partial"]
    assert frame["start"].dtype == frame["end"].dtype == "datetime64[s, UTC]"
    assert [*frame["start"]] == [EIGHT, NINE]
    assert (str(frame["sum"].dtype), int(frame["sum"][0])) == ("Int64", 2**53 - 1)
    assert frame.set_index("start").loc["2016-04-12 08:00", "sum"] == 2**53 - 1


def test_a_column_of_times_without_any_is_one_of_times() -> None:
    pytest.importorskip("pandas")
    frame = to_pandas([Standing(1, "7", 0, None, 0.0)])
    assert frame["reached_at"].dtype == "datetime64[s, UTC]"
    assert frame["reached_at"].isna().all()
    assert (str(frame["value"].dtype), [*frame["uid"]]) == ("int64", ["7"])


def test_the_sums_of_activities_are_columns_of_their_own() -> None:
    pytest.importorskip("pandas")
    times = ("2016-04-12T08:00:00Z", "2016-04-12T09:00:00Z")
    rows = [ActivityRow("1", "0", {"steps": 90, "floors": 2}, 1, *times)]
    rows += [ActivityRow("2", "0", {"steps": 10}, 1, *times)]
    frame = ActivitiesAnswer(rows, None, True, **AROUND).to_pandas()
    assert frame["sums.steps"].sum() == 100
    assert str(frame["sums.floors"].dtype) == "Int64"


def test_a_frame_without_rows_has_the_columns_of_its_kind() -> None:
    pytest.importorskip("pandas")
    frame = LeaderboardAnswer(data=[], total=0, **AROUND).to_pandas()
    assert [*frame.columns] == ["rank", "uid", "value", "reached_at", "percentile"]
    assert frame["reached_at"].dtype == "datetime64[s, UTC]"
    assert frame.empty


def test_without_pandas_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ConfigError, match=r"pip install 'pointspace\[pandas\]'"):
        SumAnswer(data=[], **AROUND).to_pandas()
