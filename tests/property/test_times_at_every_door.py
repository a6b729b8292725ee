"""One text is one second, whichever way it comes in, or it is refused by all of one grammar."""

from __future__ import annotations

import json
from collections.abc import Callable

import click
from hypothesis import example, given, settings
from hypothesis import strategies as st

from psd.access.tokens import read_line
from psd.cli.times import fixed_time_argument, parse_time, time_argument
from psd.clock import utc_text
from psd.engine.event_times import second_in
from psd.errors import BadQueryError, ConfigError, InputError
from psd.prometheus.instants import instant_ms
from psd.queries.moments import moment
from server.cloudevents import message_of_structured

LAST_S = 7_258_118_399
HASH = "0" * 64


def of_a_cloud_event(text: str) -> int:
    event = {"specversion": "1.0", "id": "1", "source": "/a", "type": "psd.count", "time": text}
    message = message_of_structured(json.dumps({**event, "data": {"thing": "ab"}}).encode())
    found = json.loads(message)["count"]["ts"]
    assert isinstance(found, int)
    return found


def of_a_token(text: str) -> int:
    line = read_line(f"name=a scopes=read expires={text} sha256={HASH}", "here")
    assert line.identity.expires_at_s is not None
    return line.identity.expires_at_s


EVENTS: dict[str, Callable[[str], int]] = {
    "vehicles": lambda text: second_in("time", text),
    "CloudEvents": of_a_cloud_event,
}
PEOPLE: dict[str, Callable[[str], int]] = {
    "question": lambda text: moment(text, "start"),
    "asked on the command line": time_argument,
    "booked on the command line": fixed_time_argument,
    "file": parse_time,
}


def second(door: Callable[[str], int], text: str) -> int | None:
    """What a door reads; None where it refuses."""
    try:
        return door(text)
    except (InputError, BadQueryError, ConfigError, click.BadParameter, ValueError):
        return None


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.integers(least, most).map("{:02}".format)


dates = st.builds("{}-{}-{}".format, st.integers(1968, 2201).map(str), digits(0, 13), digits(0, 32))
clocks = st.builds("{}:{}:{}".format, digits(0, 24), digits(0, 60), digits(0, 61))
fractions = st.one_of(st.just(""), st.text("0123456789", max_size=12).map(".{}".format))
zones = st.one_of(
    st.sampled_from(["Z", "z", "", "+00:00", "-00:00", "+0200", "+02"]),
    st.builds("{}{}:{}".format, st.sampled_from("+-"), digits(0, 24), digits(0, 60)),
)
timestamps = st.builds(
    "{}{}{}{}{}".format, dates, st.sampled_from(["T", "t", " ", "_"]), clocks, fractions, zones
)
leap_seconds = st.builds(
    "{}-{}T23:59:60{}Z".format,
    st.integers(1972, 2016).map(str),
    st.sampled_from(["06-30", "12-31", "12-30", "03-31"]),
    fractions,
)
numbers = st.one_of(
    st.integers(-LAST_S, 10**19).map(str),
    st.decimals(0, 10**10, places=3).map("{:f}".format),
)
texts = st.one_of(timestamps, leap_seconds, dates, numbers, st.text(max_size=20))


@settings(max_examples=500)
@given(text=texts)
@example("2016-12-31T23:59:60Z")
@example("2016-04-12t09:00:00z")
@example("20160412")
@example("42472.25")
def test_a_text_is_one_second_through_every_door(text: str) -> None:
    of_events = {second(door, text) for door in EVENTS.values()}
    assert len(of_events) == 1, of_events
    of_people = {name: second(door, text) for name, door in PEOPLE.items()}
    if of_people["file"] is None and of_people["question"] is not None:
        # A cell needs nine digits: its column may be another one.
        assert 0 <= abs(of_people.pop("question") or 0) < 10**8
        del of_people["file"]
    assert len({*of_people.values()}) == 1, of_people
    [read] = of_events
    if read is not None:
        assert {*of_people.values(), read} == {read}
        assert instant_ms(text, "time") // 1000 - read in (0, 1)


@given(at=st.integers(10**8, LAST_S), fraction=fractions, zone=st.integers(-1439, 1439))
def test_every_timestamp_is_read_by_every_door(at: int, fraction: str, zone: int) -> None:
    fraction = fraction if len(fraction) > 1 else ""
    hours, minutes = divmod(abs(zone), 60)
    offset = f"{'-' if zone < 0 else '+'}{hours:02}:{minutes:02}"
    text = utc_text(at + zone * 60)[:-1] + fraction + offset
    for door in (*EVENTS.values(), *PEOPLE.values(), of_a_token):
        assert door(text) == at
