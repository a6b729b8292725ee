"""numpy is imported where something is read with it, and by nobody else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from psd import arrays


def printed(code: str, **environment: str) -> str:
    """What a Python of its own prints."""
    inherited = {name: value for name, value in os.environ.items() if "OPENBLAS" not in name}
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env=inherited | environment,
    )
    return found.stdout.strip()


@pytest.mark.slow("a process of its own")
@pytest.mark.parametrize(
    "imports",
    [
        "psd.cli.worker, workers.service, psd.runtime, psd.rewards.domain",
        "psd.client, psd.rewards.client",
        "psd.cli.up, psd.cli.replay, psd.cli.verify",
    ],
)
def test_who_books_asks_or_repairs_imports_no_numpy(imports: str) -> None:
    assert printed(f"import sys, {imports}; print('numpy' in sys.modules)") == "False"


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.slow("a process of its own")
def test_numpy_is_there_when_it_is_first_used_and_starts_no_thread() -> None:
    code = (
        "import os, sys\n"
        "from psd import arrays\n"
        "print('numpy' in sys.modules, arrays.numpy.int64(7), len(os.listdir('/proc/self/task')))\n"
    )
    assert printed(code) == "False 7 1"


@pytest.mark.slow("a process of its own")
def test_who_says_how_many_threads_numpy_may_have_is_heard() -> None:
    code = "import os; from psd import arrays; arrays.load(); print(os.environ[{!r}])"
    assert printed(code.format("OPENBLAS_NUM_THREADS"), OPENBLAS_NUM_THREADS="3") == "3"


def test_another_name_is_as_missing_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="no attribute 'pandas'"):
        arrays.pandas  # noqa: B018  (that it raises is the test)
