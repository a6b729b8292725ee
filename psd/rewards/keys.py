"""Every key of the rewards; docs/architecture.md lists them with type and lifetime.

What a shard of vehicles has shares the hash tag ``{s<shard>}``, what the weekly job keeps once the
tag ``{rewards}``, so that one script call stays in one slot of a cluster.

>>> rows_key(3, 12, 1)
'psd:rewards:{s3}:rows:12:1'
"""

from __future__ import annotations

from functools import lru_cache

from psd.store.keys import KeyKind, escaped


@lru_cache(maxsize=8192)
def shard_root(shard: int) -> str:
    """Root of a rewards shard: its vehicles, their rows and payouts (psd/rewards/shards.py)."""
    return f"psd:rewards:{{s{shard}}}"


def rows_key(shard: int, week: int, generation: int) -> str:
    """The packed rows of a shard's vehicles in one computation of a week."""
    return f"{shard_root(shard)}:rows:{week}:{generation}"


def payouts_key(shard: int, week: int) -> str:
    """What was paid to a shard's vehicles for a week."""
    return f"{shard_root(shard)}:paid:{week}"


def vehicles_key(shard: int) -> str:
    """The registry of a shard's vehicles."""
    return f"{shard_root(shard)}:vehicles"


def vins_key(shard: int) -> str:
    """VINs of one of as many shards, and the vehicles that gave them."""
    return f"psd:rewards:{{v{shard}}}:vins"


@lru_cache(maxsize=8192)
def owner_vehicles_key(owner: str) -> str:
    """The vehicles that ever named this owner; braces and percent signs are escaped."""
    return f"psd:rewards:owner:{{{escaped(owner)}}}"


def rewards_key(name: str) -> str:
    """What the weekly job keeps once: ``weeks``, ``lock``, ``dirty``, ... (see :data:`KEYS`)."""
    return f"psd:rewards:{{rewards}}:{name}"


def streaks_key(week: int, generation: int) -> str:
    """The longest streaks in one computation of a week."""
    return rewards_key(f"board:{week}:{generation}")


_SHARD = r"psd:rewards:\{s\d+\}"
_REWARDS = r"psd:rewards:\{rewards\}"

KEYS = (
    KeyKind("vehicles", rf"{_SHARD}:vehicles", "hash", "", "vehicle: what is known of it"),
    KeyKind("reward rows", rf"{_SHARD}:rows:\d+:\d+", "string", "", "the rows of a week"),
    KeyKind("payouts", rf"{_SHARD}:paid:\d+", "hash", "", "vehicle: what was paid"),
    KeyKind("VINs", r"psd:rewards:\{v\d+\}:vins", "hash", "", "VIN: its vehicles"),
    KeyKind("owner", r"psd:rewards:owner:\{[^{}]+\}", "set", "", "the owner's vehicles"),
    KeyKind("shards", rf"{_REWARDS}:shards", "set", "", "shards that have vehicles"),
    KeyKind("shared VINs", rf"{_REWARDS}:shared_vins", "set", "", "VINs of two or more vehicles"),
    KeyKind("weeks", rf"{_REWARDS}:weeks", "hash", "", "week: its visible result"),
    KeyKind("week status", rf"{_REWARDS}:status", "hash", "", "week: state of its job"),
    KeyKind("run", rf"{_REWARDS}:run", "string", "", "the computation under way"),
    KeyKind("job lock", rf"{_REWARDS}:lock", "string", "", "who computes; lives 30 s"),
    KeyKind("begun", rf"{_REWARDS}:begun", "string", "", "newest week that was ever begun"),
    KeyKind("dirty weeks", rf"{_REWARDS}:dirty", "hash", "", "week: changes since it was read"),
    KeyKind("garbage", rf"{_REWARDS}:garbage", "set", "", "week:generation to delete"),
    KeyKind("tables", rf"{_REWARDS}:tables", "hash", "", "digest: tables that computed a week"),
    KeyKind("blacklist", rf"{_REWARDS}:blacklist", "hash", "", "owner: note, author, time"),
    KeyKind(
        "overrides", rf"{_REWARDS}:overrides", "hash", "", "week:vehicle: a streak set by hand"
    ),
    KeyKind("ledger versions", rf"{_REWARDS}:versions", "hash", "", "decision: its version"),
    KeyKind("longest streaks", rf"{_REWARDS}:board:\d+:\d+", "string", "", "at most 1,000 rows"),
)
