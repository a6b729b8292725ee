"""`make release` in a throw-away repository, without network: what it makes and refuses."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENV = Path(sys.prefix)
LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".git", "data", "dist", "build", "__pycache__", ".*_cache"
)
AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.com")


class Checkout:
    """A repository with one commit, of this tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("CHANGELOG.md", "# Changes\n\n## Unreleased\n\n- A new thing.\n")
        self.commit()

    def git(self, *words: str) -> str:
        command = ["git", *AUTHOR, *words]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--no-verify", "--message", "all")

    def release(self, version: str) -> subprocess.CompletedProcess[str]:
        """`make release`, with the environment that the tests run in."""
        stamp = f"{VENV}/.dev-stamp"
        environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(VENV / "wheels")}
        for role in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{role}_NAME": "A", f"GIT_{role}_EMAIL": "a@example.com"}
        return subprocess.run(
            ["make", f"--old-file={stamp}", "release", f"VENV={VENV}", f"VERSION={version}"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path / "checkout")
    yield checkout
    shutil.rmtree(checkout.folder)


def test_a_release_is_built_checked_written_down_and_tagged(checkout: Checkout) -> None:
    done = checkout.release("9.1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    checked = re.findall(r"^checking (\S+)$", done.stdout, re.MULTILINE)
    sdist, wheel = "pointspace-9.1.0.tar.gz", "pointspace-9.1.0-py3-none-any.whl"
    extras = "[brotli,charging,embedded,otel,pandas,parquet,rewards,site]"
    assert checked == [sdist, sdist + extras, wheel, wheel + extras]
    assert re.fullmatch(
        r"# Changes\n\n## Unreleased\n\n## 9\.1\.0 \(\d{4}-\d\d-\d\d\)\n\n- A new thing\.\n",
        checkout.read("CHANGELOG.md"),
    )
    assert 'VERSION = "9.1.0"' in checkout.read("psd/version.py")
    assert checkout.git("tag", "--points-at", "HEAD").split() == ["v9.1.0"]
    assert checkout.git("log", "-1", "--format=%s").strip() == "release: 9.1.0"
    assert checkout.git("status", "--porcelain") == ""
    with tarfile.open(checkout.folder / "dist" / sdist) as archive:
        [told] = [name for name in archive.getnames() if name.endswith("CHANGELOG.md")]
        text = archive.extractfile(told)
        assert text is not None
        assert "## 9.1.0 (" in text.read().decode()


def test_a_release_whose_check_fails_leaves_the_checkout_as_it_was(checkout: Checkout) -> None:
    checkout.write("workers/service.py", "raise RuntimeError('this does not import')\n")
    checkout.commit()
    before = checkout.git("rev-parse", "HEAD")
    done = checkout.release("9.1.0")
    assert done.returncode != 0
    assert "this does not import" in done.stderr
    assert (checkout.git("rev-parse", "HEAD"), checkout.git("tag")) == (before, "")
    assert checkout.git("status", "--porcelain") == ""
    assert list((checkout.folder / "dist").iterdir()) == []


@pytest.mark.parametrize("version", ["", "1.2", "v1.2.3", "1.2.3rc1", "1.02.3", "1.2.3; true"])
def test_what_is_no_version_is_refused(checkout: Checkout, version: str) -> None:
    done = checkout.release(version)
    assert f"VERSION={version}: expected three numbers" in done.stderr
    assert checkout.git("tag") == ""


def test_a_tag_that_exists_and_an_older_version_are_refused(checkout: Checkout) -> None:
    checkout.git("tag", "v0.10.0")
    assert "the tag v0.10.0 exists" in checkout.release("0.10.0").stderr
    assert "0.10.0 is released already" in checkout.release("0.9.9").stderr
    assert checkout.git("tag").split() == ["v0.10.0"]


def test_a_tree_with_something_uncommitted_is_refused(checkout: Checkout) -> None:
    checkout.write("notes.txt", "mine")
    done = checkout.release("9.1.0")
    assert "these are not committed" in done.stderr
    assert "notes.txt" in done.stderr
    assert checkout.git("tag") == ""


def test_a_changelog_with_nothing_unreleased_is_refused(checkout: Checkout) -> None:
    checkout.write("CHANGELOG.md", "# Changes\n\n## Unreleased\n\n## 0.1.0\n\n- Old.\n")
    checkout.commit()
    done = checkout.release("9.1.0")
    assert "nothing under '## Unreleased'" in done.stderr
    assert checkout.git("status", "--porcelain") == ""
    assert checkout.git("tag") == ""


def released(changelog: str) -> str:
    """The changelog with the section of 0.2.0, as the command writes it."""
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        return str(module.released(changelog, "0.2.0", dt.date(2026, 12, 1)))
    except module.RefusedError as refused:
        return f"refused: {refused}"


def test_a_version_that_was_prepared_is_released_as_it_stands() -> None:
    new = "# Changes\n\n## Unreleased\n\n- New.\n\n## 0.1.0 (2026-01-01)\n\n- Old.\n"
    prepared = released(new)
    assert "## Unreleased\n\n## 0.2.0 (2026-12-01)\n\n- New.\n" in prepared
    assert released(prepared) == prepared
    more = prepared.replace("## Unreleased\n", "## Unreleased\n\n- More.\n")
    assert released(more).startswith("refused: CHANGELOG.md: it has a section of 0.2.0, and more")
