"""One run: its folder, its servers, its rows, and the systems that several measures share."""

from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.figures import Row
from bench.loading import Loaded, load
from bench.peers.original import OriginalLayout
from bench.peers.postgres import Postgres, postgres
from bench.processes import NotInstalledError, redis_server
from bench.psd_system import PsdSystem
from bench.sizes import Sizes
from bench.workloads import sparse


class Workbench:
    """Starts what a measure asks for and ends everything with the run."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.rows: list[Row] = []
        self.notes: list[str] = []
        self.missing: set[str] = set()
        self._stack = AsyncExitStack()
        self._started = 0
        self._sparse: Loaded | None = None
        self._postgres: Postgres | None = None

    async def __aenter__(self) -> Self:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="psd-bench-"))
        self.root = Path(folder)
        # PostgreSQL runs as a user of its own and has to reach its folder below this one.
        self.root.chmod(0o755)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def folder(self, name: str) -> Path:
        """A path in the run's folder that nothing else uses."""
        self._started += 1
        return self.root / f"{self._started}-{name}"

    async def pair(self, stack: AsyncExitStack | None = None) -> tuple[PsdSystem, OriginalLayout]:
        """Psd and the original's layout, each on an empty Redis; they end with ``stack``."""
        stack = stack or self._stack
        psd = await PsdSystem.open(stack.enter_context(redis_server(self.folder("psd"))))
        stack.push_async_callback(psd.close)
        original = OriginalLayout(stack.enter_context(redis_server(self.folder("original"))))
        stack.push_async_callback(original.close)
        return psd, original

    async def sparse(self) -> Loaded:
        """The sparse workload in both systems, loaded when the first measure asks for it."""
        if self._sparse is None:
            reports = sparse(self.sizes.sparse_events)
            self._sparse = await load(await self.pair(), reports, self.sizes.slices)
        return self._sparse

    async def postgres(self) -> Postgres | None:
        """The PostgreSQL of this run, or None where it is not installed."""
        if self._postgres is None and not self.missing:
            try:
                self._postgres = await self._stack.enter_async_context(
                    postgres(self.folder("postgres"))
                )
            except NotInstalledError as exc:
                self.missing.add(str(exc))
        return self._postgres

    def add(self, *rows: Row) -> None:
        """Put rows into the table."""
        self.rows.extend(rows)
