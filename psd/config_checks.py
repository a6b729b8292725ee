"""Which settings cannot stand beside each other, though each is one that psd knows.

>>> check_consistent(settings(queue={"topic": "psd", "deadletter_topic": "psd"}))
ConfigError: queue.deadletter_topic = 'psd': that is queue.topic; what cannot be booked would ...

Domains check their own sections (``Section.checked``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

import msgspec

from psd.addresses import check_http_address, read_address
from psd.config import (
    OWN_LEVELS,
    PARTITIONS_MAX,
    QueueSettings,
    RedisSettings,
    RetentionSettings,
    ServerSettings,
    Settings,
    TracingSettings,
    is_partition_count,
)
from psd.config_things import check_things
from psd.errors import ConfigError
from psd.names import TOPIC, TOPIC_RULE
from psd.secrets import masked

_ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)


def check_consistent(settings: Settings) -> None:
    """Refuse settings that are each allowed and together are not."""
    _check_partitions(settings.redis.partitions)
    _check_lifetimes(settings.retention, {})
    for name, thing in settings.things.items():
        own = {level: getattr(thing, level) for level in OWN_LEVELS}
        own = {level: each for level, each in own.items() if each is not msgspec.UNSET}
        keep = msgspec.structs.replace(settings.retention, **own)
        _check_lifetimes(keep, {level: f"things.{name}.{level}" for level in own})
    for name, limit in msgspec.structs.asdict(settings.server).items():
        # 0 would refuse everything, which nobody means who writes it.
        if name.endswith(("_max", "body_timeout_s", "head_timeout_s")) and limit <= 0:
            raise ConfigError(f"server.{name} = {limit:g}: a limit is more than 0")
    for name in ("session_s", "remember_s"):
        if getattr(settings.pages, name) <= 0:
            raise ConfigError(
                f"pages.{name} = {getattr(settings.pages, name)}: a session lasts 1 s or more"
            )
    if settings.pages.proxies < 0:
        raise ConfigError(f"pages.proxies = {settings.pages.proxies}: expected 0 or more")
    _check_origins(settings.server)
    check_things(settings.things)
    _check_sentinels(settings.redis)
    _check_topics(settings.queue)
    _check_addresses(settings)
    _check_tracing(settings.tracing)


def _check_lifetimes(keep: RetentionSettings, places: Mapping[str, str]) -> None:
    """Refuse lifetimes that contradict each other; ``places`` tells where a level was said."""
    told = {level: places.get(level, f"retention.{level}") for level in keep.__struct_fields__}
    for level, place in told.items():
        seconds = getattr(keep, level)
        if seconds < 0:
            raise ConfigError(f"{place} = {seconds}: a lifetime is 0 (for ever) or more")
    for coarse, fine in itertools.pairwise(("year_s", "month_s", "day_s", "second_s")):
        coarse_s, fine_s = getattr(keep, coarse), getattr(keep, fine)
        if coarse_s and (fine_s == 0 or fine_s > coarse_s):
            raise ConfigError(
                f"{told[fine]} = {fine_s}: a finer level must not outlive the coarser one "
                f"({told[coarse]} = {coarse_s} s; 0 is for ever)"
            )


def _check_partitions(count: int) -> None:
    if count and not is_partition_count(count):
        raise ConfigError(
            f"redis.partitions = {count}: partitions are a power of two up to {PARTITIONS_MAX}, "
            "or 0 for as many as the store has"
        )


def _check_addresses(settings: Settings) -> None:
    queue = settings.queue
    for each in queue.nsqd_addresses:
        read_address(each, "queue.nsqd_addresses")
    for each in queue.lookupd_addresses:
        check_http_address(each, "queue.lookupd_addresses", 4161)
    for each in queue.nsqd_http_addresses:
        check_http_address(each, "queue.nsqd_http_addresses", 4151)


def _check_sentinels(redis: RedisSettings) -> None:
    if not redis.sentinel:
        return
    for each in redis.sentinel:
        read_address(each, "redis.sentinel", 26_379)
    if redis.url.startswith("unix:"):
        raise ConfigError("redis.sentinel: redis.url names a socket, which no sentinel tells of")
    if redis.cluster == "yes":
        raise ConfigError(
            'redis.sentinel: redis.cluster is "yes", and a cluster promotes its replicas by itself'
        )
    if not redis.sentinel_master:
        raise ConfigError("redis.sentinel_master: must be the name that sentinels give the master")


def _check_origins(server: ServerSettings) -> None:
    """An origin is what a browser sends: a scheme, a host and its port if it is not the usual."""
    for origin in server.cors_origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"server.cors_origins = {masked(origin)!r}: expected an origin, as "
                "https://app.example:8443, in small letters and without a path, or * alone"
            )
    if "*" in server.cors_origins and (server.cors_credentials or len(server.cors_origins) > 1):
        raise ConfigError(
            "server.cors_origins = '*': stands alone, and without server.cors_credentials: no site "
            "may act for whoever comes by"
        )


def _check_tracing(tracing: TracingSettings) -> None:
    if tracing.endpoint and not _ORIGIN.fullmatch(tracing.endpoint):
        raise ConfigError(
            f"tracing.endpoint = {masked(tracing.endpoint)!r}: expected http://collector:4317, or "
            "https:// for TLS, in small letters and without a path"
        )
    if not 0 <= tracing.sample_ratio <= 1:
        raise ConfigError(
            f"tracing.sample_ratio = {tracing.sample_ratio:g}: expected a part, from 0 to 1"
        )
    if tracing.ca and not tracing.endpoint.startswith("https://"):
        raise ConfigError("tracing.ca: certificates are checked where tracing.endpoint is https://")


def _check_topics(queue: QueueSettings) -> None:
    for name in ("topic", "channel", "deadletter_topic"):
        value = getattr(queue, name)
        if not TOPIC.fullmatch(value):
            raise ConfigError(f"queue.{name} = {value!r}: {TOPIC_RULE}")
    if queue.deadletter_topic == queue.topic:
        raise ConfigError(
            f"queue.deadletter_topic = {queue.topic!r}: that is queue.topic; what cannot be booked "
            "would come again and again"
        )
