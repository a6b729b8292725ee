"""tests/support/README.md says which helper to take: it names all of them, in their folders."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.touched import files_about

SUPPORT = Path(__file__).parents[1] / "support"


def test_the_page_names_every_module_in_its_folder() -> None:
    page = (SUPPORT / "README.md").read_text(encoding="utf-8")
    told = {
        f"{'' if folder == 'Here' else folder + '/'}{module}"
        for folder, section in re.findall(
            r"^## (\w+): (.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL
        )
        for module in re.findall(r"^\| `(\w+)` \| \S", section, re.MULTILINE)
    }
    there = {path.relative_to(SUPPORT).with_suffix("").as_posix() for path in SUPPORT.rglob("*.py")}
    assert told == there


def test_what_has_changed_is_tested_by_who_imports_it_or_a_module_that_does() -> None:
    sources = {
        "tests/integration/test_by_itself.py": "from psd.store import lane\n",
        "tests/integration/test_by_another.py": "from tests.support.engine import engine_on\n",
        "tests/integration/test_of_something_else.py": "import psd.store.slots\n",
        "tests/unit/test_unit.py": "import psd.store.lane\n",
        "tests/support/engine.py": "from psd.store.lane import Lane\n",
    }
    assert files_about(["psd/store/lane.py"], sources) == [
        "tests/integration/test_by_itself.py",
        "tests/integration/test_by_another.py",
    ]
    changed = ["tests/integration/test_of_something_else.py", "docs/http.md"]
    assert files_about(changed, sources) == ["tests/integration/test_of_something_else.py"]
    assert files_about(["lua/engine/book.lua"], sources) == []
