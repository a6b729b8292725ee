"""Keys in which an owner's activities lie, below the root of the owner (psd/store/keys.py)."""

from __future__ import annotations


def activities_key(root: str, thing: int, shard: int) -> str:
    """One of the hashes of an owner's activities of a thing."""
    return f"{root}:{thing}:a:{shard}"


def reports_key(root: str, thing: int, aid: int, hour: int | None = None) -> str:
    """The directory of a long activity, or its reports of an hour."""
    directory = f"{root}:{thing}:r:{aid}"
    return directory if hour is None else f"{directory}:{hour}"
