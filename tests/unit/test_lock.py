"""What CI and releases install is pinned, with hashes, and is what pyproject.toml allows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = re.compile(r"^([\w.-]+(?:\[[\w,]+\])?)==([^\s;]+)", re.MULTILINE)


def locked() -> dict[str, list[str]]:
    """The releases of each package; several where Python or platform decide."""
    found: dict[str, list[str]] = {}
    for name, release in PINNED.findall(LOCK):
        found.setdefault(canonicalize_name(name.partition("[")[0]), []).append(release)
    return found


def required() -> list[Requirement]:
    """What psd and its tests need."""
    texts = list(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        texts += extra
    return [each for each in map(Requirement, texts) if each.name != PROJECT["name"]]


def test_each_requirement_is_pinned_to_a_release_that_it_allows() -> None:
    pinned = locked()
    for requirement in required():
        releases = pinned.get(canonicalize_name(requirement.name), [])
        assert releases, f"{requirement.name} is not in .ci/constraints.txt: make lock"
        for release in releases:
            assert requirement.specifier.contains(release), f"{requirement}: {release}; make lock"


def test_each_pin_has_hashes_and_names_no_place() -> None:
    blocks = re.split(r"(?m)^(?=\S)", LOCK)
    pins = [block for block in blocks if PINNED.match(block)]
    assert len(pins) >= 50
    assert [block for block in pins if "--hash=sha256:" not in block] == []
    assert "://" not in LOCK
    assert "index-url" not in LOCK


def test_a_library_whose_inside_is_used_may_change_its_patch_level_alone() -> None:
    [aiohttp] = [each for each in required() if each.name == "aiohttp"]
    minors = {str(each.version) for each in aiohttp.specifier}
    assert minors == {"3.14", "3.15"}
    [nsq] = [each for each in required() if each.name == "nsq-py"]
    assert str(nsq.specifier).startswith("==")
