"""How boards of things are kept is fixed with the first booking; a repair makes it another."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from psd.cli.main import psd
from tests.conftest import AnyStore


def run(redis_url: str, folder: Path, boards: str, *arguments: str) -> Result:
    """The psd command with a thing whose boards are kept so."""
    path = folder / "settings.toml"
    things = f'steps = {{ id = 1, unit = "steps", boards = {boards} }}'
    path.write_text(f"[things]\n{things}\n", encoding="utf-8")
    options = ("--config", str(path), "--set", f"redis.url={redis_url}")
    return CliRunner().invoke(psd, [*options, "--set", "queue.kind=stream", *arguments])


WRITE = ("write", "--thing", "steps", "--uid", "7", "--value", "4", "--ts2", "1460462400")


def columns(server: AnyStore) -> set[str]:
    """Kinds of the columns that there are."""
    with server.sync_client() as client:
        return {key.decode().split(":")[4] for key in client.scan_iter("psd:columns:{*")}


def test_another_setting_is_refused_until_a_repair(
    redis_url: str, redis_server: AnyStore, tmp_path: Path
) -> None:
    assert run(redis_url, tmp_path, "true", *WRITE).exit_code == 0
    assert columns(redis_server) >= {"y", "m", "l"}
    refused = run(redis_url, tmp_path, '"day"', *WRITE)
    assert refused.exit_code == 78
    assert 'things.steps: boards = "day", but the store has its bookings with' in refused.output
    assert "psd verify --repair" in refused.output
    repaired = run(redis_url, tmp_path, '"day"', "verify", "--repair", "--rate", "0")
    assert repaired.exit_code == 0, repaired.output
    assert columns(redis_server) >= {"y", "m", "d"}
    assert "l" not in columns(redis_server)
    assert run(redis_url, tmp_path, '"day"', *WRITE).output.strip() == "unchanged"


def test_boards_of_a_thing_that_nobody_booked_may_be_kept_otherwise(
    redis_url: str, redis_server: AnyStore, tmp_path: Path
) -> None:
    asked = ("query", "steps", "7", "0", "9")
    assert run(redis_url, tmp_path, "true", *asked).exit_code == 0
    assert run(redis_url, tmp_path, "false", *WRITE).exit_code == 0
    assert columns(redis_server) == set()
    assert run(redis_url, tmp_path, "false", "verify", "--rate", "0").exit_code == 0


def test_a_word_that_is_none_is_refused(redis_url: str, tmp_path: Path) -> None:
    refused = run(redis_url, tmp_path, '"hour"', *WRITE)
    assert refused.exit_code == 78
    assert "things.steps.boards" in refused.output
