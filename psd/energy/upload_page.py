"""The page on which a file of intervals is uploaded: Green Button XML, or CSV.

What is in the file is booked as if its meter had sent it, as messages of ``intervals``
(psd/energy/meter_messages.py)::

    POST /energy/upload  meter=m-1, format=greenbutton, file=9days.xml
    -> 302 /energy/meters/m-1/   "192 intervals of m-1: 199.563 kWh"

Of a file with a fault nothing is booked, and the form tells the fault.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from urllib.parse import quote

from psd.domain.web_page import Answer, Moved, SaidAll, Shown, Visit, WebPage
from psd.energy import csvfile, greenbutton
from psd.energy.channels import QUALITIES, EnergyInterval, meter_name, meter_uid
from psd.energy.csvfile import EnergyColumns
from psd.energy.files.file_rows import strictly
from psd.energy.meter_events import POINTS_MAX
from psd.energy.meter_messages import IntervalFields
from psd.engine.outcomes import Outcome
from psd.errors import ForbiddenError, InputError, MalformedError, OutOfBoundsError, WrongTypeError
from psd.measures.units import text_of
from psd.zones import zone

FORMATS = {"greenbutton": "Green Button (XML)", "csv": "CSV"}
UNITS = ("kWh", "Wh", "MWh")
EVERY_S = {"15m": 900, "30m": 1_800, "hour": 3_600, "day": 86_400}
STAMPS = ("start", "end")

DEFAULTS = {
    "meter": "",
    "format": "greenbutton",
    "time": "start",
    "value": "value",
    "unit": "kWh",
    "every": "30m",
    "stamp": "start",
    "tz": "UTC",
}
"""What the form says before anything is typed."""

_QUALITY_NAMES = {number: name for name, number in QUALITIES.items()}


class UploadPage:
    """Takes a file; ``bytes_max`` is how large it may be."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max

    def page(self) -> WebPage:
        """The page."""
        return WebPage(
            path="/upload",
            show=self.upload,
            parameters=(*DEFAULTS,),
            scope="write",
            link="Upload",
            takes_forms=True,
            upload_bytes_max=self._bytes_max,
        )

    async def upload(self, visit: Visit) -> Answer | SaidAll:
        """The form, or what became of it."""
        typed = DEFAULTS | {name: visit.query[name] for name in DEFAULTS if name in visit.query}
        if visit.form is None:
            return _shown(typed)
        typed |= {name: visit.form[name].strip() for name in DEFAULTS if name in visit.form}
        try:
            meter = meter_name(typed["meter"])
            if not visit.sees(meter_uid(meter)):
                raise ForbiddenError(f"meter: {meter} is not yours")
            intervals = await asyncio.to_thread(_read, visit.files.get("file", b""), typed)
        except InputError as error:
            return _shown(typed, str(error))
        fields = list(messages_of(meter, intervals))

        async def told(outcomes: Sequence[Outcome]) -> Answer:
            refused = [each.error for each in outcomes if each.error is not None]
            if refused:
                return _shown(typed, str(refused[0]))
            sum_mwh = sum(each.mwh for each in intervals)
            is_new = any(each.status == "booked" for each in outcomes)
            flash = f"{len(intervals)} intervals of {meter}: {text_of(sum_mwh)} kWh"
            flash += "" if is_new else ", all of them known already"
            return Moved(f"/meters/{quote(meter, safe='')}/", flash)

        async def refused(error: InputError) -> Answer:
            return _shown(typed, str(error))

        return SaidAll("intervals", fields, told, refused)


def messages_of(meter: str, intervals: Sequence[EnergyInterval]) -> list[IntervalFields]:
    """Intervals as messages, each of one flow."""
    flows = sorted({each.flow for each in intervals})
    found = []
    for flow in flows:
        rows = [_row(each) for each in intervals if each.flow == flow]
        found += [
            IntervalFields(meter, "mWh", flow, rows=rows[start : start + POINTS_MAX])
            for start in range(0, len(rows), POINTS_MAX)
        ]
    return found


def _row(each: EnergyInterval) -> list[int | str | float]:
    return [each.start, each.end, each.mwh, _QUALITY_NAMES[each.quality]]


def _read(content: bytes, typed: dict[str, str]) -> list[EnergyInterval]:
    """The intervals of a file; raises an InputError."""
    if not content:
        raise MalformedError("file: choose one")
    if typed["format"] == "greenbutton":
        found = strictly(greenbutton.read(io.BytesIO(content)))
    elif typed["format"] == "csv":
        found = _of_csv(content, typed)
    else:
        raise WrongTypeError(f"format: one of {', '.join(FORMATS)}")
    if not found:
        raise MalformedError("file: there is no interval in it")
    # Of an interval that stands twice the last counts.
    return list({(each.flow, each.start, each.end): each for each in found}.values())


def _of_csv(content: bytes, typed: dict[str, str]) -> list[EnergyInterval]:
    if typed["every"] not in EVERY_S or typed["stamp"] not in STAMPS:
        raise OutOfBoundsError(f"every: one of {', '.join(EVERY_S)}; stamp: start or end")
    columns = EnergyColumns(
        typed["time"],
        typed["value"],
        typed["unit"],
        EVERY_S[typed["every"]],
        typed["stamp"] == "end",
        zone(typed["tz"]),
        "import",
    )
    return strictly(csvfile.read([content], columns))


def _shown(typed: dict[str, str], error: str = "") -> Shown:
    choices = {
        "formats": list(FORMATS.items()),
        "units": [(each, each) for each in UNITS],
        "every_choices": [(each, each) for each in EVERY_S],
        "stamps": [(each, each) for each in STAMPS],
    }
    return Shown("upload.html", {"typed": typed, "error": error, **choices})
