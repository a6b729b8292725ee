"""Whether an answer of Elasticsearch is of all that was asked, and what it says is missing. Pure.

Elasticsearch answers 200 with what it has: of the shards that did not fail, of the clusters that
were there, until its time was up. Whoever is missing in it would be off for the week::

    {"took": 9, "timed_out": false, "_shards": {"total": 6, "successful": 6, "skipped": 4,
     "failed": 0}, "_clusters": {"total": 2, "successful": 1, "skipped": 1, ..}, "aggregations": ..}
    -> missing_part(...): "1 of 2 clusters is missing (skipped 1) ..."

Shards that are *skipped* are no part of that: they were looked at and cannot hold the week.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

REASON_CHARACTERS_MAX = 300

WHOLE = "successful"


class Shards(msgspec.Struct, frozen=True):
    """How many shards were asked, and how many answered: the skipped ones among them."""

    total: int
    successful: int
    failed: int
    failures: Sequence[Any] = ()


class SearchedCluster(msgspec.Struct, frozen=True):
    """One of several clusters; ``status`` is one word, ``successful`` where it is whole."""

    status: str = WHOLE
    timed_out: bool = False


class Clusters(msgspec.Struct, frozen=True):
    """The clusters that were asked; older servers count only the successful and the skipped."""

    total: int
    successful: int
    skipped: int = 0
    running: int = 0
    partial: int = 0
    failed: int = 0
    details: Mapping[str, SearchedCluster] = {}


class SearchAnswer(
    msgspec.Struct, frozen=True, rename={"shards": "_shards", "clusters": "_clusters"}
):
    """A search's answer but for its hits."""

    timed_out: bool
    shards: Shards
    clusters: Clusters | None = None
    terminated_early: bool | None = None
    is_partial: bool = False
    is_running: bool = False
    aggregations: Mapping[str, Any] = {}


def missing_part(answer: SearchAnswer) -> str:
    """Why an answer is not whole, and what to do; an empty text for one that is."""
    return (
        _stopped(answer)
        or _missing_shards(answer.shards)
        or (_missing_clusters(answer.clusters) if answer.clusters else "")
    )


def error_reason(body: object) -> str:
    """Type and reason of an error as Elasticsearch words it, shortened; else what is there."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        cause = error.get("caused_by")
        parts = [error.get("type"), error.get("reason")]
        parts += [cause.get("reason")] if isinstance(cause, dict) else []
        error = ": ".join(str(part) for part in parts if part) or error
    text = " ".join(str(error).split())
    return text[:REASON_CHARACTERS_MAX] or "no reason given"


def _stopped(answer: SearchAnswer) -> str:
    if answer.timed_out:
        return (
            "the search timed out inside the cluster (timed_out: true), so that its answer is "
            "partial; raise search.default_search_timeout there, or run again at a calmer time"
        )
    if answer.terminated_early:
        return (
            "the search ended before it had seen all documents (terminated_early: true), so that "
            "its answer is partial; take terminate_after out of what stands between"
        )
    if answer.is_partial or answer.is_running:
        return "the answer is partial (is_partial or is_running: true); the search goes on"
    return ""


def _missing_shards(shards: Shards) -> str:
    if shards.failed or shards.successful < shards.total:
        missing = max(shards.failed, shards.total - shards.successful)
        return (
            f"{missing} of {shards.total} shards failed, so that the answer is partial "
            f"(first: {_shard_reason(shards.failures)}); run again when the cluster is green"
        )
    if not shards.total:
        return "no index has this name or pattern; check rewards.elasticsearch_index"
    return ""


def _missing_clusters(clusters: Clusters) -> str:
    counts = {
        name: count
        for name in ("skipped", "running", "partial", "failed")
        if (count := getattr(clusters, name))
    }
    named = [
        name
        for name, cluster in clusters.details.items()
        if cluster.status != WHOLE or cluster.timed_out
    ]
    if not counts and not named and clusters.successful >= clusters.total:
        return ""
    told = ", ".join([*(f"{name} {count}" for name, count in counts.items()), *named])
    return (
        f"of {clusters.total} clusters {clusters.successful} answered whole, so that the answer is "
        f"partial ({told[:REASON_CHARACTERS_MAX] or 'it does not say which'}); run again when all "
        "remote clusters are there"
    )


def _shard_reason(failures: Sequence[Any]) -> str:
    first = failures[0] if failures else None
    return error_reason(first.get("reason", first) if isinstance(first, dict) else first)
