"""What Prometheus's read API answers, and what is said of it in the reference.

::

    POST /api/v1/query_range   query=increase(steps{uid="7"}[1d])&start=...&end=...&step=86400
    -> {"status":"success","data":{"resultType":"matrix","result":[
           {"metric":{"uid":"7"},"values":[[1460505600,"13158"],...]}]}}

By GET and, where Grafana posts, by a form in the body, which goes before the URL. What is not
answered is 400 ``bad_data`` with the reason. Whoever is restricted to some owners sees the others
as users without data.
"""

from __future__ import annotations

from functools import partial

import msgspec

from psd.domain.question import Asked, Endpoint
from psd.errors import BadQueryError
from psd.prometheus.api import PrometheusAnswer, PrometheusApi
from psd.prometheus.dialect import DIALECT
from psd.prometheus.requests import (
    InstantQuery,
    LookUp,
    MetadataLookUp,
    PrometheusBuild,
    PrometheusMetadata,
    PrometheusNames,
    PrometheusQueried,
    PrometheusSeries,
    RangeQuery,
    SeriesLookUp,
)

_told = partial(Endpoint, meaning="the answer", refused=(400, 422), dialect=DIALECT)


def endpoints(api: PrometheusApi) -> list[Endpoint]:
    """All of them, in the order of the reference."""
    answers = PrometheusAnswers(api)
    return [*_expressions(answers), *_look_ups(answers), *_about_itself(answers)]


class PrometheusAnswers:
    """Answers what was asked by its parameters."""

    def __init__(self, api: PrometheusApi) -> None:
        self._api = api

    async def query(self, asked: Asked) -> PrometheusAnswer:
        """An expression at one instant."""
        given: InstantQuery = asked.query
        return await self._api.query(_needed(given, "query"), given.time or None, asked.sees)

    async def query_range(self, asked: Asked) -> PrometheusAnswer:
        """An expression over time, as a panel plots it."""
        needed = [_needed(asked.query, name) for name in ("query", "start", "end", "step")]
        query, start, end, step = needed
        return await self._api.query_range(query, start, end, step, asked.sees)

    async def series(self, asked: Asked) -> PrometheusAnswer:
        """The labels of series."""
        given: SeriesLookUp = asked.query
        return await self._api.series(given.match, given.limit or "", asked.sees)

    async def labels(self, asked: Asked) -> PrometheusAnswer:
        """The names of labels."""
        given: LookUp = asked.query
        return await self._api.labels(given.match, given.limit or "", asked.sees)

    async def values(self, asked: Asked) -> PrometheusAnswer:
        """The values of a label; of one that psd does not have, none."""
        given: LookUp = asked.query
        label: str = asked.path["name"]
        return await self._api.values(label, given.match, given.limit or "", asked.sees)

    async def metadata(self, asked: Asked) -> PrometheusAnswer:
        """What each metric is."""
        given: MetadataLookUp = asked.query
        return self._api.metadata(given.metric or "", given.limit or "")

    async def buildinfo(self, _asked: Asked) -> PrometheusAnswer:
        """Who answers: psd, in its own version."""
        return self._api.buildinfo()


def _needed(given: msgspec.Struct, name: str) -> str:
    """A parameter that there is no default for; raises BadQueryError where it is empty."""
    found: str = getattr(given, name)
    if not found:
        raise BadQueryError(f"{name}: missing; it is needed")
    return found


def _expressions(answers: PrometheusAnswers) -> list[Endpoint]:
    return [
        _told(
            path="/api/v1/query",
            query=InstantQuery,
            answer=PrometheusQueried,
            ask=answers.query,
            example=(
                "/api/v1/query?query=increase(steps%7Buid=%221%22%7D%5B1d%5D)&time=1496620800",
                '{"status":"success","data":{"resultType":"vector","result":'
                '[{"metric":{"uid":"1"},"value":[1496620800,"10"]}]}}',
            ),
            by_form=True,
        ),
        _told(
            path="/api/v1/query_range",
            query=RangeQuery,
            answer=PrometheusQueried,
            ask=answers.query_range,
            example=(
                "/api/v1/query_range?query=sum(steps%7Buid=~%221%7C9%22%7D)"
                "&start=1496534400&end=1496620800&step=1d",
                '{"status":"success","data":{"resultType":"matrix","result":'
                '[{"metric":{},"values":[[1496534400,"..."],[1496620800,"..."]]}]}}',
            ),
            by_form=True,
        ),
    ]


def _look_ups(answers: PrometheusAnswers) -> list[Endpoint]:
    return [
        _told(
            path="/api/v1/series",
            query=SeriesLookUp,
            answer=PrometheusSeries,
            ask=answers.series,
            example=(
                "/api/v1/series?match%5B%5D=steps%7Buid=%221%22%7D",
                '{"status":"success","data":[{"__name__":"steps","uid":"1"}]}',
            ),
            by_form=True,
        ),
        _told(
            path="/api/v1/labels",
            query=LookUp,
            answer=PrometheusNames,
            ask=answers.labels,
            example=(
                "/api/v1/labels?match%5B%5D=steps",
                '{"status":"success","data":["__name__","atid","board","uid"]}',
            ),
            by_form=True,
        ),
        _told(
            path="/api/v1/label/{name}/values",
            query=LookUp,
            answer=PrometheusNames,
            ask=answers.values,
            example=(
                "/api/v1/label/atid/values?match%5B%5D=steps%7Buid=%221%22%7D",
                '{"status":"success","data":["2"]}',
            ),
        ),
    ]


def _about_itself(answers: PrometheusAnswers) -> list[Endpoint]:
    return [
        _told(
            path="/api/v1/metadata",
            query=MetadataLookUp,
            answer=PrometheusMetadata,
            ask=answers.metadata,
            example=(
                "/api/v1/metadata?metric=steps",
                '{"status":"success","data":{"steps":[{"type":"counter",'
                '"help":"the sum of steps that were booked","unit":"steps"}]}}',
            ),
        ),
        Endpoint(
            path="/api/v1/status/buildinfo",
            answer=PrometheusBuild,
            ask=answers.buildinfo,
            meaning="the version",
            dialect=DIALECT,
            example=(
                "/api/v1/status/buildinfo",
                '{"status":"success","data":{"application":"psd","version":"...",...}}',
            ),
        ),
    ]
