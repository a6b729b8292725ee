"""Activity from Elasticsearch: one week's aggregation, read page by page and kept by shard.

What is asked and how answers are read is in elastic_request.py; connections, patience and errors
are in elastic_search.py::

    source = ElasticSource(ElasticSettings("http://es:9200", "device-status-*"), tables)
    await source.begin(bounds(5))
    await source.active(shard_of(7), [7])    -> {7: 0b1000}, active on AutoPi (id 3) alone
    source.ignored_sources                   -> 2, sources that no table knows as an integration
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from psd.engine.plan import Range
from psd.errors import SourceError
from psd.integers import integer_of
from psd.rewards.shards import shard_of
from psd.rewards.sources.elastic_request import (
    SubjectBucket,
    SubjectPage,
    integration_of,
    page_request,
    read_page,
    read_sources,
    subject_request,
)
from psd.rewards.sources.elastic_search import ElasticSearch, ElasticSettings, Sleep
from psd.rewards.tables import Tables

log = logging.getLogger(__name__)


class Subjects(Protocol):
    """Knows which vehicle a subject of the documents is."""

    async def vehicles_of(self, subjects: Sequence[str]) -> dict[str, int]:
        """Subject -> vehicle, for up to 100 at once; those left out are unknown."""
        ...


class DecimalSubjects:
    """A subject that is a canonical decimal 64-bit number is the vehicle itself."""

    async def vehicles_of(self, subjects: Sequence[str]) -> dict[str, int]:
        """``["7", "07", "2ab"] -> {"7": 7}``."""
        found = {text: integer_of(text) for text in subjects}
        return {text: vehicle for text, vehicle in found.items() if vehicle is not None}


class ElasticSource:
    """An ActivitySource; the counters are about the week that was begun last."""

    name = "elasticsearch"

    def __init__(
        self,
        settings: ElasticSettings,
        tables: Tables,
        subjects: Subjects | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.ignored_sources = 0
        self.unknown_subjects = 0
        self._tables = tables
        self._subjects = subjects or DecimalSubjects()
        self._search = ElasticSearch(settings, sleep)
        self._masks: dict[int, dict[int, int]] | None = None

    async def begin(self, week: Range) -> None:
        """Read the whole week, 100 subjects a request; until it succeeds nothing can be asked."""
        self._masks = None
        self.ignored_sources = self.unknown_subjects = 0
        masks: dict[int, dict[int, int]] = defaultdict(dict)
        after: Mapping[str, Any] | None = None
        ends: set[str] = set()
        while True:
            page = await self._search.ask(page_request(week, after), read_page)
            await self._take(page, week, masks)
            if page.after_key is None:
                break
            after = page.after_key
            # Each page ends behind the one before; one that came already would come for ever.
            if repr(after) in ends:
                raise SourceError(f"elasticsearch: pages stand still after {after}")
            ends.add(repr(after))
        self._masks = dict(masks)
        self._tell_unknown()

    def _tell_unknown(self) -> None:
        """What earns nothing because nobody knows it is no error, but nobody would look for it."""
        unknown = {"subjects": self.unknown_subjects, "sources": self.ignored_sources}
        if any(unknown.values()):
            log.warning("elasticsearch: some subjects or sources are unknown", extra=unknown)

    def shards(self) -> frozenset[int]:
        """Shards with vehicles that were active, whether the registry knows them or not."""
        assert self._masks is not None, "begin() did not succeed"
        return frozenset(self._masks)

    async def active(self, shard: int, vehicles: Sequence[int]) -> dict[int, int]:
        """All active vehicles of a shard, also those that the registry does not know."""
        assert self._masks is not None, "begin() did not succeed"
        return dict(self._masks.get(shard, {}))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._search.close()

    async def _take(self, page: SubjectPage, week: Range, masks: dict[int, dict[int, int]]) -> None:
        names = [str(bucket.key.subject) for bucket in page.buckets]
        vehicles = await self._subjects.vehicles_of(names)
        for name, bucket in zip(names, page.buckets, strict=True):
            vehicle = vehicles.get(name)
            if vehicle is None:
                self.unknown_subjects += 1
                continue
            mask = self._mask(await self._sources_of(bucket, week))
            if mask:
                shard = masks[shard_of(vehicle)]
                shard[vehicle] = shard.get(vehicle, 0) | mask

    async def _sources_of(self, bucket: SubjectBucket, week: Range) -> list[str]:
        """The subject's sources; asks for them once more where the page left some out."""
        sources = bucket.integrations
        if not sources.is_whole:
            subject = bucket.key.subject
            sources = await self._search.ask(subject_request(week, subject), read_sources)
            if not sources.is_whole:
                raise SourceError(
                    f"elasticsearch: subject {subject!r} has more than {len(sources.buckets)} "
                    "sources in one week, and none may be left out; repair its documents"
                )
        return [each.key for each in sources.buckets]

    def _mask(self, sources: Sequence[str]) -> int:
        mask = 0
        for source in sources:
            bits = self._tables.mask([integration_of(source) or ""])
            self.ignored_sources += not bits
            mask |= bits
        return mask
