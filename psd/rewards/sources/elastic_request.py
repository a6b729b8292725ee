"""What Elasticsearch is asked for a week's activity, and how its answers are read. Pure.

A composite aggregation over the subjects, 100 a page, each with the sources that reported at
least one of 18 signals in the week. The request is the original service's, to the byte::

    page_request(Range(1643605200, 1644210000))
        time from 2022-01-31T05:00:00Z, before 2022-02-07T05:00:00Z, first page
    page_request(Range(1643605200, 1644210000), {"subject": "207"})
        the page that follows subject 207

    read_page({.., "aggregations": {"active_devices": {"after_key": {"subject": "9"}, "buckets":
        [{"key": {"subject": "9"}, "integrations": {"buckets": [{"key":
        "dimo/integration/AutoPi", ..}], "sum_other_doc_count": 0}, ..}]}}})
        one subject, "9", active on AutoPi; after_key asks for the next page

That request lists at most 10 sources of a subject and counts what it left out. psd then asks
for this one subject again, with :func:`subject_request`, which lists 1,000.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from psd.clock import utc_text
from psd.engine.plan import Range
from psd.errors import SourceError
from psd.rewards.sources.elastic_parts import SearchAnswer, missing_part

SIGNALS = (
    "odometer",
    "soc",
    "latitude",
    "oil",
    "range",
    "speed",
    "batteryVoltage",
    "coolantTemp",
    "engineLoad",
    "barometricPressure",
    "intakeTemp",
    "runTime",
    "ambientTemp",
    "fuelPercentRemaining",
    "tires.frontLeft",
    "charging",
    "engineSpeed",
    "throttlePosition",
)
"""The signals that are no constants, each a field under ``data.``."""

PAGE_SUBJECTS = 100
SUBJECT_SOURCES_MAX = 1000
"""Far more than the 31 integrations that there can be; past it the answer is refused."""

SOURCE_PREFIX = "dimo/integration/"

T = TypeVar("T")


class SourceBucket(msgspec.Struct, frozen=True):
    """A source; ``key`` is ``dimo/integration/<id>`` for those that count."""

    key: str


class SubjectSources(msgspec.Struct, frozen=True):
    """The sources of a subject, and how many documents of others were left out, or may be."""

    buckets: tuple[SourceBucket, ...]
    sum_other_doc_count: int
    doc_count_error_upper_bound: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every source is there."""
        return not self.sum_other_doc_count and not self.doc_count_error_upper_bound


class SubjectKey(msgspec.Struct, frozen=True):
    """A text, or a number where the index maps it as one."""

    subject: str | int


class SubjectBucket(msgspec.Struct, frozen=True):
    """One subject with its sources."""

    key: SubjectKey
    integrations: SubjectSources


class SubjectPage(msgspec.Struct, frozen=True):
    """Up to 100 subjects; without ``after_key`` there are no more."""

    buckets: tuple[SubjectBucket, ...]
    after_key: dict[str, Any] | None = None


def page_request(week: Range, after: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The recorded request; ``after`` is the ``after_key`` of the page before."""
    composite: dict[str, Any] = {
        "size": PAGE_SUBJECTS,
        "sources": [{"subject": {"terms": {"field": "subject"}}}],
    }
    if after is not None:
        composite["after"] = dict(after)
    sources = {"integrations": {"terms": {"field": "source"}}}
    return {
        "query": {"bool": _active_in(week)},
        "aggs": {"active_devices": {"composite": composite, "aggs": sources}},
        "size": 0,
    }


def subject_request(week: Range, subject: str | int) -> dict[str, Any]:
    """The same question about one subject that has more sources than a page lists."""
    active = _active_in(week)
    active["filter"].append({"term": {"subject": subject}})
    terms = {"field": "source", "size": SUBJECT_SOURCES_MAX}
    return {
        "query": {"bool": active},
        "aggs": {"integrations": {"terms": terms}},
        "size": 0,
    }


def _active_in(week: Range) -> dict[str, Any]:
    bounds = {"gte": utc_text(week.start), "lt": utc_text(week.end)}
    return {
        "filter": [{"range": {"time": bounds}}],
        "should": [{"exists": {"field": f"data.{signal}"}} for signal in SIGNALS],
        "minimum_should_match": 1,
    }


def read_page(body: object) -> SubjectPage:
    """A page of subjects; raises SourceError for an answer that is not whole, or not one.

    A page ends with the subject that its ``after_key`` names: else some are missing in it.
    """
    page = _convert(_aggregation(body, "active_devices"), SubjectPage)
    if page.buckets and page.after_key != {"subject": page.buckets[-1].key.subject}:
        last = page.buckets[-1].key.subject
        raise SourceError(
            f"a page of {len(page.buckets)} subjects ends with {last!r} and says that it ends "
            f"with {page.after_key}: subjects are missing"
        )
    return page


def read_sources(body: object) -> SubjectSources:
    """The sources that :func:`subject_request` asked for; raises as :func:`read_page`."""
    return _convert(_aggregation(body, "integrations"), SubjectSources)


def integration_of(source: str) -> str | None:
    """The integration's id in a source's name; None for a source that is no integration."""
    return source.removeprefix(SOURCE_PREFIX) if source.startswith(SOURCE_PREFIX) else None


def _aggregation(body: object, name: str) -> object:
    answer = _convert(body, SearchAnswer)
    missing = missing_part(answer)
    if missing:
        raise SourceError(missing)
    if name not in answer.aggregations:
        raise SourceError(f"the answer lacks the aggregation {name!r}; is this Elasticsearch?")
    return answer.aggregations[name]


def _convert(value: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as exc:
        raise SourceError(f"the answer is not that of a search: {exc}") from exc
