"""Nothing that may be a password is shown."""

from __future__ import annotations

import msgspec
import pytest

from psd.config import Settings
from psd.config_sources import KNOWN_KEYS, SECRETS, environment_name, load_settings
from psd.errors import ConfigError
from psd.operations.setting_rows import setting_rows
from psd.secrets import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://me:p4ss@host:6379/0", "redis://me:***@host:6379/0"),
        ("redis://:p4ss@host", "redis://:***@host"),
        ("redis://p4ss@host", "redis://***@host"),
        ("redis://me:p4@ss@host:1/0", "redis://me:***@host:1/0"),
        ("redis://me:p4/ss@host:1/0", "redis://me:***@host:1/0"),
        ("redis://me:p4?ss#@host", "redis://me:***@host"),
        ("redis://host/0?db=1&password=p4ss", "redis://host/0?db=1&password=***"),
        ("unix:///run/a@b.sock?password=p4ss&db=2", "unix:///run/a@b.sock?password=***&db=2"),
        ("https://host/jwks?api_key=p4ss", "https://host/jwks?api_key=***"),
        ("https://host/a?Access-Token=p4ss;x=1", "https://host/a?Access-Token=***;x=1"),
        ("rediss://me:p4:ss@[::1]:6379", "rediss://me:***@[::1]:6379"),
        ("127.0.0.1:4150", "127.0.0.1:4150"),
        ("me:p4ss@host:6379/0", "me:***@host:6379/0"),
        ("me:p4@s/s@host:26379", "me:***@host:26379"),
        ("/run/a@b:c.sock", "/run/a@b:c.sock"),
        (
            "name=a@b scopes=read expires=2027-02-21T12:00:00Z",
            "name=a@b scopes=read expires=2027-02-21T12:00:00Z",
        ),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_settings_that_are_secrets_have_the_type_of_secrets() -> None:
    sounds_secret = {
        key for key in KNOWN_KEYS if key.endswith(("_key", "password", "secret", "secrets"))
    }
    # A file, whose name may be shown.
    sounds_secret.remove("queue.nsqd_key")
    known = {
        *("booking.marker_key", "pages.secret", "rewards.elasticsearch_api_key"),
        *("charging.stripe_key", "charging.stripe_webhook_secrets"),
        *("queue.nsqd_auth_secret", "redis.sentinel_password"),
    }
    assert sounds_secret == SECRETS == known


def test_a_secret_is_a_text_like_any_other() -> None:
    settings = msgspec.convert({"booking": {"marker_key": "x"}}, Settings)
    assert settings.booking.marker_key == "x"


SPELLINGS = (
    "me:p4ss@host:1155",
    "p4ss@host:1155",
    "redis://me:p4ss@host:6379/0",
    "https://me:p4ss@host",
    "https://host/x?password=p4ss",
    "http://p4ss@host:4161/x#y",
    "ftp://me:p4/ss@host:x",
)


ADDRESSES = sorted(
    key
    for key in KNOWN_KEYS
    if key.endswith(("url", "address", "addresses", "endpoint", "sentinel", "jwks"))
)


@pytest.mark.parametrize("key", ADDRESSES)
@pytest.mark.parametrize("text", SPELLINGS)
def test_no_setting_that_is_an_address_tells_its_password(key: str, text: str) -> None:
    """Whether it is taken or refused: nobody says what else a person writes into a setting."""
    try:
        rows = setting_rows(load_settings(environ={environment_name(key): text}).settings)
    except ConfigError as error:
        told = str(error)
    else:
        told = " ".join(f"{row.value} {row.default}" for row in rows)
    assert "p4" not in told
