"""What others say of a trace: read, kept as it came, and never too long."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from psd.observe.traceparents import Traceparent, read_tracestate
from server.tracing import with_state

KEY_256 = "k" * 256
VALUE_256 = "v" * 256


@pytest.mark.parametrize(
    "text",
    [
        "a=1",
        "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
        "z_*/-9=!#$~",
        "0tenant@sys=x",
        f"{'t' * 241}@{'s' * 14}=x",
        f"{KEY_256}=x",
        f"a={VALUE_256[:-2]}",
        "a= inner space",
        ",".join(f"k{n}=v" for n in range(32)),
    ],
)
def test_what_is_valid_is_kept_as_it_came(text: str) -> None:
    assert read_tracestate(text) == text


@pytest.mark.parametrize(
    "member",
    [
        "",
        "a",
        "a=",
        "=1",
        "A=1",
        "0a=1",
        "a@=1",
        "@a=1",
        "a@b@c=1",
        "a@0b=1",
        "a b=1",
        "a=1=2",
        "a=\u00e9",
        "a=\x07",
        "a=1\n",
        "\u00e9=1",
        f"{KEY_256}k=x",
        f"{'t' * 242}@s=x",
        f"t@{'s' * 15}=x",
        f"a={VALUE_256}v",
    ],
)
def test_a_member_that_is_none_is_dropped_and_the_others_stay(member: str) -> None:
    assert read_tracestate(f"first=1,{member}\t, last=2") == "first=1,last=2"


def test_of_a_name_the_first_stands_and_of_many_the_first_32() -> None:
    assert read_tracestate("a=1,b=2,a=3") == "a=1,b=2"
    many = [f"k{n}=v" for n in range(40)]
    assert read_tracestate(",".join(many)).split(",") == many[:32]


def test_what_is_too_long_loses_long_members_first_and_then_the_last() -> None:
    long = f"long={'x' * 200}"
    short = [f"s{n}={'y' * 60}" for n in range(7)]
    assert read_tracestate(",".join([long, *short])) == ",".join(short)
    more = [f"s{n}={'y' * 60}" for n in range(12)]
    assert read_tracestate(",".join(more)) == ",".join(more[:8])
    # 512 characters are not too many, whatever they are made of.
    fits = f"a={'x' * 250},b={'x' * 256}"
    assert len(fits) == 511
    assert read_tracestate(fits) == fits


def test_several_headers_are_one_state() -> None:
    told = Traceparent("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)
    given = CIMultiDict([("TraceState", "a=1"), ("other", "x"), ("tracestate", "b=2,,c=3")])
    assert with_state(told, CIMultiDictProxy(given)).state == "a=1,b=2,c=3"
    assert with_state(told, CIMultiDictProxy(CIMultiDict())) == told
