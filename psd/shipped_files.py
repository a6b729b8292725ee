"""Where the files are that psd ships beside its code: in the wheel, or in a checkout.

>>> shipped("settings.toml.dist").name
'settings.toml.dist'
"""

from __future__ import annotations

from pathlib import Path


def shipped(name: str) -> Path:
    """``psd/conf/<name>`` of an installed wheel, else ``conf/<name>`` of a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"conf/{name} is neither in {package} nor beside it")
