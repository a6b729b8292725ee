"""Bare Debian machines: a tree made by debootstrap, each machine a copy with a network of its own.

The tree is made once and kept in ``~/.cache/psd``; a machine is an overlay of it, in namespaces for
processes, mounts, names and network, so that nothing of it outlives it. Machines see each other by
their names, and nothing else: packages are those of the tree, Python's come from a folder of
wheels. It needs root, debootstrap, a mirror of Debian and a kernel that gives namespaces and
overlays. Where one of them is missing, which says nothing of psd, tests are skipped and `.ci/run`
tells it at its end.

>>> with Network() as network:
...     store = network.machine("store", folder)
...     print(store.run("hostname"))
store
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, Self

import pytest

ROOT = Path(__file__).parents[3]
WHEELS = Path(sys.prefix) / "wheels"
"""Of what psd needs, left there by `make test`."""

MORE_WHEELS = ("async-timeout", "pip", "setuptools", "wheel")
"""What Debian's Python 3.11.2 needs beside them, and what its pipx takes anew for itself."""
STAND_IN = Path(__file__).with_name("stand_in_systemctl.py")

SUITE = "bookworm"
PACKAGES = (
    *("ca-certificates", "curl", "nginx-light", "nginx", "openssl", "pipx"),
    *("python3", "python3-venv", "redis-server"),
)
PROGRAMS = ("debootstrap", "setpriv", "unshare", "nsenter", "ip", "mount", "chroot")
RUN_TIMEOUT_S = 600.0
START_TIMEOUT_S = 180.0

OWN = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "/wheels /more-wheels",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_COMPILE": "1",
}
"""The environment of every command of a machine: pip asks nobody but the folder of wheels."""

INIT = """\
mount --make-rprivate / &&
(mount -t overlay overlay -o lowerdir={tree},upperdir={upper},workdir={work} {top} ||
 (mount -t tmpfs tmpfs {scratch} && mkdir {upper} {work} &&
  mount -t overlay overlay -o lowerdir={tree},upperdir={upper},workdir={work} {top})) &&
mount -t proc proc {top}/proc && {lent} &&
hostname {name} && ip link set lo up && echo up && exec sleep infinity
"""

LENT = "mkdir {place} && mount --bind {source} {place} && mount -o remount,bind,ro {place}"


def needed(why: str) -> NoReturn:
    """There can be no bare machine here."""
    pytest.skip(f"no bare machine: {why}")


def cached(name: str) -> Path:
    """A place in the folder that CI keeps between its runs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "psd"
    cache.mkdir(parents=True, exist_ok=True)
    return cache / name


def more_wheels() -> Path:
    """A folder with MORE_WHEELS, loaded once."""
    folder = cached("bare-wheels")
    if not folder.exists():
        unfinished = cached(f"bare-wheels.{os.getpid()}")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        called(*pip, "--only-binary", ":all:", "--dest", unfinished, *MORE_WHEELS)
        unfinished.rename(folder)
    return folder


def bare_tree() -> Path:
    """The tree, made when it is not there: a minute, once."""
    if os.getuid() != 0:
        needed("a bare tree needs root")
    folders = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    for program in PROGRAMS:
        if shutil.which(program, path=folders) is None:
            needed(f"a bare tree needs {program}")
    made_of = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:12]
    tree = cached(f"{SUITE}-{made_of}")
    if not tree.exists():
        unfinished = cached(f"{SUITE}-{made_of}.{os.getpid()}")
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
        done = subprocess.run(
            [*command, SUITE, str(unfinished)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            shutil.rmtree(unfinished, ignore_errors=True)
            needed(f"debootstrap:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        (unfinished / "etc" / "resolv.conf").write_text("", encoding="utf-8")
        unfinished.rename(tree)
    return tree


def called(*words: str | Path, timeout_s: float = RUN_TIMEOUT_S) -> str:
    """What a command prints; fails the test with all it said where it ends with an error."""
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}"
    return done.stdout


class Namespaces:
    """A process that holds namespaces; all within them ends with it."""

    def __init__(self, kinds: Sequence[str], script: str) -> None:
        # It ends with this process, also where that is killed.
        words = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "unshare",
            "--pid",
            "--fork",
            "--kill-child=KILL",
        ]
        words += [*kinds, "sh", "-c", script]
        self._process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._process.stdout is not None
        lines = []
        while line := self._process.stdout.readline():
            lines.append(line)
            if line == b"up\n":
                break
        if b"up\n" not in lines:
            needed(f"the kernel refuses namespaces or overlays: {b''.join(lines)!r}")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self.pid = children.read_text().split()[0]

    def end(self) -> None:
        """It, and whatever was started there, is gone."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        until_s = time.monotonic() + START_TIMEOUT_S
        while Path(f"/proc/{self.pid}").exists() and time.monotonic() < until_s:
            time.sleep(0.01)


class Machine:
    """One machine; ``folder`` is its scratch, ``root`` its file system as seen from here.

    ``lent`` are folders of this machine by the names that they have at its root, to read alone.
    """

    def __init__(self, name: str, tree: Path, folder: Path, lent: Mapping[str, Path]) -> None:
        self.name = name
        parts = {each: folder / each for each in ("scratch", "top")}
        for path in parts.values():
            path.mkdir(parents=True)
        upper, work = parts["scratch"] / "upper", parts["scratch"] / "work"
        upper.mkdir()
        work.mkdir()
        self._top = parts["top"]
        folders = {"wheels": WHEELS, "more-wheels": more_wheels(), **lent}
        binds = [
            LENT.format(place=self._top / place, source=source) for place, source in folders.items()
        ]
        script = INIT.format(
            tree=tree, upper=upper, work=work, name=name, lent=" && ".join(binds), **parts
        )
        self.namespaces = Namespaces(("--net", "--uts", "--ipc", "--mount"), script)
        self.root = Path(f"/proc/{self.namespaces.pid}/root{self._top}")
        self.put(STAND_IN, "usr/local/bin/systemctl", 0o755)

    def put(self, source: Path, place: str, mode: int | None = None) -> None:
        """Copy a file or a folder to a place of the machine."""
        target = self.root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            # Whoever runs psd beside this makes files there and renames them.
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy(source, target)
        if mode is not None:
            target.chmod(mode)

    def run(self, script: str, folder: str = "/root", user: str = "0:0", **more: str) -> str:
        """What a script of the shell prints; the test fails at its first command that does."""
        environment = {**OWN, "HOME": folder, **more}
        inside = ["env", "-i", *(f"{name}={value}" for name, value in environment.items())]
        inside += ["bash", "-euc", f"cd {folder}\n{script}"]
        enter = ["nsenter", "--target", self.namespaces.pid, "--all"]
        return called(*enter, "chroot", f"--userspec={user}", self._top, *inside)


class Network:
    """Machines that know each other by name; they are gone when it ends."""

    def __init__(self) -> None:
        self._tree = bare_tree()
        self._switch = Namespaces(("--net",), "echo up && exec sleep infinity")
        self._in_switch = ("nsenter", "--target", self._switch.pid, "--net")
        called(*self._in_switch, "ip", "link", "add", "switch", "type", "bridge")
        called(*self._in_switch, "ip", "link", "set", "switch", "up")
        self._machines: list[Machine] = []

    def machine(self, name: str, folder: Path, lent: Mapping[str, Path] | None = None) -> Machine:
        """One more."""
        made = Machine(name, self._tree, folder / name, lent or {})
        self._machines.append(made)
        number = len(self._machines)
        link, enter = f"m{number}", ("nsenter", "--target", made.namespaces.pid, "--net")
        pair = ("type", "veth", "peer", "name", "eth0", "netns", made.namespaces.pid)
        called(*self._in_switch, "ip", "link", "add", link, *pair)
        called(*self._in_switch, "ip", "link", "set", link, "master", "switch", "up")
        called(*enter, "ip", "address", "add", f"10.9.0.{number}/24", "dev", "eth0")
        called(*enter, "ip", "link", "set", "eth0", "up")
        known = [f"10.9.0.{at} {each.name}" for at, each in enumerate(self._machines, 1)]
        for each in self._machines:
            hosts = "\n".join(["127.0.0.1 localhost", "::1 localhost", *known, ""])
            (each.root / "etc" / "hosts").write_text(hosts, encoding="utf-8")
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._machines:
            each.namespaces.end()
        self._switch.end()
