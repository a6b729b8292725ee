"""The pages are one web: every link leads somewhere, and from each page one comes to all others."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS, ROOT / "examples" / "README.md"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def links(path: Path) -> list[tuple[Path, str]]:
    """Files that a page links, each with the heading that is meant."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    inside = [target for target in found if not re.match(r"[a-z]+:", target)]
    parts = [target.partition("#") for target in inside]
    return [((path.parent / file).resolve() if file else path, at) for file, _, at in parts]


def anchors(path: Path) -> set[str]:
    """The headings of a page, as links name them."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(path: Path) -> None:
    for target, anchor in links(path):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), f"{target.name}#{anchor}"


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_every_page_links_the_readme_and_all_other_pages(path: Path) -> None:
    linked = {target for target, _ in links(path)}
    assert {ROOT / "README.md", *DOCS} - {path} <= linked


def tables(path: Path) -> list[list[str]]:
    """The rows of each table of a page."""
    found = re.findall(r"(?:^ *\|.*\n)+", prose(path), re.MULTILINE)
    return [table.splitlines() for table in found]


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_the_rows_of_a_table_have_as_many_cells_as_its_heading(path: Path) -> None:
    for heading, *rows in tables(path):
        assert rows, heading
        assert re.fullmatch(r" *(?:\| ?:?-+:? ?)+\|", rows[0]), heading
        width = len(re.findall(r"(?<!\\)\|", heading))
        uneven = [row for row in rows if len(re.findall(r"(?<!\\)\|", row)) != width]
        assert uneven == [], heading


def test_the_readme_links_every_page_beside_it() -> None:
    assert set(PAGES) - {ROOT / "README.md"} <= {target for target, _ in links(ROOT / "README.md")}


def test_the_readme_shows_every_folder_in_ten_lines() -> None:
    house = README.partition("## The house\n")[2].partition("\n## ")[0]
    rows = [line for line in house.splitlines() if line.startswith("| ")][1:]
    assert len(rows) <= 10
    named = set(re.findall(r"`([\w.]+)/`", house))
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    # An unpacked sdist is no repository.
    paths = listed.stdout.splitlines() if listed.returncode == 0 else []
    assert {path.partition("/")[0] for path in paths if "/" in path} <= named
    assert all((ROOT / folder).is_dir() for folder in named)
