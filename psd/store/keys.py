"""Every key of the core; docs/architecture.md lists them with type and lifetime.

Those of a domain are in its own ``keys`` module, and nowhere else is one built.

All keys of one owner carry the hash tag of its partition (psd/store/partitions.py), those of a
count the tag ``{name}``, so that one script call stays in one slot of a cluster. Scripts are handed
the root and derive the rest; :func:`catalogue` is what they may derive, and the tests hold every
key against it.

>>> root_under("p0", 1503960366)
'psd:{p0}:1503960366'
>>> kind_of("psd:{p0}:1503960366:1:d:201604").level
'day'
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache, lru_cache

import msgspec

from psd.domains import domains

SCHEMA_KEY = "psd:schema"
SCHEMA_VERSION = "4"
"""Rises with each changed shape, so that no psd misreads a store. tests/golden/stores has what is
written under each version: a test fails where the same version is written in other bytes."""

SCHEMAS_BEFORE = frozenset({"1", "2", "3"})
"""Versions whose owners had a hash tag each: ``psd migrate`` moves what such a store holds."""

MODES_KEY = "psd:columns:modes"
"""How the boards of each thing are kept: ``second``, ``day`` or ``none``."""

RETENTION_KEY = "psd:retention"
"""Levels that had a lifetime at some time: keys of such a level may end or have ended by it."""

STORE_KEY = "psd:store"
"""What the store calls itself, so that files can say which store they are of."""

LIFE_KEY = "psd:life:{psd:schema}"
"""A random word that is set when a store is begun: another one means that it was emptied. It is
with the node that has the schema."""

PARTITIONS_KEY = "psd:partitions:{psd:schema}"
"""In how many partitions the owners lie (psd/store/partitions.py); fixed when a store is begun. It
is with the node that has the schema."""

ERASED_KEY = "psd:erased:{psd:schema}"
"""A random word that changes with each user who is erased: what processes remember of users may be
gone. It is with the node that has the schema."""

ERASURES_KEY = "psd:erasures:{erasures}"
"""Numbers of users who were erased, and the version of the decision that was carried out last."""

ORDER_KEY = "psd:order"
"""The highest number of what was archived and booked (psd/store/highest.py)."""

OPERATORS_KEY = "psd:operations:{operations}:log"
"""What operators did, the newest first (psd/operations/deeds_log.py)."""

AUDITS_KEY = "psd:operations:{operations}:audits"
"""The last audits by their ids (psd/operations/audit_runs.py)."""

PROBE_KEY = "psd:probe"

MIGRATION_KEY = "psd:migration:{psd:schema}"
"""Where a migration into this store comes from, while it is under way (psd/migration). It is with
the node that has the schema."""


OWNER_TAG = r"p\d{1,3}[a-z]*"
"""What stands between the braces in a key of an owner (psd/store/partitions.py)."""

OWNER_ROOT = rf"psd:\{{{OWNER_TAG}\}}:-?\d{{1,19}}"
"""The roots of owners' keys, as a pattern."""


OLD_OWNER_ROOT = r"psd:\{-?\d{1,19}\}"
"""The roots of owners' keys up to version 3, as a pattern."""

COUNTS_PATTERN = "psd:c:{*}:0:y"
"""The years of all counts, as SCAN takes it."""

COUNT_ROOT = r"psd:c:\{[^{}]*\}"
ROOT = rf"(?:{OWNER_ROOT}|{COUNT_ROOT})"
"""The roots of what is summed, as patterns."""


def uid_of(root: str) -> int:
    """Whose a root is that has the pattern of owners' roots."""
    return int(root.rpartition(":")[2])


def root_under(tag: str, uid: int) -> str:
    """Root of an owner's keys under the tag of its partition."""
    return f"psd:{{{tag}}}:{uid}"


def log_key(root: str) -> str:
    """The withdrawals of an owner's activities, newest last (psd/engine/withdrawal.py)."""
    return f"{root}:log"


IDEMPOTENCY_KEYS = "psd:idempotency:*"
"""All of these, as SCAN takes it."""


def idempotency_key(digest: str) -> str:
    """The answer that a request with an ``Idempotency-Key`` got (server/idempotency.py)."""
    return f"psd:idempotency:{digest}"


def fence_key(root: str, name: str) -> str:
    """The greatest number that an owner was booked with under a name (psd/engine/fences.py)."""
    return f"{root}:f:{name}"


@lru_cache(maxsize=65_536)
def count_root(name: str) -> str:
    """Root of a count's keys; braces and percent signs of the name are escaped."""
    return f"psd:c:{{{escaped(name)}}}"


def escaped(name: str) -> str:
    """A name as it stands in a hash tag; its braces and percent signs are escaped."""
    return name.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")


def crowd_key(root: str, thing: int, second: int) -> str:
    """The bookings of a crowded second of an owner's thing."""
    moment = datetime.fromtimestamp(second, UTC)
    return f"{root}:{thing}:b:{moment:%Y%m%d%H%M%S}"


def stream_key(topic: str) -> str:
    """The stream that stands for an NSQ topic in the embedded queue."""
    return f"psd:stream:{topic}"


def boards_key(name: str) -> str:
    """What is kept of all named boards together: ``definitions``, ``versions``, ``dropped``."""
    return f"psd:boards:{{boards}}:{name}"


@lru_cache(maxsize=8192)
def named_board_root(name: str, id_: str) -> str:
    """Root of what one board has: its members, its final (psd/queries/boards/store.py)."""
    return f"psd:board:{{{name}:{id_}}}"


def pages_key(name: str) -> str:
    """What pages keep of all users: ``users``, ``versions``, ``secret``, ``failed:<hash>``."""
    return f"psd:pages:{{pages}}:{name}"


def session_key(digest: str) -> str:
    """Who is signed in by a token of this SHA-256 (psd/access/pages/sessions.py)."""
    return f"psd:pages:session:{digest}"


def decisions_key(name: str) -> str:
    """What gives decisions their order: ``last``, ``turn:<subject>`` (psd/archive/turns.py)."""
    return f"psd:decisions:{{decisions}}:{name}"


OWNER_SHARDS = 64
"""Parts of the index of owners: each is a small set up to some 30,000 owners of a thing."""


def owner_shard(uid: int) -> int:
    """The part of the index that has an owner: the top 6 bits of a multiplicative hash."""
    return (uid * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 58


@lru_cache(maxsize=8192)
def owners_key(shard: int, thing: int) -> str:
    """The owners of a thing in one part of the index (psd/engine/owner_index.py)."""
    return f"psd:owners:{{o{shard}}}:{thing}"


@lru_cache(maxsize=8192)
def columns_root(tag: str, thing: int) -> str:
    """Root of the columns of a partition's owners of a thing (psd/columns/column_keys.py)."""
    return f"psd:columns:{{{tag}}}:{thing}"


COLUMNS_PATTERN = "psd:columns:{*"
"""All columns of a store, as SCAN takes it."""

LOGS_PATTERN = f"{COLUMNS_PATTERN}:l:*"
"""The same of all logs."""

LOG_OF_COLUMNS = r"psd:columns:\{p\d{1,3}[a-z]*\}:(\d+):l:(\d{4}(?:0[1-9]|1[0-2])(?:\d\d){0,2})"
"""A log: its thing, and the label of its month, day or hour."""


def columns_pattern(owner_root: str) -> str:
    """All columns of the partition of an owner: of ``psd:{p0}:7`` it is ``psd:columns:{p0}:*``."""
    return f"psd:columns:{{{owner_root[5 : owner_root.index('}')]}}}:*"


def year_key(columns: str, uid: int | str) -> str:
    """An owner's hash of years: beside ``psd:columns:{p0}:1`` it is ``psd:{p0}:7:1:y``."""
    tag, thing = columns.removeprefix("psd:columns:").rsplit(":", 1)
    return f"psd:{tag}:{uid}:{thing}:y"


NAME_SHARDS = 64
"""Parts of the registry of names: each is a hash of some 16,000 fields of a million names."""


def names_shard(uid: int) -> int:
    """The part of the registry that has a name's number: its last 6 bits, which are of a hash."""
    return uid % NAME_SHARDS


def names_key(shard: int, space: str) -> str:
    """The names of a space in one part of the registry (psd/engine/named.py)."""
    return f"psd:names:{{n{shard}}}:{space}"


class KeyKind(msgspec.Struct, frozen=True):
    """One shape of key: its level is the retention setting that its lifetime follows."""

    name: str
    pattern: str
    redis_type: str
    level: str
    holds: str


_COLUMNS = r"psd:columns:\{[^{}]*\}:\d+"
_BOARDS = r"psd:boards:\{boards\}"
_PAGES = r"psd:pages:\{pages\}"
_DECISIONS = r"psd:decisions:\{decisions\}"
_BOARD = r"psd:board:\{[a-z0-9._-]{1,64}:[0-9a-f]{16}\}"

CORE_CATALOGUE: tuple[KeyKind, ...] = (
    KeyKind("year totals", rf"{ROOT}:\d+:y", "hash", "year", "year, year:atid, activities"),
    KeyKind("month totals", rf"{ROOT}:\d+:m:\d{{4}}", "hash", "month", "month, month:atid"),
    KeyKind("day totals", rf"{ROOT}:\d+:d:\d{{6}}", "hash", "day", "date"),
    KeyKind("day totals by atid", rf"{ROOT}:\d+:d:\d{{6}}:t", "hash", "day", "date:atid"),
    KeyKind(
        "week totals",
        rf"{ROOT}:\d+:w:\d{{4}}:\d",
        "hash",
        "week",
        "ISO week, week:atid; issuance week iN, iN:atid",
    ),
    KeyKind("hour totals", rf"{ROOT}:\d+:h:\d{{8}}", "hash", "second", "hour, hour:atid"),
    KeyKind("minute totals", rf"{ROOT}:\d+:n:\d{{10}}", "hash", "second", "minute, minute:atid"),
    KeyKind("second totals", rf"{ROOT}:\d+:s:\d{{12}}", "hash", "second", "second, second:atid"),
    KeyKind("leaf", rf"{ROOT}:\d+:l:\d{{6}}(?:\d\d){{0,4}}", "string", "second", "bookings"),
    KeyKind("crowded second", rf"{ROOT}:\d+:b:\d{{14}}", "hash", "second", "aid: its bookings"),
    KeyKind("activities", rf"{ROOT}:\d+:a:\d+", "hash", "activity", "aid: its reports"),
    KeyKind("long activity", rf"{ROOT}:\d+:r:-?\d+", "hash", "activity", "all, hour: summary"),
    KeyKind("reports", rf"{ROOT}:\d+:r:-?\d+:-?\d+", "string", "activity", "an hour's reports"),
    KeyKind("fences", rf"{ROOT}:f:[a-z0-9._-]{{1,64}}", "string", "activity", "rises only"),
    KeyKind("markers", rf"{ROOT}:k:\d+", "hash", "marker", "8 bytes of an increment's id"),
    KeyKind("columns' owners", rf"{_COLUMNS}:owners", "string", "", "uid by position"),
    KeyKind("count column", rf"{_COLUMNS}:count", "string", "", "number of bookings by position"),
    KeyKind("newest column", rf"{_COLUMNS}:newest", "string", "", "newest second by position"),
    KeyKind("changes", rf"{_COLUMNS}:changes", "string", "", "how often columns were written"),
    KeyKind("year's column", rf"{_COLUMNS}:y:\d{{4}}", "string", "", "sum by position"),
    KeyKind("month's column", rf"{_COLUMNS}:m:\d{{6}}", "string", "", "sum by position"),
    KeyKind("day's column", rf"{_COLUMNS}:d:\d{{8}}", "string", "", "sum by position"),
    KeyKind(
        "column log",
        rf"{_COLUMNS}:l:\d{{6}}(?:\d\d){{0,2}}",
        "string",
        "",
        "second, position, booking",
    ),
    KeyKind(
        "sealed log", rf"{_COLUMNS}:s:\d{{6}}(?:\d\d){{0,2}}", "string", "", "the same, packed"
    ),
    KeyKind("seals", rf"{_COLUMNS}:seals", "string", "", "how often a log was sealed"),
    KeyKind("log's draft", rf"{_COLUMNS}:draft:[0-9a-f]{{16}}", "string", "", "lives 10 minutes"),
    KeyKind("modes", re.escape(MODES_KEY), "hash", "", "thing: how its boards are kept"),
    KeyKind("schema", re.escape(SCHEMA_KEY), "string", "", "version of the stored shapes"),
    KeyKind("partitions", re.escape(PARTITIONS_KEY), "string", "", "how many; never another"),
    KeyKind("migration", re.escape(MIGRATION_KEY), "string", "", "while one is under way"),
    KeyKind("life", re.escape(LIFE_KEY), "string", "", "a word for as long as it is not emptied"),
    KeyKind("erased", re.escape(ERASED_KEY), "string", "", "a word until somebody is erased"),
    KeyKind("erasures", re.escape(ERASURES_KEY), "hash", "", "erased uid: version"),
    KeyKind("store", re.escape(STORE_KEY), "string", "", "what the store calls itself"),
    KeyKind("retention", re.escape(RETENTION_KEY), "set", "", "levels that ever had a lifetime"),
    KeyKind("order", re.escape(ORDER_KEY), "zset", "", "the highest number that was archived"),
    KeyKind("probe", re.escape(PROBE_KEY), "string", "", "written by readiness, lives a second"),
    KeyKind("operators", re.escape(OPERATORS_KEY), "list", "", "who did what; the newest 500"),
    KeyKind("audits", re.escape(AUDITS_KEY), "hash", "", "audit: what it found; the newest 20"),
    KeyKind("stream", r"psd:stream:.+", "stream", "", "messages of the embedded queue"),
    KeyKind("log", rf"{OWNER_ROOT}:log", "stream", "", "who withdrew which activity, and why"),
    KeyKind(
        "answer", r"psd:idempotency:[0-9a-f]{64}", "string", "", "a request's hash; lives a day"
    ),
    KeyKind("boards", rf"{_BOARDS}:definitions", "hash", "", "board: its definition, JSON"),
    KeyKind("dropped boards", rf"{_BOARDS}:dropped", "set", "", "boards whose keys are to end"),
    KeyKind("board versions", rf"{_BOARDS}:versions", "hash", "", "board: version of the decision"),
    KeyKind("board members", rf"{_BOARD}:members", "set", "", "uids"),
    KeyKind("members watched", rf"{_BOARD}:members:unchanged", "string", "", "lives 10 minutes"),
    KeyKind(
        "members staged",
        rf"{_BOARD}:members:staged:[0-9a-f]{{16}}",
        "set",
        "",
        "uids that will be members; lives 10 minutes",
    ),
    KeyKind("board final", rf"{_BOARD}:final", "string", "", "the final standing, msgpack"),
    KeyKind("board's versions", rf"{_BOARD}:versions", "hash", "", "members, final: version"),
    KeyKind("last decision", rf"{_DECISIONS}:last", "string", "", "the last version given"),
    KeyKind("turn", rf"{_DECISIONS}:turn:.+", "string", "", "who decides; lives 10 s"),
    KeyKind("names", r"psd:names:\{n\d+\}:[a-z]+", "hash", "", "uid: the name it is of"),
    KeyKind("page users", rf"{_PAGES}:users", "hash", "", "name: password's hash, scopes, owners"),
    KeyKind("page users' versions", rf"{_PAGES}:versions", "hash", "", "name: last decision"),
    KeyKind("page secret", rf"{_PAGES}:secret", "string", "", "proves forms, unless set"),
    KeyKind(
        "failed sign-ins", rf"{_PAGES}:failed:[0-9a-f]{{64}}", "list", "", "times; lives 15 minutes"
    ),
    KeyKind("session", r"psd:pages:session:[0-9a-f]{64}", "string", "", "who is signed in"),
    KeyKind("owners", r"psd:owners:\{o\d+\}:\d+", "set", "", "uids that may have bookings"),
)
LEFTOVERS = rf"psd:owners:newest|(?:{OLD_OWNER_ROOT}|{COUNT_ROOT}):\d+:i:-?\d+"
"""Keys of shapes before that nothing reads any more."""


@cache
def catalogue() -> tuple[KeyKind, ...]:
    """Every shape of key, those of domains too."""
    return (*CORE_CATALOGUE, *(kind for domain in domains() for kind in domain.keys))


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], KeyKind], ...]:
    return tuple((re.compile(kind.pattern), kind) for kind in catalogue())


def kind_of(key: str) -> KeyKind | None:
    """The kind of a key, or None for a key that psd does not write."""
    for pattern, kind in _patterns():
        if pattern.fullmatch(key):
            return kind
    return None
