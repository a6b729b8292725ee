#!/usr/bin/python3
"""Stands in for systemctl where no systemd runs: starts what units say, until it is ready.

It reads what starts a service (ExecStartPre, ExecStart, Type, User, Group, folders, environment,
WatchdogSec) and leaves the sandbox out. ``daemon-reload`` does nothing, because nothing is kept.
Runs by itself in a bare Debian tree, so it imports nothing of psd.

>>> systemctl enable --now psd-server psd-worker@1
>>> systemctl restart redis-server
"""

from __future__ import annotations

import os
import pwd
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

UNIT_FOLDERS = (Path("/etc/systemd/system"), Path("/lib/systemd/system"))
RUNNING = Path("/run/stand-in")
READY_TIMEOUT_S = 180.0

Unit = Mapping[str, list[str]]


def read(name: str) -> Unit:
    """The lines of a unit's service, by key; an instance's specifiers are filled in."""
    stem, _, instance = name.partition("@")
    file = f"{stem}@.service" if instance else f"{name}.service"
    path = next(each / file for each in UNIT_FOLDERS if (each / file).exists())
    filled = path.read_text(encoding="utf-8").replace("%i", instance)
    filled = filled.replace("%H", socket.gethostname()).replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in filled.splitlines():
        key, is_one, value = line.partition("=")
        if is_one and not line.startswith(("#", ";", "[")):
            found.setdefault(key.strip(), []).append(value.strip())
    return found


def one(unit: Unit, key: str, default: str = "") -> str:
    """The last value of a key."""
    return unit.get(key, [default])[-1]


def environment_of(unit: Unit) -> dict[str, str]:
    """What a service finds, files last."""
    found = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    for line in unit.get("Environment", []):
        found |= dict(word.split("=", 1) for word in shlex.split(line))
    for name in unit.get("EnvironmentFile", []):
        path = Path(name.removeprefix("-"))
        if path.exists() or not name.startswith("-"):
            lines = path.read_text(encoding="utf-8").splitlines()
            found |= dict(line.split("=", 1) for line in lines if line and line[0] != "#")
    return found


def make_folders(unit: Unit, owner: pwd.struct_passwd) -> None:
    """State and runtime folders, owned by the user."""
    for key, above in (("StateDirectory", "/var/lib"), ("RuntimeDirectory", "/run")):
        for name in one(unit, key).split():
            path = Path(above, name)
            path.mkdir(mode=int(one(unit, f"{key}Mode", "0755"), 8), parents=True, exist_ok=True)
            os.chown(path, owner.pw_uid, owner.pw_gid)


def started(
    unit: Unit, command: str, more: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """A process of the service, as its user."""
    owner = pwd.getpwnam(one(unit, "User", "root"))
    make_folders(unit, owner)
    with log.open("ab") as output:
        return subprocess.Popen(
            shlex.split(command.lstrip("-")),
            cwd=one(unit, "WorkingDirectory", "/"),
            env={**environment_of(unit), **more},
            user=owner.pw_uid,
            group=owner.pw_gid,
            extra_groups=[],
            umask=int(one(unit, "UMask", "0022"), 8),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def start(name: str) -> None:
    """Start a service, and return once it is ready; ends with its log if it never is."""
    unit, log = read(name), RUNNING / f"{name}.log"
    RUNNING.mkdir(exist_ok=True)
    for command in unit.get("ExecStartPre", []):
        assert started(unit, command, {}, log).wait() == 0, log.read_text()
    address = f"@stand-in-{name}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind("\0" + address[1:])
        notified.settimeout(0.2)
        watchdog = {"WATCHDOG_USEC": f"{one(unit, 'WatchdogSec', '0')}000000"}
        more = {"NOTIFY_SOCKET": address, **watchdog} if one(unit, "Type") == "notify" else {}
        process = started(unit, one(unit, "ExecStart"), more, log)
        (RUNNING / f"{name}.pid").write_text(str(process.pid))
        if more:
            wait_ready(process, notified, log)
        elif one(unit, "Type") == "forking":
            assert process.wait() == 0, log.read_text()
    print(f"{name} is started", flush=True)


def wait_ready(process: subprocess.Popen[bytes], notified: socket.socket, log: Path) -> None:
    """Until READY=1 is told."""
    until_s = time.monotonic() + READY_TIMEOUT_S
    while process.poll() is None and time.monotonic() < until_s:
        try:
            if b"READY=1" in notified.recv(4096).split(b"\n"):
                return
        except TimeoutError:
            continue
    sys.exit(f"it is not ready:\n{log.read_text()}")


def stop(name: str) -> None:
    """End a service that was started here."""
    path = RUNNING / f"{name}.pid"
    if not path.exists():
        return
    pid = int(path.read_text())
    path.unlink()
    try:
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}").exists():
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
            time.sleep(0.05)
    except (ProcessLookupError, FileNotFoundError):
        return


def main() -> None:
    """One command line."""
    verb, *names = [word for word in sys.argv[1:] if word != "--now"]
    if verb == "daemon-reload":
        return
    assert verb in ("enable", "start", "restart", "stop"), sys.argv
    for name in names:
        stop(name)
        if verb != "stop":
            start(name)


main()
