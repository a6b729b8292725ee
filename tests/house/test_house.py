"""What linters do not see: complete layers, modules that fit a reader, no holes in the rules."""

from __future__ import annotations

import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from psd.errors import INPUT_ERRORS, InputError, PsdError
from psd.version import VERSION
from tests.support.sources import PACKAGES, ROOT, source_of, text_of

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def subclasses(kind: type[PsdError]) -> set[type[PsdError]]:
    direct = set(kind.__subclasses__())
    return direct.union(*(subclasses(each) for each in direct))


def test_every_part_of_psd_has_its_place_in_the_layers() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    layers = next(each for each in contracts if each["type"] == "layers")["layers"]
    placed = set(re.findall(r"[\w.]+", " ".join(layers)))
    parts = {
        f"psd.{path.stem}"
        for path in (ROOT / "psd").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()
    }
    assert parts | {"server", "workers"} == placed


def test_every_part_of_psd_is_where_a_newcomer_looks_for_it() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| folder | what lives there |")[2]
    told = set(re.findall(r"`psd/([\w.]+)`", table))
    there = {
        path.name
        for path in (ROOT / "psd").iterdir()
        if (path / "__init__.py").is_file() or (path.suffix == ".py" and path.name != "__init__.py")
    }
    assert told == there


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_says_what_lives_in_it_and_fits_a_reader(path: Path) -> None:
    if path.name == "__init__.py" and not text_of(path).strip():
        return
    source = source_of(path)
    assert source.docstring, "no module docstring"
    assert source.lines <= 350, "what is the second idea?"


def imported(path: Path, modules: set[str]) -> set[str]:
    """The modules of psd that a file imports, for types alone or not."""
    found: set[str] = set()
    for module, names in source_of(path).imports:
        for name in names:
            inner = f"{module}.{name}"
            found.add(inner if inner in modules else module)
    return found & modules


def test_no_two_modules_import_each_other() -> None:
    named = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SOURCES
    }
    graph = {name: imported(path, {*named}) - {name} for name, path in named.items()}
    # The list of domains imports for types alone, and everything else when it is asked for.
    graph["psd.domains"] = set()
    assert len(graph) > 300
    TopologicalSorter(graph).prepare()


def test_no_module_is_named_for_its_leftovers() -> None:
    leftovers = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert not [path for path in SOURCES if path.stem in leftovers]


def test_a_linter_is_only_switched_off_with_a_reason_beside_it() -> None:
    hole = re.compile(r"# (type: ignore\[[\w-]+\]|noqa: \w+)(.*)|#\s*(type:\s*ignore|noqa|mypy:)")
    sources = [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    unexplained = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sources
        for match in hole.finditer(path.read_text(encoding="utf-8"))
        if path != Path(__file__) and not re.fullmatch(r"  \(.+\)", match[2] or "")
    ]
    assert unexplained == [], "write: # noqa: CODE  (the reason)"


def test_tests_are_no_package() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_no_test_sleeps() -> None:
    sleeping = [
        path
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"\bsleep\((?!0\))", path.read_text(encoding="utf-8"))
        and path != Path(__file__)
    ]
    assert sleeping == [], "use wait_until(description, predicate)"


def test_every_error_has_a_code_of_its_own() -> None:
    kinds = subclasses(PsdError)
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert set(INPUT_ERRORS) == {kind.code for kind in subclasses(InputError)}


def test_every_error_is_drawn_in_the_tree_with_its_code() -> None:
    drawing = (ROOT / "psd" / "errors.py").read_text(encoding="utf-8").split('"""')[1]
    for kind in subclasses(PsdError):
        assert kind.__name__ in drawing
    for code in INPUT_ERRORS:
        assert code in drawing


def test_the_changelog_begins_with_what_is_unreleased_and_then_has_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    # Before the first release there is no section of any version.
    assert headings[1:2] in ([], [VERSION])


def test_everything_outside_the_packages_that_psd_reads_is_forced_into_the_wheel() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for source, target in included.items():
        assert (ROOT / source).exists(), source
        assert target == f"psd/{source}"
    covered = [ROOT / source for source in included]
    for path in [*(ROOT / "lua").rglob("*.lua"), *(ROOT / "conf").glob("*.*")]:
        if path.name != "settings.toml":
            assert any(path.is_relative_to(each) for each in covered), path
