"""Green Button files of utilities, and files that are none."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import pytest

from psd.energy.channels import ESTIMATED, EnergyInterval
from psd.energy.files.file_rows import strictly
from psd.energy.greenbutton import read
from psd.errors import InputError, MalformedError, UnitError

FOLDER = Path(__file__).parents[1] / "golden" / "energy"


def intervals(name: str) -> list[EnergyInterval]:
    with (FOLDER / f"greenbutton_{name}.xml").open("rb") as stream:
        return strictly(read(stream))


@pytest.mark.parametrize(
    ("name", "count", "wh", "lengths"),
    [
        ("hourly_9days", 216, 199_563, {3_600}),
        ("daily_1year", 444, 9_917_817, {82_800, 86_400, 90_000}),
        ("abridged_electric", 8, 4_086, {3_600}),
    ],
)
def test_a_file_has_the_energy_that_its_readings_add_up_to(
    name: str, count: int, wh: int, lengths: set[int]
) -> None:
    found = intervals(name)
    assert (len(found), sum(each.mwh for each in found)) == (count, wh * 1_000)
    assert {each.end - each.start for each in found} == lengths
    assert Counter(each.flow for each in found) == {"import": count}


def test_gas_is_refused_by_its_unit() -> None:
    with pytest.raises(UnitError, match="uom: '169' is no unit of electric energy"):
        intervals("abridged_gas")


def feed(reading_type: str, reading: str, before: str = "") -> io.BytesIO:
    text = f"""<?xml version="1.0"?>{before}<feed xmlns="http://www.w3.org/2005/Atom"><entry>
    <content><ReadingType xmlns="http://naesb.org/espi">{reading_type}</ReadingType></content>
    <link rel="self" href="type/1"/></entry><entry><content><IntervalBlock>{reading}
    </IntervalBlock></content></entry></feed>"""
    return io.BytesIO(text.encode())


READING = """<IntervalReading><timePeriod><duration>1800</duration><start>1606636800</start>
</timePeriod><value>{}</value><ReadingQuality><quality>8</quality></ReadingQuality>
</IntervalReading>"""


def test_the_multiplier_the_direction_and_the_quality_are_taken() -> None:
    told = "<powerOfTenMultiplier>-3</powerOfTenMultiplier><flowDirection>19</flowDirection>"
    [found] = strictly(read(feed(f"<uom>72</uom>{told}", READING.format(1500))))
    expected = EnergyInterval(1_606_636_800, 1_606_638_600, 1_500, "export", ESTIMATED)
    assert found == expected


@pytest.mark.parametrize(
    ("usual", "told", "is_estimated"),
    [
        ("", ("0", "8"), True),
        ("", ("0", "17"), False),
        ("<defaultQuality>9</defaultQuality>", (), True),
        ("<defaultQuality>9</defaultQuality>", ("0",), False),
        ("<defaultQuality>17</defaultQuality>", (), False),
    ],
)
def test_a_reading_is_an_estimate_by_one_of_its_qualities_or_by_that_of_its_type(
    usual: str, told: tuple[str, ...], is_estimated: bool
) -> None:
    qualities = "".join(
        f"<ReadingQuality><quality>{each}</quality></ReadingQuality>" for each in told
    )
    reading = f"""<IntervalReading>{qualities}<timePeriod><start>1606636800</start></timePeriod>
    <value>5</value></IntervalReading>"""
    kind = f"<uom>72</uom><intervalLength>900</intervalLength>{usual}"
    [found] = strictly(read(feed(kind, reading)))
    assert found.end - found.start == 900
    assert (found.quality == ESTIMATED) is is_estimated


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        (feed("<uom>72</uom>", READING.format("much")), "value at 1606636800: 'much' is no"),
        (feed("<uom>38</uom>", READING.format(1)), "uom: '38' is no unit"),
        (feed("<uom>72</uom><flowDirection>4</flowDirection>", READING.format(1)), "flowDirection"),
        (feed("<uom>72</uom>", "<IntervalReading><value>1</value></IntervalReading>"), "start: ''"),
        (feed("", "", '<!DOCTYPE f [<!ENTITY a "b">]>'), "DOCTYPE: a file with a document type"),
        (io.BytesIO(b"start,value\n"), "line 1: "),
        (io.BytesIO(b"<feed><entry>"), "line 1: "),
        (io.BytesIO(b"<html><body/></html>"), "IntervalBlock: there is none"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(stream: io.BytesIO, told: str) -> None:
    with pytest.raises(InputError, match=told):
        strictly(read(stream))


def test_a_block_whose_type_is_not_told_is_refused() -> None:
    text = "<feed><entry><content><IntervalBlock/></content></entry></feed>"
    with pytest.raises(MalformedError, match="its links lead to no ReadingType"):
        strictly(read(io.BytesIO(text.encode())))
