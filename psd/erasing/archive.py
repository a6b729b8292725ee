"""Cutting erased users out of the archive of one store.

Every erasure that the archive has is carried out on every file that nobody writes, so this can be
run at any time, and again: files that were open when a user was erased are done once they are
closed, which each process does at the latest a day later.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from psd.archive.cutting import CutSummary, cut
from psd.archive.erasures import erasures_of
from psd.config import Settings
from psd.erasing.entry_edits import EntryEdit


def cut_erased(
    settings: Settings,
    numbered: Collection[int],
    store: str,
    within_s: float = float("inf"),
    folder: Path | None = None,
) -> CutSummary:
    """Cut the files of a store, and those that name none; begins none after so many seconds.

    Reads all of the archive. Raises ArchiveUnavailableError while another process cuts it.
    """
    until_s = time.monotonic() + within_s
    archive = folder or Path(settings.archive.folder)
    stores = {store}
    erasures = erasures_of(archive, stores) if archive.is_dir() else {}
    if not erasures:
        return CutSummary()
    names = [name for name, thing in settings.things.items() if thing.id in numbered]
    return cut(archive, EntryEdit(erasures, names), stores, until_s)
