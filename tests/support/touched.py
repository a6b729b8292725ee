"""Which tests are about what has changed: ``make test-quick`` runs them beside those of rules.

``python -m tests.support.touched`` prints paths. A test is about a change when it was changed, or
when it imports a module that was, by itself or by way of one that supports tests::

    psd/queries/streaks.py             ->  tests/integration/test_v3_series.py ...
    tests/support/clients/raw_http.py  ->  tests/integration/http_limits/test_http_limits.py ...
    lua/engine/book.lua                ->  nothing: tests/contract runs every script

Of very many the FILES_MAX that import the most of it are taken, and how many are left to
``make test`` is told on stderr. Changed is what differs from where the branch left origin/main.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
FOLDERS = ("integration", "fuzz", "property", "chaos")
"""Where tests are that test-quick does not run anyway; those of e2e start everything."""

FILES_MAX = 12
"""They take a minute, and the others half of one."""


def module_of(path: str) -> str:
    """``psd/store/lane.py`` is psd.store.lane."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports_of(source: str) -> Iterator[str]:
    """Every module that may be meant by an import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def files_about(changed: Iterable[str], sources: Mapping[str, str]) -> list[str]:
    """Test files of ``sources``, by path, those first that import the most of what has changed."""
    paths = set(changed)
    modules = {module_of(path) for path in paths if path.endswith(".py")}
    imported = {path: set(imports_of(source)) for path, source in sources.items()}
    support = {
        module_of(path)
        for path, found in imported.items()
        if path.startswith("tests/support/") and found & modules
    }
    weights = {
        path: (path in paths, len(found & modules), len(found & support))
        for path, found in imported.items()
        if path.startswith(tuple(f"tests/{folder}/" for folder in FOLDERS))
        and Path(path).name.startswith("test_")
    }
    about = [path for path, weight in weights.items() if any(weight)]
    return sorted(sorted(about), key=lambda path: weights[path], reverse=True)


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def _changed() -> list[str]:
    [base] = _git("merge-base", "HEAD", "origin/main") or ["HEAD"]
    return [*_git("diff", "--name-only", base), *_git("ls-files", "--others", "--exclude-standard")]


def main() -> None:
    """Print the files."""
    paths = ROOT.glob("tests/**/*.py")
    sources = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}
    found = files_about(_changed(), sources)
    if len(found) > FILES_MAX:
        print(f"{len(found) - FILES_MAX} more files: make test", file=sys.stderr)
    print(*found[:FILES_MAX], sep="\n")


if __name__ == "__main__":
    main()
