"""dbt with its Athena adapter: seeds, models of every kind, tests and documentation, run twice."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.harness import System
from tests.proof.clients import PATIENCE, AwsCli, environment
from tests.proof.environments import made

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1200)]

FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\n",
    "profiles.yml": """\
shop:
  target: here
  outputs:
    here:
      type: athena
      region_name: us-east-1
      s3_staging_dir: s3://athena-results/dbt/
      s3_data_dir: s3://dbt-data/tables/
      database: awsdatacatalog
      schema: dbt_shop
      threads: 2
""",
    "seeds/people.csv": 'id,name,amount\n1,ann,1.5\n2,bob,\n3,"cy, jr",3.5\n',
    "models/paying.sql": "select id, name, amount from {{ ref('people') }} where amount is not null\n",
    "models/by_name.sql": """\
{{ config(materialized='table', format='parquet', partitioned_by=['name']) }}
select id, amount, name from {{ ref('paying') }}
""",
    "models/appended.sql": """\
{{ config(materialized='incremental', incremental_strategy='append') }}
select id, name from {{ ref('people') }}
{% if is_incremental() %} union all select 10 + count(*), 'again' from {{ this }} {% endif %}
""",
    "models/overwritten.sql": """\
{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partitioned_by=['name']) }}
select id, name from {{ ref('people') }}
""",
    "models/schema.yml": """\
version: 2
models:
  - name: by_name
    description: a table
    columns:
      - {name: id, description: the id, tests: [not_null, unique]}
""",
}


@pytest.fixture(scope="module")
def project(aws: AwsCli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dbt")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    aws("s3", "mb", "s3://dbt-data")
    return folder


def dbt(system: System, project: Path, *arguments: str) -> str:
    program = str(made("dbt") / "bin" / "dbt")
    done = subprocess.run(
        [program, "--no-use-colors", *arguments, "--profiles-dir", "."],
        cwd=project,
        env={**environment(system), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_a_project_is_seeded_built_tested_and_documented(system: System, project: Path) -> None:
    assert "All checks passed!" in dbt(system, project, "debug")
    dbt(system, project, "seed")
    assert "PASS=4 WARN=0 ERROR=0" in dbt(system, project, "run")
    assert system.query("select id, name from dbt_shop.appended order by id") == [
        [1, "ann"],
        [2, "bob"],
        [3, "cy, jr"],
    ]
    assert "PASS=4 WARN=0 ERROR=0" in dbt(system, project, "run")
    assert system.query("select count(*), max(id) from dbt_shop.appended") == [[7, 13]]
    assert system.query("select count(*) from dbt_shop.overwritten") == [[3]]
    found = system.query('select id, cast(amount as double), name, "$path" from dbt_shop.by_name order by id')
    assert [row[:3] for row in found] == [[1, 1.5, "ann"], [3, 3.5, "cy, jr"]]
    assert "/name=ann/" in found[0][3]
    assert "PASS=2 WARN=0 ERROR=0" in dbt(system, project, "test")
    dbt(system, project, "docs", "generate")
    catalog = json.loads((project / "target" / "catalog.json").read_text())["nodes"]
    assert list(catalog["model.shop.by_name"]["columns"]) == ["id", "amount", "name"]
    assert catalog["model.shop.paying"]["metadata"]["type"] == "view"
