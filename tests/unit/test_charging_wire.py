"""Messages of sites: the bytes of the original are read, and it would read ours."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from psd.charging import charging_events
from psd.charging.charging_changes import NEGATIVE_CURRENT, CommandResult, Telemetry
from psd.charging.plugs.plug_readings import PlugReading
from psd.charging.proto import contracts_pb2
from psd.charging.proto.generate import FOLDER, generate
from psd.charging.wire import UNPACKED_BYTES_MAX, contracts, packed, unpacked
from psd.engine.event_rules import EventRules
from psd.errors import InputError, MalformedError, TooLargeError, WrongTypeError

RECORDING = json.loads((Path(__file__).parents[1] / "golden" / "charging.json").read_text())
MESSAGES = {each["name"]: each for each in RECORDING["protobuf"]}
NOW_S = 1_723_939_260
RULES = EventRules({})

OURS = {"Reading": {"energy_mwh": 8}}
"""Fields that psd added."""


def chunk(*readings: dict[str, Any], site: str = "s1") -> bytes:
    message = contracts().ReadingChunk(site_id=site)
    for each in readings:
        message.readings.add(**{"plug_id": "p1", "timestamp_ms": NOW_S * 1000, **each})
    return packed(message)


def taken(*readings: dict[str, Any]) -> Telemetry:
    [found] = charging_events.telemetry(chunk(*readings), NOW_S, "m", RULES)
    assert isinstance(found, Telemetry)
    return found


@pytest.mark.parametrize("name", MESSAGES)
def test_a_recorded_message_is_read_and_written_byte_for_byte(name: str) -> None:
    recorded = MESSAGES[name]
    kind, content = getattr(contracts_pb2, recorded["type"]), bytes.fromhex(recorded["hex"])
    message = unpacked(gzip.compress(content), kind)
    assert message == text_format.Parse(recorded["text"], kind())
    assert gzip.decompress(packed(message)) == content


def test_the_recorded_gzip_file_of_the_original_is_read() -> None:
    message = unpacked(bytes.fromhex(RECORDING["gzip_sample_hex"]), contracts().ReadingChunk)
    assert message.SerializeToString() == bytes.fromhex(MESSAGES["chunk of four"]["hex"])


@pytest.mark.parametrize("kind", contracts_pb2.DESCRIPTOR.message_types_by_name)
def test_fields_have_the_recorded_numbers(kind: str) -> None:
    fields = contracts_pb2.DESCRIPTOR.message_types_by_name[kind].fields
    recorded = RECORDING["message_fields"][kind] | OURS.get(kind, {})
    assert {field.name: field.number for field in fields} == recorded


@pytest.mark.parametrize("name", contracts_pb2.DESCRIPTOR.enum_types_by_name)
def test_enums_have_the_recorded_numbers(name: str) -> None:
    values = contracts_pb2.DESCRIPTOR.enum_types_by_name[name].values
    assert {value.name: value.number for value in values} == RECORDING["enums"][name]


def test_the_generated_module_is_that_of_the_proto(tmp_path: Path) -> None:
    assert generate(tmp_path) == 0
    made = {path.name: path.read_bytes() for path in (tmp_path / "psd/charging/proto").iterdir()}
    committed = {path.name: path.read_bytes() for path in FOLDER.glob("*_pb2*.py*")}
    assert made == committed, "run: python -m psd.charging.proto.generate"


def test_a_chunk_is_whole_numbers_of_a_thousandth() -> None:
    [told] = charging_events.telemetry(
        bytes.fromhex(RECORDING["gzip_sample_hex"]), NOW_S, "m", RULES
    )
    assert told.site == "site1"
    assert [each.reading for each in told.readings] == [
        PlugReading(1_723_939_200_000 + 2000 * at, 6500 * at, 240_000) for at in range(4)
    ]
    assert {each.fuse for each in told.readings} == {"demofuze:mac-site1"}
    assert told.readings[1].plug == "demo:mac-site1:1"


def test_a_reading_that_breaks_a_rule_leaves_the_others_of_its_chunk() -> None:
    told = taken(
        {"current": 6.5, "voltage": 240},
        {"current": float("nan")},
        {"current": 1e9},
        {"voltage": -1},
        {"timestamp_ms": (NOW_S + 301) * 1000},
        {"plug_id": ""},
        {"energy_mwh": -1},
    )
    assert [each.reading.ma for each in told.readings] == [6500]
    assert told.refused == 6


def test_a_current_below_0_is_kept_as_0_and_flagged() -> None:
    [reading] = taken({"current": -0.5, "voltage": 240, "state": 9}).readings
    assert (reading.reading.ma, reading.flags, reading.state) == (0, NEGATIVE_CURRENT, 0)


def test_a_chunk_of_nothing_but_broken_readings_is_refused_by_the_first() -> None:
    with pytest.raises(InputError, match=r"readings\[0\].current: inf"):
        taken({"current": float("inf")}, {"plug_id": ""})
    assert taken().readings == ()


def test_an_answer_of_a_site_names_its_command_and_what_the_relay_came_to() -> None:
    body = gzip.compress(bytes.fromhex(MESSAGES["response off"]["hex"]))
    [told] = charging_events.command_result(body, NOW_S, "m", RULES)
    assert told == CommandResult(1_723_939_200, "s1", "p1", "r1", False, 1_723_939_200_500)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"PING", MalformedError),
        (gzip.compress(b"\xff\xff"), MalformedError),
        (gzip.compress(b"x" * 100)[:-12], MalformedError),
        (gzip.compress(bytes(UNPACKED_BYTES_MAX + 1)), TooLargeError),
        (chunk(site="a b"), WrongTypeError),
        (b"", MalformedError),
    ],
    ids=["not packed", "no fields", "cut off", "too large", "a site with a blank", "nothing"],
)
def test_what_is_no_chunk_is_refused(body: bytes, error: type[InputError]) -> None:
    with pytest.raises(error):
        charging_events.telemetry(body, NOW_S, "m", RULES)
