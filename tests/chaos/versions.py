"""Two versions of psd for one experiment: that of the checkout, and another one.

The other one is a copy of psd that knows neither swaps nor charging, or that of the checkout that
OTHER_PSD names.

>>> version_of(other_version(folder))
'0.0.0'
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.request import urlopen

from tests.support.processes.house import copy_of_psd

BEFORE = "0.0.0"
"""What a copy says that it is."""


def other_version(folder: Path) -> Path:
    """Where the code of another version is: OTHER_PSD, or a copy with fewer domains."""
    if named := os.environ.get("OTHER_PSD"):
        return Path(named)
    if folder.is_dir():
        return folder
    copy_of_psd(folder)
    for file, pattern, text in (
        ("domains.py", r'    "psd\.(swaps|charging)\..*\n', ""),
        ("version.py", r'VERSION = ".*"', f'VERSION = "{BEFORE}"'),
    ):
        path = folder / "psd" / file
        changed, number = re.subn(pattern, text, path.read_text(encoding="utf-8"))
        assert number, file
        path.write_text(changed, encoding="utf-8")
    return folder


def version_of(code: Path) -> str:
    """The version of a checkout."""
    text = (code / "psd" / "version.py").read_text(encoding="utf-8")
    return text.split('VERSION = "')[1].partition('"')[0]


def version_at(url: str, timeout_s: float) -> str:
    """What a server says that it is."""
    with urlopen(f"{url}/version", timeout=timeout_s) as answer:
        return str(json.load(answer)["psd"])
