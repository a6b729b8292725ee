"""Reads Green Button files: intervals of energy, as ESPI tells them in Atom. Pure.

An entry with a ReadingType says in which unit the blocks of a MeterReading are, and which way the
energy flows; blocks name their MeterReading by a link, and that its ReadingType by another::

    <value>450</value> of 3600 s, uom 72 (Wh), powerOfTenMultiplier 0, flowDirection 1
    -> EnergyInterval(1293868800, 1293872400, 450000, "import", 0)

A file with a document type is refused before anything of it is expanded, and so is one whose unit
is none of electric energy (169 is the therm). Times are Unix seconds whatever zone a file names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

import msgspec

from psd.energy.channels import ESTIMATED, MEASURED, EnergyInterval, Flow
from psd.energy.files.file_rows import FileRow, RefusedInterval
from psd.errors import InputError, MalformedError, OutOfBoundsError, UnitError, WrongTypeError
from psd.foreign_texts import shown
from psd.measures.units import scaled

WATT_HOURS = "72"
WH_POWER = 3
FLOWS: dict[str, Flow] = {"1": "import", "19": "export"}
"""By ``flowDirection``: forward, and reverse."""

ESTIMATES = frozenset({"8", "9", "12"})
"""By ``quality``: from a reference day, by interpolation, projected."""

DELTA = "4"
PART_BYTES = 1 << 13
"""Of XML at once: 1 ms."""

DEPTH_MAX = 64
TEXT_MAX = 4_096
DURATION_MAX_S = 366 * 86_400


class _Entry(msgspec.Struct):
    """What an entry of the feed holds: links by their kind, the type's fields, readings as told."""

    links: dict[str, list[str]]
    kind: str = ""
    fields: dict[str, str] = {}
    readings: list[tuple[int, dict[str, str]]] = []


def read(stream: BinaryIO) -> Iterator[FileRow]:
    """Every interval of a file, in its order; raises an InputError for a file that is none."""
    feed = _Feed()
    for _ in feed.parts(stream):
        yield None
    entries = feed.entries
    types = {href: each for each in entries if each.kind == "ReadingType" for href in _self(each)}
    meters = {href: each for each in entries if each.kind == "MeterReading" for href in _self(each)}
    blocks = [each for each in entries if each.kind == "IntervalBlock"]
    if not blocks:
        raise MalformedError("IntervalBlock: there is none; a file of energy has some in entries")
    for block in blocks:
        yield from _intervals(block, _type_of(block, types, meters))


def _self(entry: _Entry) -> list[str]:
    return entry.links.get("self", [])


def _type_of(block: _Entry, types: dict[str, _Entry], meters: dict[str, _Entry]) -> _Entry:
    """The type of a block's readings; of a file that has one type it is that."""
    for href in (*block.links.get("up", ()), *_self(block)):
        meter = meters.get(href.rpartition("/IntervalBlock")[0])
        for related in meter.links.get("related", ()) if meter is not None else ():
            if related in types:
                return types[related]
    if len({id(each) for each in types.values()}) == 1:
        return next(iter(types.values()))
    raise MalformedError("IntervalBlock: its links lead to no ReadingType")


def _intervals(block: _Entry, type_: _Entry) -> Iterator[FileRow]:
    told = type_.fields
    unit = told.get("uom", "")
    if unit != WATT_HOURS:
        raise UnitError(f"uom: {shown(unit)} is no unit of electric energy; 72 is Wh")
    if (told.get("accumulationBehaviour") or DELTA) != DELTA:
        raise UnitError("accumulationBehaviour: only 4 is read, energy of an interval")
    flow = FLOWS.get(told.get("flowDirection") or "1")
    if flow is None:
        raise WrongTypeError("flowDirection: 1 (forward) and 19 (reverse) are read")
    power = WH_POWER + _whole("powerOfTenMultiplier", told.get("powerOfTenMultiplier") or "0")
    if not -9 <= power <= 12:
        raise OutOfBoundsError("powerOfTenMultiplier: must lie between -12 and 9")
    usual = {
        "duration": told.get("intervalLength", ""),
        "quality": told.get("defaultQuality", ""),
    }
    for line, reading in block.readings:
        filled = usual | {name: text for name, text in reading.items() if text}
        try:
            yield line, _interval(filled, power, flow)
        except InputError as error:
            yield RefusedInterval(line, error)


def _interval(reading: dict[str, str], power: int, flow: Flow) -> EnergyInterval:
    start = _whole("start", reading.get("start", ""))
    length = _whole("duration", reading["duration"])
    if not 0 < length <= DURATION_MAX_S:
        raise OutOfBoundsError(f"duration: {length} must lie between 1 s and 366 days")
    mwh = scaled(reading.get("value", ""), power, f"value at {start}")
    quality = ESTIMATED if reading["quality"] in ESTIMATES else MEASURED
    return EnergyInterval(start, start + length, mwh, flow, quality)


def _whole(name: str, text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise WrongTypeError(f"{name}: {shown(text)} is no whole number")
    return int(text)


class _Feed:
    """Takes the entries out of a feed, part by part."""

    _KINDS = frozenset({"ReadingType", "MeterReading", "IntervalBlock"})

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self._path: list[str] = []
        self._text = ""
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data

    def parts(self, stream: BinaryIO) -> Iterator[None]:
        """Read a file, part by part; then ``entries`` has what it holds."""
        try:
            while part := stream.read(PART_BYTES):
                self._parser.Parse(part, False)
                yield
            self._parser.Parse(b"", True)
        except expat.ExpatError as exc:
            raise MalformedError(f"line {exc.lineno}: {expat.ErrorString(exc.code)}") from exc

    def _refuse(self, *_declared: object) -> None:
        raise MalformedError("DOCTYPE: a file with a document type is not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        self._path.append(tag)
        self._text = ""
        if len(self._path) > DEPTH_MAX:
            raise MalformedError(f"{tag}: nested deeper than {DEPTH_MAX}")
        if tag == "entry":
            self.entries.append(_Entry({}))
        if not self.entries:
            return
        entry = self.entries[-1]
        if tag == "link" and "href" in attributes:
            entry.links.setdefault(attributes.get("rel", ""), []).append(attributes["href"])
        elif tag in self._KINDS:
            entry.kind = tag
        elif tag == "IntervalReading":
            entry.readings.append((self._parser.CurrentLineNumber, {}))

    def _data(self, text: str) -> None:
        if len(self._text) < TEXT_MAX:
            self._text += text

    def _end(self, _name: str) -> None:
        tag = self._path.pop()
        text, self._text = self._text.strip(), ""
        if "IntervalReading" in self._path:
            reading = self.entries[-1].readings[-1][1]
            # Of several qualities that of an estimate counts.
            if tag not in reading or (tag == "quality" and text in ESTIMATES):
                reading[tag] = text
        elif self._path[-1:] == ["ReadingType"]:
            self.entries[-1].fields[tag] = text
