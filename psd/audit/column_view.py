"""What the logs of a month hold, read once for all owners of a partition and thing.

Owners are audited one by one while everybody books, so a view may be older than an owner's own
keys. Where the two differ the view is read again; by then the owner is watched, and what the logs
have of one owner changes with his own keys alone (psd/audit/snapshot.py). So keys need not be of
one moment. Views are kept up to VIEWS_BYTES, the last used last.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from psd import arrays
from psd.columns.column_keys import DAY, LOG, RECORD_BYTES, SEALED, column_key, unit_start
from psd.columns.column_logs import RECORD, records_of, unsealed
from psd.errors import ShapeError
from psd.store.lane import Lane

if TYPE_CHECKING:
    from psd.arrays import Rows

VIEWS_BYTES = 256_000_000
DAYS, HOURS = range(1, 32), range(24)

Told = dict[int, int]


class MonthView:
    """The records of one month's logs, by position."""

    def __init__(self, month: str) -> None:
        self._month = month
        self.keys: dict[str, bytes] = {}
        """What the month's own keys held, by suffix."""

        self._rows: Rows = arrays.numpy.empty(0, RECORD)
        self._seconds: Rows = arrays.numpy.empty(0, "i8")
        self._days: Rows = arrays.numpy.empty(0, "i4")

    @property
    def size(self) -> int:
        """Bytes, about."""
        return 3 * len(self._rows) * RECORD_BYTES + sum(map(len, self.keys.values()))

    async def load(self, lane: Lane, root: str) -> None:
        """Read it. Two trips."""
        days = [f"{self._month}{day:02d}" for day in DAYS]
        suffixes = [f"{kind}:{self._month}" for kind in (LOG, SEALED)]
        suffixes += [f"{kind}:{day}" for day in days for kind in (DAY, LOG, SEALED)]
        self.keys = await _held(lane, root, suffixes)
        below = sorted({suffix[2:] for suffix in self.keys} - {self._month})
        hours = [f"{kind}:{d}{hour:02d}" for d in below for hour in HOURS for kind in (LOG, SEALED)]
        self.keys |= await _held(lane, root, hours)
        self._join()

    def _join(self) -> None:
        np = arrays.numpy
        rows, seconds, days = [], [], []
        for suffix, content in self.keys.items():
            if suffix[0] == DAY:
                continue
            found, label = _rows(suffix, content), suffix[2:]
            rows.append(found)
            seconds.append(found["second"].astype("i8") + unit_start(label))
            days.append(np.full(len(found), int(label[6:8] or 0), "i4"))
        if not rows:
            self._rows, self._seconds, self._days = (each[:0] for each in self._parts)
            return
        joined = np.concatenate(rows)
        order = np.argsort(joined["position"], kind="stable")
        self._rows = joined[order]
        self._seconds = np.concatenate(seconds)[order]
        self._days = np.concatenate(days)[order]

    @property
    def _parts(self) -> tuple[Rows, Rows, Rows]:
        return self._rows, self._seconds, self._days

    def booked(self, position: int) -> Told:
        """What the logs add up to by second, of one position; nothing of 0."""
        return self._told(position, self._seconds, below=False)

    def below(self, position: int) -> Told:
        """The same by day of the month, of what is in logs of days and hours alone."""
        return self._told(position, self._days, below=True)

    def _told(self, position: int, by: Rows, *, below: bool) -> Told:
        first, stop = arrays.numpy.searchsorted(self._rows["position"], (position, position + 1))
        told: Told = defaultdict(int)
        rows = zip(
            by[first:stop].tolist(),
            self._rows["delta"][first:stop].tolist(),
            self._days[first:stop].tolist(),
            strict=True,
        )
        for place, delta, day in rows:
            if day or not below:
                told[place] += delta
        return {place: wrapped(total) for place, total in told.items() if wrapped(total)}

    def days(self, position: int) -> Told:
        """The cells of the days' columns, by day of the month; nothing of 0."""
        at = 8 * position
        cells = {
            int(suffix[8:]): int.from_bytes(content[at : at + 8], "big", signed=True)
            for suffix, content in self.keys.items()
            if suffix[0] == DAY
        }
        return {day: cell for day, cell in cells.items() if cell}

    def positions(self) -> set[int]:
        """All that anything is told of."""
        found: set[int] = set(arrays.numpy.unique(self._rows["position"]).tolist())
        return found


class MonthViews:
    """Those that were used last, by root and month."""

    def __init__(self) -> None:
        self._views: OrderedDict[tuple[str, str], MonthView] = OrderedDict()

    async def view(self, lane: Lane, root: str, month: str, *, anew: bool) -> MonthView:
        """One month's; ``anew`` as it is now."""
        known = self._views.pop((root, month), None)
        if known is None or anew:
            known = MonthView(month)
            await known.load(lane, root)
        self._views[root, month] = known
        while len(self._views) > 1 and sum(v.size for v in self._views.values()) > VIEWS_BYTES:
            self._views.popitem(last=False)
        return known


def wrapped(total: int) -> int:
    """A sum as 64 bits have it: what wraps on the way comes back."""
    return (total + 2**63) % 2**64 - 2**63


async def _held(lane: Lane, root: str, suffixes: Sequence[str]) -> dict[str, bytes]:
    if not suffixes:
        return {}
    names = [column_key(root, *_parted(suffix)) for suffix in suffixes]
    contents: Iterable[Any] = await lane.call(("MGET", *names))
    found = zip(suffixes, contents, strict=True)
    return {suffix: content for suffix, content in found if content}


def _parted(suffix: str) -> tuple[str, str]:
    kind, _, label = suffix.partition(":")
    return kind, label


def _rows(suffix: str, content: bytes) -> Rows:
    """The records of a log; of one that is spoiled what can be read."""
    if suffix[0] == LOG:
        return records_of(content[: len(content) // RECORD_BYTES * RECORD_BYTES])
    try:
        return unsealed(content)
    except ShapeError:
        return records_of(None)


def spoiled(suffix: str, content: bytes) -> bytes | None:
    """What can be kept of a key that ends where it may not; None where it is as it should be."""
    if suffix[0] == SEALED:
        try:
            unsealed(content)
        except ShapeError:
            return b""
        return None
    size = RECORD_BYTES if suffix[0] == LOG else 8
    whole = len(content) // size * size
    return None if whole == len(content) else content[:whole]
