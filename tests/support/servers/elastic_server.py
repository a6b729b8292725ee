"""An Elasticsearch for tests, on a real socket: it aggregates real documents, and fails on demand.

>>> async with FakeElastic() as elastic:
...     await elastic.load("status", [status_document("7", AUTOPI, "2022-03-07T05:00:00Z")])
...     elastic.faults.append(Fault(status=503))       # the next answer; one each
...     elastic.major = 9                              # takes compatible-with=9 and =8
...     elastic.requests                               # every body that was searched with

It knows exactly the parts of the search language that psd uses (range on a date, exists, term,
bool with minimum_should_match; composite over terms, terms) and refuses every other word with a
parsing_exception. :class:`LiveElastic` offers the same ``load`` for a real server.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import web

Document = Mapping[str, Any]

AUTOPI = "dimo/integration/AutoPi"
SMARTCAR = "dimo/integration/Smartcar"
TERMS_SIZE = 10
"""How many buckets a terms aggregation lists unless it says another number."""

_MEDIA_TYPE = re.compile(r"application/vnd\.elasticsearch\+json; ?compatible-with=(\d+)")


class Fault(msgspec.Struct, frozen=True):
    """An answer that is none: a status, or what goes wrong while 200 is answered."""

    status: int = 200
    headers: Mapping[str, str] = {}
    reason: str = "made to fail"
    cut: bool = False
    """Half of the JSON, sent as if it were all."""
    hang_up: bool = False
    """Half of the JSON, and then the connection ends."""
    silent: bool = False
    """No answer as long as the server runs."""
    body: bytes | None = None


class ClauseError(Exception):
    """A word of the search language that is not known here."""


def status_document(
    subject: str, source: str, time: str, data: Mapping[str, Any] | None = None
) -> Document:
    """One status document, by default with a speed."""
    return {
        "subject": subject,
        "source": source,
        "time": time,
        "data": {"speed": 50} if data is None else dict(data),
    }


class FakeElastic:
    """One node; ``faults`` are used up one a search, everything else stays as it is set."""

    def __init__(self) -> None:
        self.major = 9
        self.product = True
        self.api_key = ""
        self.changes: dict[str, Any] = {}
        self.changes_of: Callable[[int], dict[str, Any]] = lambda _: {}
        """More changes of an answer, by its number from 0."""
        self.faults: deque[Fault] = deque()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.url = ""
        self._documents: dict[str, list[Document]] = {}
        self._spoken = self.major
        self._closing = asyncio.Event()
        application = web.Application()
        application.router.add_post("/{index}/_search", self._search)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._closing.set()
        await self._runner.cleanup()

    async def load(self, index: str, documents: Iterable[Document]) -> None:
        """Put documents into an index, which is made when it is not there."""
        self._documents.setdefault(index, []).extend(documents)

    async def _search(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(request.headers.copy())
        refused = self._refused(request)
        if refused is not None:
            return refused
        body = await request.json()
        self.requests.append(body)
        fault = self.faults.popleft() if self.faults else Fault()
        if fault.silent:
            await self._closing.wait()
        if fault.status != 200:
            return self._error(fault.status, "made_exception", fault.reason, fault.headers)
        try:
            answer = search(self._documents[request.match_info["index"]], body)
        except ClauseError as exc:
            return self._error(400, "parsing_exception", str(exc))
        answer |= self.changes | self.changes_of(len(self.requests) - 1)
        content = json.dumps(answer).encode() if fault.body is None else fault.body
        if fault.hang_up:
            return await self._hang_up(request, content)
        return self._answer(200, content[: len(content) // 2] if fault.cut else content)

    def _refused(self, request: web.Request) -> web.Response | None:
        versions = {self._version(request.headers.get(name, "")) for name in _TYPE_HEADERS}
        if len(versions) != 1 or versions - {self.major, self.major - 1}:
            if self.major < 8:
                return self._error(406, "", f"Content-Type header {versions} is not supported")
            return self._error(
                400, "media_type_header_exception", "Invalid media-type value on headers"
            )
        self._spoken = versions.pop() or self.major
        if self.api_key and request.headers.get("Authorization") != f"ApiKey {self.api_key}":
            return self._error(401, "security_exception", "missing authentication credentials")
        if request.match_info["index"] not in self._documents:
            return self._error(404, "index_not_found_exception", "no such index")
        return None

    @staticmethod
    def _version(header: str) -> int | None:
        match = _MEDIA_TYPE.fullmatch(header)
        return int(match[1]) if match else None

    def _error(
        self, status: int, kind: str, reason: str, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        cause = {"type": kind, "reason": reason}
        error = {"root_cause": [cause], **cause} if kind else reason
        content = json.dumps({"error": error, "status": status}).encode()
        return self._answer(status, content, headers)

    def _answer(
        self, status: int, content: bytes, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        return web.Response(
            status=status, body=content, headers={**self._head(), **(headers or {})}
        )

    def _head(self) -> dict[str, str]:
        kind = f"application/vnd.elasticsearch+json;compatible-with={self._spoken}"
        product = {"X-Elastic-Product": "Elasticsearch"} if self.product else {}
        return {"Content-Type": kind, **product}

    async def _hang_up(self, request: web.Request, content: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers=self._head())
        response.content_length = len(content)
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        assert request.transport is not None
        request.transport.close()
        return response


class LiveElastic:
    """A real server; the indices that it was given are deleted at the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._indices: list[str] = []
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(self.url, raise_for_status=True)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for index in self._indices:
            await self._send("DELETE", f"/{index}")
        await self._session.close()

    async def load(self, index: str, documents: Iterable[Document]) -> None:
        """Put documents into an index, which is made when it is not there."""
        if index not in self._indices:
            kinds = {"subject": "keyword", "source": "keyword", "time": "date"}
            properties = {name: {"type": kind} for name, kind in kinds.items()}
            mappings = {"mappings": {"properties": properties}}
            await self._send("PUT", f"/{index}", json=mappings)
            self._indices.append(index)
        lines = [f'{{"index": {{}}}}\n{json.dumps(each)}\n' for each in documents]
        if lines:
            kind = {"Content-Type": "application/x-ndjson"}
            path = f"/{index}/_bulk?refresh=true"
            answer = await self._send("POST", path, data="".join(lines), headers=kind)
            assert not answer["errors"], answer

    async def _send(self, method: str, path: str, **content: Any) -> Any:
        async with self._session.request(method, path, **content) as answer:
            return await answer.json()


def fresh_index() -> str:
    """An index that no other test has."""
    return f"psd-test-{uuid.uuid4().hex}"


_TYPE_HEADERS = ("Accept", "Content-Type")


def search(documents: Sequence[Document], body: Mapping[str, Any]) -> dict[str, Any]:
    """What a search answers, except how long it took."""
    known = {"query", "aggs", "size"}
    if set(body) - known or body.get("size") != 0:
        raise ClauseError(f"unknown key for a search: {sorted(set(body) - known)}")
    found = [each for each in documents if matches(each, body["query"])]
    return {
        "took": 1,
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {"total": {"value": len(found), "relation": "eq"}, "max_score": None, "hits": []},
        "aggregations": aggregations(found, body["aggs"]),
    }


def values_of(document: Any, path: str) -> list[Any]:
    """The values of a field; null and an empty list are none."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    values = document if isinstance(document, list) else [document]
    return [value for value in values if value is not None]


def matches(document: Document, query: Mapping[str, Any]) -> bool:
    """Whether a document answers a query of one clause."""
    ((kind, clause),) = query.items()
    if kind == "exists":
        return bool(values_of(document, clause["field"]))
    ((field, rule),) = clause.items() if kind in {"range", "term"} else (("", clause),)
    if kind == "term":
        return rule in values_of(document, field)
    if kind == "range":
        return any(_in_range(value, rule) for value in values_of(document, field))
    if kind == "bool":
        return _bool_matches(document, clause)
    raise ClauseError(f"unknown query [{kind}]")


def _bool_matches(document: Document, clause: Mapping[str, Any]) -> bool:
    if set(clause) - {"filter", "should", "minimum_should_match"}:
        raise ClauseError(f"[bool] does not support {sorted(clause)}")
    should = sum(matches(document, each) for each in clause.get("should", []))
    return should >= clause.get("minimum_should_match", 0) and all(
        matches(document, each) for each in clause["filter"]
    )


def _in_range(value: str, rule: Mapping[str, str]) -> bool:
    if set(rule) != {"gte", "lt"}:
        raise ClauseError(f"[range] does not support {sorted(rule)}")
    start, end = (datetime.fromisoformat(rule[bound]) for bound in ("gte", "lt"))
    return start <= datetime.fromisoformat(value) < end


def aggregations(documents: Sequence[Document], aggs: Mapping[str, Any]) -> dict[str, Any]:
    """Every aggregation of a level, by name."""
    answers: dict[str, Any] = {}
    for name, agg in aggs.items():
        if "composite" in agg:
            answers[name] = _composite(documents, agg)
        elif "terms" in agg:
            answers[name] = _terms(documents, agg["terms"])
        else:
            raise ClauseError(f"unknown aggregation in [{name}]")
    return answers


def _composite(documents: Sequence[Document], agg: Mapping[str, Any]) -> dict[str, Any]:
    """A page of buckets in order of their key; a page that is not empty says where it ended."""
    (source,) = agg["composite"]["sources"]
    ((name, rule),) = source.items()
    groups: dict[str, list[Document]] = {}
    for document in documents:
        for value in values_of(document, rule["terms"]["field"]):
            groups.setdefault(value, []).append(document)
    after = agg["composite"].get("after", {}).get(name)
    keys = sorted(key for key in groups if after is None or key > after)
    keys = keys[: agg["composite"].get("size", TERMS_SIZE)]
    buckets = [
        {
            "key": {name: key},
            "doc_count": len(groups[key]),
            **aggregations(groups[key], agg.get("aggs", {})),
        }
        for key in keys
    ]
    return {"buckets": buckets} | ({"after_key": {name: keys[-1]}} if keys else {})


def _terms(documents: Sequence[Document], rule: Mapping[str, Any]) -> dict[str, Any]:
    counts = Counter(value for each in documents for value in values_of(each, rule["field"]))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    size = rule.get("size", TERMS_SIZE)
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": sum(count for _, count in ranked[size:]),
        "buckets": [{"key": key, "doc_count": count} for key, count in ranked[:size]],
    }
