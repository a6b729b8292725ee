"""The oldest Python that README.md names, Debian 12's own, runs the rules."""

from __future__ import annotations

import re
import shutil
import sysconfig
from pathlib import Path

from tests.support.bare.machines import ROOT, Network, needed

LIBRARIES = Path(sysconfig.get_path("purelib"))
"""What psd and its tests need, as it is installed here."""

LEFT_OUT = shutil.ignore_patterns(".venv", ".git", "data", "dist", "__pycache__", ".*_cache")

RUN = """\
python3 -m venv --without-pip /root/venv
lent=$(echo /root/venv/lib/python*/site-packages)/lent.pth
printf '%s\\n' /libraries /more-wheels/async_timeout-*.whl > "$lent"
/root/venv/bin/python -V
/root/venv/bin/python -m pytest --quiet -p no:cacheprovider --hypothesis-profile quick \\
    -m "not slow and not timed" tests/unit
"""


def test_the_oldest_python_of_the_readme_passes_the_unit_tests(
    network: Network, tmp_path: Path
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [oldest] = set(re.findall(r"Python (3\.\d+)", readme))
    if sysconfig.get_python_version() != oldest:
        needed(f"the libraries of this .venv are not for Python {oldest}")
    machine = network.machine("oldest", tmp_path, {"libraries": LIBRARIES})
    checkout = machine.root / "root/checkout"
    shutil.copytree(ROOT, checkout, ignore=LEFT_OUT, symlinks=True)
    told = machine.run(RUN, "/root/checkout")
    assert told.startswith(f"Python {oldest}.")
    assert re.search(r"^\d{4,} passed", told, re.MULTILINE), told
