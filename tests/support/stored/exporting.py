"""Exports as ``psd export`` and ``psd import`` make them, without a process or a connection each.

>>> await export_to(psd, "bookings", tmp_path / "out", "csv")
>>> await take_from(psd, tmp_path / "out")
Counter({'booked': 1612})
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from psd.cli.exporting import Choice, source_of
from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.exports.booking_taking import BookingTaker
from psd.exports.export_parts import ExportFolder, ExportManifest, RowFormat, begun
from psd.exports.message_taking import MessageTaker
from psd.exports.opened_exports import opened_export
from psd.runtime import Runtime

EVER = Range(0, TIME_END_S)
ALL = Choice((), (), (), ())


async def export_to(
    psd: Runtime,
    kind: str,
    folder: Path,
    form: RowFormat,
    within: Range = EVER,
    choice: Choice = ALL,
    part_rows: int = 200,
) -> ExportManifest:
    """Export to a folder that is not there yet."""
    manifest = begun(folder, kind, form, {}, within, resumes=False)
    written = ExportFolder(folder, manifest, part_rows)
    async for chunk in source_of(psd, kind, within, choice).chunks([]):
        written.take(chunk)
    written.finish()
    return written.manifest


async def take_from(psd: Runtime, folder: Path) -> Counter[str]:
    """Import a folder; what became of its rows. Nothing may be refused."""
    found = opened_export(folder, None, None)
    of_bookings = found.kind in ("bookings", "activities")
    taker = BookingTaker(psd, found.kind) if of_bookings else MessageTaker(psd)
    for _, rows in found.parts():
        await taker.take(rows)
    await taker.finish()
    assert not taker.taken.refusals, taker.taken.refusals[:3]
    return Counter({name: n for name, n in taker.taken.outcomes.items() if n})
