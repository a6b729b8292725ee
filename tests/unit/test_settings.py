"""Where settings come from, which of them win, and what is refused."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.config import Settings
from psd.config_sources import KNOWN_KEYS, SECTIONS, environment_name, load_settings, section_fields
from psd.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "conf" / "settings.toml.dist"


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def value_of(settings: Settings, key: str) -> object:
    section, _, name = key.partition(".")
    return getattr(settings.section(section), name)


def test_the_shipped_file_holds_exactly_the_defaults() -> None:
    assert load_settings(SHIPPED).settings == Settings()


def test_the_shipped_file_names_every_key_in_the_order_of_the_code() -> None:
    tree = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert list(tree) == [*filter(section_fields, SECTIONS), "things"]
    for section in SECTIONS:
        assert tuple(tree.get(section, ())) == section_fields(section)


def test_every_key_of_the_shipped_file_is_explained_on_the_line_above() -> None:
    lines = SHIPPED.read_text(encoding="utf-8").split("[things]")[0].splitlines()
    for above, line in itertools.pairwise(lines):
        if re.match(r"\w+ = ", line):
            assert re.match(r"# \S.*[.]$", above), f"no comment above {line!r}"


def test_no_source_at_all_gives_the_defaults() -> None:
    loaded = load_settings()
    assert loaded.settings == Settings()
    assert set(loaded.sources.values()) == {"default"}
    assert set(loaded.sources) == {*KNOWN_KEYS, "things"}


def test_environment_wins_over_the_file_and_flags_win_over_both(tmp_path: Path) -> None:
    path = write(tmp_path, "[server]\nport = 1\nprocesses = 2\nids_max = 3\n")
    environ = {"PSD_SERVER_PROCESSES": "20", "PSD_SERVER_IDS_MAX": "30"}
    loaded = load_settings(path, environ, {"server.ids_max": 300})
    server = loaded.settings.server
    assert (server.port, server.processes, server.ids_max) == (1, 20, 300)
    assert loaded.sources["server.port"] == str(path)
    assert loaded.sources["server.processes"] == "PSD_SERVER_PROCESSES"
    assert loaded.sources["server.ids_max"] == "flag"
    assert loaded.sources["server.things_max"] == "default"


def test_a_flag_given_as_text_is_read_like_the_environment() -> None:
    flags = {"queue.nsqd_addresses": "a:1, b:2", "worker.batch_wait_ms": "2.5"}
    settings = load_settings(flags=flags).settings
    assert settings.queue.nsqd_addresses == ("a:1", "b:2")
    assert settings.worker.batch_wait_ms == 2.5


def test_every_key_can_be_set_by_its_environment_name() -> None:
    for key in KNOWN_KEYS:
        default = value_of(Settings(), key)
        text = ",".join(default) if isinstance(default, tuple) else str(default)
        loaded = load_settings(environ={environment_name(key): text})
        assert value_of(loaded.settings, key) == default, key
        assert loaded.sources[key] == environment_name(key)


def test_a_secret_is_read_from_the_file_that_the_environment_names(tmp_path: Path) -> None:
    secret = write(tmp_path, "redis://:hush@10.0.0.1:6379/0\n")
    loaded = load_settings(environ={"PSD_REDIS_URL_FILE": str(secret)})
    assert loaded.settings.redis.url == "redis://:hush@10.0.0.1:6379/0"
    assert loaded.sources["redis.url"] == "PSD_REDIS_URL_FILE"


def test_a_secret_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PSD_REDIS_URL_FILE"):
        load_settings(environ={"PSD_REDIS_URL_FILE": str(tmp_path / "missing")})


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("[server]\nprot = 1\n", "server.port"),
        ("[worker]\nbatch_message = 1\n", "worker.batch_messages"),
        ("[redis]\ntimeout_ms = 1\n", "redis.timeout_s"),
    ],
)
def test_an_unknown_key_in_the_file_is_refused_with_the_nearest(
    tmp_path: Path, text: str, nearest: str
) -> None:
    with pytest.raises(ConfigError, match=rf"did you mean {re.escape(nearest)}\?"):
        load_settings(write(tmp_path, text))


def test_an_unknown_key_in_the_environment_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean PSD_SERVER_PORT\?"):
        load_settings(environ={"PSD_SERVER_PROT": "1"})


def test_an_unknown_flag_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean redis\.url\?"):
        load_settings(flags={"redis.ulr": "x"})


def test_an_unknown_section_is_refused_with_the_nearest_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean server\.port\?"):
        load_settings(write(tmp_path, "[sever]\nport = 1\n"))


def test_environment_names_of_others_are_left_alone() -> None:
    environ = {"PATH": "/bin", "PSD_CONFIG": "x.toml", "PSD_TEST_NSQD_DIR": "/opt/nsq"}
    assert load_settings(environ=environ).settings == Settings()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[server]\nport = "http"\n', "server.port"),
        ("[queue]\nnsqd_addresses = [1]\n", "queue.nsqd_addresses"),
        ('[redis]\ndurability = "eventual"\n', "redis.durability"),
        ('[log]\nlevel = "loud"\n', "log.level"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_key(
    tmp_path: Path, text: str, key: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(key)}"):
        load_settings(write(tmp_path, text))


def test_a_file_that_is_missing_or_not_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "none.toml"))):
        load_settings(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"settings\.toml"):
        load_settings(write(tmp_path, "[server\n"))


def test_a_finer_level_may_not_outlive_a_coarser_one() -> None:
    with pytest.raises(ConfigError, match=r"retention\.second_s"):
        load_settings(flags={"retention.day_s": 100, "retention.second_s": 200})
    with pytest.raises(ConfigError, match=r"retention\.day_s"):
        load_settings(flags={"retention.month_s": 100})
    kept = load_settings(flags={"retention.second_s": 7_776_000}).settings.retention
    assert (kept.year_s, kept.second_s) == (0, 7_776_000)


@pytest.mark.parametrize(
    "name", ["head_timeout_s", "body_timeout_s", "connections_max", "head_bytes_max", "ids_max"]
)
def test_a_limit_that_would_refuse_everything_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"server\.{name} = 0: a limit is more than 0"):
        load_settings(flags={f"server.{name}": 0})


def test_things_are_read_from_the_environment_as_pairs() -> None:
    loaded = load_settings(environ={"PSD_THINGS": "steps=1:steps,energy_mwh=9:mWh,likes=10"})
    assert msgspec.to_builtins(loaded.settings.things) == {
        "steps": {"id": 1, "unit": "steps", "boards": True},
        "energy_mwh": {"id": 9, "unit": "mWh", "boards": True},
        "likes": {"id": 10, "unit": "", "boards": True},
    }


def test_two_things_may_not_share_a_number() -> None:
    with pytest.raises(ConfigError, match="already 'steps'"):
        load_settings(environ={"PSD_THINGS": "steps=1,likes=1"})


def test_settings_cannot_be_changed_after_they_were_read() -> None:
    server: Any = load_settings().settings.server
    with pytest.raises(AttributeError):
        server.port = 1


STRIPES = ("stripe_key", "stripe_webhook_secrets")


@pytest.mark.parametrize("name", STRIPES)
@pytest.mark.parametrize("mode", [0o644, 0o604])
def test_a_key_of_stripe_is_refused_from_a_file_that_others_may_read(
    tmp_path: Path, name: str, mode: int
) -> None:
    path = write(tmp_path, f'[charging]\n{name} = "sk_live_1"\n')
    path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"charging\.{name}: others may read") as refused:
        load_settings(path)
    assert "sk_live_1" not in str(refused.value)
    assert f"PSD_CHARGING_{name.upper()}_FILE" in str(refused.value)


@pytest.mark.parametrize("name", STRIPES)
def test_a_key_of_stripe_is_read_from_where_others_may_not(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, f'[charging]\n{name} = "sk_live_1"\n')
    path.chmod(0o640)
    assert value_of(load_settings(path).settings, f"charging.{name}") == "sk_live_1"
    path.write_text(f'[charging]\n{name} = ""\n')
    path.chmod(0o644)
    assert value_of(load_settings(path).settings, f"charging.{name}") == ""
    environ = {f"PSD_CHARGING_{name.upper()}": "sk_live_2"}
    assert value_of(load_settings(path, environ).settings, f"charging.{name}") == "sk_live_2"
