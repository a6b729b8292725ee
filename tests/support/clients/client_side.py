"""Whom the tests of psd.client ask, and as whom: three users' steps, and a server with two tokens.

>>> pytestmark = STEPS_OF_THREE
>>> async with AsyncClient(url, token=ADMIN.secret) as asking:
...     [(row.uid, row.value) for row in (await asking.top("steps")).data]
[('1', 50), ('2', 40), ('3', 20)]
"""

from __future__ import annotations

import pytest

from psd.client import Retries
from tests.support.clients.access import asked_of, token_for
from tests.support.engine import DAY_S, NOON_S, report

ADMIN = token_for("app", "read write")
READER_OF_1 = token_for("reader-of-1", "read", frozenset({1}))

QUICK = Retries(first_s=0.001)
"""As many tries as by default, in no time."""

SEVEN = {"thing": "steps", "uid": 7, "aid": 1, "value": 90, "ts1": NOON_S, "ts2": NOON_S + 60}
"""An event of somebody who has none yet."""


STEPS_OF_THREE = pytest.mark.psd(
    asked_of(ADMIN, READER_OF_1),
    now_s=NOON_S + 30 * DAY_S,
    holds=[
        report(50, NOON_S, uid=1, aid=1),
        report(30, NOON_S + 20, uid=2, aid=1),
        report(10, NOON_S + 90, uid=2, aid=2),
        report(20, NOON_S + 60, uid=3, aid=1),
    ],
)
"""A month later, on a server that asks for a token."""
