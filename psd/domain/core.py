"""What psd lends a domain: everything that it may read, and the ways out that are not booking.

A domain's ``open`` is handed a :class:`Core` and its own settings, and keeps what it needs::

    class Meters(Part):
        def __init__(self, core: Core, settings: MetersSettings) -> None:
            self.endpoints = endpoints_of(MeterQuestions(core.engine, core.clock))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from psd.archive.turns import Turns
    from psd.archive.writer import Appends
    from psd.clock import Clock
    from psd.config import Settings
    from psd.engine.engine import Engine
    from psd.observe.metrics import Metrics
    from psd.queries.boards.board_reads import BoardReads
    from psd.queries.shown import NameSource
    from psd.store.redis import Store


class Core(msgspec.Struct, frozen=True):
    """What psd lends a domain. What a message says is booked by commands, never here.

    The engine is for reading; what a follower computes is booked with a fence (engine/fences.py).
    ``boards`` are named boards with their members, ``names`` tells the names of users by number.
    To the ``archive`` goes what became of a message, where a replay could not find it out again.
    ``publish`` returns once the queue has bodies; who ``replays`` does nothing about what it keeps.
    """

    settings: Settings
    engine: Engine
    store: Store
    clock: Clock
    metrics: Metrics
    turns: Turns
    boards: BoardReads
    names: NameSource
    archive: Appends
    publish: Callable[[str, Sequence[bytes]], Awaitable[None]]
    replays: bool = False

    @property
    def things(self) -> Mapping[str, int]:
        """The numbers of things, by name."""
        return self.settings.numbers
