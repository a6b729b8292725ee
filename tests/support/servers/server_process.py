"""A server of a test as a process: started until it answers, ended until it is gone.

>>> process = started("nsqd", [binary, "-tcp-address=..."], folder / "log", answers)
>>> ended(process, signal.SIGTERM)
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


def started(
    name: str, command: Sequence[str], log_file: Path, answers: Callable[[], bool]
) -> subprocess.Popen[bytes]:
    """The process of a command once ``answers``; the test fails with its log if it never does."""
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline_s:
            ended(process, signal.SIGKILL)
            told = log_file.read_text(encoding="utf-8", errors="replace")
            pytest.fail(f"{name} does not start:\n{told}")
        time.sleep(0.01)
    return process


def ended(process: subprocess.Popen[bytes], with_signal: signal.Signals) -> None:
    """It is gone when this returns, even one that was stopped by SIGSTOP."""
    process.send_signal(with_signal)
    if with_signal is signal.SIGTERM:
        process.send_signal(signal.SIGCONT)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
