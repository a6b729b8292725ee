"""(h) What the archive costs: a worker with it against the same worker without.

Every message is compressed and fsynced before it is booked, with the batch. The bytes are those
of the day files after the drain, by event.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, Row, interleaved
from bench.processes import NsqAddress
from bench.sections.worker import Drain
from bench.workbench import Workbench
from bench.workloads import dense, sparse
from psd.engine.events import Report


async def run(bench: Workbench) -> None:
    """Sparse and dense, ``fast`` and ``durable``."""
    count = bench.sizes.drain_messages
    per_hour = bench.sizes.dense_vehicles * 360
    workloads = {
        "sparse": sparse(count),
        "dense": dense(bench.sizes.dense_vehicles, -(-count // per_hour))[:count],
    }
    for name, reports in workloads.items():
        without = {mode: Drain(bench, mode, reports) for mode in ("fast", "durable")}
        archiving = {mode: ArchivingDrain(bench, mode, reports) for mode in ("fast", "durable")}
        measurements = {mode: drain.events_per_s for mode, drain in without.items()}
        measurements |= {f"{mode}+": drain.events_per_s for mode, drain in archiving.items()}
        taken = await interleaved(bench.sizes.repetitions, measurements)
        for mode, drain in archiving.items():
            measure = f"worker with archive, {name}, {mode}"
            peer = "without archive"
            bench.add(Row("h", measure, "events/s", taken[f"{mode}+"], peer, taken[mode]))
            held = Figure(tuple(drain.bytes_per_event))
            bench.add(Row("h", f"archive, {name}, {mode}", "bytes/event", held))


class ArchivingDrain(Drain):
    """A drain by a worker that archives; ``bytes_per_event`` has one value a repetition."""

    def __init__(self, bench: Workbench, mode: str, reports: Sequence[Report]) -> None:
        super().__init__(bench, mode, reports)
        self._workbench = bench
        self._folder = Path()
        self.bytes_per_event: list[float] = []
        self._events = len(reports)

    async def events_per_s(self) -> float:
        """Drain, then weigh the files."""
        self._folder = self._workbench.folder("archive")
        rate = await super().events_per_s()
        size = sum(path.stat().st_size for path in self._folder.rglob("*.psda"))
        self.bytes_per_event.append(size / self._events)
        return rate

    def _worker(self, socket: Path, address: NsqAddress) -> tuple[list[str], dict[str, str]]:
        command, environ = super()._worker(socket, address)
        environ["PSD_ARCHIVE_ENABLED"] = "true"
        environ["PSD_ARCHIVE_FOLDER"] = str(self._folder)
        return command, environ
