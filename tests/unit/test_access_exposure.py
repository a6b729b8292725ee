"""Which addresses psd serves to whom, and what stops it from starting."""

from __future__ import annotations

import pytest

from psd.access.exposure import check_exposure, check_metrics_exposure, is_loopback
from psd.config import AccessSettings, ServerSettings, Settings, WorkerSettings
from psd.errors import ConfigError


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "::ffff:127.0.0.1", "127.1"]
)
def test_loopback_is_this_machine_alone(host: str) -> None:
    assert is_loopback(host)
    assert check_exposure(Settings(server=ServerSettings(host=host))) == ""


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "", "0", "192.0.2.7", "fe80::1%lo", "::ffff:192.0.2.7", "no.such.invalid"],
)
def test_any_other_address_is_refused_with_what_to_set(host: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_exposure(Settings(server=ServerSettings(host=host)))
    for way_out in ("psd token new", "access.tokens", "access.jwks", "127.0.0.1", "--insecure"):
        assert way_out in str(refused.value)


@pytest.mark.parametrize(
    "access",
    [AccessSettings(tokens=("a",)), AccessSettings(tokens_file="a"), AccessSettings(jwks="a")],
)
def test_an_address_of_others_is_served_with_checks(access: AccessSettings) -> None:
    settings = Settings(server=ServerSettings(host="0.0.0.0"), access=access)
    assert check_exposure(settings) == ""


def test_insecure_serves_everybody_and_warns_of_it() -> None:
    settings = Settings(server=ServerSettings(host="0.0.0.0"), access=AccessSettings(insecure=True))
    assert "everyone who reaches it" in check_exposure(settings)


def test_insecure_beside_tokens_is_a_contradiction() -> None:
    with pytest.raises(ConfigError, match=r"access\.insecure"):
        check_exposure(Settings(access=AccessSettings(insecure=True, tokens=("a",))))


def test_a_workers_metrics_stay_on_this_machine() -> None:
    worker, server = WorkerSettings(metrics_port=9000), ServerSettings(host="0.0.0.0")
    with pytest.raises(ConfigError, match="metrics_port"):
        check_metrics_exposure(Settings(worker=worker, server=server))
    check_metrics_exposure(Settings(worker=worker))
    check_metrics_exposure(Settings(server=server))
    insecure = AccessSettings(insecure=True)
    check_metrics_exposure(Settings(worker=worker, server=server, access=insecure))
