"""What is imported: the folder of an export, or a single file of rows of a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from psd.errors import ConfigError
from psd.exports.export_parts import RowFormat, checked_parts, read_manifest
from psd.exports.parquet_files import read_parquet
from psd.exports.row_files import Columns, NumberedRow, read_csv, read_ndjson
from psd.exports.row_kinds import columns_of

READERS: Mapping[RowFormat, Callable[[Path, Columns], Iterator[NumberedRow]]] = {
    "csv": read_csv,
    "ndjson": read_ndjson,
    "parquet": read_parquet,
}

SUFFIXES: Mapping[str, RowFormat] = {
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
}


class OpenedExport(msgspec.Struct, frozen=True):
    """Files of rows of one kind and format, and how many rows there are, where that is known."""

    kind: str
    format: RowFormat
    files: list[Path]
    rows: int | None

    def parts(self) -> Iterator[tuple[Path, Iterator[NumberedRow]]]:
        """Each file and its rows; raises an InputError for a file that is none of its format."""
        for file in self.files:
            yield file, READERS[self.format](file, columns_of(self.kind))


def opened_export(path: Path, kind: str | None, row_format: RowFormat | None) -> OpenedExport:
    """What is at a path.

    Raises ConfigError where nothing says what it is, and what a folder is refused for.
    """
    if path.is_dir():
        manifest = read_manifest(path)
        if manifest is None:
            raise ConfigError(f"{path}: there is no export.json in it, so it is no export")
        if kind not in (None, manifest.kind):
            raise ConfigError(f"{path}: it is an export of {manifest.kind}, not of {kind}")
        files = checked_parts(path, manifest)
        return OpenedExport(manifest.kind, manifest.format, files, manifest.rows)
    found = row_format or SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise ConfigError(f"{path}: its name does not tell its format; say --format")
    assert kind is not None, "a single file is imported by the kind that is named"
    return OpenedExport(kind, found, [path], None)
