"""What a site has to say and the queue has not taken yet: files in a folder, the oldest first.

::

    spool = Spool(Path("/var/lib/psd-site"), bytes_max=64_000_000)
    spool.put("telemetry", packed(chunk), now_ms)     0001723939200000-000001.telemetry
    spool.oldest(100)                                 -> [Spooled(path, "telemetry", ...)]
    spool.drop(sent)

A file is whole or not there. Past ``bytes_max`` the oldest go, because a site that was cut off for
weeks is better off with what was lately; ``lost`` counts them. A message is sent again if this
process dies between sending and dropping it: whoever reads it knows it by its content.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from psd.errors import StartError

_NAME = re.compile(r"(\d{16}-\d{6})\.([A-Za-z0-9_.-]{1,64})")


class Spooled(msgspec.Struct, frozen=True):
    """One message, and where it lies."""

    path: Path
    topic: str
    body: bytes


class Spool:
    """One folder, of one process; raises StartError where it cannot be written.

    One that does not sync outlives its process, but not a power cut.
    """

    def __init__(self, folder: Path, bytes_max: int, *, syncs: bool = True) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._syncs = syncs
        self._numbers = itertools.count(1)
        self.lost = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob("*.part"):
                left.unlink()
            self._sizes = {path: path.stat().st_size for path in self._files()}
        except OSError as exc:
            raise StartError(f"spool: {folder}: {exc.strerror}") from exc

    def __len__(self) -> int:
        return len(self._sizes)

    def put(self, topic: str, body: bytes, now_ms: int) -> None:
        """Keep a message; the oldest make room for it."""
        name = f"{now_ms:016}-{next(self._numbers) % 1_000_000:06}.{topic}"
        path, part = self._folder / name, self._folder / f"{name}.part"
        with part.open("wb") as file:
            file.write(body)
            file.flush()
            if self._syncs:
                os.fsync(file.fileno())
        part.rename(path)
        self._sizes[path] = len(body)
        self._make_room()

    def oldest(self, count: int) -> list[Spooled]:
        """So many messages, the oldest first."""
        found = []
        for path in itertools.islice(sorted(self._sizes), count):
            match = _NAME.fullmatch(path.name)
            assert match is not None, "only such files are in the spool"
            found.append(Spooled(path, match[2], path.read_bytes()))
        return found

    def drop(self, sent: Iterable[Spooled]) -> None:
        """The queue has these."""
        for each in sent:
            self._unlink(each.path)

    def _make_room(self) -> None:
        total = sum(self._sizes.values())
        for path in sorted(self._sizes)[:-1]:
            if total <= self._bytes_max:
                return
            total -= self._sizes[path]
            self._unlink(path)
            self.lost += 1

    def _unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._sizes.pop(path, None)

    def _files(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)]
