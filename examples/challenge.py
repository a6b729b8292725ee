"""A week's challenge between four people: a board, a late report, and the final.

    python examples/challenge.py [URL]

URL is a psd server (http://127.0.0.1:1155), and $PSD_TOKEN a token of scopes read and write where
it asks for one. The program may be run again: the same reports book nothing more.
"""

import os
import sys
from collections.abc import Iterator

from psd.client import Client
from psd.queries.boards.board_windows import FixedWindow
from psd.queries.boards.definitions import Definition

DAY = 86_400
MONDAY = 1460332800  # 2016-04-11 00:00:00 UTC
METRES_A_DAY = {"701": 9_000, "702": 8_500, "703": 11_000, "704": 4_000}


def week() -> Iterator[dict[str, object]]:
    """Seven reports of each, one a day."""
    for uid, metres in METRES_A_DAY.items():
        for day in range(7):
            start = MONDAY + day * DAY
            report = {"thing": "distance", "uid": int(uid), "aid": day, "value": metres}
            yield {**report, "ts1": start, "ts2": start + DAY - 1}


url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:1155"
with Client(url, token=os.environ.get("PSD_TOKEN", "")) as psd:
    april = FixedWindow("2016-04-11", "2016-04-18")
    challenge = Definition(thing="distance", window=april, title="Office challenge")
    psd.boards.put("office", challenge, members=[*METRES_A_DAY])
    psd.events(week())
    for row in psd.boards.standing("office").data:
        print(f"{row.rank}. {row.uid} {row.value:>6,}")

    # Sunday's phone comes online on Tuesday: the standing follows, until it is declared.
    late = {"thing": "distance", "uid": 702, "aid": 90, "value": 6_000}
    psd.events([{**late, "ts1": MONDAY + 6 * DAY, "ts2": MONDAY + 6 * DAY + 3600}])
    final = psd.boards.declare("office", replace=True)
    second = final.data[1]
    print(f"{final.data[0].uid} wins, {second.uid} is second with {second.value:,} m")
