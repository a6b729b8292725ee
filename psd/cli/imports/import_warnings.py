"""What looks wrong about a file as a whole, though each of its rows keeps every rule.

The usual mistake is two columns that were swapped, which no rule can tell: 33 users with their
steps, read as steps with their users, are rows of numbers like others. It shows in the whole::

    100,000 of 100,000 rows lie before 1971
    all 940 uids differ: no user has two rows
    every value of steps is past 1,000,000, and there are 33 of them: they look like user numbers
"""

from __future__ import annotations

from psd.operations.import_journal import Journal

YEAR_1971_S = 31_536_000
FEW_ROWS = 10
"""Fewer rows show nothing about a file."""

LARGE_VALUE = 1_000_000
ROWS_A_VALUE = 4
"""Values that come again so often on average, and are large, are rather names than amounts."""


def warnings_of(journal: Journal) -> list[str]:
    """A sentence for everything about the rows that looks wrong."""
    [(rows, old, windows, uids)] = journal.facts(
        f"SELECT count(*), sum(ts < {YEAR_1971_S}), count(DISTINCT line), count(DISTINCT uid) "
        "FROM rows"
    )
    if not rows:
        return []
    found = []
    if old:
        found.append(f"{old:,} of {rows:,} reports lie before 1971; is --time the right column?")
    if windows >= FEW_ROWS and uids == windows:
        found.append(f"all {uids:,} uids differ: no user has two rows; is --uid the right column?")
    return found + _value_warnings(journal)


def _value_warnings(journal: Journal) -> list[str]:
    things = journal.facts(
        "SELECT thing, count(*), count(DISTINCT value), min(value) FROM rows "
        "GROUP BY thing ORDER BY thing"
    )
    return [
        f"every value of {thing} is past {LARGE_VALUE:,}, and there are {values:,} of them in "
        f"{rows:,} rows: they look like user numbers"
        for thing, rows, values, smallest in things
        if rows >= FEW_ROWS and smallest > LARGE_VALUE and rows >= ROWS_A_VALUE * values
    ]
