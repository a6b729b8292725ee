"""What Elasticsearch is asked, byte for byte, and which of its answers are not believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from psd.clock import utc_text
from psd.engine.plan import Range
from psd.errors import SourceError
from psd.rewards.sources.elastic import DecimalSubjects
from psd.rewards.sources.elastic_parts import error_reason
from psd.rewards.sources.elastic_request import (
    integration_of,
    page_request,
    read_page,
    read_sources,
    subject_request,
)
from psd.rewards.weeks import bounds

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "rewards.json").read_text("utf-8"))
WHOLE = {"total": 3, "successful": 3, "skipped": 0, "failed": 0}


def recorded(week: Range, after: str | None) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json.dumps(GOLDEN["elastic_request"]["body"]))
    time = body["query"]["bool"]["filter"][0]["range"]["time"]
    time |= {"gte": utc_text(week.start), "lt": utc_text(week.end)}
    composite = body["aggs"]["active_devices"]["composite"]
    del composite["after"]
    if after is not None:
        composite["after"] = {"subject": after}
    return body


def answer(**changes: Any) -> dict[str, Any]:
    sources = {"buckets": [{"key": "s", "doc_count": 1}], "sum_other_doc_count": 0}
    bucket = {"key": {"subject": "7"}, "doc_count": 1, "integrations": sources}
    found = {"buckets": [bucket], "after_key": {"subject": "7"}}
    whole = {"timed_out": False, "_shards": WHOLE, "aggregations": {"active_devices": found}}
    return whole | changes


def test_bounds_are_written_in_utc_with_a_z() -> None:
    assert utc_text(bounds(0).start) == "2022-01-31T05:00:00Z"


@pytest.mark.parametrize("after", [None, "207"])
def test_a_page_is_asked_for_with_exactly_the_recorded_request(after: str | None) -> None:
    week = bounds(5)
    request = page_request(week, None if after is None else {"subject": after})
    assert json.dumps(request) == json.dumps(recorded(week, after))


def test_one_subject_is_asked_about_with_the_same_question_and_a_larger_size() -> None:
    week = bounds(5)
    one, page = subject_request(week, "7"), page_request(week)
    *time, subject = one["query"]["bool"].pop("filter")
    assert (time, subject) == (page["query"]["bool"].pop("filter"), {"term": {"subject": "7"}})
    assert one["query"] == page["query"]
    assert one["aggs"] == {"integrations": {"terms": {"field": "source", "size": 1000}}}


def test_asking_about_a_subject_leaves_the_request_of_a_page_as_it_was() -> None:
    before = json.dumps(page_request(bounds(5)))
    subject_request(bounds(5), "7")
    assert json.dumps(page_request(bounds(5))) == before


def test_a_page_has_its_subjects_and_where_the_next_begins() -> None:
    page = read_page(answer())
    assert [each.key.subject for each in page.buckets] == ["7"]
    assert page.after_key == {"subject": "7"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"timed_out": True}, "timed_out"),
        ({"_shards": WHOLE | {"failed": 1}}, "1 of 3 shards failed"),
        (
            {"_shards": WHOLE | {"failed": 1, "failures": [{"reason": {"type": "breaker"}}]}},
            "first: breaker",
        ),
        ({"_shards": WHOLE | {"total": 0}}, "elasticsearch_index"),
        ({"aggregations": {}}, "active_devices"),
        ({"aggregations": {"active_devices": {"buckets": [{"key": 1}]}}}, "not that of a search"),
        ({"_shards": None}, "not that of a search"),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SourceError, match=words):
        read_page(answer(**changes))


@pytest.mark.parametrize("body", ["<html>", None, [], {}, b"", 7])
def test_what_is_no_answer_of_a_search_is_an_error(body: object) -> None:
    with pytest.raises(SourceError):
        read_page(body)


def test_sources_without_the_number_of_those_left_out_are_not_believed() -> None:
    whole = {"integrations": {"buckets": [{"key": "s"}], "sum_other_doc_count": 0}}
    assert [each.key for each in read_sources(answer(aggregations=whole)).buckets] == ["s"]
    with pytest.raises(SourceError, match="sum_other_doc_count"):
        read_sources(answer(aggregations={"integrations": {"buckets": []}}))


@pytest.mark.parametrize(
    ("source", "integration"),
    [
        ("dimo/integration/AutoPi", "AutoPi"),
        ("dimo/integration/", ""),
        ("dimo/integrations/AutoPi", None),
        ("x/dimo/integration/AutoPi", None),
        ("AutoPi", None),
    ],
)
def test_only_sources_with_the_prefix_are_integrations(source: str, integration: str) -> None:
    assert integration_of(source) == integration


def test_the_reason_of_an_error_is_short_and_has_the_cause() -> None:
    error = {"type": "a_exception", "reason": "b\nc", "caused_by": {"reason": "d"}}
    assert error_reason({"error": error}) == "a_exception: b c: d"
    assert error_reason({"error": "plain"}) == "plain"
    assert error_reason("") == "no reason given"
    assert len(error_reason("x" * 9999)) == 300


async def test_a_subject_is_a_vehicle_only_as_a_canonical_64_bit_number() -> None:
    known = {"7": 7, "0": 0, "-5": -5, str(2**63 - 1): 2**63 - 1, str(-(2**63)): -(2**63)}
    unknown = ["", "07", "+7", "-0", "7.0", " 7", "7\n", "\u0667", "2abc", str(2**63)]
    assert await DecimalSubjects().vehicles_of([*known, *unknown]) == known
