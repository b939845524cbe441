"""The programs of the shop's and the game's courses, as users write them for AWS, and what becomes of what they send.

The simulator, the function, the producer and the page's queries are `clients/`; they are told where AWS is, and
nothing else. All but the stream queries is made over the wire.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest

from tests.examples.test_clients import CLIENTS, EXAMPLES, ROLE, environment, script
from tests.harness import System, until
from tests.projects import project
from tests.wire.sdk import client
from tests.wire.sns import Endpoint, listening

SHOP = """\
name: shop
streams:
  activity: {shards: 4, key: category_id}
  suspicious: {}
streamsql:
  bots: streams/bots.sql
"""
COLUMNS = (
    "event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price", "user_id", "user_session",
)  # fmt: skip
CATEGORIES = ("1", "4", "6", "9")
"""One of each shard."""
BUSY, BUSIER, CALM = "520571932", "530496790", "512386086"


def zipped_with_its_libraries(handler: str) -> bytes:
    """What `pip install --target . aws-kinesis-agg six` and `zip -r` make, with the handler in it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(CLIENTS / handler, "lambda_function.py")
        for library in ("aws-kinesis-agg", "protobuf", "six"):
            for file in files(library) or ():
                if file.suffix in (".py", ".so") and ".." not in file.parts:
                    archive.write(str(file.locate()), str(file))
    return data.getvalue()


def behaviour(begin: dt.datetime) -> bytes:
    """A file of the shop: one user acts eight times within a window, one thirty, others once; then time goes on."""
    out = io.StringIO()
    rows = csv.DictWriter(out, COLUMNS)
    rows.writeheader()

    def add(second: float, user: str, n: int) -> None:
        at = (begin + dt.timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S UTC")
        category = CATEGORIES[n % 4]
        rows.writerow(
            dict(
                zip(
                    COLUMNS, (at, "view", "1004856", category, "", "", "35.79", user, f"s{user}"), strict=True
                )
            )
        )

    for n in range(20):
        add(0, f"5{n:08}", n)
    for n in range(8):
        add(1 + n, BUSY, n)
    for n in range(30):
        add(1 + n // 4, BUSIER, n)
    for n in range(3):
        add(2 + n, CALM, n)
    for n in range(8):
        add(60, f"6{n:08}", n)
    return out.getvalue().encode()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint) -> Iterator[System]:
    """The course's resources: a bucket, a table, a topic somebody confirmed, the function and its mapping."""
    place = tmp_path_factory.mktemp("shop")
    folder = project(place / "shop", SHOP, **{"streams/bots.sql": (CLIENTS / "suspicious.sql").read_text()})
    system = System(folder, place / "state", [], {}).start()
    names = ("s3", "lambda", "dynamodb", "sns", "kinesis")
    s3, functions, dynamodb, sns, kinesis = clients = [client(system, name) for name in names]
    s3.create_bucket(Bucket="shop-data")
    dynamodb.create_table(
        TableName="control",
        KeySchema=[
            {"AttributeName": "ddb_partition_key", "KeyType": "HASH"},
            {"AttributeName": "ddb_sort_key", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("ddb_partition_key", "ddb_sort_key")
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName="control")
    topic = sns.create_topic(Name="suspicious")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{endpoint.url}/ops")
    asked = until(lambda: endpoint.of("/ops", "SubscriptionConfirmation"))[0].json()
    sns.confirm_subscription(TopicArn=topic, Token=asked["Token"])
    functions.create_function(
        FunctionName="suspicious",
        Runtime="python3.12",
        Role=ROLE,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": zipped_with_its_libraries("shop_handler.py")},
        Environment={"Variables": {"DDB_CONTROL_TABLE": "control", "TOPIC_ARN": topic}},
        Timeout=60,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="suspicious")
    functions.create_event_source_mapping(
        FunctionName="suspicious",
        EventSourceArn=kinesis.describe_stream_summary(StreamName="suspicious")["StreamDescriptionSummary"][
            "StreamARN"
        ],
        StartingPosition="TRIM_HORIZON",
        BatchSize=100,
    )
    for each in clients:
        each.close()
    yield system
    system.end()


def items(shop: System, user: str) -> list[dict[str, Any]]:
    dynamodb = client(shop, "dynamodb")
    try:
        found: list[dict[str, Any]] = dynamodb.query(
            TableName="control",
            KeyConditionExpression="ddb_partition_key = :user",
            ExpressionAttributeValues={":user": {"S": user}},
        )["Items"]
        return found
    finally:
        dynamodb.close()


def maximum(shop: System, user: str) -> float:
    """Of the metric that the function puts."""
    cloudwatch = client(shop, "cloudwatch")
    now = dt.datetime.now(dt.UTC)
    try:
        points = cloudwatch.get_metric_statistics(
            Namespace="ecommerce",
            MetricName="num_actions_per_watermark",
            Dimensions=[{"Name": "user_id", "Value": user}],
            StartTime=now - dt.timedelta(hours=1),
            EndTime=now + dt.timedelta(hours=1),
            Period=7200,
            Statistics=["Maximum", "SampleCount"],
        )["Datapoints"]
        return max((float(point["Maximum"]) for point in points), default=0.0)
    finally:
        cloudwatch.close()


def test_the_simulator_s_burst_becomes_items_a_metric_and_a_message(
    shop: System, endpoint: Endpoint, tmp_path: Path
) -> None:
    begin = dt.datetime.fromisoformat("2019-10-01 12:00:00")
    s3 = client(shop, "s3")
    s3.put_object(Bucket="shop-data", Key="2019-Oct.csv", Body=behaviour(begin))
    s3.close()
    said = script(shop, "shop_simulator.py", "shop-data", "2019-Oct.csv", "activity", begin.isoformat())
    assert said == "Total records ingested: 69\n"

    (found,) = until(lambda: items(shop, BUSIER))
    assert found["num_actions"] == {"N": "30"}
    assert found["window_end"] == {"S": "2019-10-01T12:00:10"}
    assert [item["num_actions"] for item in until(lambda: items(shop, BUSY))] == [{"N": "8"}]
    assert items(shop, CALM) == []
    until(lambda: maximum(shop, BUSIER) == 30)
    until(lambda: maximum(shop, BUSY) == 8)
    told = until(lambda: endpoint.messages("/ops"))
    assert told == [f"User {BUSIER} did 30 actions within ten seconds"]  # and nobody of the one with eight
    assert endpoint.of("/ops", "Notification")[0].json()["Subject"] == "Suspicious activity"


def test_the_real_sample_goes_through_and_trips_nothing(
    shop: System, endpoint: Endpoint, real_data: Path
) -> None:
    """Its busiest user has two actions within ten seconds."""
    s3 = client(shop, "s3")
    s3.upload_file(str(real_data / "ecommerce" / "2019-Oct-sample.csv"), "shop-data", "sample.csv")
    s3.close()
    before = shop.query("SELECT count(*) FROM suspicious"), len(endpoint.messages("/ops"))
    said = script(shop, "shop_simulator.py", "shop-data", "sample.csv", "activity", "2019-10-02T00:00:00")
    assert said == "Total records ingested: 1000\n"
    until(lambda: shop.status()["ledger"]["streamsql.bots/streams.suspicious"]["lag"] == 0)
    assert (shop.query("SELECT count(*) FROM suspicious"), len(endpoint.messages("/ops"))) == before


def test_each_of_the_records_that_the_producer_library_packed_is_handled(
    shop: System, endpoint: Endpoint
) -> None:
    """As Flink's own sink packs them: fewer records on the stream than there are rows."""
    rows = [
        {"user_id": 700_000_000 + n, "num_actions_per_watermark": n, "window_end": "2019-10-01T12:00:10"}
        for n in range(60)
    ]
    before = len(endpoint.messages("/ops"))
    done = subprocess.run(
        [sys.executable, str(CLIENTS / "shop_producer.py"), "suspicious"],
        env=environment(shop),
        input="\n".join(map(json.dumps, rows)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    packed = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert sum(packed) == 60
    assert 1 < len(packed) < 10

    missing = [str(row["user_id"]) for row in rows]

    def written() -> bool:
        while missing and items(shop, missing[-1]):  # who is there stays
            missing.pop()
        return not missing

    until(written, patience=60)
    (one,) = items(shop, "700000059")
    assert one["num_actions"] == {"N": "59"}
    assert one["partition_key"] == {"S": "700000059"}  # the user record's own, not that of the one it came in
    until(lambda: len(endpoint.messages("/ops")) == before + 49)
    until(lambda: maximum(shop, "700000059") == 59)


def test_the_game_s_template_becomes_athena_s_answers(tmp_path: Path) -> None:
    """Template → stream → SQL → delivery → crawler made by boto3 → the page's queries, by boto3."""
    folder = tmp_path / "gaming"
    shutil.copytree(EXAMPLES / "gaming", folder, ignore=shutil.ignore_patterns(".forebay", "__pycache__"))
    system = System(folder, tmp_path / "state", [], {}).start()
    try:
        made = system.cli("simulate", "arena", "--rate", "100", "--for", "7s", "--json")
        assert made.code == 0, made
        # The first window that closes may have few of them in it.
        until(lambda: system.query("SELECT count(DISTINCT player) FROM kill_ratio") == [[12]])
        until(lambda: not any(line.get("lag") for line in system.status()["ledger"].values()))
        system.flush()
        glue = client(system, "glue")
        glue.create_database(DatabaseInput={"Name": "gaming_db"})
        glue.create_crawler(
            Name="results",
            Role=ROLE,
            DatabaseName="gaming_db",
            TablePrefix="game_",
            Targets={
                "S3Targets": [
                    {"Path": "s3://gaming-lake/results/kill_ratio/"},
                    {"Path": "s3://gaming-lake/plays/"},
                ]
            },
        )
        glue.start_crawler(Name="results")
        until(lambda: glue.get_crawler(Name="results")["Crawler"]["State"] == "READY")
        assert [table["Name"] for table in glue.get_tables(DatabaseName="gaming_db")["TableList"]] == [
            "game_kill_ratio",
            "game_plays",
        ]
        glue.close()
        deaths = (folder / "queries" / "deaths_by_player.sql").read_text().replace("crawled_", "game_")
        ratios = "SELECT window_end, player, kills, deaths, ratio FROM game_kill_ratio ORDER BY 1, 2"
        said = script(system, "gaming_answers.py", "gaming_db", deaths, ratios).split("\n\n")
        by_player, by_window = (list(csv.DictReader(io.StringIO(part))) for part in said[:2])
        assert len(by_player) == 12
        counted = system.query("SELECT player, count(*) FROM plays WHERE event = 'death' GROUP BY 1")
        assert {row["player"]: int(row["deaths"]) for row in by_player} == dict(counted)
        assert len(by_window) >= 12
        for row in by_window:
            assert float(row["ratio"]) == pytest.approx(int(row["kills"]) / max(int(row["deaths"]), 1))
    finally:
        system.end()
