"""What psd does in one way is written once: a second way shows here before it has users.

Each row names a sign of the thing, a pattern in the text of a module, and the modules that have it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.sources import PACKAGES, ROOT, text_of

MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
)

ONCE: dict[str, tuple[str, Sequence[str]]] = {
    # The picture of a yard moves by itself and is no table of rows.
    "what draws on a terminal": (
        r"^\s*(?:from|import) rich\b|import_module\(f?[\"']rich",
        ("psd/charging/cli/simulate.py", "psd/cli/bars.py", "psd/cli/printing.py"),
    ),
    "who has bars drawn": (r"psd\.cli\.bars", ("psd/cli/progress.py",)),
    "JSON on a terminal": (
        r"\b(?:echo|say|print)\(.*json\.(?:encode|format)|\bimport .*\bjson_on_terminal\b",
        ("psd/cli/printing.py",),
    ),
    "tables as CSV on a terminal": (r"csv\.writer\(sys\.stdout", ("psd/cli/printing.py",)),
    # Each of them has what a spreadsheet would compute marked as a text.
    "who writes CSV": (
        r"csv\.(?:Dict)?[wW]riter\(",
        (
            "psd/cli/printing.py",
            "psd/exports/row_files.py",
            "psd/rewards/cli/pay.py",
            "server/formats.py",
            "server/pages/site.py",
        ),
    ),
    "where boards are kept": (
        r"\bboards_key\(|\bnamed_board_root\(|root\}:(?:members|final|versions)\b",
        (
            "psd/queries/boards/definitions.py",
            "psd/queries/boards/store.py",
            "psd/queries/boards/writes.py",
            "psd/store/keys.py",
        ),
    ),
    "how a 64-bit number is written": (r"-\?\[1-9\]", ("psd/integers.py",)),
    "the number of each thing by name": (
        r"\bname: (\w+)\.id for name, \1 in \w*\.?things\b",
        ("psd/config.py",),
    ),
    "pauses that double": (
        r"\b2(?:\.0)? ?\*\* ?(?:min\(|self\.|\w*(?:tr|fail|attempt))|\w+_s \*= ?2|\w+_s \* 2\b",
        ("psd/backoff.py",),
    ),
    "who looks whether a file of tokens has changed": (
        r"\bst_mtime",
        ("psd/access/known_tokens.py",),
    ),
    "the choice of an event loop": (
        r"\"uvloop\"|^\s*import uvloop|set_event_loop|EventLoopPolicy",
        ("psd/event_loop.py",),
    ),
    "what is asked of nsqd and nsqlookupd by HTTP": (
        r"\bnsq_http import\b",
        ("psd/queue/nsq_lookup.py", "psd/queue/nsq_stats.py"),
    ),
}


@pytest.mark.parametrize("what", ONCE)
def test_it_is_written_once(what: str) -> None:
    sign, places = ONCE[what]
    pattern = re.compile(sign, re.MULTILINE)
    assert [name for name in MODULES if pattern.search(text_of(ROOT / name))] == [*places]


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("what draws on a terminal", "from rich.table import Table"),
        ("JSON on a terminal", "click.echo(msgspec.json.encode(answer))"),
        ("how a 64-bit number is written", 're.compile("0|-?[1-9][0-9]{0,18}")'),
        ("the number of each thing by name", "{name: each.id for name, each in things.items()}"),
        (
            "pauses that double",
            "await self._rest(min(self._wait_s() * 2**self._failed_in_row, 2.0))",
        ),
        ("pauses that double", "wait_s = min(wait_s * 2, WAIT_MAX_S)"),
    ],
)
def test_a_second_one_would_be_seen(what: str, line: str) -> None:
    assert re.search(ONCE[what][0], line, re.MULTILINE)


def engines_of(path: Path) -> Iterator[str]:
    """How a module of questions names the type of the engine that it asks."""
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.arg) and node.arg == "engine" and node.annotation is not None:
            yield ast.unparse(node.annotation)


def test_queries_ask_the_reads_of_an_engine_and_nothing_like_it() -> None:
    modules = sorted((ROOT / "psd" / "queries").rglob("*.py"))
    found = [kind for path in modules for kind in engines_of(path)]
    assert len(found) >= 5
    assert {*found} == {"Reads"}
    # Protocols of what others than the engine lend.
    protocols = {
        name for path in modules for name in re.findall(r"class (\w+)\(Protocol\)", text_of(path))
    }
    assert protocols == {"BoardReads", "NameSource"}


def test_what_serves_runs_on_the_loop_that_was_chosen() -> None:
    served = [name for name in MODULES if "asyncio.Runner(" in text_of(ROOT / name)]
    assert len(served) >= 5
    for name in served:
        assert "asyncio.Runner(loop_factory=new_event_loop)" in text_of(ROOT / name), name
