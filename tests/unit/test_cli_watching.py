"""Commands that go on until somebody ends them, and what is said then."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.progress import Progress

from psd.cli import exporting, publish, restore
from psd.cli.asking import Asking
from psd.cli.bars import DrawnBar, told_of
from psd.cli.interrupted import EXIT_INTERRUPTED
from psd.cli.looking_again import look_again
from psd.cli.main import psd
from psd.cli.server_options import AskedServer
from psd.queue.interface import PublishProgress


class Answer:
    """A board of so many rows."""

    def __init__(self, *data: int) -> None:
        self.data = list(data)


def test_elsewhere_than_on_a_terminal_only_another_answer_is_shown_again() -> None:
    answers = iter([Answer(1), Answer(1), Answer(2), Answer(2), Answer(1)])
    shown: list[list[int]] = []
    asking = Asking(AskedServer("http://127.0.0.1:1"), "json")
    ask: Any = lambda: next(answers)  # noqa: E731  (a line of it is all there is)
    show: Any = lambda answer: shown.append(answer.data)  # noqa: E731  (likewise)
    look_again(asking, ask, show, every_s=0, looks=5)
    assert shown == [[1], [2], [1]]


def test_an_interrupt_ends_with_130_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "_to_folder", stopped)
    out = tmp_path / "out"
    done = CliRunner().invoke(psd, ["export", "bookings", str(out)])
    assert done.exit_code == EXIT_INTERRUPTED
    said = f"psd export bookings {out} ... --resume goes on behind the last whole part"
    assert done.stderr == f"\npsd: interrupted; {said}\n"
    again = CliRunner().invoke(psd, ["export", "bookings", str(out)])
    assert again.exit_code == 1
    assert "--resume goes on with it" in again.stderr


def test_a_restore_that_is_interrupted_says_that_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(restore, "read_manifest", stopped)
    done = CliRunner().invoke(psd, ["restore", str(tmp_path)])
    assert done.exit_code == EXIT_INTERRUPTED
    assert done.stderr == f"\npsd: interrupted; {restore.STOPPED.format(tmp_path)}\n"


@pytest.mark.parametrize(
    ("numbers", "known", "unknown", "told"),
    [
        ([], 0, 0, "published everything before line 8; go on with --skip 7"),
        ([8, 9, 11], 0, 3, "before line 8, and perhaps lines 8 to 11; go on with --skip 7"),
        ([8, 9, 11], 2, 1, "before line 11, and perhaps 11; go on with --skip 10"),
        ([8, 9, 11], 3, 0, "published everything before line 12; go on with --skip 11"),
    ],
)
def test_a_publish_that_is_interrupted_says_which_lines_are_queued(
    numbers: list[int],
    known: int,
    unknown: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def stopped(_settings: Any, _source: Any, sent: publish.SentLines) -> tuple[int, int]:
        sent.lines = [(number, b"{}") for number in numbers]
        sent.progress = PublishProgress(known, unknown)
        raise KeyboardInterrupt

    monkeypatch.setattr(publish, "publish_lines", stopped)
    lines = tmp_path / "lines.ndjson"
    lines.touch()
    done = CliRunner().invoke(psd, ["publish", str(lines), "--skip", "7"])
    assert done.exit_code == EXIT_INTERRUPTED
    assert done.stderr.startswith("\npsd: interrupted; published everything")
    assert done.stderr.endswith(f"{told}\n")


def test_looks_are_of_a_watch_alone() -> None:
    done = CliRunner().invoke(psd, ["top", "steps", "--looks", "3"])
    assert done.exit_code == 2
    assert "--looks belongs to --watch" in done.stderr


@pytest.mark.parametrize(
    ("done", "total", "speed", "unit", "told"),
    [
        (9_000, 22_099, 3_012.4, "rows", "9,000 of 22,099 rows  3,012 rows/s"),
        (5, None, None, "messages", "5 messages"),
        (1_500, 3_200_000, 2_000_000, "bytes", "1.5 kB of 3.2 MB  2.0 MB/s"),
    ],
)
def test_a_bar_tells_how_far_how_fast_and_of_what(
    done: float, total: float | None, speed: float | None, unit: str, told: str
) -> None:
    assert told_of(done, total, speed, unit) == told


def test_a_bar_is_as_long_and_as_far_as_it_is_told() -> None:
    console = Console(file=io.StringIO())
    with Progress(console=console) as drawn:
        bar = DrawnBar(drawn, drawn.add_task("audited", total=0, unit="users"))
        bar.expect(5)
        bar.advance()
        bar.advance(2)
        assert (drawn.tasks[0].completed, drawn.tasks[0].total) == (3, 5)
        bar.reach(4, 8)
        assert (drawn.tasks[0].completed, drawn.tasks[0].total) == (4, 8)
