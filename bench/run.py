"""psd and its peers, side by side in one run: ``python -m bench.run [--quick] [sections]``.

Sections: a worker, b write, c query, d sums, e storage, f heavy owner, g board, h archive,
i slow clients, n neighbours, p plugs, q queries of every kind, r weekly rewards, s swaps, u energy,
z floor.
``python -m bench.run --quick ef`` runs two of them. The table goes to standard output;
progress goes to standard error. Exit code 1 when any answer was wrong; with ``--strict`` also
when a must was missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop

from bench import machine
from bench.figures import as_json, render
from bench.model import WrongAnswerError
from bench.processes import NotInstalledError
from bench.sections import (
    archive,
    boards,
    energy_cost,
    everybody,
    floor,
    heavy,
    http,
    intervals,
    neighbours,
    plugs,
    queries,
    reading,
    rewards,
    slowloris,
    storage,
    swaps,
    worker,
)
from bench.sizes import FULL, QUICK
from bench.workbench import Workbench


async def run_boards(bench: Workbench) -> None:
    """Boards beside the original's, then those of everybody out of columns."""
    await boards.run(bench)
    await everybody.run(bench)


async def run_energy(bench: Workbench) -> None:
    """What meters send, then what is asked of them."""
    await intervals.run(bench)
    await energy_cost.run(bench)


SECTIONS: dict[str, Callable[[Workbench], Awaitable[None]]] = {
    "a": worker.run,
    "b": http.run_writes,
    "c": http.run_queries,
    "d": reading.run,
    "e": storage.run,
    "f": heavy.run,
    "g": run_boards,
    "h": archive.run,
    "i": slowloris.run,
    "n": neighbours.run,
    "p": plugs.run,
    "q": queries.run,
    "r": rewards.run,
    "s": swaps.run,
    "u": run_energy,
    "z": floor.run,
}


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("sections", nargs="*", help="letters of sections; all by default")
    parser.add_argument("--quick", action="store_true", help="smaller workloads, under two minutes")
    parser.add_argument("--strict", action="store_true", help="fail when a must is missed")
    parser.add_argument("--json", type=Path, help="also write every repetition to this file")
    arguments = parser.parse_args()
    letters = "".join(arguments.sections) or "".join(SECTIONS)
    unknown = sorted(set(letters) - set(SECTIONS))
    if unknown:
        parser.error(f"unknown sections {', '.join(unknown)}; known are {', '.join(SECTIONS)}")
    try:
        report = uvloop.run(run(letters, quick=arguments.quick))
    except WrongAnswerError as exc:
        print(f"wrong answer: {exc}", file=sys.stderr)
        return 1
    print(report.text())
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(report.tree())))
    return 1 if arguments.strict and report.missed() else 0


class BenchReport(msgspec.Struct, frozen=True):
    """A finished run."""

    started: datetime
    machine: str
    quick: bool
    seconds: float
    bench_rows: tuple[object, ...]
    table: str
    verdicts: tuple[str, ...]

    def text(self) -> str:
        """What is printed."""
        kind = "quick run: not to be quoted" if self.quick else "full run"
        taken = f"{self.started:%Y-%m-%d %H:%M} UTC, {kind}, {self.seconds:.0f} s"
        return f"{self.table}\n\n{self.machine}\n{taken}"

    def missed(self) -> bool:
        """Whether a must was missed."""
        return "MISSED" in self.verdicts

    def tree(self) -> dict[str, object]:
        """What is written as JSON."""
        return {
            "started": self.started,
            "machine": self.machine,
            "quick": self.quick,
            "seconds": self.seconds,
            "rows": self.bench_rows,
        }


async def run(letters: str, *, quick: bool) -> BenchReport:
    """Run sections in the order of their letters."""
    started = datetime.now(UTC)
    clock = time.perf_counter()
    left_out: list[str] = []
    async with Workbench(QUICK if quick else FULL) as bench:
        for letter in sorted(set(letters)):
            section_clock = time.perf_counter()
            try:
                await SECTIONS[letter](bench)
            except NotInstalledError as exc:
                left_out.append(f"section {letter} left out: {exc} is not installed")
            print(f"{letter}: {time.perf_counter() - section_clock:.0f} s", file=sys.stderr)
        rows, notes = bench.rows, bench.notes
    return BenchReport(
        started,
        machine.describe(),
        quick,
        time.perf_counter() - clock,
        tuple(as_json(row) for row in rows),
        "\n\n".join([render(rows), *notes, *left_out]),
        tuple(row.verdict for row in rows),
    )


if __name__ == "__main__":
    sys.exit(main())
