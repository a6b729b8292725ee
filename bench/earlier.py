"""The psd of an earlier commit, beside today's: the same calls to both, slice by slice, by turns.

Its tree comes out of this repository's history; a clone without that leaves the measure out. Each
psd runs in a process of its own (bench/booker.py) on a Redis of its own, so that nothing but the
tree differs: workload, batches, the number of reports a call, and where the figure is taken.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.figures import Figure
from bench.model import check
from bench.processes import NotInstalledError

BEFORE_COLUMNS = "fb34f31"
"""The last commit whose stored shape has no columns (schema 2)."""

HERE = Path(__file__).resolve().parent.parent
FOLDERS = ("psd", "lua", "conf", "bench", "server", "workers")


def tree_of(commit: str, into: Path) -> Path:
    """The folders of a commit; raises NotInstalledError where the history does not have it."""
    into.mkdir(parents=True)
    packed = subprocess.run(
        ["git", "-C", str(HERE), "archive", commit, *FOLDERS], capture_output=True, check=False
    )
    if packed.returncode:
        raise NotInstalledError(f"commit {commit}")
    subprocess.run(["tar", "-x", "-C", str(into)], input=packed.stdout, check=True)
    return into


def booked_by_turns(trees: Sequence[Path], workload: str, number: int, slices: int) -> list[Figure]:
    """Microseconds of Redis a report of each tree's psd, every second slice the other way round."""
    size = -(-number // slices)
    taken: list[list[float]] = [[] for _ in trees]
    with ExitStack() as stack:
        bookers = [stack.enter_context(_booker(tree, workload, number)) for tree in trees]
        for place, first in enumerate(range(0, number, size)):
            turn = list(zip(bookers, taken, strict=True))
            for booker, figures in turn if place % 2 else turn[::-1]:
                figures.append(float(_asked(booker, f"{first} {min(first + size, number)}")))
    return [Figure(tuple(figures)) for figures in taken]


@contextmanager
def _booker(tree: Path, workload: str, number: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(HERE / "bench" / "booker.py"), workload, str(number)]
    environ = {**os.environ, "PYTHONPATH": str(tree)}
    with subprocess.Popen(
        command, cwd=tree, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            check(str(tree), "a booker that is ready", child.stdout.readline().strip(), "ready")
            yield child
        finally:
            assert child.stdin is not None
            child.stdin.close()


def _asked(booker: subprocess.Popen[str], line: str) -> str:
    assert booker.stdin is not None
    assert booker.stdout is not None
    print(line, file=booker.stdin, flush=True)
    return booker.stdout.readline()
