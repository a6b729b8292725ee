"""Searches of one index of Elasticsearch, with patience, and with psd's errors for the client's.

The only file that imports the official client, and only when a search is made::

    search = ElasticSearch(ElasticSettings("http://es:9200", "device-status-*"))
    await search.ask(request, read)   what read makes of the answer

An answer that is late, 429, 502, 503 or 504, and a connection that breaks, are tried again after
1, 2, 4 and 8 s, or after the seconds that Retry-After names. Everything else fails at once, and
so does an answer that is only a part: a week is known as a whole or not at all.

Elasticsearch 8 and 9 both read the media types of version 8, which no client of version 9 sends
by itself: a server of version 8 refuses it. psd names the version in each request, 8 first.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

import msgspec

from psd.addresses import bracketed
from psd.backoff import backoff_s
from psd.errors import ConfigError, SourceError, SourceUnavailableError
from psd.rewards.sources.elastic_parts import error_reason

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

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


class ElasticSearch:
    """One index, and one client of it."""

    def __init__(self, settings: ElasticSettings, sleep: Sleep = asyncio.sleep) -> None:
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
        """Let go of every connection."""
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
