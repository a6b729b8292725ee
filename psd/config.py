"""Settings: one frozen object. Where its values come from is in psd/config_sources.py."""

from __future__ import annotations

from typing import Literal

import msgspec

from psd.secrets import Secret

Durability = Literal["fast", "durable", "replicated"]
ClusterMode = Literal["auto", "yes", "no"]
QueueKind = Literal["nsq", "stream"]
LogFormat = Literal["auto", "json", "pretty"]


class RedisSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the buckets live and when a write counts as kept."""

    url: str = "redis://127.0.0.1:6379/0"
    server: str = ""
    cluster: ClusterMode = "auto"
    timeout_s: float = 1.5
    durability: Durability = "durable"
    replicas: int = 1
    replica_timeout_ms: int = 1000
    allow_eviction: bool = False
    allow_old_server: bool = False


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


class ArchiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where accepted messages are kept, so that a lost store can be booked again."""

    enabled: bool = True
    folder: str = "archive"
    keep_days: int = 0


class ImportsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where ``psd import`` keeps what it needs to take an import back."""

    folder: str = "imports"


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a worker groups messages and how long it may take to stop."""

    batch_messages: int = 500
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
    line_bytes_max: int = 8190
    head_bytes_max: int = 32_768
    json_depth_max: int = 32
    ids_max: int = 1000
    things_max: int = 32
    bookings_max: int = 1_000_000
    user_sums_max: int = 100_000
    board_members_max: int = 20_000
    range_span_max_s: int = 0
    shutdown_timeout_s: float = 10.0


class AccessSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may ask the HTTP side for what; without tokens and keys, only loopback is served."""

    insecure: bool = False
    hosts: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    tokens_file: str = ""
    jwks: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    jwt_owner_claim: str = "sub"
    jwt_scope_claim: str = "scope"
    jwks_cache_s: int = 300


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


class RewardsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the weekly rewards have their tables and their sources, and where gRPC listens."""

    tables: str = ""
    elasticsearch_url: str = "http://127.0.0.1:9200"
    elasticsearch_index: str = "device-status-*"
    elasticsearch_api_key: Secret = ""
    elasticsearch_timeout_s: float = 30.0
    devices_address: str = ""
    definitions_address: str = ""
    grpc_timeout_s: float = 5.0
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 1156


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: LogFormat = "auto"


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is summed: a number that never changes, and the unit of its values."""

    id: int
    unit: str = ""


DEFAULT_THINGS: dict[str, Thing] = {
    "steps": Thing(1, "steps"),
    "calories": Thing(2, "kcal"),
    "points": Thing(3, "points"),
    "distance": Thing(4, "m"),
    "cb": Thing(5, "cb"),
    "signals": Thing(6, "signals"),
    "promotions": Thing(7, "points"),
    "corrections": Thing(8, "points"),
}
"""Ids 1 to 5 are the original's (pointspaced); the rest are ours."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be configured, by section."""

    redis: RedisSettings = RedisSettings()
    queue: QueueSettings = QueueSettings()
    archive: ArchiveSettings = ArchiveSettings()
    imports: ImportsSettings = ImportsSettings()
    worker: WorkerSettings = WorkerSettings()
    server: ServerSettings = ServerSettings()
    access: AccessSettings = AccessSettings()
    booking: BookingSettings = BookingSettings()
    retention: RetentionSettings = RetentionSettings()
    rewards: RewardsSettings = RewardsSettings()
    log: LogSettings = LogSettings()
    things: dict[str, Thing] = msgspec.field(default_factory=lambda: dict(DEFAULT_THINGS))
