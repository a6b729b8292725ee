"""What to do about what a check found: how it was seen, and the command or setting that mends it.

``/readyz`` and ``psd doctor`` name the same checks and tell the same of them. What a server says of
itself comes first, then the check that met it::

    remedy_of("policy", "maxmemory-policy is allkeys-lru")
    -> Remedy("INFO memory", "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf")
    remedy_of("writable", "redis: OOM command not allowed when used memory > 'maxmemory'.")
    -> Remedy("an answer of Redis", "raise maxmemory, set a retention, ...")
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec


class Remedy(msgspec.Struct, frozen=True):
    """How something was seen, and what mends it."""

    seen: str
    remedy: str


class CheckFound(msgspec.Struct, frozen=True):
    """A check that is not well, or passes with advice."""

    check: str
    found: str
    seen: str
    remedy: str


SAID_BY_REDIS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"NOPERM|no permissions", re.IGNORECASE),
        "give psd's user its rights: the ACL SETUSER line of docs/security.md",
    ),
    (
        re.compile(r"NOAUTH|WRONGPASS|invalid username-password|invalid password", re.IGNORECASE),
        "put the user and the password of that server into redis.url (PSD_REDIS_URL_FILE)",
    ),
    (
        re.compile(r"\bOOM\b"),
        "raise maxmemory (CONFIG SET maxmemory), set a lifetime in [retention], or move to more "
        "nodes with `psd migrate`",
    ),
    (
        re.compile(r"MISCONF|NOREPLICAS"),
        "mend what Redis names: its disk and INFO persistence, or its replicas",
    ),
)

SEEN_IN_ANSWER = "an answer of Redis"

START_STORE = "start the Redis of redis.url, or set redis.url (PSD_REDIS_URL) to where it is"
START_QUEUE = (
    "start nsqd and nsqlookupd there, or set queue.nsqd_addresses and queue.lookupd_addresses"
)

REMEDIES: dict[str, Remedy] = {
    "draining": Remedy("this process", "nothing: it was told to end, and another takes its place"),
    "store": Remedy("a connection to redis.url", START_STORE),
    "writable": Remedy("SET psd:probe", START_STORE),
    "role": Remedy(
        "INFO replication", "set redis.url to the master, or make this one it: REPLICAOF NO ONE"
    ),
    "policy": Remedy(
        "INFO memory",
        "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf",
    ),
    "version": Remedy(
        "INFO server",
        "upgrade it to Redis 6.2 or later, or allow it: redis.allow_old_server = true",
    ),
    "schema": Remedy(
        "GET psd:schema",
        "of an older version: `psd migrate --from THIS` into an empty store, and use that one; of "
        "a newer one: start a psd that is as new",
    ),
    "partitions": Remedy(
        "GET psd:partitions:{psd:schema}",
        "set redis.partitions to 0, or `psd migrate` into a store of another number",
    ),
    "migration": Remedy(
        "GET psd:migration:{psd:schema}", "run the same `psd migrate` again: it ends what was begun"
    ),
    "cluster": Remedy(
        "CLUSTER SLOTS and INFO server",
        "give each slot a node (redis-cli --cluster fix HOST:PORT); where the kind of server is "
        "another one, start psd anew",
    ),
    "scripts": Remedy("SCRIPT EXISTS", "nothing: they are loaded with the next call"),
    "durability": Remedy(
        "CONFIG GET appendonly appendfsync",
        "CONFIG SET appendonly yes, CONFIG SET appendfsync always, and both in redis.conf; or "
        'knowingly redis.durability = "fast"',
    ),
    "columns": Remedy(
        "the hashes of years of an owner of each part of the index: a booking, and no position",
        "stop every psd, `psd verify --repair` makes columns of boards anew, start them again",
    ),
    "clock": Remedy("TIME, against this machine's", "mend NTP on the machine that is wrong"),
    "contents": Remedy(
        "GET psd:life:{psd:schema}",
        "`psd replay` brings back what the archive has, while psd works",
    ),
    "archive": Remedy(
        "a write to archive.folder, and statvfs",
        "make room on its disk or give psd the folder; or set archive.folder, archive.keep_days",
    ),
    "queue": Remedy("a connection to each nsqd", START_QUEUE),
    "nsqd": Remedy("a connection", START_QUEUE),
    "nsqlookupd": Remedy("a connection", START_QUEUE),
    "receiving": Remedy(
        "the call that the worker waits for", "mend whom it names: it goes on by itself"
    ),
    "clockwork": Remedy("the last step", "see the worker's log: each step is tried again"),
    "workers": Remedy(
        "consumers of queue.channel", "start `psd worker`, with the same [queue] settings"
    ),
    "dead": Remedy(
        "the depth of queue.deadletter_topic",
        "`psd dlq ls` says why; mend the producer, then `psd dlq replay` or `psd dlq drop`",
    ),
    "access": Remedy(
        "the settings", "set access.tokens or access.jwks, or server.host = 127.0.0.1"
    ),
    "tokens": Remedy(
        "access.tokens and access.tokens_file", "`psd token new` prints a line that can stand there"
    ),
    "jwks": Remedy("access.jwks, as a server reads it", "mend access.jwks and access.jwt_*"),
    "address": Remedy(
        "a bind to it", "set server.host and server.port to what this machine has, and is free"
    ),
    "script": Remedy("SCRIPT EXISTS", "nothing: it is loaded with its first call"),
}
"""By the first word of a check: ``store.policy`` and ``policy`` are the same."""

SETTINGS = Remedy("the settings", "mend what it names: `psd config show` says where it comes from")


def remedy_of(check: str, found: str) -> Remedy:
    """How this was seen, and what mends it."""
    for pattern, remedy in SAID_BY_REDIS:
        if pattern.search(found):
            return Remedy(SEEN_IN_ANSWER, remedy)
    return REMEDIES.get(name_of(check), SETTINGS)


def name_of(check: str) -> str:
    """What a check is called in the table.

    >>> name_of("store.policy"), name_of("receiving.telemetry"), name_of("clock.due plugs")
    ('policy', 'receiving', 'clockwork')
    """
    first, _, rest = check.partition(".")
    if first == "clock" and rest:
        return "clockwork"
    return rest if first == "store" and rest else first.split(" ")[0]


def findings(checks: Mapping[str, str]) -> list[CheckFound]:
    """All that is not ``ok``, each with what to do; of a passing check its advice."""
    told: list[CheckFound] = []
    for check, answer in checks.items():
        if answer == "ok":
            continue
        found = answer.removeprefix("ok: ")
        remedy = remedy_of(check, found)
        told.append(CheckFound(check, found, remedy.seen, remedy.remedy))
    return told
