"""Programs that users wrote for AWS (`clients/`), as they are, with nothing but the environment set.

Against the examples with the real handlers in place of ours, and against an empty system on which everything
is made over the wire, as a course has its readers do.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Running
from tests.examples.test_restaurant import ROWS, SELECT, bodies
from tests.examples.test_sports import ROWS as EVENTS
from tests.harness import System, request, until
from tests.projects import project
from tests.wire.sdk import client

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CLIENTS = Path(__file__).parent / "clients"
ORDERS = (EXAMPLES / "orders" / "data" / "orders.csv").read_bytes()
ROLE = "arn:aws:iam::000000000000:role/service-role/course"


def environment(system: System) -> dict[str, str]:
    """All that such a program is told."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": system.urls["aws"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def script(system: System, name: str, *arguments: str) -> str:
    """What a program of `clients/` prints."""
    done = subprocess.run(
        [sys.executable, str(CLIENTS / name), *arguments],
        env=environment(system),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(system: System, sql: str) -> list[list[str]]:
    """The rows that the orders page would show, without their header."""
    return [line.split("\t") for line in script(system, "answers.py", sql).splitlines()][1:]


def with_handler(name: str, to: Path, place: str, handler: str) -> Path:
    """A copy of an example in which the real handler stands where ours did."""
    shutil.copytree(EXAMPLES / name, to, ignore=shutil.ignore_patterns(".forebay", "__pycache__"))
    shutil.copyfile(CLIENTS / handler, to / "functions" / place)
    return to


def zipped(handler: str) -> bytes:
    """The zip file of a handler, as the console's upload wants it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.write(CLIENTS / handler, "lambda_function.py")
    return data.getvalue()


def kept() -> int:
    """The orders of the file that are neither pending nor cancelled; those are all stale."""
    rows = csv.DictReader(io.StringIO(ORDERS.decode(), newline=""))
    return sum(row["Status"] not in ("pending", "cancelled") for row in rows)


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The example with the real handler, and the file put by boto3."""
    place = tmp_path_factory.mktemp("orders")
    folder = with_handler("orders", place / "orders", "filter_orders.py", "orders_handler.py")
    system = System(folder, place / "state", [], {}).start()
    with closing(client(system, "s3")) as s3:
        s3.put_object(Bucket="orders-lake", Key="raw/orders.csv", Body=ORDERS)
    until(lambda: system.query("SELECT count(*) FROM orders_db.orders_processed") == [[kept()]])
    yield system
    system.end()


def test_the_orders_handler_and_the_page_s_queries_as_they_are(orders: System) -> None:
    totals = asked(
        orders, "SELECT customer_id, SUM(order_amount) FROM orders_processed GROUP BY 1 ORDER BY 2 DESC"
    )
    assert totals[0] == ["Ada", "2445.99"]
    assert asked(orders, "SELECT count(*) FROM filtered_orders") == [[str(kept())]]


def test_the_page_s_query_that_is_wrong_says_why(orders: System) -> None:
    failed = subprocess.run(
        [sys.executable, str(CLIENTS / "answers.py"), "SELECT nothing FROM orders_processed"],
        env=environment(orders),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert failed.returncode == 1
    assert "COLUMN_NOT_FOUND" in failed.stderr


@pytest.mark.proof
def test_the_flask_page_shows_five_answers(orders: System, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    subprocess.run([home / "bin" / "pip", "install", "--quiet", "flask", "boto3"], check=True, timeout=300)
    with subprocess.Popen(
        [home / "bin" / "python", str(CLIENTS / "page.py"), "0"],
        env=environment(orders),
        stderr=subprocess.PIPE,
        text=True,
    ) as page:
        try:
            assert page.stderr is not None
            address = next(found[0] for line in page.stderr if (found := re.search(r"http://\S+", line)))
            shown = request(address, timeout=60).body.decode()
        finally:
            page.terminate()
    assert shown.count("<h2>") == 5
    assert "<td>Ada</td><td>2445.99</td>" in shown
    assert shown.count("<tr>") > 20


def test_the_events_generator_and_the_unwrapping_handler_as_they_are(
    running: Running, tmp_path: Path
) -> None:
    system = running(with_handler("sports", tmp_path / "sports", "unwrap.py", "sports_handler.py"))
    (tmp_path / "events.csv").write_text(EVENTS)
    said = script(system, "sports_generator.py", str(tmp_path / "events.csv"), system.ingest + "/events")
    assert said.splitlines() == ['200 {"accepted":1,"duplicate":0,"refused":[]}'] * 4
    until(lambda: not any(line.get("lag") for line in system.status()["ledger"].values()))
    system.flush()
    until(lambda: system.query("SELECT count(*) FROM tbl_all_data") == [[4]])
    rows = system.query("SELECT event_name, partition_0 FROM tbl_all_data ORDER BY event_id")
    assert rows[0] == ["Blood Drive", "cat2"]
    assert rows[3] == ["St. Anne's Tennis Clinic", "cat1"]


def test_the_restaurant_s_handler_as_it_is_however_long_it_stays_warm(
    running: Running, tmp_path: Path
) -> None:
    """Its list is the module's, so each answer has all records since it started; and its data are bytes."""
    system = running(
        with_handler("restaurant", tmp_path / "restaurant", "newline.py", "restaurant_handler.py")
    )
    for _ in range(4):
        for body in bodies():
            assert system.post("/clicks", body).status == 200
    until(lambda: system.query("SELECT count(*) FROM clicks") == [[20]])
    assert system.query(SELECT) == sorted((row for row in ROWS for _ in range(4)), key=lambda row: row[:2])
    system.flush()
    ledger = system.status()["ledger"]["delivery.clicks"]
    assert (ledger["delivered"], ledger["rejected"], ledger["adds_up"]) == (20, 0, True)


def test_the_orders_course_made_over_the_wire_on_an_empty_system(running: Running, tmp_path: Path) -> None:
    """Bucket, function, notification, database, crawler, view and queries, as the course has them made."""
    system = running(project(tmp_path / "empty", "name: empty\n"))
    s3, functions, glue = (client(system, name) for name in ("s3", "lambda", "glue"))
    s3.create_bucket(Bucket="orders-lake")
    arn = functions.create_function(
        FunctionName="FilterOrders",
        Runtime="python3.12",
        Role=ROLE,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": zipped("orders_handler.py")},
        Timeout=20,
    )["FunctionArn"]
    functions.add_permission(
        FunctionName="FilterOrders",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::orders-lake",
    )
    rules = [{"Name": "prefix", "Value": "raw/"}, {"Name": "suffix", "Value": ".csv"}]
    told = {
        "LambdaFunctionArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    s3.put_bucket_notification_configuration(
        Bucket="orders-lake", NotificationConfiguration={"LambdaFunctionConfigurations": [told]}
    )
    (tmp_path / "orders.csv").write_bytes(ORDERS)
    s3.upload_file(str(tmp_path / "orders.csv"), "orders-lake", "raw/orders.csv")

    def processed() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = s3.list_objects_v2(Bucket="orders-lake", Prefix="processed/").get(
            "Contents", []
        )
        return found

    assert [each["Key"] for each in until(processed)] == ["processed/filtered_orders.csv"]
    glue.create_database(DatabaseInput={"Name": "orders_db"})
    glue.create_crawler(
        Name="orders_crawler",
        Role=ROLE,
        DatabaseName="orders_db",
        Targets={"S3Targets": [{"Path": "s3://orders-lake/processed/"}]},
    )
    glue.start_crawler(Name="orders_crawler")
    until(lambda: glue.get_crawler(Name="orders_crawler")["Crawler"]["State"] == "READY")
    columns = glue.get_table(DatabaseName="orders_db", Name="processed")["Table"]["StorageDescriptor"][
        "Columns"
    ]
    assert [column["Name"] for column in columns] == ["orderid", "customer", "amount", "status", "orderdate"]
    script(system, "answers.py", "CREATE OR REPLACE VIEW filtered_orders AS SELECT * FROM processed")
    assert asked(system, "SELECT count(*) FROM filtered_orders") == [[str(kept())]]
    by_customer = (
        "SELECT customer, SUM(amount) FROM filtered_orders GROUP BY customer ORDER BY 2 DESC LIMIT 1"
    )
    assert asked(system, by_customer)[0][0] == "Ada"
    for each in (s3, functions, glue):
        each.close()


def test_the_sports_course_made_over_the_wire_on_an_empty_system(running: Running, tmp_path: Path) -> None:
    """Two deliveries with the real handler, a bus with two rules that lead to them, a crawler with its prefix."""
    system = running(project(tmp_path / "empty", "name: empty\n"))
    names = ("s3", "lambda", "firehose", "events", "glue")
    s3, functions, firehose, events, glue = clients = [client(system, name) for name in names]
    s3.create_bucket(Bucket="sports-lake")
    unwrap = functions.create_function(
        FunctionName="unwrap",
        Runtime="python3.12",
        Role=ROLE,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": zipped("sports_handler.py")},
        Timeout=60,
    )["FunctionArn"]
    events.create_event_bus(Name="sports")
    patterns: dict[str, list[Any]] = {
        "cat1": [{"prefix": "Sport - "}],
        "cat2": [{"anything-but": {"prefix": "Sport - "}}],
    }
    for name, pattern in patterns.items():
        processor = {"ParameterName": "LambdaArn", "ParameterValue": f"{unwrap}:$LATEST"}
        made = firehose.create_delivery_stream(
            DeliveryStreamName=name,
            ExtendedS3DestinationConfiguration={
                "RoleARN": ROLE,
                "BucketARN": "arn:aws:s3:::sports-lake",
                "Prefix": f"all_data/{name}/!{{timestamp:yyyy-MM-dd}}/",
                "ErrorOutputPrefix": f"errors/{name}/!{{firehose:error-output-type}}/",
                "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60},
                "ProcessingConfiguration": {
                    "Enabled": True,
                    "Processors": [{"Type": "Lambda", "Parameters": [processor]}],
                },
            },
        )
        when = {"source": ["HttpSource"], "detail": {"event_type": pattern}}
        events.put_rule(Name=name, EventBusName="sports", EventPattern=json.dumps(when))
        target = {"Id": "1", "Arn": made["DeliveryStreamARN"], "RoleArn": ROLE}
        put = events.put_targets(Rule=name, EventBusName="sports", Targets=[target])
        assert put["FailedEntryCount"] == 0, put
    for row in csv.DictReader(io.StringIO(EVENTS)):
        detail = {name.lower().replace(" ", "_").replace("/", "_"): value for name, value in row.items()}
        entry = {
            "EventBusName": "sports",
            "Source": "HttpSource",
            "DetailType": "myDetailType",
            "Detail": json.dumps(detail),
        }
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    until(lambda: not any(line.get("lag") for line in system.status()["ledger"].values()))
    assert {each["delivery"]: each["rows"] for each in system.flush()} == {"cat1": 3, "cat2": 1}
    glue.create_database(DatabaseInput={"Name": "sports_db"})
    glue.create_crawler(
        Name="sports",
        Role=ROLE,
        DatabaseName="sports_db",
        TablePrefix="tbl_",
        Targets={"S3Targets": [{"Path": "s3://sports-lake/all_data/"}]},
    )
    glue.start_crawler(Name="sports")
    until(lambda: glue.get_crawler(Name="sports")["Crawler"]["State"] == "READY")
    crawl = glue.get_crawler(Name="sports")["Crawler"]["LastCrawl"]
    assert crawl["Status"] == "SUCCEEDED", crawl
    tables = glue.get_tables(DatabaseName="sports_db")["TableList"]
    assert [table["Name"] for table in tables] == ["tbl_all_data"]
    rows = system.query("SELECT event_name, partition_0 FROM sports_db.tbl_all_data ORDER BY event_id")
    assert rows == [
        ["Blood Drive", "cat2"],
        ["Soccer - Non Regulation", "cat1"],
        ["Soccer - Regulation", "cat1"],
        ["St. Anne's Tennis Clinic", "cat1"],
    ]
    for each in clients:
        each.close()
