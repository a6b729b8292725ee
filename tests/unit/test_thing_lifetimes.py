"""Lifetimes that one thing has of its own: where they are said, what contradicts, what is shown."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest
from click.testing import CliRunner

from psd.cli.doctor.doctor import lifetimes_told
from psd.cli.main import psd
from psd.config import Settings, Thing
from psd.config_sources import load_settings
from psd.embedded.settings_file import settings_file, with_absolute_paths
from psd.engine.booking import kept_seconds, lifetimes
from psd.errors import ConfigError
from psd.store.lifetimes import by_number, ended, finite_levels, numbers_of

FILE = """
[retention]
second_s = 1000
[things]
steps = { id = 1, unit = "steps" }
energy_import = { id = 20, unit = "mWh", second_s = 90, activity_s = 70 }
ledger = { id = 32, second_s = 0 }
"""


def loaded(folder: Path, text: str = FILE) -> Settings:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path).settings


def test_a_thing_has_its_own_lifetimes_and_of_the_rest_those_of_all(tmp_path: Path) -> None:
    kept = by_number(loaded(tmp_path))
    assert [(kept[n].second_s, kept[n].activity_s) for n in (1, 20, 32)] == [
        (1000, 0),
        (90, 70),
        (0, 0),
    ]


def test_reports_of_a_thing_are_known_for_its_own_time(tmp_path: Path) -> None:
    assert kept_seconds(loaded(tmp_path)) == {20: 70}


def test_the_store_notes_levels_of_all_things_and_of_one(tmp_path: Path) -> None:
    noted = finite_levels(loaded(tmp_path))
    assert noted == {"second_s", "second_s:20", "activity_s:20"}
    assert ended(noted, 20) == {"second_s", "activity_s"}
    assert ended(noted, 2) == {"second_s"}
    assert numbers_of(noted, "activity_s") == {20}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("x = { id = 9, second_s = -1 }", r"things\.x\.second_s = -1: a lifetime is 0"),
        ("x = { id = 9, activity_s = -5 }", r"things\.x\.activity_s = -5: a lifetime is 0"),
        ('x = { id = 9, second_s = "soon" }', r"things\.x\.second_s"),
        ("x = { id = 9, month_s = 5 }", r"things\.x.*month_s"),
        (
            "x = { id = 9, second_s = 0 }\n[retention]\nday_s = 100\nsecond_s = 50",
            r"things\.x\.second_s = 0: a finer level must not outlive .*retention\.day_s = 100",
        ),
        (
            "x = { id = 9, second_s = 101 }\n[retention]\nday_s = 100\nsecond_s = 50",
            r"things\.x\.second_s = 101: a finer level must not outlive",
        ),
    ],
)
def test_a_lifetime_of_a_thing_that_cannot_be_is_refused(
    tmp_path: Path, lines: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        loaded(tmp_path, f"[things]\n{lines}\n")


def test_scripts_are_told_only_of_things_that_differ(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    plain = Settings()
    whole = lifetimes(plain.retention, plain.booking, (), {}, by_number(plain))
    assert whole == lifetimes(plain.retention, plain.booking, (), {})
    packed = lifetimes(settings.retention, settings.booking, {"second_s"}, {}, by_number(settings))
    unpacker = msgpack.Unpacker()
    unpacker.feed(packed)
    assert [*unpacker][-1] == {
        "20": {"second": 90, "activity": 370},
        "32": {"second": -1, "activity": 0},
    }


def test_config_show_and_doctor_tell_them(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    options = ["--config", str(tmp_path / "settings.toml"), "config", "show"]
    told = CliRunner().invoke(psd, options).output
    lines = {line.split()[0]: line.split()[1] for line in told.splitlines() if line}
    assert lines["things.energy_import.second_s"] == "90"
    assert lines["things.energy_import.activity_s"] == "70"
    assert lines["things.ledger.second_s"] == "0"
    assert lifetimes_told(settings) == (
        "second_s 1000, energy_import second_s 90, energy_import activity_s 70, ledger second_s 0"
    )
    assert lifetimes_told(Settings()) == ""


def test_what_differs_from_the_default_is_shown_beside_nothing(tmp_path: Path) -> None:
    loaded(tmp_path)
    options = ["--config", str(tmp_path / "settings.toml"), "config", "show", "--changed"]
    rows = [line.split() for line in CliRunner().invoke(psd, options).output.splitlines()]
    [row] = [row for row in rows if row[0] == "things.energy_import.second_s"]
    assert row[1:3] == ["90", "-"]


def test_they_are_written_into_a_file_and_read_back(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    file = tmp_path / "other.toml"
    with settings_file(file, settings):
        assert load_settings(file).settings == with_absolute_paths(settings)
    assert Thing(1) == Thing(1, second_s=Thing(1).second_s)
