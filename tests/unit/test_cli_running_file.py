"""Which settings file a command reads beside a psd up, two of them, or one that was killed."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from psd.cli.options import settings_path
from psd.config import AccessSettings, ArchiveSettings, Settings
from psd.config_sources import load_settings
from psd.embedded.settings_file import settings_file, with_absolute_paths
from psd.errors import ConfigError

DATA, OTHER = Path("data/psd.toml"), Path("other/psd.toml")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def running(path: Path, settings: Settings | None = None) -> Iterator[None]:
    """A psd up that has written its settings and holds its folder."""
    path.parent.mkdir()
    with (path.parent / "psd.lock").open("wb") as lock, settings_file(path, settings or Settings()):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def left_over(path: Path) -> None:
    """What a psd up leaves that was killed."""
    with running(path):
        text = path.read_text()
    path.write_text(text)


def test_other_commands_find_the_running_one_of_their_folder() -> None:
    assert settings_path(None) is None
    with running(DATA), running(OTHER):
        assert settings_path(None) == DATA
        assert settings_path(OTHER) == OTHER


def test_a_second_psd_up_starts_from_nothing_that_the_first_wrote() -> None:
    with running(DATA):
        assert settings_path(None, own=OTHER) is None
        assert settings_path(DATA, own=OTHER) is None
        assert settings_path(DATA.absolute(), own=OTHER) is None


def test_a_psd_up_reads_the_settings_that_people_wrote() -> None:
    Path("conf").mkdir()
    mine = Path("conf/settings.toml")
    mine.write_text("")
    with running(DATA):
        assert settings_path(None, own=OTHER) == mine
        assert settings_path(DATA, own=OTHER) == mine
        assert settings_path(Path("named.toml"), own=OTHER) == Path("named.toml")


def test_what_a_killed_psd_up_left_is_nobodys_store() -> None:
    left_over(DATA)
    assert settings_path(None) is None
    with pytest.raises(ConfigError, match=r"data/psd.toml: the psd up that wrote it has ended"):
        settings_path(DATA)


def test_a_copy_that_somebody_made_is_a_file_like_any_other(tmp_path: Path) -> None:
    with running(DATA):
        copy = tmp_path / "copy.toml"
        copy.write_text(DATA.read_text())
    assert settings_path(copy) == copy


def test_paths_in_it_mean_the_same_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        archive=ArchiveSettings(folder="kept"),
        access=AccessSettings(tokens_file="t", jwks="https://example.com/jwks"),
    )
    with running(DATA, settings):
        path = DATA.absolute()
        monkeypatch.chdir("/")
        read = load_settings(path).settings
    assert read.archive.folder == str(tmp_path / "kept")
    assert read.access.tokens_file == str(tmp_path / "t")
    assert read.access.jwks == "https://example.com/jwks"
    assert read.section("rewards").tables == ""


def test_every_setting_that_is_a_path_is_made_absolute() -> None:
    """By the unit that conf/settings.toml.dist gives: 'Path', 'Folder' or 'File'."""
    for key, text in documented().items():
        section, _, name = key.partition(".")
        changed = msgspec.structs.replace(Settings().section(section), **{name: "x"})
        given = Settings().with_sections({section: changed})
        made = getattr(with_absolute_paths(given).section(section), name)
        assert made == str(Path("x").absolute()), (key, text)


def documented() -> dict[str, str]:
    """The keys whose comment says that they are a path, with the comment."""
    shipped = Path(__file__).parents[2] / "conf" / "settings.toml.dist"
    found, section, comment = {}, "", ""
    for line in shipped.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line.startswith("#"):
            comment = line
        elif " = " in line and ("Path:" in comment or "URL or path" in comment):
            found[f"{section}.{line.partition(' = ')[0]}"] = comment
    assert len(found) >= 5
    return found
