r"""Lists of uids as people keep them in files: one a line, alone or first in a line of a CSV. Pure.

::

    uids_of_csv(b"uid,name\r\n1503960366,ann\n\n22")   -> ["1503960366", "22"]

A first line that does not begin with a number or a minus is a heading. What stands in the lines is
checked where the uids are (psd/queries/ids.py).
"""

from __future__ import annotations

from psd.errors import MalformedError

_BEGINNINGS = frozenset("-0123456789")


def uids_of_csv(body: bytes) -> list[str]:
    """The first cell of each line that has one; raises MalformedError for what is not UTF-8."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise MalformedError(f"body: not UTF-8 ({exc})") from exc
    cells = [line.partition(",")[0].strip().strip('"') for line in text.splitlines()]
    found = [cell for cell in cells if cell]
    return found[1:] if found and found[0][0] not in _BEGINNINGS else found
