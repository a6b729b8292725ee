r"""Lists of users as people keep them in files: one a line, or a column of a CSV. Pure.

::

    uids_of_csv(b"1503960366\r\n\n22")              -> ["1503960366", "22"]
    uids_of_csv(b"name,uid\nann,22\n")              -> ["22"]
    uids_of_csv(b"22,ann\n23,bob\n")                -> ["22", "23"]
    uids_of_csv(b"email\nann@example.com\n")        -> ["ann@example.com"]
    uids_of_csv(b"+7\n8\n")
    -> MalformedError: line 1: uid: '+7' is not a 64-bit integer as psd writes it

The first row is a heading when one of its cells is ``uid`` or another name of :data:`HEADINGS`,
whatever its case; that column has the uids. A first row without one is a row like the others, and
the uids are in the first column. Rows are read as those of every table (psd/csv_table.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from psd.csv_table import CsvRecord, read_records, unbroken
from psd.errors import InputError, MalformedError
from psd.users import name_of, user_of

HEADINGS = (
    *("uid", "uids", "user_id", "userid", "user", "users", "member", "members", "id"),
    *("email", "username"),
)
"""Of several in one heading the first of these counts: ``id,user_id`` has its uids on the right."""


def uids_of_csv(body: bytes) -> list[str]:
    """The uids of a list; raises MalformedError or TooLargeError, which name the line."""
    rows = unbroken(read_records([body]))
    first = next(rows, None)
    if first is None:
        return []
    names = [cell.strip().lower() for cell in first.cells]
    known = [name for name in HEADINGS if name in names]
    if known and names.count(known[0]) > 1:
        raise MalformedError(f"line {first.line}: column {known[0]!r} stands twice")
    at = names.index(known[0]) if known else 0
    listed = _listed(rows, at, len(names))
    return [*listed] if known else [_uid(first, 0), *listed]


def _listed(rows: Iterator[CsvRecord], at: int, width: int) -> Iterator[str]:
    for row in rows:
        if len(row.cells) != width:
            raise MalformedError(
                f"line {row.line}: row: {len(row.cells)} cells, but {width} in the first row"
            )
        yield _uid(row, at)


def _uid(row: CsvRecord, at: int) -> str:
    try:
        text = row.cells[at].strip()
        return name_of(text, f"line {row.line}: uid") or str(user_of(text))
    except InputError as error:
        # The list is wrong, and not what was asked for with it.
        raise MalformedError(str(error)) from error
