"""QR codes of plugs: the longest address that a plug can have, and psd without the library."""

from __future__ import annotations

import sys

import pytest

from psd.charging.charging_events import ID_BYTES_MAX
from psd.charging.plugs.plug_codes import drawn
from psd.errors import UnavailableError
from server.prefixes import CHARACTERS_MAX
from tests.support.clients.qr_codes import text_of


@pytest.mark.long("a code of the most characters, drawn and read")
def test_the_longest_address_has_a_code() -> None:
    prefix = "/" + "p" * (CHARACTERS_MAX - 1)
    address = f"https://{'h' * 255}:65535{prefix}/charging/plugs/{'%2F' * ID_BYTES_MAX}/"
    assert text_of(drawn(address).decode()) == address


def test_without_the_library_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(UnavailableError, match=r"pip install 'pointspace\[charging\]'"):
        drawn("https://psd.example/")
