"""``psd query``, ``psd write`` and ``psd doctor`` on a real store."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from psd.cli.main import psd

AT = ("--ts2", "2016-04-12T08:00:00Z")
DAY = ("2016-04-12", "2016-04-13")


def run(redis_url: str, *arguments: str, kind: str = "stream") -> Result:
    """The psd command over one store."""
    options = ("--set", f"redis.url={redis_url}", "--set", f"queue.kind={kind}")
    return CliRunner().invoke(psd, [*options, *arguments])


def write(redis_url: str, *arguments: str) -> str:
    """Report steps of user 7; returns what psd says."""
    result = run(redis_url, "write", "--thing", "steps", "--uid", "7", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def query(redis_url: str, *arguments: str) -> int:
    """Steps of user 7."""
    result = run(redis_url, "query", "steps", "7", *arguments)
    assert result.exit_code == 0, result.output
    return int(result.stdout)


def test_a_report_is_booked_once_and_found_again(redis_url: str) -> None:
    assert write(redis_url, "--aid", "1", "--value", "400", *AT) == "booked"
    assert write(redis_url, "--aid", "1", "--value", "400", *AT) == "unchanged"
    assert query(redis_url, *DAY) == 400


def test_a_corrected_total_replaces_the_older_one(redis_url: str) -> None:
    write(redis_url, "--aid", "1", "--value", "400", *AT)
    write(redis_url, "--aid", "1", "--value", "300", *AT)
    assert query(redis_url, *DAY) == 300


def test_an_increment_is_applied_once_for_its_id(redis_url: str) -> None:
    increment = ("--value", "5", "--increment", "--id", "e1", *AT)
    assert write(redis_url, *increment) == "booked"
    assert write(redis_url, *increment) == "duplicate"
    assert query(redis_url, *DAY) == 5


def test_the_end_of_a_range_is_counted_only_when_it_is_inclusive(redis_url: str) -> None:
    write(redis_url, "--value", "1", "--ts2", "200")
    assert query(redis_url, "100", "200") == 0
    assert query(redis_url, "100", "200", "--inclusive") == 1
    assert query(redis_url, "200", "201") == 1


def test_sums_are_filtered_by_type_and_by_activity(redis_url: str) -> None:
    write(redis_url, "--atid", "2", "--aid", "1", "--value", "10", *AT)
    write(redis_url, "--atid", "3", "--aid", "2", "--value", "20", *AT)
    assert query(redis_url, *DAY, "--atid", "2") == 10
    assert query(redis_url, *DAY, "--aid", "2") == 20
    assert query(redis_url, *DAY, "--aid", "2", "--atid", "2") == 0


def test_a_negative_user_is_a_user(redis_url: str) -> None:
    booked = run(redis_url, "write", "--thing", "steps", "--uid", "-3", "--value", "1", *AT)
    assert booked.stdout == "booked\n"
    assert run(redis_url, "query", "steps", "-3", *DAY).stdout == "1\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("query", "miles", "7", "0", "1"),
            2,
            "'miles' is not configured; known are battery_charge, calories,",
        ),
        (
            ("query", "steps", "7", "0", "soon"),
            2,
            "'soon' is neither RFC 3339 nor whole Unix seconds",
        ),
        (("write", "--thing", "steps", "--uid", "7", "--value", "1", "--ts2", "0"), 1, "ts2: 0"),
        (
            ("write", "--thing", "steps", "--uid", "7", "--value", "1", *AT, "--increment"),
            1,
            "psd: id: an increment needs an id",
        ),
        (
            ("write", "--thing", "steps", "--uid", "7", "--value", "1", *AT, "--id", "e"),
            2,
            "--id belongs to --increment",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    redis_url: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = run(redis_url, *arguments)
    assert result.exit_code == code
    assert message in result.stderr


def test_a_store_that_is_away_is_exit_code_75() -> None:
    result = run("redis://127.0.0.1:1/0", "query", "steps", "7", *DAY)
    assert (result.exit_code, result.stdout) == (75, "")
    assert result.stderr.startswith("psd: redis: ")


def test_doctor_tells_what_is_wrong_and_fails(redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        up = f"queue.nsqd_addresses=127.0.0.1:{listening.getsockname()[1]},127.0.0.1:1"
        result = run(redis_url, "--set", up, "doctor", kind="nsq")
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    told = [row for row in rows if row[0] not in ("seen:", "do:")]
    lines = {check: level for check, level, *_ in told}
    assert result.exit_code == 1
    assert (lines["store"], lines["store.clock"], lines["store.policy"]) == ("ok", "ok", "ok")
    assert [level for _, level, *_ in told[-2:]] == ["ok", "BAD"]
    assert rows[-2][0] == "seen:"
    assert rows[-1][0] == "do:"


def test_doctor_without_a_store_says_so_and_fails() -> None:
    result = run("redis://:secret@127.0.0.1:1/0", "doctor")
    assert result.exit_code == 1
    [line] = [line for line in result.stdout.splitlines() if line.startswith(" store")]
    assert line.split()[1] == "BAD"
    assert "secret" not in result.stdout


def checks_of(redis_url: str, *settings: str) -> dict[str, tuple[bool, str]]:
    """What doctor finds, by check; a setting is ``section.key=value``."""
    flags = [word for setting in settings for word in ("--set", setting)]
    result = run(redis_url, *flags, "doctor", "--json")
    found = {each["check"]: (each["ok"], each["found"]) for each in json.loads(result.stdout)}
    assert result.exit_code == (0 if all(is_ok for is_ok, _ in found.values()) else 1)
    return found


def test_doctor_finds_nothing_wrong_where_a_server_would_start(
    redis_url: str, tmp_path: Path
) -> None:
    archive = tmp_path / "deep" / "archive"
    found = checks_of(redis_url, "server.port=0", f"archive.folder={archive}")
    assert {check: is_ok for check, (is_ok, _) in found.items() if not is_ok} == {}
    assert found["archive"] == (True, f"{archive} can be made and written")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("check", "setting", "message"),
    [
        ("tokens", "access.tokens_file={folder}/none", "No such file or directory"),
        ("tokens", "access.tokens_file={folder}/broken", "line 1: name: expected 1 to 64"),
        ("tokens", "access.tokens=name=x", "sha256: expected 64 hexadecimal digits"),
        ("access", "server.host=0.0.0.0", "other machines reach it, and nobody is checked"),
        ("archive", "archive.folder={folder}/broken/archive", "cannot be written"),
        ("tables", "rewards.tables={folder}/broken", "broken"),
        ("address", "server.host=192.0.2.1", "Cannot assign requested address"),
        ("jwks", "access.jwks={folder}/broken", "access.jwt_issuer = ''"),
    ],
)
def test_doctor_opens_what_a_server_would_open(
    redis_url: str, tmp_path: Path, check: str, setting: str, message: str
) -> None:
    (tmp_path / "broken").write_text("sha256=1\n")
    found = checks_of(
        redis_url,
        "server.port=0",
        f"archive.folder={tmp_path}/archive",
        setting.format(folder=tmp_path),
    )
    is_ok, told = found[check]
    assert (is_ok, message in told) == (False, True), told


def test_doctor_fetches_the_keys_that_verify_jwts(redis_url: str, tmp_path: Path) -> None:
    rules = ("access.jwt_issuer=i", "access.jwt_audience=a")
    (tmp_path / "keys").write_text(json.dumps({"keys": []}))
    for where, message in (
        ("http://127.0.0.1:1/keys?token=hidden", "nothing listens there (connection refused)"),
        (f"{tmp_path}/keys", "no key in it can verify"),
    ):
        is_ok, told = checks_of(redis_url, f"access.jwks={where}", *rules)["jwks"]
        assert (is_ok, message in told) == (False, True), told
        assert "hidden" not in told


def test_an_address_that_cannot_be_read_is_told_without_its_password() -> None:
    result = run("redis://me:p4/ss@host:x", "query", "steps", "7", *DAY)
    assert result.exit_code == 78
    assert "redis://me:***@host:x" in result.stderr
    assert "p4" not in result.stderr


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2016-04-13", "2016-04-12", "start: '2016-04-13' must not be after end '2016-04-12'"),
        ("2016-04-12", "2016-04-12", "range: '2016-04-12' to '2016-04-12' holds no second"),
        ("1460419200000", "now", "milliseconds of 2016-04-12T00:00:00Z"),
        ("2016-04-12", "1460419200000", "milliseconds of 2016-04-12T00:00:00Z"),
        ("2200", "2201", "start: '2200' lies past 2199"),
        ("now", "-7d", "start: 'now' must not be after end '-7d'"),
    ],
)
def test_a_range_that_can_hold_nothing_is_refused(
    redis_url: str, start: str, end: str, message: str
) -> None:
    result = run(redis_url, "query", "steps", "7", start, end)
    assert (result.exit_code, message in result.output) == (2, True), result.output


def test_times_of_a_query_may_be_relative_or_a_month(redis_url: str) -> None:
    write(redis_url, "--value", "5", *AT)
    assert query(redis_url, "2016-04", "2016-05") == query(redis_url, "2016", "now") == 5
    assert query(redis_url, "-7d", "now") == query(redis_url, "yesterday", "tomorrow") == 0
    second = "2016-04-12T08:00:00Z"
    assert query(redis_url, second, second, "--inclusive") == 5
