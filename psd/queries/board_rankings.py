"""The ranking of a board's sums, whichever way they were told: rows of a few, or arrays of all."""

from __future__ import annotations

from collections.abc import Mapping

from psd.columns.vector import Vector
from psd.engine.standings import Upper
from psd.queries.ranking import Ranking
from psd.queries.requests import Ties
from psd.queries.vector_ranking import VectorRanking

AnyRanking = Ranking | VectorRanking
"""Both answer the same questions in the same way."""


async def ranking_of(
    sums: Upper | Vector,
    ties: Ties,
    reached_s: Mapping[int, int | None] | None = None,
    first: int | None = None,
) -> AnyRanking:
    """The board; of its ``first`` alone, and of all who tie with them, where that is enough."""
    if isinstance(sums, Vector):
        return await VectorRanking.made(sums, ties, reached_s, first)
    below = sums.total - len(sums.standings)
    return await Ranking.made(sums.standings, ties, reached_s, below)
