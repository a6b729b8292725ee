"""Which tests are asked a second time when they fail, and which never.

A test that starts servers or processes shares the machine with the others, and with whatever else
runs there: one in 10,000 fails by chance. It is asked again, and what failed the first time is
told at the end of the run, so that it can be mended (``make test``: "rerun test summary info").

====================================  ==========
integration, e2e                      once more
marked ``timed``, in whatever folder  twice more
unit, contract, house, property, ...  never
====================================  ==========

A test that pytest-timeout has ended is not: its clock is set once for all tries of a test.
"""

from __future__ import annotations

import pytest

STARTING = {("tests", "integration"), ("tests", "e2e")}
TIMED_OUT = r"Timeout \(>"


def reruns_of(item: pytest.Item) -> int:
    """How often a test is asked again at most."""
    if item.get_closest_marker("timed"):
        return 2
    return int(item.path.relative_to(item.config.rootpath).parts[:2] in STARTING)


def mark_second_tries(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark those that are asked again; with a debugger none is."""
    if config.option.usepdb:
        return
    for item in items:
        if reruns := reruns_of(item):
            item.add_marker(pytest.mark.flaky(reruns=reruns, rerun_except=TIMED_OUT))
