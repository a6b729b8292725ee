"""Faces: which there are, how one is turned on, and what is refused."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from psd.cli.faces import FACE
from psd.cli.main import psd
from psd.config_sources import load_settings
from psd.errors import ConfigError
from server.faces import faces, port_setting, ports_of


def test_a_face_is_off_until_its_port_is_set() -> None:
    assert ports_of(load_settings().settings) == {}
    settings = load_settings(flags={"swaps.port": "5001"}).settings
    assert ports_of(settings) == {"swaps": 5001}


@pytest.mark.parametrize(
    ("told", "setting"),
    [
        ("swaps", ("swaps.port", 5000)),
        ("swaps=1", ("swaps.port", 1)),
        ("swaps=65535", ("swaps.port", 65_535)),
    ],
)
def test_an_option_turns_one_on(told: str, setting: tuple[str, int]) -> None:
    assert FACE.convert(told, None, None) == setting


@pytest.mark.parametrize("name", faces())
def test_every_face_has_the_setting_of_its_port(name: str) -> None:
    domain = faces()[name]
    assert domain.face is not None
    assert FACE.convert(name, None, None) == (port_setting(domain), domain.face.port)
    flags = {port_setting(domain): domain.face.port}
    assert ports_of(load_settings(flags=flags).settings) == {name: domain.face.port}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("swap", "swap: there is no such face, only"),
        ("swap", "did you mean swaps?"),
        ("swaps=", "a port is a number from 1 to 65535"),
        ("swaps=0", "swaps=0: a port is a number from 1 to 65535"),
        ("swaps=65536", "a port is a number from 1 to 65535"),
        ("swaps=http", "a port is a number from 1 to 65535"),
    ],
)
def test_what_is_no_face_is_a_usage_error(told: str, said: str) -> None:
    result = CliRunner().invoke(psd, ["up", "--face", told])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_two_cannot_have_one_port() -> None:
    settings = load_settings(flags={"swaps.port": "1155"}).settings
    with pytest.raises(ConfigError, match=r"swaps\.port = 1155: that is server\.port too"):
        ports_of(settings)
