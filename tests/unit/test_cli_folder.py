"""Where the embedded server's socket lies, and whom the data folder belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from psd.embedded.folder import SOCKET_PATH_BYTES_MAX, DataFolder, private_folder, socket_path
from psd.embedded.server_process import instance_config
from psd.errors import StartError


def test_a_short_path_keeps_its_socket_inside() -> None:
    assert socket_path(Path("/d")) == Path("/d/redis.sock")


def test_folders_with_long_paths_have_different_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    paths = [socket_path(tmp_path / (name * 100)) for name in "ab"]
    try:
        assert paths[0] != paths[1]
        assert all(len(str(path)) <= SOCKET_PATH_BYTES_MAX for path in paths)
    finally:
        for path in paths:
            path.parent.rmdir()


def test_a_private_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    with pytest.raises(StartError, match="is not a folder of this user alone"):
        private_folder(shared)


def test_a_private_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StartError, match="is not a folder of this user alone"):
        private_folder(tmp_path / "link")


async def test_a_data_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot be used"):
        async with DataFolder(tmp_path / "file" / "data").locked():
            pass


def test_paths_with_blanks_and_quotes_reach_the_server_as_they_are(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / 'my "data"')
    assert f'dir "{tmp_path}/my \\"data\\""\n' in instance_config(folder)
    assert "appendfsync always\n" in instance_config(folder)
