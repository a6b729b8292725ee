r"""What a server must be like for psd to work with it. Pure: its replies in, sentences out.

What is refused would break the promise of psd/engine silently:

- a ``maxmemory-policy`` that evicts. The markers that tell an increment from its duplicate are
  keys like any other; an evicted one books the duplicate, an evicted bucket is a smaller sum;
- a version below 6.2, the oldest that the tests run on;
- a replica: what it tells may be old, and what a master that has become one has not handed on
  is thrown away;
- stored shapes of a version that this psd does not read;
- another kind of server than the one that psd began with, and another store.

>>> policy_problem(b"used_memory:1\r\nmaxmemory_policy:allkeys-lru\r\n")
'maxmemory-policy is allkeys-lru'
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from psd.config import RedisSettings, is_partition_count
from psd.store.keys import (
    MIGRATION_KEY,
    PARTITIONS_KEY,
    SCHEMA_KEY,
    SCHEMA_VERSION,
    SCHEMAS_BEFORE,
    STORE_KEY,
)

OLDEST_VERSION = (6, 2)
"""Redis 6.2 is the oldest that has all commands psd sends (XAUTOCLAIM came last)."""


class ServerInfo(msgspec.Struct, frozen=True):
    """What a server tells of itself: three sections of INFO, and what the store is marked with.

    ``schema`` and what follows it are empty where the store has no such mark, and None where this
    server does not say, as in a cluster, where another node has the key.
    """

    server: bytes = b""
    replication: bytes = b""
    memory: bytes = b""
    schema: str | None = None
    life: str | None = None
    name: str | None = None
    erased: str | None = None
    partitions: str | None = None
    migration: str | None = None


class FitnessProblem(msgspec.Struct, frozen=True):
    """Why a server is none to work with: the readiness check, what was found, and what to do."""

    check: str
    found: str
    remedy: str = ""


def problem_of(
    told: ServerInfo, settings: RedisSettings, is_spread: bool, name: str, partitions: int = 0
) -> FitnessProblem | None:
    """The first thing that is wrong with a server; None for one that is fit.

    The process began with a cluster or not, and with a store that calls itself ``name`` and has so
    many ``partitions`` (0: not known yet). Of a cluster's node the role is no problem here: a
    replica sends everybody to its master.
    """
    mode = "" if settings.cluster == "no" else mode_problem(told.server, is_spread)
    role = "" if is_spread else role_problem(told.replication)
    policy = "" if settings.allow_eviction else policy_problem(told.memory)
    version = "" if settings.allow_old_server else version_problem(told.server)
    found = (
        FitnessProblem("cluster", mode),
        FitnessProblem("role", role),
        FitnessProblem("policy", policy, EVICTS),
        FitnessProblem("version", version, OLD),
        FitnessProblem("store", name_problem(told.name or "", name)),
        schema_problem(told.schema or ""),
        partitions_problem(told, settings.partitions, partitions),
        FitnessProblem("migration", migration_problem(told.migration or "")),
    )
    return next((problem for problem in found if problem.found), None)


EVICTS = (
    ", which evicts sums and the markers of increments; set it to noeviction, or start with "
    "--allow-eviction (redis.allow_eviction)"
)
OLD = "; start with --allow-old-server (redis.allow_old_server) to use it all the same"


def mode_problem(server: bytes, is_spread: bool) -> str:
    """What is wrong with the kind of server; a process asks once whether it is of a cluster."""
    mode = info_field(server, "redis_mode")
    if mode == "sentinel":
        return "it is a Sentinel, which keeps nothing itself"
    if mode == "cluster" and not is_spread:
        return "it is a node of a Redis Cluster, and psd began with one server; start psd anew"
    if mode == "standalone" and is_spread:
        return "it is no node of a Redis Cluster, and psd began with one; start psd anew"
    return ""


def role_problem(replication: bytes) -> str:
    """What is wrong with the role; empty for a master, or where it is not told."""
    if info_field(replication, "role") != "slave":
        return ""
    host, port = info_field(replication, "master_host"), info_field(replication, "master_port")
    link = info_field(replication, "master_link_status")
    cut_off = ", and has no connection to it" if link == "down" else ""
    return f"it is a replica of {host}:{port}{cut_off}"


def schema_problem(schema: str) -> FitnessProblem:
    """What is wrong with the version of the stored shapes; nothing in a store without one."""
    if not schema or schema == SCHEMA_VERSION:
        return FitnessProblem("schema", "")
    found = (
        f"{SCHEMA_KEY}: the store holds version {schema[:20]}, this psd reads version "
        f"{SCHEMA_VERSION}"
    )
    remedy = MIGRATES if schema in SCHEMAS_BEFORE else NEWER
    return FitnessProblem("schema", found, remedy)


UNMARKED = f"{SCHEMA_KEY}: the store holds no version"
MIGRATES = (
    "; `psd migrate --from URL`, with the URL of this store, moves what it holds into an empty one "
    "at redis.url, which psd then uses (docs/upgrade.md)"
)
NEWER = "; start a psd that is as new as the one that wrote it"


def name_problem(name: str, known: str) -> str:
    """Whether a store is another one than before; empty for one without a name."""
    if not name or not known or name == known:
        return ""
    return (
        f"{STORE_KEY}: the store calls itself {name[:20]}, and psd began with {known}; start psd "
        "anew to work on this one"
    )


def partitions_problem(told: ServerInfo, wanted: int, known: int) -> FitnessProblem:
    """Whether owners lie otherwise than the settings want, or than this process began with.

    >>> partitions_problem(ServerInfo(schema="4", partitions="16"), 64, 0).found
    'psd:partitions:{psd:schema}: the store has 16 partitions, and redis.partitions is 64'
    """
    held = told.partitions
    if held is None or (not held and not told.schema):
        return FitnessProblem("partitions", "")
    if not (held.isdigit() and is_partition_count(int(held))):
        found = f"{PARTITIONS_KEY}: the store holds {held[:20]!r}, and no number of partitions"
        return FitnessProblem("partitions", found, "; set it to that with which it was begun")
    has = f"{PARTITIONS_KEY}: the store has {held} partitions"
    if wanted and int(held) != wanted:
        return FitnessProblem("partitions", f"{has}, and redis.partitions is {wanted}", OTHER)
    if known and int(held) != known:
        return FitnessProblem("partitions", f"{has}, and psd began with {known}; start psd anew")
    return FitnessProblem("partitions", "")


OTHER = (
    "; set it to that or to 0, or begin another store, into which `psd migrate` moves what this "
    "one holds"
)


def migration_problem(origin: str) -> str:
    """Whether a store is not whole yet."""
    if not origin:
        return ""
    command = "psd restore" if origin.startswith(OF_A_BACKUP) else "psd migrate"
    return (
        f"{MIGRATION_KEY}: the store is being filled from {origin[:200]}; `{command}` ends that, "
        "and continues it where it was broken off"
    )


OF_A_BACKUP = "backup "
"""What an origin begins with that is no store."""


def policy_problem(memory: bytes) -> str:
    """What is wrong with the eviction policy; empty when nothing is, or it is not told."""
    policy = info_field(memory, "maxmemory_policy")
    return "" if policy in ("noeviction", "") else f"maxmemory-policy is {policy}"


def version_problem(server: bytes) -> str:
    """What is wrong with the version; empty when nothing is, or it is not told."""
    text = info_field(server, "redis_version")
    number = re.match(r"(\d+)\.(\d+)", text)
    if number is None or (int(number[1]), int(number[2])) >= OLDEST_VERSION:
        return ""
    return f"the server is of version {text}, psd needs {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]}"


def allowed(memory: bytes, server: bytes, settings: RedisSettings) -> dict[str, str]:
    """The checks of a fit server's policy and version: ``ok``, or ``ok: ...`` where it is allowed.

    >>> allowed(b"maxmemory_policy:noeviction", b"redis_version:7.0.15", RedisSettings())
    {'policy': 'ok', 'version': 'ok'}
    """
    found = {
        "policy": (policy_problem(memory), "redis.allow_eviction"),
        "version": (version_problem(server), "redis.allow_old_server"),
    }
    return {
        check: f"ok: {problem}, allowed by {setting}" if problem else "ok"
        for check, (problem, setting) in found.items()
    }


def durability_check(reply: Sequence[Any], settings: RedisSettings) -> str:
    """What CONFIG GET tells of appendonly and appendfsync, held against the durability."""
    found = [_setting(item) for item in reply]
    if found == ["yes", "always"]:
        return "ok"
    return (
        f"ok: durability is {settings.durability}, but the server has "
        f"appendonly {found[0]}, appendfsync {found[1]}"
    )


def _setting(item: Any) -> str:
    """The value in a reply to CONFIG GET; a server that hides the setting gives an empty list."""
    told = isinstance(item, list) and len(item) > 1
    return str(item[1].decode()) if told else "unknown"


def worst(checks: Mapping[str, str]) -> str:
    """The worst of one check's answers by node: a problem before advice before ``ok``.

    >>> worst({"10.0.0.7:6379": "ok", "10.0.0.8:6379": "maxmemory-policy is allkeys-lru"})
    '10.0.0.8:6379: maxmemory-policy is allkeys-lru'
    """
    node, answer = max(checks.items(), key=lambda check: _badness(check[1]))
    if not node or answer == "ok":
        return answer
    advice = answer.removeprefix("ok: ")
    return f"{node}: {answer}" if advice == answer else f"ok: {node}: {advice}"


def _badness(answer: str) -> int:
    return 0 if answer == "ok" else 1 if answer.startswith("ok") else 2


def info_field(info: bytes, name: str) -> str:
    """One field of an INFO reply; empty when the server does not tell it."""
    prefix = f"{name}:".encode()
    for line in info.splitlines():
        if line.startswith(prefix):
            return line[len(prefix) :].decode()
    return ""
