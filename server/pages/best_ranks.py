"""The best rank that somebody ever had on a board, among the seconds that are looked at. Pure.

Sums of members lie between edges; at each second counts what its window holds of them::

    edges 0, 10, 20, 30    windows (0, 10), (10, 20), (10, 30) of a rolling board
    sums  user 7: 5, 0, 9  user 9: 4, 3, 2
    -> user 7: 5 > 4, 0 < 3, 9 > 5: the best rank is 1, first had in the first of them

Whoever has nothing in a window has no rank by it: before anybody has walked, all are first.
"""

from __future__ import annotations

from collections.abc import Sequence

from psd import arrays
from psd.engine.plan import Range


def edges_of_windows(windows: Sequence[Range]) -> list[int]:
    """Where any of the windows begins or ends, in order."""
    return sorted({edge for each in windows for edge in (each.start, each.end)})


def best_of(
    edges: Sequence[int], sums: Sequence[Sequence[int]], windows: Sequence[Range], own: int
) -> tuple[int, int] | None:
    """The best rank of the member at place ``own``, and the first window in which he had it.

    ``sums`` are each member's between the edges. None where he has nothing in any window.
    """
    numpy = arrays.numpy
    upto = numpy.zeros((len(sums), len(edges)), "i8")
    numpy.cumsum(numpy.array(sums, "i8"), axis=1, out=upto[:, 1:])
    places = {edge: at for at, edge in enumerate(edges)}
    starts = [places[each.start] for each in windows]
    ends = [places[each.end] for each in windows]
    values = upto[:, ends] - upto[:, starts]
    ranks = 1 + (values > values[own]).sum(axis=0)
    ranks[values[own] == 0] = len(sums) + 1
    at = int(ranks.argmin())
    return (int(ranks[at]), at) if ranks[at] <= len(sums) else None
