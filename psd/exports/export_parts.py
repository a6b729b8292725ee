"""An export as a folder of parts, each whole or not there, so that it can be gone on with.

::

    out/bookings-000001.csv   250,031 rows
    out/bookings-000002.csv
    out/export.json           {"kind": "bookings", "parts": [...], "after": [1, 7, 0, 41], ...}

A part is written beside its name and takes it when it is on the disk; then export.json says so, and
behind what the next one begins. Whoever goes on begins the part that was broken off anew, from the
same place: in a store that stands still it has the same bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from psd.engine.plan import Range
from psd.errors import ConfigError, ConflictError, MalformedError
from psd.exports.booking_source import Chunk, Cursor
from psd.exports.parquet_files import ParquetRows
from psd.exports.row_files import CsvRows, JsonRows, RowWriter
from psd.exports.row_kinds import Cells, columns_of

RowFormat = Literal["csv", "ndjson", "parquet"]
FORMATS: tuple[RowFormat, ...] = ("csv", "ndjson", "parquet")

WRITERS: Mapping[RowFormat, Callable[..., RowWriter]] = {
    "csv": CsvRows,
    "ndjson": JsonRows,
    "parquet": ParquetRows,
}

MANIFEST = "export.json"
VERSION = 1
PART_ROWS = 250_000
HASHED_BYTES = 1 << 20


class WrittenPart(msgspec.Struct, frozen=True):
    """A part that is whole."""

    file: str
    rows: int
    bytes: int
    sha256: str


class ExportManifest(msgspec.Struct, frozen=True):
    """What an export is of, how far it has come, and whether that is all."""

    psd_export: int
    kind: str
    format: RowFormat
    asked: dict[str, Any]
    """The options as they were given."""

    within: tuple[int, int]
    """The range that they meant then."""

    parts: list[WrittenPart]
    after: Cursor
    is_whole: bool

    @property
    def rows(self) -> int:
        """Of all parts."""
        return sum(part.rows for part in self.parts)


class ExportFolder:
    """Writes chunks into parts; ``part_rows`` is what a part has at least, but for the last."""

    def __init__(self, folder: Path, manifest: ExportManifest, part_rows: int = PART_ROWS) -> None:
        self._folder = folder
        self.manifest = manifest
        self._part_rows = part_rows
        self._part: _OpenPart | None = None

    def take(self, chunk: Chunk) -> None:
        """Write a chunk; raises OSError where the disk is full."""
        if self._part is None:
            number = len(self.manifest.parts) + 1
            name = f"{self.manifest.kind}-{number:06}.{self.manifest.format}"
            self._part = _OpenPart(self._folder / name, self.manifest)
        self._part.write(chunk.rows)
        if self._part.rows >= self._part_rows:
            self._keep(chunk.after)

    def finish(self) -> None:
        """Close the last part, and say that all is there."""
        self._keep(self.manifest.after, is_whole=True)

    def leave(self) -> None:
        """Leave the part that is not whole to whoever goes on."""
        if self._part is not None:
            self._part.leave()
            self._part = None

    def _keep(self, after: Cursor, *, is_whole: bool = False) -> None:
        parts = [*self.manifest.parts]
        if self._part is not None:
            parts.append(self._part.finish())
            self._part = None
        manifest = self.manifest
        self.manifest = msgspec.structs.replace(
            manifest, parts=parts, after=after, is_whole=is_whole
        )
        write_manifest(self._folder, self.manifest)


class _OpenPart:
    """A part that is written beside its name."""

    def __init__(self, path: Path, manifest: ExportManifest) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.unfinished")
        self._file = self._beside.open("wb")
        self._writer = WRITERS[manifest.format](self._file, columns_of(manifest.kind))
        self.rows = 0

    def write(self, rows: list[Cells]) -> None:
        """Write rows."""
        self._writer.write(rows)
        self.rows += len(rows)

    def finish(self) -> WrittenPart:
        """Give the part its name, once it is on the disk."""
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._beside.replace(self._path)
        size = self._path.stat().st_size
        return WrittenPart(self._path.name, self.rows, size, digest_of(self._path))

    def leave(self) -> None:
        """Close the file as it is."""
        self._file.close()


def begun(
    folder: Path,
    kind: str,
    form: RowFormat,
    asked: dict[str, Any],
    within: Range,
    *,
    resumes: bool,
) -> ExportManifest:
    """What is there of an export, or a new one; of what is gone on with the range stays.

    Raises ConflictError for an export that is another one, or that is there and not gone on with,
    ConfigError for one that is not there to go on with.
    """
    held = read_manifest(folder)
    if held is None:
        if resumes:
            raise ConfigError(f"{folder}: there is no export to go on with; leave --resume out")
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConflictError(
                f"{folder}: the folder is not empty; name one that is, or a new one"
            )
        span = (within.start, within.end)
        made = ExportManifest(VERSION, kind, form, asked, span, [], [], is_whole=False)
        write_manifest(folder, made)
        return made
    same = (held.kind, held.format, held.asked) == (kind, form, asked)
    if not resumes:
        state = "a whole export" if held.is_whole else "an export that was broken off"
        hint = "" if held.is_whole or not same else "; --resume goes on with it"
        raise ConflictError(f"{folder}: {state} of {held.kind} is there{hint}")
    if not same:
        raise ConflictError(
            f"{folder}: the export there is of {held.kind} as {held.format}, of {held.asked}; "
            "go on with the same options, or name another folder"
        )
    return held


def read_manifest(folder: Path) -> ExportManifest | None:
    """What a folder says of its export; raises MalformedError for what no psd writes."""
    try:
        found = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        return None
    try:
        manifest = msgspec.json.decode(found, type=ExportManifest)
    except msgspec.MsgspecError as exc:
        raise MalformedError(f"{folder / MANIFEST}: not that of an export ({exc})") from exc
    if manifest.psd_export > VERSION:
        raise ConfigError(
            f"{folder / MANIFEST}: a newer psd wrote it, in version {manifest.psd_export} of "
            f"exports; this psd reads up to {VERSION}"
        )
    return manifest


def write_manifest(folder: Path, manifest: ExportManifest) -> None:
    """Put what is said of an export in the place of what was."""
    path = folder / MANIFEST
    beside = path.with_name(f".{MANIFEST}.unfinished")
    with beside.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def checked_parts(folder: Path, manifest: ExportManifest) -> list[Path]:
    """The files of an export; raises MalformedError where one is not what was written."""
    if not manifest.is_whole:
        raise ConflictError(f"{folder}: the export was broken off; psd export --resume finishes it")
    paths = []
    for part in manifest.parts:
        path = folder / part.file
        if path.name != part.file or not path.is_file() or digest_of(path) != part.sha256:
            raise MalformedError(f"{path}: it is not there, or not what the export wrote")
        paths.append(path)
    return paths


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(HASHED_BYTES):
            digest.update(part)
    return digest.hexdigest()
