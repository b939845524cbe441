"""What `forebay connect` prints leads other tools to the running system."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from click.testing import CliRunner

from forebay.cli.connect import AWS, TOOLS, command
from tests.conftest import Running
from tests.projects import project

URL = "http://127.0.0.1:14566"
FILES = {"awscli", "boto3", "javascript", "awswrangler", "s3fs", "polars", "pyarrow"}
"""Tools that name the database with each question, or know none."""


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_is_told_the_endpoint(tool: str) -> None:
    text = TOOLS[tool](URL, "menu")
    assert urlsplit(URL).netloc in text
    if tool not in FILES:
        assert "menu" in text
        assert "athena-results" in text


def test_a_sqlalchemy_url_carries_all_that_pyathena_needs() -> None:
    environment, url = TOOLS["sqlalchemy"](URL, "menu").splitlines()
    assert environment == f"export AWS_ENDPOINT_URL={URL}"
    found = urlsplit(url)
    assert (found.scheme, found.username, found.path) == ("awsathena+rest", "test", "/menu")
    assert parse_qs(found.query) == {"s3_staging_dir": ["s3://athena-results/"], "endpoint_url": [URL]}
    assert found.geturl() in TOOLS["superset"](URL, "menu")


def test_grafanas_settings_are_a_provisioning_file() -> None:
    (source,) = yaml.safe_load(TOOLS["grafana"](URL, "menu"))["datasources"]
    assert source["type"] == "grafana-athena-datasource"
    assert source["jsonData"]["endpoint"] == URL


@pytest.mark.parametrize("tool", ["tableau", "dbeaver"])
def test_jdbc_tools_get_a_url_of_the_driver(tool: str) -> None:
    line = next(line for line in TOOLS[tool](URL, "menu").splitlines() if "jdbc:athena://" in line)
    options = dict(part.split("=", 1) for part in line.split("jdbc:athena://")[1].split(";"))
    assert options["AthenaEndpoint"] == options["S3Endpoint"] == URL
    assert (options["Region"], options["Database"]) == ("us-east-1", "menu")


def test_python_settings_compile() -> None:
    for tool in ("boto3", "pyathena", "pyarrow"):
        compile(TOOLS[tool](URL, "menu"), tool, "exec")


def test_the_running_systems_port_is_taken_else_the_usual_one(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p"), sql=False)
    said = system.cli("connect", "boto3", "--json").json()
    assert (said["endpoint"], said["database"]) == (system.urls["aws"], "plain")
    found: dict[str, Any] = {}
    exec(said["settings"], found)  # noqa: S102 - it is what a user would paste
    assert found["client"].list_streams()["StreamNames"] == []
    exports = system.cli("connect", "awscli").out
    script = f'{exports}\n{sys.executable} -c \'import boto3; print(boto3.client("s3").list_buckets()["Buckets"])\''
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, check=True)
    assert "plain" in done.stdout or done.stdout.strip() == "[]"
    with_none = CliRunner().invoke(command, ["awscli", "--state", str(tmp_path / "none"), "--json"])
    assert json.loads(with_none.output)["endpoint"] == AWS
