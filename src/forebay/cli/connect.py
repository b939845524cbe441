"""`forebay connect`: the settings by which another tool reaches the running system."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import click

from forebay.cli.find import find_layout, json_option, state_option
from forebay.errors import UsageError
from forebay.layout import Layout
from forebay.runtime import endpoints
from forebay.runtime.lock import holder

AWS = "http://127.0.0.1:4566"
RESULTS = "s3://athena-results/"
REGION = "us-east-1"


def _environment(url: str, _: str) -> str:
    """What every AWS SDK reads; the region has two names, and each SDK knows one of them."""
    return f"""\
export AWS_ENDPOINT_URL={url}
export AWS_REGION={REGION}
export AWS_DEFAULT_REGION={REGION}
export AWS_ACCESS_KEY_ID=test
export AWS_SECRET_ACCESS_KEY=test"""


def _boto3(url: str, _: str) -> str:
    return f"""\
import boto3

session = boto3.Session(region_name="{REGION}", aws_access_key_id="test", aws_secret_access_key="test")
client = session.client("kinesis", endpoint_url="{url}")"""


def _pyathena(url: str, database: str) -> str:
    return f"""\
import os

from pyathena import connect

os.environ["AWS_ENDPOINT_URL"] = "{url}"  # for S3 and Glue too; endpoint_url would be Athena's alone
connection = connect(
    region_name="{REGION}",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    s3_staging_dir="{RESULTS}",
    schema_name="{database}",
)"""


def _sqlalchemy(url: str, database: str) -> str:
    return f"""\
export AWS_ENDPOINT_URL={url}
{_athena_url(url, database)}"""


def _athena_url(url: str, database: str) -> str:
    place = f"athena.{REGION}.amazonaws.com:443/{database}"
    return (
        f"awsathena+rest://test:test@{place}"
        f"?s3_staging_dir={quote(RESULTS, safe='')}&endpoint_url={quote(url, safe='')}"
    )


def _superset(url: str, database: str) -> str:
    return f"""\
Settings > Database Connections > + Database > Amazon Athena (needs PyAthena[SQLAlchemy])
SQLAlchemy URI: {_athena_url(url, database)}
Superset's own environment: AWS_ENDPOINT_URL={url}"""


def _pyarrow(url: str, _: str) -> str:
    parts = urlsplit(url)
    return f"""\
from pyarrow.fs import S3FileSystem

filesystem = S3FileSystem(
    endpoint_override="{parts.netloc}",
    scheme="{parts.scheme}",
    region="{REGION}",
    access_key="test",
    secret_key="test",
)"""


def _options(url: str) -> str:
    return f"AthenaEndpoint={url};S3Endpoint={url};ResultFetcher=GetQueryResults"


def _jdbc(url: str, database: str) -> str:
    return (
        f"jdbc:athena://Region={REGION};Database={database};OutputLocation={RESULTS};{_options(url)};"
        "CredentialsProvider=DefaultChain"
    )


def _metabase(url: str, database: str) -> str:
    return f"""\
Admin settings > Databases > Add database > Amazon Athena
Region:                  {REGION}
S3 staging directory:    {RESULTS}
Access key:              test
Secret key:              test
Database:                {database}
Additional JDBC options: {_options(url)}"""


def _tableau(url: str, database: str) -> str:
    parts = urlsplit(url)
    return f"""\
Connect > To a Server > Other Databases (JDBC), with the Athena JDBC driver 3 in Tableau's Drivers folder
URL:      {_jdbc(url, database).removesuffix(";CredentialsProvider=DefaultChain")}
Dialect:  SQL92
Username: test
Password: test
(the system listens on {parts.hostname}, port {parts.port}; Tableau runs on the same machine)"""


def _grafana(url: str, database: str) -> str:
    return f"""\
apiVersion: 1
datasources:
  - name: forebay
    type: grafana-athena-datasource
    jsonData:
      authType: keys
      defaultRegion: {REGION}
      endpoint: {url}
      catalog: AwsDataCatalog
      database: {database}
      workgroup: primary
      outputLocation: {RESULTS}
    secureJsonData:
      accessKey: test
      secretKey: test"""


def _dbeaver(url: str, database: str) -> str:
    return f"""\
Database > New Database Connection > Athena
JDBC URL: {_jdbc(url, database).removesuffix(";CredentialsProvider=DefaultChain")}
Username: test
Password: test"""


TOOLS: dict[str, Callable[[str, str], str]] = {
    "awscli": _environment,
    "boto3": _boto3,
    "javascript": _environment,
    "awswrangler": _environment,
    "s3fs": _environment,
    "polars": _environment,
    "pyarrow": _pyarrow,
    "pyathena": _pyathena,
    "sqlalchemy": _sqlalchemy,
    "superset": _superset,
    "metabase": _metabase,
    "tableau": _tableau,
    "grafana": _grafana,
    "dbeaver": _dbeaver,
}


@click.command()
@click.argument("tool", type=click.Choice(list(TOOLS)))
@state_option
@json_option
def command(tool: str, state: Path | None, as_json: bool) -> int:
    """Print the settings by which TOOL reaches the running system, or the usual ports if none runs."""
    url, database = _place(state)
    text = TOOLS[tool](url, database)
    if as_json:
        click.echo(json.dumps({"tool": tool, "endpoint": url, "database": database, "settings": text}))
    else:
        click.echo(text)
    return 0


def _place(state: Path | None) -> tuple[str, str]:
    """The AWS port's URL and the default database."""
    try:
        layout: Layout | None = find_layout(state)
    except UsageError:
        layout = None
    found = endpoints.read(layout) if layout is not None and holder(layout) is not None else None
    return (found.urls["aws"], found.name) if found is not None else (AWS, "default")
