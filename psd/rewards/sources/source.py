"""The one interface of all sources: who was active in a week, and who a vehicle is.

The week's job asks an :class:`ActivitySource` shard by shard, and where one is configured a
:class:`DescriptionSource` for what it knows better than psd's own registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from psd.engine.plan import Range
from psd.rewards.vehicles import Vehicle

SourceName = Literal["redis", "elasticsearch", "grpc"]


class ActivitySource(Protocol):
    """Answers which integrations a vehicle was active on, as bits by integration id."""

    name: str

    async def begin(self, week: Range) -> None:
        """Prepare for one week; whatever is asked next is about these seconds.

        Raises :class:`psd.errors.SourceUnavailableError` when the source does not answer,
        :class:`psd.errors.SourceError` when it answers what cannot be worked with.
        """
        ...

    def shards(self) -> frozenset[int]:
        """Shards in which the source knows vehicles of its own; none where it asks the registry."""
        ...

    async def active(self, shard: int, vehicles: Sequence[int]) -> dict[int, int]:
        """Vehicle -> mask of the integrations it was active on, of one shard.

        ``vehicles`` are those of the registry in that shard; a source that knows of others in
        the shard tells them too. A vehicle that was not active is left out.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class DescriptionSource(Protocol):
    """Describes vehicles."""

    async def describe(self, vehicles: Sequence[int]) -> dict[int, Vehicle]:
        """What is known of each; a vehicle that nobody knows is left out.

        Raises as :meth:`ActivitySource.begin`.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
