"""Help pages have examples that work, psd starts light, and shells complete it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from psd.cli.completion import SHELLS, VARIABLE
from psd.cli.main import psd

HEAVY = frozenset(
    [
        "aiohttp",
        "grpc",
        "hiredis",
        "importlib.metadata",
        "jinja2",
        "msgpack",
        "nsq",
        "numpy",
        "prometheus_client",
        "pyarrow",
        "redis",
        "rich",
        "uvloop",
    ]
)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with the words that call it."""
    yield from _below(psd, click.Context(psd, info_name="psd"), ())


def _below(
    group: click.Command, ctx: click.Context, words: tuple[str, ...]
) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(group, click.Group):
        yield " ".join(words), group
        return
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        below = click.Context(command, info_name=name, parent=ctx)
        yield from _below(command, below, (*words, name))


COMMANDS = dict(commands())


def examples_of(command: click.Command) -> list[str]:
    """The lines of a command's examples."""
    _, _, lines = (command.epilog or "").partition("Examples:\n")
    return [line.strip() for line in lines.splitlines()]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_shows_examples_that_it_reads(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def any_file(self: click.Path, value: Any, *_: Any) -> Any:
        return self.coerce_path_result(value)

    monkeypatch.setattr(click.Path, "convert", any_file)
    monkeypatch.setattr(click.File, "convert", lambda _self, value, *_: value)
    lines = examples_of(COMMANDS[words])
    assert lines
    for line in lines:
        told = shlex.split(line)
        for sign in ("|", ">", "<", ">>"):
            told = told[: told.index(sign)] if sign in told else told
        if "psd" not in told:
            told = shlex.split(line)[shlex.split(line).index("|") + 1 :]
        assert told[0] == "psd"
        assert " ".join(told[1:]).startswith(words)
        rest = told[1 + len(words.split()) :]
        parent = click.Context(psd, info_name="psd")
        COMMANDS[words].make_context(words, rest, parent=parent)


DOES = """
    up server worker publish export seal write completion
    convert_pointspaced migrate backup restore verify replay dlq_drop dlq_replay
    boards_create boards_edit boards_rm boards_members_add boards_members_rm boards_members_import
    users_erase users_cut pages_users_add pages_users_password pages_users_remove token_new
    token_check token_revoke
    rewards_calculate rewards_what-if rewards_export rewards_paid rewards_serve
    rewards_blacklist_add rewards_blacklist_rm rewards_override_set rewards_override_rm
    swaps_add swaps_correct swaps_verify swaps_rebuild swaps_import swaps_sample swaps_scenario
    energy_import energy_sample energy_meter_set energy_meter_exchange energy_plans_import
    energy_plans_put energy_plans_rm energy_prices_import energy_carbon_import
    charging_post charging_link charging_request charging_restore charging_scenario
    charging_simulate charging_site charging_export
"""
"""They do something and say what became of it, or write a file of rows themselves."""


def test_whatever_prints_rows_prints_them_as_json_and_csv() -> None:
    lacking = set()
    for words, command in COMMANDS.items():
        options = {name for each in command.params for name in each.opts}
        if not {"--json", "--csv"} <= options:
            lacking.add(words.replace(" ", "_"))
    assert lacking == set(DOES.split())


def imported_by(*arguments: str) -> set[str]:
    """Those of HEAVY that a command imports, and of psd what stands for much."""
    code = (
        "import sys, click\n"
        "from psd.__main__ import main\n"
        f"sys.argv = ['psd', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print('\\n' + ' '.join(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.slow("a process of its own")
@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_psd_starts_without_what_its_commands_need(argument: str) -> None:
    assert imported_by(argument) & (HEAVY | {"psd.config_sources", "psd.engine.plan"}) == set()


@pytest.mark.slow("a process of its own")
def test_a_command_that_asks_a_server_imports_no_store_no_queue_and_no_numbers() -> None:
    allowed = {"aiohttp", "msgpack"}
    assert imported_by("sum", "--help") & (HEAVY - allowed) == set()


@pytest.mark.slow("a process of its own")
def test_a_worker_books_without_numpy() -> None:
    code = (
        "import sys\n"
        "import psd.cli.worker, workers.service, workers.handlers, psd.runtime\n"
        "import psd.engine.engine, psd.queries.queries\n"
        "print('numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False\n"


@pytest.mark.slow("a shell of its own")
def test_bash_completes_commands_options_and_kinds(tmp_path: Path) -> None:
    """The script is evaluated by bash, and its function is asked as a Tab asks it."""
    launcher = tmp_path / "psd"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m psd "$@"\n')
    launcher.chmod(0o755)
    asked = [
        ("psd exp", 1),
        ("psd export boo", 2),
        ("psd boards members i", 3),
        ("psd top --wa", 2),
    ]
    lines = [f'export PATH="{tmp_path}:$PATH"', 'eval "$(psd completion bash)"', "complete -p psd"]
    for line, word in asked:
        lines += [
            f"COMP_WORDS=({line}); COMP_CWORD={word}; COMPREPLY=()",
            "_psd_completion psd; echo ${COMPREPLY[*]}",
        ]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True, timeout=120
    )
    told = done.stdout.splitlines()
    assert told[0].startswith("complete -o nosort -F _psd_completion psd")
    assert told[1:] == ["export", "bookings", "import", "--watch"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script_that_asks_psd(shell: str) -> None:
    from click.testing import CliRunner  # noqa: PLC0415  (one test runs a command)

    done = CliRunner().invoke(psd, ["completion", shell])
    assert done.exit_code == 0
    assert f"{VARIABLE}={shell}_complete" in done.output
