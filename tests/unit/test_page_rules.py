"""What pages are made of: passwords, what is a path of this server, the prefix of a proxy."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from psd.access.pages.passwords import UNKNOWN, checked, hashed, is_right
from psd.errors import OutOfBoundsError
from server.pages.cookies import SESSION, flash_of, flash_value, values_of
from server.pages.desk import is_local
from server.prefixes import origin_of, prefix_of


@pytest.mark.long("hashes that are slow on purpose")
def test_a_password_is_known_by_its_hash_which_is_another_each_time() -> None:
    kept = hashed("correct horse")
    assert kept != hashed("correct horse")
    assert kept.startswith("scrypt:16384:8:1:")
    assert is_right("correct horse", kept)
    assert not is_right("correct Horse", kept)
    assert not is_right("", UNKNOWN)


@pytest.mark.long("hashes that are slow on purpose")
def test_no_password_is_cut_short() -> None:
    long = "x" * 1024
    assert is_right(long, hashed(long))
    assert not is_right(long + "y", hashed(long))


@pytest.mark.parametrize("password", ["", "short", "x" * 1025, "é" * 513])
def test_what_is_no_password_is_refused(password: str) -> None:
    with pytest.raises(OutOfBoundsError, match="password: expected 6 characters or more"):
        checked(password)


@pytest.mark.parametrize("path", ["/", "/driver/1/", "/a?b=c#d", "/%2F"])
def test_a_path_of_this_server_is_one(path: str) -> None:
    assert is_local(path)


@pytest.mark.parametrize(
    "path", ["", "driver", "//evil", "/\\evil", "\\/evil", "/\t/evil", "/a\\b", "https:/x", "/é"]
)
def test_what_leads_elsewhere_is_none(path: str) -> None:
    assert not is_local(path)


@pytest.mark.parametrize(
    ("told", "prefix"),
    [
        ("/psd", "/psd"),
        ("/psd/", "/psd"),
        ("/a/b.c", "/a/b.c"),
        ("", ""),
        ("psd", ""),
        ("//evil.example", ""),
        ("/psd?x", ""),
        ("/" + "x" * 300, ""),
    ],
)
def test_a_prefix_is_a_plain_path(told: str, prefix: str) -> None:
    assert prefix_of(make_mocked_request("GET", "/", {"X-Forwarded-Prefix": told})) == prefix


@pytest.mark.parametrize(
    ("host", "secure", "origin"),
    [
        ("psd.example", False, "http://psd.example"),
        ("psd.example:8443", True, "https://psd.example:8443"),
        ("[::1]:1155", False, "http://[::1]:1155"),
        ("", False, ""),
        ("psd.example/x", False, ""),
        ("a@psd.example", True, ""),
        ("psd.example:123456", False, ""),
        ("x" * 256, False, ""),
    ],
)
def test_an_origin_is_scheme_and_name(host: str, secure: bool, origin: str) -> None:
    request = make_mocked_request("GET", "/", {"Host": host})
    assert origin_of(request, secure=secure) == origin


def test_every_cookie_of_a_name_counts() -> None:
    request = make_mocked_request("GET", "/", {"Cookie": "psd_session=a; x=1; psd_session=b"})
    assert values_of(request, SESSION) == ["a", "b"]


def test_a_flash_is_read_as_it_was_written() -> None:
    assert flash_of(flash_value("Grüße <b>", "0" * 64)) == ("Grüße <b>", "0" * 64)
    assert flash_of("!!!.x") == ("", "")
