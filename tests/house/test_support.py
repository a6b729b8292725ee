"""What tests share: its page names each helper; and which of them a cluster repeats."""

from __future__ import annotations

import re
from pathlib import Path

from tests.integration.conftest import HERE, SAME_ON_A_CLUSTER, same_on_a_cluster
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


def test_what_a_cluster_would_only_repeat_is_there_and_told_by_tests_that_stay() -> None:
    assert [name for name in SAME_ON_A_CLUSTER if not any(HERE.rglob(name))] == []
    for why in SAME_ON_A_CLUSTER.values():
        for name in re.findall(r"test_\w+\.py", why):
            [file] = HERE.rglob(name)
            assert same_on_a_cluster(file) is None, why


def test_what_has_changed_is_tested_by_who_imports_it_or_a_module_that_does() -> None:
    sources = {
        "tests/integration/test_by_itself.py": "from psd.store import lane\n",
        "tests/integration/test_by_another.py": "from tests.support.engine import engine_on\n",
        "tests/integration/test_of_something_else.py": "import psd.store.slots\n",
        "tests/unit/test_unit.py": "import psd.store.lane\n",
        "tests/support/engine.py": "from psd.store.lane import Lane\n",
        "psd/cli/query.py": 'opening = import_module("psd.store.lane")\n',
        "tests/integration/test_late.py": "import psd.cli.query\n",
    }
    assert files_about(["psd/store/lane.py"], sources) == [
        "tests/integration/test_by_itself.py",
        "tests/integration/test_late.py",
        "tests/integration/test_by_another.py",
    ]
    changed = ["tests/integration/test_of_something_else.py", "docs/http.md"]
    assert files_about(changed, sources) == ["tests/integration/test_of_something_else.py"]
    assert files_about(["docs/http.md"], sources) == []
    assert files_about(["tests/unit/test_unit.py"], sources) == []


def test_of_those_that_are_as_near_the_one_that_is_named_alike_comes_first() -> None:
    sources = {
        "psd/queries/boards/finals.py": "",
        "server/routes/v3_boards.py": "from psd.queries.boards import finals\n",
        "server/app.py": "from server.routes import v3_boards\n",
        "tests/integration/test_a_server.py": "from server.app import build_app\n",
        "tests/integration/v3_boards/test_finals.py": "from server.app import build_app\n",
        "tests/integration/v3_boards/test_keys.py": "from server.app import build_app\n",
    }
    assert files_about(["psd/queries/boards/finals.py"], sources) == [
        "tests/integration/v3_boards/test_finals.py",
        "tests/integration/v3_boards/test_keys.py",
        "tests/integration/test_a_server.py",
    ]


def test_a_script_is_tested_by_who_tests_its_caller() -> None:
    sources = {
        "lua/lib/cells.lua": "",
        "lua/engine/sum.lua": "-- @include lib/cells: sum_of\n",
        "psd/engine/sums.py": 'Script("engine.sum")\n',
        "psd/store/costs.py": 'RATES = {"engine.sum": 70}\n',
        "tests/integration/test_sum.py": "import psd.engine.sums\n",
        "tests/integration/test_cost.py": "import psd.store.costs\n",
    }
    for script in ("lua/engine/sum.lua", "lua/lib/cells.lua"):
        assert files_about([script], sources) == ["tests/integration/test_sum.py"]
