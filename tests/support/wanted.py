"""What a test wants of its ``psd`` or ``runtime``, as the marker ``psd`` says it.

>>> pytestmark = pytest.mark.psd({"server.ids_max": 5}, now_s=NOON_S, holds=[report(400)])

is an engine whose clock stands at noon, with one booking in its store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pytest

from psd.clock import ManualClock
from psd.engine.events import Event
from psd.runtime import Runtime
from tests.support.engine import book, engine_on


@dataclass(frozen=True)
class Wanted:
    """Settings by name, the second at which its clock stands, its archive, what it has booked."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    now_s: int | None = None
    archives: bool = False
    holds: Sequence[Event] = ()

    @classmethod
    def of(cls, request: pytest.FixtureRequest, **defaults: Any) -> Self:
        """What the nearest marker says, and for the rest ``defaults``."""
        marker = request.node.get_closest_marker("psd")
        wanted = cls(**defaults)
        if marker is None:
            return wanted
        settings = dict(zip(("settings",), marker.args, strict=False))
        return replace(wanted, **settings, **marker.kwargs)

    @asynccontextmanager
    async def opened(
        self, url: str, more_settings: Mapping[str, Any], folder: Path
    ) -> AsyncIterator[Runtime]:
        """That runtime on the store at ``url``; its archive, if it has one, is ``folder``."""
        # Who archives nothing still finds what is there, also what psd has left in a checkout.
        own = {"queue.kind": "stream", "archive.folder": str(folder)}
        settings = {**own, **self.settings, **more_settings}
        clock = None if self.now_s is None else ManualClock(self.now_s)
        archive = folder if self.archives else None
        async with engine_on(url, settings, clock, archive) as runtime:
            if self.holds:
                assert set(await book(runtime, self.holds)) == {"booked"}
            yield runtime
