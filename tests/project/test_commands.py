"""`forebay check` and `forebay init`, as one types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from forebay.cli.init import project_name
from forebay.project.load import load
from forebay.sections import SECTIONS
from tests.project.folder import Folder


def forebay(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "forebay.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_a_new_project_has_nothing_wrong_with_it(tmp_path: Path) -> None:
    target = tmp_path / "My Shop"
    made = forebay("init", target)
    assert made.returncode == 0, made.stderr
    assert "forebay run" in made.stdout
    checked = forebay("check", target)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "my_shop: 10 resources, nothing to mend" in checked.stdout
    assert (target / ".gitignore").read_text().startswith(".forebay/")


def test_a_new_project_explains_itself_in_the_words_of_the_reference(tmp_path: Path) -> None:
    forebay("init", tmp_path / "shop")
    text = (tmp_path / "shop" / "forebay.yaml").read_text()
    route = SECTIONS[0]
    assert route.doc.split(". ")[0] in text.replace("\n# ", " ")
    assert "    # Where the events go.\n    to: delivery.events\n" in text
    project, findings = load(tmp_path / "shop", SECTIONS)
    assert findings == []
    assert project is not None
    assert set(project.sections["lake"]) == {"shop-lake"}


def test_an_example_is_copied_whole(tmp_path: Path) -> None:
    made = forebay("init", tmp_path / "mine", "--example", "restaurant", "--json")
    files = json.loads(made.stdout)["files"]
    assert {"forebay.yaml", "functions/newline.py", "dashboards/evening.yaml", ".gitignore"} <= set(files)
    assert forebay("check", tmp_path / "mine").returncode == 0


@pytest.mark.parametrize(
    ("example", "next_"), [("sports", "forebay run --simulate\n"), ("orders", "forebay run\n")]
)
def test_a_new_project_says_how_it_runs(tmp_path: Path, example: str, next_: str) -> None:
    """With its simulators, if it has any."""
    said = forebay("init", tmp_path / "mine", "--example", example).stdout
    assert next_ in said
    assert "README.md says what to do next" in said


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "precious").write_text("mine")
    refused = forebay("init", tmp_path / "shop")
    assert refused.returncode == 2
    assert "not empty" in refused.stderr
    assert "precious" in refused.stderr
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["precious"]
    (tmp_path / "file").write_text("")
    assert forebay("init", tmp_path / "file").returncode == 2


def test_an_empty_folder_or_one_with_git_only_is_fine(tmp_path: Path) -> None:
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    assert forebay("init", tmp_path / "shop").returncode == 0


def test_an_unknown_example_names_the_nearest(tmp_path: Path) -> None:
    refused = forebay("init", tmp_path / "x", "--example", "restuarant")
    assert refused.returncode == 2
    assert "did you mean restaurant?" in refused.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("folder", "name"),
    [("shop", "shop"), ("My-Shop 2", "my_shop"), ("2024-data", "data"), ("é", "my_project"), ("a.b", "a_b")],
)
def test_a_projects_name_comes_from_its_folder(folder: str, name: str, tmp_path: Path) -> None:
    assert project_name(tmp_path / folder) == name


def test_a_finding_is_shown_with_its_line_and_a_caret(folder: Folder) -> None:
    folder.write({"forebay.yaml": "name: shop\nstreams:\n  activity: {shrds: 4}\n"})
    checked = forebay("check", folder.root)
    assert checked.returncode == 1
    assert checked.stderr == (
        "forebay.yaml:3:14 error UnknownKey: `shrds` is no key of `activity`\n"
        "    activity: {shrds: 4}\n"
        "               ^\n"
        "  fix    did you mean `shards`?\n"
        "1 to mend\n"
    )


def test_the_projects_own_tests_are_looked_at_too(folder: Folder) -> None:
    folder.write({"forebay.yaml": "name: shop\n", "tests/a.yaml": "cases:\n  - {name: one, sned: {}}\n"})
    checked = forebay("check", folder.root)
    assert checked.returncode == 1
    assert "tests/a.yaml:2:17 error UnknownKey" in checked.stderr


def test_findings_as_json(folder: Folder) -> None:
    folder.write({"forebay.yaml": "name: shop\nstreams:\n  activity: {shrds: 4}\n"})
    checked = forebay("check", "--json", folder.root)
    assert checked.returncode == 1
    assert json.loads(checked.stdout) == {
        "findings": [
            {
                "code": "UnknownKey",
                "file": "forebay.yaml",
                "line": 3,
                "column": 14,
                "message": "`shrds` is no key of `activity`",
                "fix": "did you mean `shards`?",
                "severity": "error",
            }
        ],
        "plan": [],
    }


def test_what_does_not_run_yet_is_a_warning(folder: Folder) -> None:
    folder.write({"forebay.yaml": "name: shop\ntopics:\n  ops:\n    region: eu-west-1\n"})
    checked = forebay("check", folder.root)
    assert checked.returncode == 0
    assert "forebay.yaml:4:13 warning NotBuiltYet" in checked.stderr


def test_a_query_that_is_no_sql_and_a_service_nobody_knows_are_found(folder: Folder) -> None:
    folder.write(
        {
            "forebay.yaml": "name: shop\n"
            "topics: {ops: {services: ['nosuch://x', 'json://127.0.0.1/told']}}\n"
            "alerts:\n"
            "  many: {when: '> 1', sql: SELEC 1, notify: topics.ops}\n"
            "query:\n"
            "  top: queries/top.sql\n"
            "  made: create table t as select 1\n",
            "queries/top.sql": "select a,\n  b from t\nwher c = 1",
            "dashboards/d.yaml": "title: D\n"
            "filters: {menu: {label: Menu, column: menu}}\n"
            "tiles:\n"
            "- {title: Good, kind: number, query: 'select count(*) from t where ${where} and at >= ${start}'}\n"
            "- {title: Bad, kind: number, query: 'select count(*) fom t where ${where}'}\n",
        }
    )
    checked = forebay("check", folder.root)
    assert checked.returncode == 1
    found = [line for line in checked.stderr.splitlines() if " error " in line]
    assert [line.split(": ")[0] for line in found] == [
        "forebay.yaml:2:27 error UnknownService",
        "forebay.yaml:4:28 error NotSql",
        "dashboards/d.yaml:5:1 error NotSql",
        "queries/top.sql:3:6 error NotSql",
    ], checked.stderr
    assert "line 1 of the SQL, column 1" in checked.stderr


def test_check_finds_the_project_upwards(folder: Folder) -> None:
    folder.write({"forebay.yaml": "name: shop\n", "functions/f.py": ""})
    checked = forebay("check", cwd=folder.root / "functions")
    assert checked.returncode == 0
    assert checked.stdout.startswith("shop: ")


def test_check_shows_what_applying_would_change(folder: Folder) -> None:
    folder.good("streams:\n  s: {shards: 2}\n  t: {}\ndelivery:\n  d: {from: streams.s, to: lake.shop/d/}\n")
    project, _ = load(folder.root, SECTIONS)
    assert project is not None
    applied = folder.root / ".forebay" / "run" / "project.json"
    applied.parent.mkdir(parents=True)
    applied.write_bytes(project.encode())
    folder.good("streams:\n  s: {shards: 1}\n  u: {}\ndelivery:\n  d: {to: lake.shop/d/}\n")
    checked = forebay("check", folder.root)
    assert checked.returncode == 0
    assert "warning NeedsAccept" in checked.stderr
    for line in (
        "change streams.s: shards: 2 → 1",
        "add streams.u",
        "orphan streams.t",
        "rebuild delivery.d",
    ):
        assert line in checked.stdout
    plan = json.loads(forebay("check", "--json", folder.root).stdout)["plan"]
    assert [(step["action"], step["resource"]) for step in plan] == [
        ("change", "streams.s"),
        ("add", "streams.u"),
        ("orphan", "streams.t"),
        ("rebuild", "delivery.d"),
    ]


def test_check_prints_the_schema_for_editors() -> None:
    assert json.loads(forebay("check", "--schema").stdout)["title"] == "forebay.yaml"


def test_check_loads_nothing_heavy() -> None:
    """A small project is checked in a moment because the engines stay unloaded."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "import forebay.cli.check\n"
        "from forebay.project.load import load\n"
        "from forebay.sections import SECTIONS\n"
        f"assert load(Path({str(Path(__file__).resolve().parents[2] / 'examples' / 'restaurant')!r}), SECTIONS)[0]\n"
        "print([m for m in ('pyarrow', 'duckdb', 'sqlglot', 'numpy', 'asyncio', 'apsw') if m in sys.modules])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
