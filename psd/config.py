"""Settings: one frozen object. Where its values come from is in psd/config_sources.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

import msgspec

from psd.domains import domains
from psd.errors import ConfigError
from psd.secrets import Secret

Durability = Literal["fast", "durable", "replicated"]
ClusterMode = Literal["auto", "yes", "no"]
QueueKind = Literal["nsq", "stream"]
LogFormat = Literal["auto", "json", "pretty"]

FilePath = Annotated[str, msgspec.Meta(extra={"is_path": True})]
"""The type of a setting that names a place on this machine, unless it is a URL."""


def is_path(kind: object) -> bool:
    """Whether a struct's field of this type names a place on this machine."""
    metadata = getattr(kind, "__metadata__", ())
    return any((each.extra or {}).get("is_path") for each in metadata)


PARTITIONS_MAX = 256


def is_partition_count(number: int) -> bool:
    """Whether a store can have this number of partitions: a power of two."""
    return 1 <= number <= PARTITIONS_MAX and number & (number - 1) == 0


class RedisSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the buckets live and when a write counts as kept."""

    url: str = "redis://127.0.0.1:6379/0"
    server: FilePath = ""
    cluster: ClusterMode = "auto"
    partitions: int = 0
    timeout_s: float = 1.5
    durability: Durability = "durable"
    replicas: int = 1
    replica_timeout_ms: int = 1000
    allow_eviction: bool = False
    allow_old_server: bool = False
    sentinel: tuple[str, ...] = ()
    sentinel_master: str = "mymaster"
    sentinel_user: str = ""
    sentinel_password: Secret = ""
    sentinel_tls: bool = False


class QueueSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where events come from."""

    kind: QueueKind = "nsq"
    topic: str = "psd"
    channel: str = "psd"
    deadletter_topic: str = "psd.dlq"
    nsqd_addresses: tuple[str, ...] = ("127.0.0.1:4150",)
    lookupd_addresses: tuple[str, ...] = ()
    nsqd_http_addresses: tuple[str, ...] = ()
    max_in_flight: int = 2500
    msg_timeout_s: int = 60
    nsqd_tls: bool = False
    nsqd_ca: FilePath = ""
    nsqd_certificate: FilePath = ""
    nsqd_key: FilePath = ""
    nsqd_auth_secret: Secret = ""


class ArchiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where accepted messages are kept, so that a lost store can be booked again."""

    enabled: bool = True
    folder: FilePath = "archive"
    keep_days: int = 0


class ImportsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where ``psd import`` keeps what it needs to take an import back."""

    folder: FilePath = "imports"


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a worker groups messages and how long it may take to stop."""

    batch_messages: int = 1200
    batch_wait_ms: float = 5.0
    shutdown_timeout_s: float = 15.0
    metrics_port: int = 0


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The HTTP side."""

    host: str = "127.0.0.1"
    port: int = 1155
    processes: int = 1
    body_bytes_max: int = 1_048_576
    body_timeout_s: float = 10.0
    head_timeout_s: float = 10.0
    connections_max: int = 2048
    watchers_max: int = 500
    watchers_caller_max: int = 100
    line_bytes_max: int = 8190
    head_bytes_max: int = 32_768
    json_depth_max: int = 32
    ids_max: int = 1000
    things_max: int = 32
    bookings_max: int = 1_000_000
    user_sums_max: int = 100_000
    board_members_max: int = 20_000
    range_span_max_s: int = 0
    cors_origins: tuple[str, ...] = ()
    cors_credentials: bool = False
    header: bool = True
    shutdown_timeout_s: float = 10.0


class AccessSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may ask the HTTP side for what; without tokens and keys, only loopback is served."""

    insecure: bool = False
    hosts: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    tokens_file: FilePath = ""
    jwks: FilePath = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    jwt_owner_claim: str = "sub"
    jwt_scope_claim: str = "scope"
    jwks_cache_s: int = 300


class PagesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signing in to pages: how long it lasts, and what is in front of them."""

    secure: bool = False
    session_s: int = 43_200
    remember_s: int = 2_592_000
    secret: Secret = ""
    proxies: int = 0


class BookingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be booked, and how long an id is remembered."""

    dedupe_horizon_s: int = 691_200
    marker_key: Secret = "psd"
    max_event_age_s: int = 0
    max_event_lead_s: int = 300
    batch_reports_max: int = 1000


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lifetime of each level's keys, counted from the last write to the key; 0 is for ever."""

    year_s: int = 0
    month_s: int = 0
    week_s: int = 0
    day_s: int = 0
    second_s: int = 0
    activity_s: int = 0


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a domain; one without any has this."""

    def checked(self) -> Self:
        """The section as it is meant; raises ConfigError for values that are each of their type.

        It is called once when the settings are read, and not of those that a program makes.
        """
        return self


S = TypeVar("S", bound=Section)


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: LogFormat = "auto"


class TracingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where spans are sent by OTLP, and of which requests and messages."""

    endpoint: str = ""
    ca: FilePath = ""
    sample_ratio: float = 0.01
    trust_callers: bool = True


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is summed: a number that never changes, the unit of its values, and its boards.

    ``boards`` says how fine the columns for boards of everybody are (psd/engine/column_modes.py).
    ``second_s`` and ``activity_s`` are lifetimes of its own, in place of those of ``[retention]``
    (psd/store/lifetimes.py); 0 is for ever, unset as all others.
    """

    id: int
    unit: str = ""
    boards: bool | Literal["day"] = True
    second_s: int | msgspec.UnsetType = msgspec.UNSET
    activity_s: int | msgspec.UnsetType = msgspec.UNSET


def numbers_of(things: Mapping[str, Thing]) -> dict[str, int]:
    """The number of each thing, by name."""
    return {name: thing.id for name, thing in things.items()}


OWN_LEVELS = ("second_s", "activity_s")
"""Levels of which a thing may have a lifetime of its own."""


CORE_THINGS: dict[str, Thing] = {
    "steps": Thing(1, "steps"),
    "calories": Thing(2, "kcal"),
    "points": Thing(3, "points"),
    "distance": Thing(4, "m"),
    "cb": Thing(5, "cb"),
}
"""The original's (pointspaced)."""


def default_things() -> dict[str, Thing]:
    """What is summed unless the settings say so: the original's things, and those of domains."""
    things = dict(CORE_THINGS)
    for domain in domains():
        ids = {thing.id for thing in things.values()}
        for name, thing in domain.things.items():
            if name in things or thing.id in ids:
                raise ConfigError(
                    f"domain {domain.name!r}: thing {name!r} ({thing.id}) has the name or the "
                    "number of another one"
                )
        things |= domain.things
    return things


def default_sections() -> dict[str, Section]:
    """The sections of domains, each with its defaults."""
    return {domain.name: domain.settings() for domain in domains()}


class Sources(dict[str, str]):
    """Where each value came from that is not a default: a file, ``PSD_...`` or ``flag``.

    Settings are equal by what they are, wherever they came from.
    """

    def __eq__(self, other: object) -> bool:
        """Whatever else there is."""
        return isinstance(other, dict)

    __hash__ = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be configured, by section; those of domains are in ``domains``."""

    redis: RedisSettings = RedisSettings()
    queue: QueueSettings = QueueSettings()
    archive: ArchiveSettings = ArchiveSettings()
    imports: ImportsSettings = ImportsSettings()
    worker: WorkerSettings = WorkerSettings()
    server: ServerSettings = ServerSettings()
    access: AccessSettings = AccessSettings()
    pages: PagesSettings = PagesSettings()
    booking: BookingSettings = BookingSettings()
    retention: RetentionSettings = RetentionSettings()
    domains: dict[str, Section] = msgspec.field(default_factory=default_sections)
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    things: dict[str, Thing] = msgspec.field(default_factory=default_things)
    sources: dict[str, str] = msgspec.field(default_factory=Sources)

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each thing, by name."""
        return numbers_of(self.things)

    def of(self, kind: type[S]) -> S:
        """The section of a domain, by its type."""
        return next(each for each in self.domains.values() if type(each) is kind)

    def section(self, name: str) -> Any:
        """A section by its name, a domain's too."""
        return self.domains[name] if name in self.domains else getattr(self, name)

    def with_sections(self, changed: Mapping[str, Any]) -> Settings:
        """These settings with other sections, by their names."""
        kept = {name: changed.get(name, section) for name, section in self.domains.items()}
        own = {name: section for name, section in changed.items() if name not in kept}
        return msgspec.structs.replace(self, domains=kept, **own)
