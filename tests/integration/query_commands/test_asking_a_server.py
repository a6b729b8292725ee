"""Which server a question goes to, as whom, and what a wrong one or one that is away is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from psd.cli.server_options import url_of
from psd.config import ServerSettings, Settings
from tests.support.clients.access import asked_of
from tests.support.clients.client_side import ADMIN
from tests.support.processes.commands import lines_of, run

DAY = ("--start", "2016-04-12", "--end", "2016-04-13")

pytestmark = pytest.mark.psd(asked_of(ADMIN), archives=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sum", "steps"), "Missing argument 'UID...'"),
        (("sum", "steps", "--nope"), "No such option '--nope'"),
        (("sum", "steps", "1", "--aggregates", "mean"), "known are sum, count"),
        (("sum", "steps", "1", "--json", "--csv"), "contradict each other"),
        (("series", "steps", "1"), "Missing option '--start'"),
        (("series", "steps", "1", "--every", "age"), "'age' is not one of"),
        (("top",), "Missing argument 'THING', or --board."),
        (("compare", "steps"), "Missing option '--compare-to'"),
        (("activities", "1", "--note", "x"), "--note belongs to --withdraw"),
        (("activities", "1", "--withdraw", "1", "--start", "0"), "--withdraw stands alone"),
        (("activities", "1", "--audit", "--thing", "steps"), "--audit goes with"),
    ],
)
async def test_a_wrong_command_line_is_told_and_nothing_is_asked(
    arguments: tuple[str, ...], message: str
) -> None:
    result = await run("--set", "server.port=1", *arguments)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


async def test_an_error_is_a_line_and_an_exit_code(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await run("top", "floors")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(
        "psd: thing: 'floors' is unknown; known are battery_charge, cal"
    )
    token = tmp_path / "token"
    token.write_text(ADMIN.secret + "\n")
    monkeypatch.setenv("PSD_TOKEN", "wrong")
    assert (await run("top", "steps")).exit_code == 1
    asked = ("top", "steps", "--url", url, "--token-file", str(token))
    assert (await run(*asked)).exit_code == 0
    nobody = await run("top", "steps", "--url", "host:1155")
    assert (nobody.exit_code, "is not an http://" in nobody.stderr) == (2, True)


async def test_the_server_and_the_token_may_stand_in_the_environment(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSD_SERVER_PORT", "1")
    monkeypatch.setenv("PSD_URL", url)
    assert (await lines_of("sum", "steps", "1", *DAY))[1].split() == ["1", "steps", "50"]
    assert (await run("top", "steps", "--url", "http://127.0.0.1:1")).exit_code == 75
    monkeypatch.setenv("PSD_TOKEN", "two words")
    result = await run("top", "steps")
    assert (result.exit_code, "$PSD_TOKEN does not hold one token" in result.stderr) == (2, True)
    assert "two words" not in result.stderr


async def test_the_user_may_stand_before_the_thing_as_it_once_did() -> None:
    assert await lines_of("around", "-3", "steps", "--span", "0") == await lines_of(
        "around", "steps", "-3", "--span", "0"
    )


async def test_an_unknown_thing_is_the_same_mistake_everywhere() -> None:
    commands = (
        ("query", "floors", "1", "2016-04-12", "2016-04-13"),
        ("sum", "floors", "1"),
        ("series", "floors", "1", "--start", "2016-04-12"),
        ("top", "floors"),
        ("around", "floors", "1"),
        ("compare", "floors", "--compare-to", "2016-04-12"),
        ("activities", "1", "--thing", "floors"),
        ("write", "--thing", "floors", "--uid", "1", "--value", "1", "--ts2", "5"),
        ("verify", "--thing", "floors"),
    )
    codes = {command: (await run(*command)).exit_code for command in commands}
    assert codes == dict.fromkeys(commands, 2)


async def test_a_server_that_is_away_is_worth_another_try() -> None:
    result = await run("top", "steps", "--url", "http://127.0.0.1:1")
    assert result.exit_code == 75
    assert result.stderr == (
        "psd: http://127.0.0.1:1 does not answer: nothing listens there (connection refused)\n"
    )


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1155"),
        ("0.0.0.0", "http://127.0.0.1:1155"),
        ("", "http://127.0.0.1:1155"),
        ("::", "http://[::1]:1155"),
        ("fe80::1", "http://[fe80::1]:1155"),
        ("psd.example", "http://psd.example:1155"),
    ],
)
def test_the_server_of_the_settings_is_asked_from_this_machine(host: str, url: str) -> None:
    assert url_of(Settings(server=ServerSettings(host=host))) == url
