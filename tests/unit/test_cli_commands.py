"""The command line itself: finding commands, settings from options, exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from psd.cli.arguments import thing_then_user
from psd.cli.main import commands, exit_code, psd
from psd.cli.migrate import settings_of
from psd.cli.options import settings_path
from psd.cli.up import called_as, status_text
from psd.config import RedisSettings, Settings, default_things
from psd.config_sources import load_settings
from psd.embedded.settings_file import settings_file, settings_toml, with_absolute_paths
from psd.embedded.stack import Status
from psd.errors import (
    BadQueryError,
    ConfigError,
    PsdError,
    QueueUnavailableError,
    StartError,
    TooLateError,
    UnknownThingError,
)
from psd.operations.setting_rows import things_text
from psd.rewards.cli.group import RewardsGroup


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that nobody writes into."""
    return tmp_path_factory.mktemp("nowhere")


@pytest.fixture(autouse=True)
def no_settings_file(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None lies around, and none is named."""
    monkeypatch.chdir(nowhere)
    monkeypatch.delenv("PSD_CONFIG", raising=False)
    yield
    assert not any(nowhere.iterdir())


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for who writes."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    """The psd command."""
    return CliRunner().invoke(psd, arguments)


@pytest.mark.parametrize(
    ("where", "line"),
    [*commands().values(), *RewardsGroup.table.values()],
    ids=lambda text: text[:30],
)
def test_a_command_is_where_the_list_says_and_its_line_is_its_own_first_sentence(
    where: str, line: str
) -> None:
    module, _, attribute = where.partition(":")
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert (command.help or "").partition("\n")[0] == line


@pytest.mark.slow("a process of its own")
def test_help_and_version_import_no_command() -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from psd.cli.main import psd\n"
        "assert CliRunner().invoke(psd, ['--help']).exit_code == 0\n"
        "print(sorted({'redis', 'aiohttp', 'nsq', 'numpy', 'rich'} & set(sys.modules)))\n"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert output.stdout == b"[]\n"


@pytest.mark.slow("a process of its own")
def test_commands_that_ask_a_server_import_no_store_and_no_queue() -> None:
    """``psd top`` starts in half the time without them."""
    code = (
        "import sys\n"
        "import psd.cli.activities, psd.cli.series, psd.cli.standings, psd.cli.sums\n"
        "heavy = {'redis', 'nsq', 'numpy', 'uvloop', 'prometheus_client', 'rich.table', 'grpc'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert output.stdout == b"[]\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StartError("x"), 1),
        (TooLateError("x"), 1),
        (PsdError("x"), 1),
        (BadQueryError("x"), 2),
        (UnknownThingError("x"), 2),
        (QueueUnavailableError("x"), 75),
        (ConfigError("x"), 78),
    ],
)
def test_an_error_has_an_exit_code(error: PsdError, code: int) -> None:
    assert exit_code(error) == code


def test_a_wrong_setting_is_one_line_on_stderr_and_exit_code_78() -> None:
    result = run("--set", "redis.ulr=x", "config", "show")
    assert (result.exit_code, result.stdout) == (78, "")
    assert result.stderr == ("psd: redis.ulr: unknown setting as a flag; did you mean redis.url?\n")


@pytest.mark.parametrize("text", ["redis.url", "=x"])
def test_an_assignment_without_a_key_or_value_is_a_usage_error(text: str) -> None:
    result = run("--set", text, "config", "show")
    assert result.exit_code == 2
    assert "is not SECTION.KEY=VALUE" in result.stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("seriess",), "'series'"),
        (("boards", "lss"), "'ls'"),
        (("boards", "members", "ad"), "'add'"),
        (("rewards", "blacklist", "lss"), "'ls'"),
        (("config", "shwo"), "'show'"),
        (("dlq", "relpay"), "'replay'"),
        (("token", "nwe"), "'new'"),
    ],
)
def test_an_unknown_command_is_a_usage_error_that_names_the_nearest(
    words: tuple[str, ...], meant: str
) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert f"Did you mean {meant}" in result.stderr


def test_an_unknown_command_that_is_like_none_has_no_hint() -> None:
    result = run("xyzzy")
    assert (result.exit_code, "No such command 'xyzzy'.\n" in result.stderr) == (2, True)


def every_command(group: click.Group, *words: str) -> list[tuple[tuple[str, ...], click.Command]]:
    """Each command below a group and how it is called."""
    found: list[tuple[tuple[str, ...], click.Command]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found += every_command(command, *words, name)
        else:
            found.append(((*words, name), command))
    return found


@pytest.mark.long("each option of each command")
def test_a_mistyped_option_is_told_with_the_nearest() -> None:
    options = [
        (words, parameter.opts[0])
        for words, command in every_command(psd)
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.opts[0].startswith("--")
    ]
    for words, option in options:
        result = run(*words, option + "e", "1")
        assert result.exit_code == 2, (words, option)
        assert f"No such option '{option}e'." in result.stderr, words
        assert "Did you mean" in result.stderr, (words, option)
        assert f"'{option}'" in result.stderr, words


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("steps", "7"), ("steps", 7)),
        (("steps", "-7"), ("steps", -7)),
        (("7", "steps"), ("steps", 7)),
        (("-7",), (None, -7)),
        (("7", "8"), ("7", 8)),
        (("steps", "alice@example.com"), ("steps", "alice@example.com")),
        (("alice@example.com",), (None, "alice@example.com")),
    ],
)
def test_a_thing_stands_before_the_user(
    words: tuple[str, ...], expected: tuple[str | None, int | str]
) -> None:
    assert thing_then_user(words) == expected


def test_a_thing_whose_name_is_a_number_is_a_thing_in_both_orders() -> None:
    assert thing_then_user(("7", "8"), {"8"}) == ("8", 7)
    assert thing_then_user(("8", "7"), {"8"}) == ("8", 7)


def test_a_user_by_name_stands_before_a_thing_that_is_configured() -> None:
    assert thing_then_user(("alice", "steps"), {"steps"}) == ("steps", "alice")
    assert thing_then_user(("steps", "floors"), {"steps", "floors"}) == ("steps", "floors")


@pytest.mark.parametrize("words", [("007",), ("steps", " a"), ("7", "7" * 20), ("steps", "")])
def test_what_is_no_user_is_told(words: tuple[str, ...]) -> None:
    with pytest.raises(click.BadParameter, match=r"64-bit integer|white space|empty"):
        thing_then_user(words)


@pytest.mark.parametrize("user", ["007", "\u0667"])
@pytest.mark.parametrize(
    "words",
    [
        ("users", "erase", "--yes"),
        ("names",),
        ("verify",),
        ("activities",),
        ("sum", "steps"),
        ("series", "steps"),
        ("around", "steps"),
        ("boards", "members", "add", "april"),
        ("boards", "standing", "april", "--around"),
        ("top", "steps", "--uid"),
        ("token", "new", "phone", "--owner"),
        ("export", "bookings", "--uid"),
    ],
    ids=" ".join,
)
def test_a_command_takes_no_user_that_looks_like_a_number_and_is_none(
    empty_folder: Path, words: tuple[str, ...], user: str
) -> None:
    result = CliRunner().invoke(psd, [*words, user])
    assert result.exit_code == 2
    assert "is not a 64-bit integer" in result.output


def test_config_show_tells_value_and_source_and_hides_passwords(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = empty_folder / "my.toml"
    file.write_text('[queue]\ntopic = "a"\n[things]\nkm = { id = 9, unit = "m" }\n')
    monkeypatch.setenv("PSD_REDIS_URL", "redis://me:unseen@host/0")
    monkeypatch.setenv("PSD_BOOKING_MARKER_KEY", "hidden")
    monkeypatch.setenv("PSD_REWARDS_ELASTICSEARCH_API_KEY", "hidden")
    monkeypatch.setenv("PSD_SERVER_PORT", "1155")
    options = ("--config", str(file), "--set", "queue.nsqd_addresses=a:1,b:2")
    output = run(*options, "config", "show", "--changed").stdout
    listed_things = ",".join(things_text(default_things()))
    assert [line.split() for line in output.splitlines()] == [
        ["key", "value", "default", "source"],
        ["redis.url", "redis://me:***@host/0", "redis://127.0.0.1:6379/0", "PSD_REDIS_URL"],
        ["queue.topic", "a", "psd", str(file)],
        ["queue.nsqd_addresses", "a:1,b:2", "127.0.0.1:4150", "flag"],
        ["booking.marker_key", "***", "***", "PSD_BOOKING_MARKER_KEY"],
        ["rewards.elasticsearch_api_key", "***", "-", "PSD_REWARDS_ELASTICSEARCH_API_KEY"],
        ["things", "km=9:m", listed_things, str(file)],
    ]
    everything = run(*options, "config", "show").stdout
    assert ["server.port", "1155", "PSD_SERVER_PORT"] in map(str.split, everything.splitlines())
    assert "unseen" not in everything
    assert "hidden" not in everything


def test_without_a_name_the_folders_own_settings_are_read_then_those_of_a_running_psd_up(
    empty_folder: Path,
) -> None:
    assert settings_path(None) is None
    running = Path("data/psd.toml")
    running.parent.mkdir()
    running.touch()
    assert settings_path(None) == running
    assert settings_path(None, own=running) is None
    own = Path("conf/settings.toml")
    own.parent.mkdir()
    own.touch()
    assert settings_path(None) == own
    assert settings_path(running) == running
    assert settings_path(running, own=empty_folder / running) == own


def test_settings_written_as_a_file_are_read_back_the_same(empty_folder: Path) -> None:
    environ = {
        "PSD_REDIS_URL": 'unix:///tmp/a "b" \\ \x7f é/redis.sock',
        "PSD_QUEUE_NSQD_ADDRESSES": "a:1,b:2",
        "PSD_WORKER_BATCH_WAIT_MS": "2.5",
        "PSD_THINGS": 'km_driven=9:m " \\ é,b=2',
    }
    settings = load_settings(environ=environ).settings
    file = empty_folder / "psd.toml"
    with settings_file(file, settings):
        assert load_settings(file).settings == with_absolute_paths(settings)
        assert file.stat().st_mode & 0o077 == 0
    assert not file.exists()
    assert "[redis]" in settings_toml(settings)


def test_the_status_line_is_short() -> None:
    assert status_text(Status(12_345, 67, 8, 3_149_000)) == (
        "12,345 booked, 67 unchanged | 8 queued | store 3.1 MB"
    )


@pytest.mark.parametrize(
    ("argument", "path", "called"),
    [
        (".venv/bin/psd", "", ".venv/bin/psd"),
        ("{folder}/.venv/bin/psd", "", ".venv/bin/psd"),
        ("{folder}/.venv/bin/psd", "{folder}/.venv/bin", "psd"),
        ("/opt/my psd/bin/psd", "", "'/opt/my psd/bin/psd'"),
        ("{folder}/psd/__main__.py", "", "psd"),
    ],
)
def test_the_lines_to_try_call_psd_as_it_can_be_called(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, argument: str, path: str, called: str
) -> None:
    own = empty_folder / ".venv" / "bin" / "psd"
    own.parent.mkdir(parents=True)
    own.touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [argument.format(folder=empty_folder)])
    monkeypatch.setenv("PATH", path.format(folder=empty_folder))
    assert called_as() == called


def test_another_store_is_reached_at_its_address_and_not_through_sentinels() -> None:
    own = RedisSettings(url="redis://10.0.0.1:6379/0", sentinel=("10.0.0.2:26379",))
    other = settings_of(Settings(redis=own), "redis://10.0.0.7:6379/0").redis
    assert (other.url, other.sentinel) == ("redis://10.0.0.7:6379/0", ())
    with pytest.raises(ConfigError, match=r"--from: redis://10\.0\.0\.1:6379 is redis\.url"):
        settings_of(Settings(redis=own), "redis://10.0.0.1:6379")
