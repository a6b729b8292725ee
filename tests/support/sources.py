"""What stands in each module of psd, read once for all tests that hold the tree to its rules.

>>> source_of(ROOT / "psd" / "backoff.py").classes
('Backoff',)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("psd", "server", "workers")

_TYPE = re.compile(r"[A-Z][a-z]\w*")


class Source(NamedTuple):
    """One module: ``imports`` are (module, names) of its ``from ... import``, at any depth.

    ``aliases`` are names of the module that stand for a type; ``texts`` are its strings, also of
    bytes; those of docstrings are none.
    """

    lines: int
    docstring: str | None
    classes: Sequence[str]
    aliases: Sequence[str]
    imports: Sequence[tuple[str, Sequence[str]]]
    texts: Sequence[str]


@cache
def text_of(path: Path) -> str:
    """A file of the tree."""
    return path.read_text(encoding="utf-8")


@cache
def source_of(path: Path) -> Source:
    """A module of the tree."""
    return source_in(text_of(path))


def source_in(text: str) -> Source:
    """The module that a text is."""
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    told = {
        id(node.value)
        for node in nodes
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return Source(
        text.count("\n"),
        ast.get_docstring(tree),
        tuple(node.name for node in nodes if isinstance(node, ast.ClassDef)),
        tuple(_aliases(tree)),
        tuple(
            (node.module, tuple(each.name for each in node.names))
            for node in nodes
            if isinstance(node, ast.ImportFrom) and node.module
        ),
        tuple(
            node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            for node in nodes
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str | bytes)
            and id(node) not in told
        ),
    )


def _aliases(tree: ast.Module) -> list[str]:
    targets = [each for node in tree.body if isinstance(node, ast.Assign) for each in node.targets]
    return [each.id for each in targets if isinstance(each, ast.Name) and _TYPE.fullmatch(each.id)]
