"""What an error reply of Redis is to psd: the store is away, the keys are elsewhere, or a defect.

>>> psd_error(ResponseError("OOM command not allowed when used memory > 'maxmemory'."))
StoreUnavailableError("redis: OOM: OOM command not allowed when used memory > 'maxmemory'.")
"""

from __future__ import annotations

from typing import Any

from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from psd.errors import MisplacedError, PsdError, StoreError, StoreUnavailableError

_AWAY = (
    "LOADING",
    "BUSY",
    "READONLY",
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "MASTERDOWN",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
)
"""Error replies that say the server cannot work now; they pass, and nothing was written."""

_ELSEWHERE = (MovedError, AskError, TryAgainError, ClusterDownError)
"""Error replies of a cluster's node to commands that it does not execute: the keys are with
another node, on their way there, or nowhere."""

_WAIT_ENDED = ("WAIT cannot be used with replica instances", "UNBLOCKED force unblock")
"""A master has become a replica: whether the next one has what this WAIT follows is not known, so
the WAIT alone must not be sent again."""

_OF_REPLICA = ("READONLY", "MASTERDOWN")


def is_of_replica(reply: Any) -> bool:
    """Whether only a replica answers so, or a master that has become one."""
    if not isinstance(reply, RedisError):
        return False
    text = str(reply)
    found = code_of(reply) in _OF_REPLICA or any(f" -{known} " in text for known in _OF_REPLICA)
    return found or any(known in text for known in _WAIT_ENDED)


def code_of(reply: RedisError) -> str:
    """The word that an error reply begins with; redis-py keeps it aside for those it knows."""
    return getattr(reply, "status_code", None) or str(reply).partition(" ")[0]


def psd_error(reply: RedisError) -> PsdError:
    """The error of psd that an error reply stands for."""
    text = str(reply)
    code = code_of(reply)
    # To redis-py a replica that has lost its master is a cluster that is down.
    if isinstance(reply, _ELSEWHERE) and not isinstance(reply, MasterDownError):
        moved = text if isinstance(reply, MovedError) else ""
        return MisplacedError(f"redis: {code}: {text}", moved=moved)
    if any(known in text for known in _WAIT_ENDED):
        return StoreUnavailableError(f"redis: {text}")
    # Redis 6.2 wraps what a script met: "ERR Error running script ...: -OOM command not ...".
    wrapped = next((known for known in _AWAY if f" -{known} " in text), None)
    if wrapped is not None:
        # Whoever asks may read this: the rest names scripts and their lines.
        return StoreUnavailableError(f"redis: {wrapped}: within a script")
    if code in _AWAY or isinstance(reply, RedisConnectionError):
        return StoreUnavailableError(f"redis: {code}: {text}")
    return StoreError(f"redis: {text}")
