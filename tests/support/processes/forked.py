"""``psd`` in a process of its own that does not import everything anew: half a second less each.

A server with the libraries in memory forks for each command; the child has the arguments, folder,
environment and files of a program that was started, and ends as one::

    ended = psd_ended(["dlq", "ls"], folder, environment())
    (ended.returncode, ended.stdout, ended.stderr)  -> (0, "", "")

One that goes on is handed over running, in the words of :class:`subprocess.Popen`::

    worker = Forked(["worker"], folder, environment(), Files(output=folder / "log"))
    worker.poll(), worker.kill(), worker.wait()     -> None, None, -9

Where a failpoint kills is read from the environment when psd is imported: with PSD_FAILPOINT the
child reads it again. It ends with the server that forked it, which ends with this process.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from psd import failpoints
from psd.cli.main import main

COMMANDS = (
    *("deadletter", "importing", "publish", "query", "replay", "server", "users", "verify"),
    "worker",
)
PR_SET_PDEATHSIG = 1

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(
    [*(f"psd.cli.{name}" for name in COMMANDS), "tests.support.processes.loaded_psd", __name__]
)


class Files(NamedTuple):
    """Standard input, output and error of a process; without ``error`` that goes to ``output``."""

    output: Path
    error: Path | None = None
    input: Path = Path(os.devnull)


class Forked:
    """A ``psd`` that runs."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], files: Files
    ) -> None:
        opened = [str(files.input), str(files.output), str(files.error or "")]
        started = (list(arguments), str(folder), dict(environment), opened)
        self._process = _forking.Process(target=_psd, args=started)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, below 0 where a signal ended it; None while it runs."""
        return self.poll()

    def poll(self) -> int | None:
        """The same."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def psd_ended(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    stdin: bytes = b"",
    timeout_s: float = 60,
) -> subprocess.CompletedProcess[str]:
    """What became of ``psd`` with these arguments, called in ``folder``."""
    with TemporaryDirectory() as kept:
        given, out, err = (Path(kept, name) for name in ("stdin", "stdout", "stderr"))
        given.write_bytes(stdin)
        process = Forked(arguments, folder, environment, Files(out, err, given))
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"psd {' '.join(arguments)} runs for {timeout_s} s")
        told = [file.read_text("utf-8") if file.exists() else "" for file in (out, err)]
        return subprocess.CompletedProcess(list(arguments), code, *told)


def _psd(arguments: list[str], folder: str, environment: dict[str, str], files: list[str]) -> None:
    """The child: from here on it is the program."""
    _end_with_the_server()
    for number, file in enumerate(files):
        opened = os.open(file, os.O_RDWR | os.O_CREAT) if file else os.dup(1)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (open as long as the process)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if failpoints.VARIABLE in environment:
        # Whoever reaches a place looks it up in the module, which stays the same one.
        importlib.reload(failpoints)
    sys.argv = ["psd", *arguments]
    main()


def _end_with_the_server() -> None:
    """As Linux does at the death of who forked it, when it is asked to."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
