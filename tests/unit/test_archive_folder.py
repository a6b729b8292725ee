"""Where ``psd up`` keeps the archive: with its data, unless a setting says another place."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from psd.cli.up import load, up
from psd.embedded.folder import DataFolder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """A data folder, in a folder without settings files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PSD_CONFIG", raising=False)
    return DataFolder(tmp_path / "data")


def folder_for(data: DataFolder | None) -> str:
    return load(click.Context(up), {}, data).settings.archive.folder


def test_the_archive_lies_in_the_data_folder(data: DataFolder) -> None:
    assert folder_for(data) == str(data.path / "archive")


def test_a_setting_says_another_place(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSD_ARCHIVE_FOLDER", "/elsewhere")
    assert folder_for(data) == "/elsewhere"


def test_without_a_data_folder_the_default_is_kept(data: DataFolder) -> None:
    assert not data.path.exists()
    assert folder_for(None) == "archive"
