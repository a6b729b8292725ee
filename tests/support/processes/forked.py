"""``psd`` in a process of its own that does not import everything anew: half a second less each.

A server with the libraries in memory forks for each command; the child has the arguments, folder,
environment and files of a program that was started, and ends as one::

    ended = psd_ended(["dlq", "ls"], folder, environment())
    (ended.returncode, ended.stdout, ended.stderr)  -> (0, "", "")

Where a failpoint kills is read from the environment when psd is imported: who sets PSD_FAILPOINT
starts a process that imports it.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from psd.cli.main import main

COMMANDS = ("deadletter", "importing", "publish", "query", "replay", "users", "verify", "worker")

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(
    [*(f"psd.cli.{name}" for name in COMMANDS), "tests.support.processes.loaded_psd", __name__]
)


def psd_ended(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    stdin: bytes = b"",
    timeout_s: float = 60,
) -> subprocess.CompletedProcess[str]:
    """What became of ``psd`` with these arguments, called in ``folder``."""
    with TemporaryDirectory() as kept:
        files = [Path(kept, name) for name in ("stdin", "stdout", "stderr")]
        files[0].write_bytes(stdin)
        started = (list(arguments), str(folder), dict(environment), [str(file) for file in files])
        process = _forking.Process(target=_psd, args=started)
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            pytest.fail(f"psd {' '.join(arguments)} runs for {timeout_s} s")
        out, err = (file.read_text("utf-8") for file in files[1:])
        return subprocess.CompletedProcess(list(arguments), process.exitcode, out, err)


def _psd(arguments: list[str], folder: str, environment: dict[str, str], files: list[str]) -> None:
    """The child: from here on it is the program."""
    for number, file in enumerate(files):
        opened = os.open(file, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (open as long as the process)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["psd", *arguments]
    main()
