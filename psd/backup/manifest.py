"""What a backup says of itself: ``manifest.json``, written last, so that it stands for a whole one.

::

    {"format": 1, "id": "9f2c64e1a07b", "psd": "0.2.0", "schema": "4", "partitions": 1,
     "store": "5a1e09c3b7d2", "as_of": "2016-04-12T12:00:04Z",
     "replay_from": "2016-04-12T11:50:04Z", "keys": 12345,
     "files": [{"path": "store/00001.keys", "bytes": 4203518, "sha256": "7d..."}, ...],
     "checksum": "c1..."}

``as_of`` is the moment, by the store's clock, at which the store held exactly what the files have.
What was accepted until ``replay_from`` is booked in them; what came behind it is booked again by
``psd replay``, which changes only what is missing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from psd.errors import ConfigError, ShapeError
from psd.store.fitness import OF_A_BACKUP
from psd.store.keys import SCHEMA_VERSION, SCHEMAS_BEFORE

FORMAT = 1
"""Rises with each change of what the files hold, or how."""

NAME = "manifest.json"
STORE = "store"
ARCHIVE = "archive"

REPLAY_MARGIN_S = 600
"""What was archived is booked within seconds, or with the next try of a worker that waits for the
store: a minute later at most. Ten minutes cost a replay of 1,000 events a second half a minute."""

READ_BYTES = 1 << 20


class BackupFile(msgspec.Struct, frozen=True):
    """A file of a backup, by its path within."""

    path: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See above; ``read_again`` counts keys that changed meanwhile, ``held_ms`` is the hold."""

    id: str
    psd: str
    schema: str
    partitions: int
    store: str
    began_at: str
    as_of: str
    replay_from: str
    keys: int
    read_again: int
    held_ms: int
    files: list[BackupFile]
    format: int = FORMAT
    checksum: str = ""

    @property
    def store_bytes(self) -> int:
        """How large the files of keys are."""
        return sum(file.bytes for file in self.of(STORE))

    @property
    def archive_bytes(self) -> int:
        """How large the files of the archive are."""
        return sum(file.bytes for file in self.of(ARCHIVE))

    def of(self, part: str) -> list[BackupFile]:
        """The files of the store, or of the archive."""
        return [file for file in self.files if file.path.startswith(f"{part}/")]

    @property
    def origin(self) -> str:
        """What the store that is filled from it is marked with until it is whole."""
        return f"{OF_A_BACKUP}{self.id} of {self.as_of}"


def new_id() -> str:
    """What tells a backup from every other one."""
    return secrets.token_hex(6)


def moment(ms: int) -> str:
    """``1460462404000`` -> ``"2016-04-12T12:00:04Z"``, the second that it lies in."""
    return dt.datetime.fromtimestamp(ms // 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Bring it to the disk; returns it with its checksum."""
    whole = msgspec.structs.replace(manifest, checksum=_checksum(manifest))
    text = msgspec.json.format(msgspec.json.encode(whole), indent=1)
    with (folder / NAME).open("xb") as file:
        file.write(text + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return whole


def read_manifest(folder: Path) -> Manifest:
    """What a backup says of itself; raises ConfigError or ShapeError for what is none."""
    path = folder / NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is none, so this is no backup, or one that was broken off; "
            "`psd backup` makes a whole one"
        ) from None
    try:
        manifest = _decode(text)
    except msgspec.DecodeError as error:
        raise _unreadable(path, text, error) from error
    if manifest.format != FORMAT:
        raise ConfigError(_NEWER.format(path=path, found=f"format {manifest.format}"))
    if _checksum(msgspec.structs.replace(manifest, checksum="")) != manifest.checksum:
        raise ShapeError(f"{path}: it is not what was written: its checksum is another")
    _check_schema(path, manifest)
    return manifest


def check_files(folder: Path, manifest: Manifest, tell: Callable[[int], None]) -> None:
    """Hold every file against its size and checksum; ``tell`` hears of bytes. Raises ShapeError."""
    for file in manifest.files:
        path = folder / file.path
        digest = hashlib.sha256()
        size = 0
        try:
            with path.open("rb") as opened:
                while part := opened.read(READ_BYTES):
                    digest.update(part)
                    size += len(part)
                    tell(len(part))
        except FileNotFoundError:
            raise ShapeError(f"{path}: it is missing, so nothing is restored") from None
        if size != file.bytes:
            raise ShapeError(
                f"{path}: it has {size:,} bytes, and had {file.bytes:,}; nothing is restored"
            )
        if digest.hexdigest() != file.sha256:
            raise ShapeError(f"{path}: it is spoiled: its checksum is another; nothing is restored")


_decode = msgspec.json.Decoder(Manifest).decode

_NEWER = "{path}: a newer psd wrote it ({found}); restore it with one that is as new"


def _unreadable(path: Path, text: bytes, error: Exception) -> ConfigError | ShapeError:
    try:
        format_of = msgspec.json.decode(text, type=_OfFormat).format
    except msgspec.DecodeError:
        format_of = 0
    if format_of > FORMAT:
        return ConfigError(_NEWER.format(path=path, found=f"format {format_of}"))
    return ShapeError(f"{path}: it cannot be read ({error})")


def _check_schema(path: Path, manifest: Manifest) -> None:
    if manifest.schema == SCHEMA_VERSION:
        return
    if manifest.schema in SCHEMAS_BEFORE:
        raise ConfigError(
            f"{path}: the store was of version {manifest.schema}, and this psd reads version "
            f"{SCHEMA_VERSION}: restore it with psd {manifest.psd}, and then move it by "
            "`psd migrate`"
        )
    raise ConfigError(_NEWER.format(path=path, found=f"version {manifest.schema} of the store"))


def _checksum(manifest: Manifest) -> str:
    return hashlib.sha256(msgspec.json.encode(manifest)).hexdigest()


class _OfFormat(msgspec.Struct):
    format: int = 0
