r"""What a server must be like before psd writes to it. Pure: texts of INFO in, sentences out.

Two things are refused at start, because each breaks the promise of psd/engine silently:

- a ``maxmemory-policy`` that evicts. The markers that tell an increment from its duplicate are
  keys like any other; an evicted one books the duplicate, an evicted bucket is a smaller sum;
- a version below 6.2, the oldest that the tests run on.

>>> policy_problem(b"used_memory:1\r\nmaxmemory_policy:allkeys-lru\r\n")
'maxmemory-policy is allkeys-lru'
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from psd.config import RedisSettings
from psd.errors import ConfigError

OLDEST_VERSION = (6, 2)
"""Redis 6.2 is the oldest that has all commands psd sends (XAUTOCLAIM came last)."""


def check_fit(server: bytes, memory: bytes, settings: RedisSettings) -> None:
    """Raise :class:`ConfigError` for a server that psd must not write to, unless allowed to."""
    policy = policy_problem(memory)
    if policy and not settings.allow_eviction:
        raise ConfigError(
            f"redis.url: {policy}, which evicts sums and the markers of increments; set it to "
            "noeviction, or start with --allow-eviction (redis.allow_eviction)"
        )
    version = version_problem(server)
    if version and not settings.allow_old_server:
        raise ConfigError(
            f"redis.url: {version}; start with --allow-old-server (redis.allow_old_server) to "
            "use it all the same"
        )


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


def policy_check(memory: bytes, settings: RedisSettings) -> str:
    """The policy as a readiness check: ``ok``, ``ok: ...`` when it is allowed, or the problem."""
    problem = policy_problem(memory)
    if not problem:
        return "ok"
    return f"ok: {problem}, allowed by redis.allow_eviction" if settings.allow_eviction else problem


def version_check(server: bytes, settings: RedisSettings) -> str:
    """The version as a readiness check."""
    problem = version_problem(server)
    if not problem:
        return "ok"
    allowed = settings.allow_old_server
    return f"ok: {problem}, allowed by redis.allow_old_server" if allowed else problem


def durability_check(reply: Sequence[Sequence[bytes]], settings: RedisSettings) -> str:
    """What CONFIG GET tells of appendonly and appendfsync, held against the durability."""
    found = [item[1].decode() if len(item) > 1 else "unknown" for item in reply]
    if found == ["yes", "always"]:
        return "ok"
    return (
        f"ok: durability is {settings.durability}, but the server has "
        f"appendonly {found[0]}, appendfsync {found[1]}"
    )


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
