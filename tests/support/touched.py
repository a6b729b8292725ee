"""Which tests are about what has changed: ``make test-quick`` runs them beside those of rules.

``python -m tests.support.touched`` prints paths. A test is about a module when one leads to the
other by imports: those first whose paths share the most words, then those that are the fewest
imports away, and of these those that import the least else::

    psd/queries/boards/finals.py  ->  tests/integration/v3_boards/test_finals.py, the other boards
    psd/engine/plan.py            ->  whoever imports it: test_bounds.py, test_increments.py, ...
    lua/engine/sum.lua            ->  what is about the module that loads "engine.sum"
    docs/http.md                  ->  nothing: tests/house reads the pages

``FILES_MAX`` of them are taken, and how many are left to ``make test`` is told on stderr. Changed
is what differs from where the branch left origin/main.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
PACKAGES = ("psd", "server", "workers", "tests")
FOLDERS = ("tests/integration/", "tests/fuzz/", "tests/property/", "tests/chaos/")
"""Where tests are that test-quick does not run anyway; those of e2e are run when they change."""

RUN_ANYWAY = ("tests/unit/", "tests/house/", "tests/contract/")
"""Those are run whatever has changed, so they take no place of the others."""

WORDS_OF_MANY = {"psd", "server", "worker", "test", "init", "support", "integration"}

FILES_MAX = 6
"""They take half a minute, and the others a whole one."""

_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+import\s+(\([^)]*\)|[^\n]*)", re.MULTILINE)
_IMPORT = re.compile(r"^\s*import\s+([\w.]+)", re.MULTILINE)
_LAZY = re.compile(r'"((?:psd|server|workers)(?:\.\w+)+)(?::\w|"\))')
_INCLUDE = re.compile(r"^-- @include ([\w/]+)", re.MULTILINE)


class Nearness(NamedTuple):
    """How much a test is about what has changed: less is more."""

    is_another: bool
    minus_shared_words: int
    imports_away: int
    about_else: int


def module_of(path: str) -> str:
    """``psd/store/lane.py`` is psd.store.lane."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def words_of(path: str) -> set[str]:
    """The words of a path, each in the singular."""
    return {word.removesuffix("s") for word in re.findall(r"[a-z0-9]+", path.removesuffix(".py"))}


def imports_of(source: str) -> Iterator[str]:
    """Every module that may be meant by an import, also by one at the first use."""
    yield from _IMPORT.findall(source)
    yield from _LAZY.findall(source)
    for module, names in _FROM.findall(source):
        yield module
        yield from (f"{module}.{name}" for name in re.findall(r"\w+", names))


def with_callers(changed: Iterable[str], sources: Mapping[str, str]) -> set[str]:
    """What has changed, and of each script, or part of one, the modules that load it."""
    found = set(changed)
    scripts = {path for path in found if path.endswith(".lua")}
    while scripts:
        parts = {path.removeprefix("lua/").removesuffix(".lua") for path in scripts}
        loaded = {f'Script("{part.replace("/", ".")}")' for part in parts}
        found |= {
            path
            for path, source in sources.items()
            if path.startswith("psd/") and any(name in source for name in loaded)
        }
        scripts = {
            path
            for path, source in sources.items()
            if path.endswith(".lua") and parts & set(_INCLUDE.findall(source))
        } - found
        found |= scripts
    return found


def imports_away(modules: Iterable[str], sources: Mapping[str, str]) -> dict[str, int]:
    """How many imports each file is away from one of the modules; without those that are not."""
    imported = {
        path: set(imports_of(source)) for path, source in sources.items() if path.endswith(".py")
    }
    away: dict[str, int] = {}
    nearest, distance = set(modules), 1
    while nearest:
        found = {path for path, names in imported.items() if path not in away and names & nearest}
        away |= dict.fromkeys(found, distance)
        nearest, distance = {module_of(path) for path in found}, distance + 1
    return away


def files_about(changed: Iterable[str], sources: Mapping[str, str]) -> list[str]:
    """Test files of ``sources``, those first that are the most about what has changed."""
    paths = set(changed)
    code = {path for path in with_callers(paths, sources) if path.endswith(".py")}
    modules = {path for path in code if not Path(path).name.startswith("test_")}
    words = set().union(*map(words_of, modules)) - WORDS_OF_MANY
    away = imports_away({module_of(path) for path in modules}, sources)
    about = {
        path: Nearness(
            path not in paths,
            -len(words & words_of(path)),
            away.get(path, 0),
            len({*imports_of(source)}),
        )
        for path, source in sources.items()
        if Path(path).name.startswith("test_")
        and not path.startswith(RUN_ANYWAY)
        and (path in paths or (path in away and path.startswith(FOLDERS)))
    }
    return sorted(sorted(about), key=lambda path: about[path])


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def _changed() -> list[str]:
    [base] = _git("merge-base", "HEAD", "origin/main") or ["HEAD"]
    return [*_git("diff", "--name-only", base), *_git("ls-files", "--others", "--exclude-standard")]


def sources_of_the_tree() -> dict[str, str]:
    """The text of each module, test and script."""
    paths = [*ROOT.glob("lua/**/*.lua")]
    paths += [path for package in PACKAGES for path in (ROOT / package).glob("**/*.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


def main() -> None:
    """Print the files."""
    found = files_about(_changed(), sources_of_the_tree())
    if len(found) > FILES_MAX:
        print(f"{len(found) - FILES_MAX} more files: make test", file=sys.stderr)
    print(*found[:FILES_MAX], sep="\n")


if __name__ == "__main__":
    main()
