"""Activity from Elasticsearch: one week's aggregation, read page by page and kept by shard.

The only file that imports the official client, and only when a source is made. What is asked
and how answers are read is in elastic_request.py; here are connections, patience and errors::

    source = ElasticSource(ElasticSettings("http://es:9200", "device-status-*"), tables)
    await source.begin(bounds(5))
    await source.active(shard_of(7), [7])    -> {7: 0b1000}, active on AutoPi (id 3) alone
    source.ignored_sources                   -> 2, sources that no table knows as an integration

An answer that is late, 429, 502, 503 or 504, and a connection that breaks, are tried again after
1, 2, 4 and 8 s, or after the seconds that Retry-After names. Everything else fails at once, and
so does an answer that is only a part: a week is known as a whole or not at all.

Elasticsearch 8 and 9 both read the media types of version 8, which no client of version 9 sends
by itself: a server of version 8 refuses it. psd names the version in each request, 8 first.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote, unquote, urlsplit

import msgspec

from psd.addresses import bracketed
from psd.backoff import backoff_s
from psd.engine.plan import Range
from psd.errors import ConfigError, SourceError, SourceUnavailableError
from psd.integers import integer_of
from psd.rewards.shards import shard_of
from psd.rewards.sources.elastic_parts import error_reason
from psd.rewards.sources.elastic_request import (
    SubjectBucket,
    SubjectPage,
    integration_of,
    page_request,
    read_page,
    read_sources,
    subject_request,
)
from psd.rewards.tables import Tables

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

log = logging.getLogger(__name__)

CLIENT_VERSION_MIN = (8, 15)
CLIENT_VERSION_END = (10,)
MEDIA_VERSIONS = (8, 9)
"""In the order in which they are tried; 8 is read by servers of version 8 and of version 9."""

WAIT_FIRST_S = 1.0
WAIT_MAX_S = 60.0
"""No Retry-After makes psd wait longer: it holds the lock of the weekly job meanwhile."""

STATUSES_TO_TRY_AGAIN = frozenset({429, 502, 503, 504})
ADVICE = {
    400: "the server does not take the recorded request; is it Elasticsearch 8 or 9?",
    401: "set rewards.elasticsearch_api_key, or put user and password into the URL",
    403: "the key or user lacks the privilege `read` on this index",
    404: "check rewards.elasticsearch_index",
}

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


class ElasticSettings(msgspec.Struct, frozen=True):
    """Where to ask. ``url`` may hold ``user:password@``, and ``index`` may be a pattern."""

    url: str
    index: str
    api_key: str = ""
    timeout_s: float = 30.0
    attempts_max: int = 5


class Subjects(Protocol):
    """Knows which vehicle a subject of the documents is."""

    async def vehicles_of(self, subjects: Sequence[str]) -> dict[str, int]:
        """Subject -> vehicle, for up to 100 at once; those left out are unknown."""
        ...


class DecimalSubjects:
    """A subject that is a canonical decimal 64-bit number is the vehicle itself."""

    async def vehicles_of(self, subjects: Sequence[str]) -> dict[str, int]:
        """``["7", "07", "2ab"] -> {"7": 7}``."""
        found = {text: integer_of(text) for text in subjects}
        return {text: vehicle for text, vehicle in found.items() if vehicle is not None}


class ElasticSource:
    """An ActivitySource; the counters are about the week that was begun last."""

    name = "elasticsearch"

    def __init__(
        self,
        settings: ElasticSettings,
        tables: Tables,
        subjects: Subjects | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.ignored_sources = 0
        self.unknown_subjects = 0
        self._tables = tables
        self._subjects = subjects or DecimalSubjects()
        self._search = _Search(settings, sleep)
        self._masks: dict[int, dict[int, int]] | None = None

    async def begin(self, week: Range) -> None:
        """Read the whole week, 100 subjects a request; until it succeeds nothing can be asked."""
        self._masks = None
        self.ignored_sources = self.unknown_subjects = 0
        masks: dict[int, dict[int, int]] = defaultdict(dict)
        after: Mapping[str, Any] | None = None
        ends: set[str] = set()
        while True:
            page = await self._search.ask(page_request(week, after), read_page)
            await self._take(page, week, masks)
            if page.after_key is None:
                break
            after = page.after_key
            # Each page ends behind the one before; one that came already would come for ever.
            if repr(after) in ends:
                raise SourceError(f"elasticsearch: pages stand still after {after}")
            ends.add(repr(after))
        self._masks = dict(masks)
        self._tell_unknown()

    def _tell_unknown(self) -> None:
        """What earns nothing because nobody knows it is no error, but nobody would look for it."""
        unknown = {"subjects": self.unknown_subjects, "sources": self.ignored_sources}
        if any(unknown.values()):
            log.warning("elasticsearch: some subjects or sources are unknown", extra=unknown)

    def shards(self) -> frozenset[int]:
        """Shards with vehicles that were active, whether the registry knows them or not."""
        assert self._masks is not None, "begin() did not succeed"
        return frozenset(self._masks)

    async def active(self, shard: int, vehicles: Sequence[int]) -> dict[int, int]:
        """All active vehicles of a shard, also those that the registry does not know."""
        assert self._masks is not None, "begin() did not succeed"
        return dict(self._masks.get(shard, {}))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._search.close()

    async def _take(self, page: SubjectPage, week: Range, masks: dict[int, dict[int, int]]) -> None:
        names = [str(bucket.key.subject) for bucket in page.buckets]
        vehicles = await self._subjects.vehicles_of(names)
        for name, bucket in zip(names, page.buckets, strict=True):
            vehicle = vehicles.get(name)
            if vehicle is None:
                self.unknown_subjects += 1
                continue
            mask = self._mask(await self._sources_of(bucket, week))
            if mask:
                shard = masks[shard_of(vehicle)]
                shard[vehicle] = shard.get(vehicle, 0) | mask

    async def _sources_of(self, bucket: SubjectBucket, week: Range) -> list[str]:
        """The subject's sources; asks for them once more where the page left some out."""
        sources = bucket.integrations
        if not sources.is_whole:
            subject = bucket.key.subject
            sources = await self._search.ask(subject_request(week, subject), read_sources)
            if not sources.is_whole:
                raise SourceError(
                    f"elasticsearch: subject {subject!r} has more than {len(sources.buckets)} "
                    "sources in one week, and none may be left out; repair its documents"
                )
        return [each.key for each in sources.buckets]

    def _mask(self, sources: Sequence[str]) -> int:
        mask = 0
        for source in sources:
            bits = self._tables.mask([integration_of(source) or ""])
            self.ignored_sources += not bits
            mask |= bits
        return mask


class _Search:
    """Searches of one index, with patience, and with psd's errors for the client's."""

    def __init__(self, settings: ElasticSettings, sleep: Sleep) -> None:
        url, user = _split_url(settings)
        self._settings = settings
        self._sleep = sleep
        self._path = f"/{quote(settings.index, safe=',*')}/_search"
        self._asked = f"elasticsearch: POST {url}{self._path}"
        self._versions = list(MEDIA_VERSIONS)
        self._library = _library()
        self._client: AsyncElasticsearch = self._library.AsyncElasticsearch(
            url,
            basic_auth=user,
            api_key=settings.api_key or None,
            request_timeout=settings.timeout_s,
            max_retries=0,
        )

    async def close(self) -> None:
        await self._client.close()

    async def ask(self, request: dict[str, Any], read: Callable[[object], T]) -> T:
        """What ``read`` makes of the answer; its SourceErrors come out saying what was asked."""
        body = await self._patiently(request)
        try:
            return read(body)
        except SourceError as exc:
            raise SourceError(f"{self._asked}: {exc}") from exc

    async def _patiently(self, request: dict[str, Any]) -> object:
        for attempt in range(1, self._settings.attempts_max + 1):
            try:
                return await self._post(request)
            except (self._library.TransportError, self._library.ApiError) as exc:
                problem = self._problem_that_may_pass(exc)
                if attempt == self._settings.attempts_max:
                    raise SourceUnavailableError(
                        f"{self._asked}: {problem}; gave up after {attempt} tries"
                    ) from exc
                asked_s = _retry_after_s(exc)
            own_s = backoff_s(attempt, WAIT_FIRST_S, WAIT_MAX_S, chance=0.0)
            await self._sleep(own_s if asked_s is None else min(asked_s, WAIT_MAX_S))
        raise ConfigError("elasticsearch: attempts_max must be 1 or more")

    async def _post(self, request: dict[str, Any]) -> object:
        """One try, or two where the server refuses the first version of the media types."""
        while True:
            kind = f"application/vnd.elasticsearch+json; compatible-with={self._versions[0]}"
            try:
                answer = await self._client.perform_request(
                    "POST",
                    self._path,
                    headers={"accept": kind, "content-type": kind},
                    body=request,
                )
            except self._library.ApiError as exc:
                if not _refuses_version(exc) or len(self._versions) == 1:
                    raise
                del self._versions[0]
            else:
                body: object = answer.body
                return body

    def _problem_that_may_pass(self, exc: Any) -> str:
        """What is worth another try, in words; raises SourceError for everything else."""
        library = self._library
        if isinstance(exc, library.ConnectionTimeout):
            return f"no answer within {self._settings.timeout_s} s"
        if isinstance(exc, library.ConnectionError) and not isinstance(exc, library.SSLError):
            return f"no connection ({exc.message})"
        if isinstance(exc, library.ApiError) and exc.meta.status in STATUSES_TO_TRY_AGAIN:
            return f"status {exc.meta.status}: {error_reason(exc.body)}"
        raise SourceError(f"{self._asked}: {self._refusal(exc)}") from exc

    def _refusal(self, exc: Any) -> str:
        library = self._library
        if isinstance(exc, library.UnsupportedProductError):
            return (
                "what answers is no Elasticsearch (it sends no `X-Elastic-Product` header), and "
                "the official client works with nothing else; check rewards.elasticsearch_url"
            )
        if isinstance(exc, library.SSLError):
            return f"TLS failed ({exc.message}); check the URL and the server's certificate"
        if not isinstance(exc, library.ApiError):
            return f"the answer is cut off or no JSON ({str(exc.message)[:200]})"
        status, reason = exc.meta.status, error_reason(exc.body)
        if _refuses_version(exc):
            return (
                f"status {status}: {reason}; psd speaks with Elasticsearch 8 and 9. The client "
                f"here is {library.__versionstr__}; one for a server of version 8 is installed by "
                "`pip install 'elasticsearch[async]>=8.15,<9'`, for 9 by '>=9,<10'"
            )
        advice = ADVICE.get(status, "look into the server's log")
        return f"status {status}: {reason}; {advice}"


def _library() -> ModuleType:
    """The official client, if a version that psd knows is installed."""
    try:
        library = importlib.import_module("elasticsearch")
    except ImportError as exc:
        raise ConfigError(
            "rewards.source = 'elasticsearch': the client is missing; install pointspace[rewards]"
        ) from exc
    if not CLIENT_VERSION_MIN <= library.__version__ < CLIENT_VERSION_END:
        raise ConfigError(
            f"rewards.source = 'elasticsearch': client {library.__versionstr__} is installed, "
            "and psd works with 8.15 up to but not including 10; install pointspace[rewards]"
        )
    return library


def _split_url(settings: ElasticSettings) -> tuple[str, tuple[str, str] | None]:
    """The address as it may be shown, and user and password; ConfigError if it is none."""
    try:
        parts = urlsplit(settings.url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = _shown_host(parts.hostname or "")
    except (KeyError, ValueError):
        # Not `from exc`: what cannot be parsed may be a piece of the password.
        raise ConfigError("rewards.elasticsearch_url: must be http(s)://host:port") from None
    if parts.query or parts.fragment or "@" in parts.path:
        raise ConfigError(
            "rewards.elasticsearch_url: must end with the port or a path, and signs like / ? # @ "
            "of a password be percent-encoded"
        )
    if not settings.index:
        raise ConfigError("rewards.elasticsearch_index: required with rewards.elasticsearch_url")
    if parts.username is not None and settings.api_key:
        raise ConfigError("rewards.elasticsearch_api_key: not with a user in elasticsearch_url")
    user = (unquote(parts.username or ""), unquote(parts.password or ""))
    for name, text in (("url", "".join(user)), ("api_key", settings.api_key)):
        if text and not (text.isascii() and text.isprintable()):
            raise ConfigError(f"rewards.elasticsearch_{name}: a secret must be printable ASCII")
    url = f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"
    return url, user if parts.username is not None else None


def _shown_host(host: str) -> str:
    """The host as it stands in an URL; raises ValueError for what no name server takes."""
    if not host.encode("idna") or any(sign.isspace() for sign in host):
        raise ValueError(host)
    return bracketed(host)


def _refuses_version(exc: Any) -> bool:
    """8 and later say 400 with a type of their own; 7 says 406 or 415."""
    status = exc.meta.status
    return status in {406, 415} or (
        status == 400 and "media_type_header_exception" in error_reason(exc.body)
    )


def _retry_after_s(exc: Any) -> float | None:
    """Seconds of the Retry-After header; its other form, a date, counts as none."""
    meta = getattr(exc, "meta", None)
    text = meta.headers.get("retry-after", "") if meta else ""
    return float(text) if text.isascii() and text.isdecimal() else None
