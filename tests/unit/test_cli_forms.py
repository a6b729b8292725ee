"""Whatever prints rows or an answer prints them for programs too, and says how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from psd.cli import backup, converting, migrate, replay, seal, taking_exports, verify
from psd.cli.interrupted import EXIT_INTERRUPTED, UNLESS_SAID
from psd.cli.main import psd

SERVE = {"psd up", "psd server", "psd worker", "psd rewards serve", "psd charging site"}
"""They run until they are stopped."""

OTHER_FORMAT = {
    "psd completion",  # a program of a shell
    "psd rewards export",  # --format
    "psd charging export",  # an object a line, or CDRs
    "psd charging link",  # one link
    "psd token new",  # two lines that are put where they belong
}
"""What they print has a form of its own, which programs read."""

SAY_WHAT_WAS_DONE = {
    *("psd publish", "psd write", "psd dlq drop", "psd dlq replay", "psd token check"),
    *("psd token revoke", "psd pages users add", "psd pages users password"),
    *("psd pages users remove", "psd boards create", "psd boards edit", "psd boards rm"),
    *("psd boards members add", "psd boards members rm", "psd boards members import"),
    *("psd rewards paid", "psd rewards blacklist add", "psd rewards blacklist rm"),
    *("psd rewards override set", "psd rewards override rm"),
    *("psd swaps add", "psd swaps correct", "psd swaps verify", "psd swaps rebuild"),
    *("psd swaps import", "psd swaps sample", "psd energy sample", "psd energy plans import"),
    *("psd energy plans put", "psd energy plans rm", "psd energy prices import"),
    *("psd energy carbon import", "psd charging post", "psd charging restore"),
}
"""They do something to one thing, and say so in a line: a program looks at the exit code."""

ONE_DOCUMENT = {
    *("psd verify", "psd replay", "psd seal", "psd export", "psd convert pointspaced"),
    *("psd migrate", "psd backup", "psd restore", "psd users erase", "psd users cut"),
    *("psd energy import", "psd energy meter set", "psd energy meter exchange"),
    *("psd rewards calculate", "psd rewards what-if", "psd swaps scenario"),
    *("psd charging request", "psd charging scenario", "psd charging simulate"),
}
"""What they came to is one document, and no rows."""


def commands(group: click.Group, path: str = "psd") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def test_every_command_that_prints_rows_has_json_and_csv_and_every_answer_json() -> None:
    told = {name: {at for p in command.params for at in p.opts} for name, command in commands(psd)}
    without = SERVE | OTHER_FORMAT | SAY_WHAT_WAS_DONE
    assert without | ONE_DOCUMENT <= told.keys()
    assert {name for name in told if "--json" not in told[name]} == without
    lacking = {name for name in told if "--csv" not in told[name]}
    assert lacking == without | ONE_DOCUMENT


async def _stopped(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("module", "work", "words", "said"),
    [
        (backup, "run", ["backup", "out"], "psd backup out begins anew"),
        (replay, "run", ["replay", "--from", "1", "--folder", "."], UNLESS_SAID),
        (verify, "audit", ["verify"], UNLESS_SAID),
        (seal, "sealings", ["seal"], UNLESS_SAID),
        (
            taking_exports,
            "_taken",
            ["import", "--kind", "boards", "boards.ndjson"],
            "psd import boards.ndjson again books what is missing, and nothing twice",
        ),
        (
            migrate,
            "migrated",
            ["migrate", "--from", "redis://127.0.0.1:1/0"],
            "no psd works with this store until psd migrate has ended, which begins anew",
        ),
        (
            converting,
            "_converted",
            ["convert", "pointspaced", "--from", "redis://127.0.0.1:1/0"],
            "the same command again goes on, and books nothing twice",
        ),
    ],
)
def test_what_takes_long_says_how_to_go_on_when_it_is_interrupted(
    module: Any,
    work: str,
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("boards.ndjson").touch()
    Path("archive").mkdir()
    monkeypatch.setattr(module, work, _stopped)
    done = CliRunner().invoke(psd, words)
    assert done.exit_code == EXIT_INTERRUPTED, done.output
    assert done.stderr.startswith("\npsd: interrupted; ")
    assert done.stderr.endswith(f"{said}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "boards.ndjson"]
