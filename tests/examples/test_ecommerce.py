"""The ecommerce system, whole: a month's file becomes four answers; a burst is found, written down, counted and told."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import random
import runpy
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.harness import System, forebay
from tests.wire.sdk import client

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ecommerce"
TOPIC = "arn:aws:sns:us-east-1:000000000000:ops"
SHARDS = ("1", "4", "6", "9")
"""A category of each shard."""
Told = list[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, so that nothing is left in the repository."""
    to = tmp_path_factory.mktemp("shop") / "ecommerce"
    shutil.copytree(EXAMPLE, to, ignore=shutil.ignore_patterns(".forebay", "__pycache__"))
    return to


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[System]:
    system = System(folder, folder.parent / "state", [], {}).start()
    yield system
    system.end()


@pytest.fixture(scope="module")
def told(shop: System) -> Iterator[Told]:
    """What a subscriber of the topic is sent: a real server, subscribed as SNS's are."""
    found: Told = []

    class Subscriber(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Subscriber)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with closing(client(shop, "sns")) as sns:
        url = f"http://127.0.0.1:{server.server_port}/"
        sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=url)
        shop.until(lambda: found)
        sns.confirm_subscription(TopicArn=TOPIC, Token=found[0]["Token"])
    found.clear()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def action(user: str, at: dt.datetime, category: str = "7", **more: str) -> dict[str, str]:
    """One action, as the shop's simulator writes it."""
    return {
        "event_type": "view",
        "product_id": "1",
        "category_id": category,
        "category_code": "",
        "brand": "",
        "price": "1.5",
        "user_id": user,
        "user_session": f"s{user}",
        "txn_timestamp": at.isoformat(timespec="milliseconds"),
        **more,
    }


def put(shop: System, actions: list[dict[str, str]]) -> None:
    """On the stream, as boto3 puts them: pretty-printed, without a newline."""
    with closing(client(shop, "kinesis")) as kinesis:
        records = [
            {"Data": json.dumps(each, indent=2).encode(), "PartitionKey": each["category_id"]}
            for each in actions
        ]
        assert kinesis.put_records(StreamName="activity", Records=records)["FailedRecordCount"] == 0


def pass_by(shop: System, at: dt.datetime) -> None:
    """Ordinary traffic goes on, on every shard, so that windows that are over close."""
    put(shop, [action(f"9{n}", at, category) for n, category in enumerate(SHARDS)])


def lately(seconds: int) -> dt.datetime:
    """The beginning of a window of ten seconds, some while ago, in UTC and without a zone."""
    at = dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0) - dt.timedelta(seconds=seconds)
    return at - dt.timedelta(seconds=at.second % 10)


def test_the_real_sample_has_its_known_answers(shop: System, real_data: Path) -> None:
    sample = (real_data / "ecommerce" / "2019-Oct-sample.csv").read_bytes()
    with closing(client(shop, "s3")) as s3:
        for _ in range(2):  # a file that is dropped twice is not two sets of rows
            s3.put_object(Bucket="shop-lake", Key="raw/sample.csv", Body=sample)
    shop.until(lambda: shop.query("SELECT count(*) FROM behaviour") == [[1000]])
    named = {path.stem: path.read_text() for path in (EXAMPLE / "queries").glob("*.sql")}
    assert shop.query("SELECT event_type, count(*) FROM behaviour GROUP BY 1 ORDER BY 2") == [
        ["cart", 3],
        ["purchase", 10],
        ["view", 987],
    ]
    assert [row[1] for row in shop.query(named["unique_visitors"])] == [330]
    assert len(shop.query(named["carted_not_bought"])) == 2
    assert sum(row[1] for row in shop.query(named["abandoned_by_hour"])) == 2
    tops = shop.query(named["top_categories"])
    assert max(tops, key=lambda row: row[3])[2:] == ["electronics.smartphone", 267]
    assert shop.query(named["brands_to_market"])[:5] == [
        ["lucente", 28, 0],
        ["elenberg", 21, 0],
        ["lg", 21, 0],
        ["bosch", 18, 0],
        ["oppo", 17, 0],
    ]
    with closing(client(shop, "s3")) as s3:
        listed = s3.list_objects_v2(Bucket="shop-lake", Prefix="behaviour/")["Contents"]
        assert [each["Key"] for each in listed] == ["behaviour/event_date=2019-10-01/sample.parquet"]


def test_the_real_sample_in_its_own_time_trips_nothing(shop: System, real_data: Path) -> None:
    before = shop.query("SELECT count(*) FROM suspicious")
    rows = (real_data / "ecommerce" / "2019-Oct-sample.csv").read_text().splitlines()
    names = rows[0].split(",")
    actions = []
    for row in rows[1:]:
        event = dict(zip(names, row.split(","), strict=True))
        at = dt.datetime.fromisoformat(event["event_time"].removesuffix(" UTC"))
        actions.append({**event, "txn_timestamp": at.isoformat(timespec="milliseconds")})
    for begin in range(0, len(actions), 250):
        put(shop, actions[begin : begin + 250])
    pass_by(shop, dt.datetime.fromisoformat("2019-10-01 01:00:00"))
    shop.until(
        lambda: shop.status()["ledger"]["streamsql.bots/streams.suspicious"]["lag"] == 0  # all of it was read
    )
    assert shop.query("SELECT count(*) FROM suspicious") == before


def test_a_burst_is_found_written_down_counted_and_told_once(shop: System, told: Told) -> None:
    begin = lately(600)
    put(
        shop,
        [action("500123", begin + dt.timedelta(milliseconds=200 * n), SHARDS[n % 4]) for n in range(40)]
        + [action(f"60{n}", begin + dt.timedelta(seconds=n % 10)) for n in range(20)],
    )
    pass_by(shop, begin + dt.timedelta(seconds=50))

    sql = "SELECT detector, subject, actions FROM suspicious WHERE subject = '500123'"
    assert shop.until(lambda: shop.query(sql)) == [["user", "500123", 40]]
    with closing(client(shop, "dynamodb")) as dynamodb:
        items = shop.until(
            lambda: dynamodb.query(
                TableName="suspects",
                KeyConditionExpression="subject = :it",
                ExpressionAttributeValues={":it": {"S": "user:500123"}},
            )["Items"]
        )
        assert [item["actions"] for item in items] == [{"N": "40"}]
    now = dt.datetime.now(dt.UTC)
    with closing(client(shop, "cloudwatch")) as cloudwatch:
        (point,) = shop.until(
            lambda: cloudwatch.get_metric_statistics(
                Namespace="Ecommerce",
                MetricName="Suspicious",
                Dimensions=[{"Name": "Detector", "Value": "user"}],
                StartTime=now - dt.timedelta(hours=1),
                EndTime=now + dt.timedelta(hours=1),
                Period=7200,
                Statistics=["Maximum"],
            )["Datapoints"]
        )
    assert point["Maximum"] == 40
    (message,) = shop.until(lambda: [each for each in told if "500123" in each.get("Message", "")])
    assert json.loads(message["Message"])["actions"] == 40
    assert message["MessageAttributes"]["detector"]["Value"] == "user"

    again = lately(500)  # it goes on: found and written down again, and nobody is told a second time
    put(shop, [action("500123", again + dt.timedelta(milliseconds=500 * n)) for n in range(15)])
    put(shop, [action("500777", again + dt.timedelta(milliseconds=500 * n)) for n in range(15)])
    pass_by(shop, again + dt.timedelta(seconds=25))
    shop.until(lambda: [each for each in told if "500777" in each.get("Message", "")])
    shop.until(lambda: len(shop.query(sql)) == 2)  # the table is fed beside who is told
    assert [each for each in told if '"500123"' in each.get("Message", "")] == [message]


def test_many_users_of_one_address_are_found_where_none_of_them_does_much(shop: System) -> None:
    begin = lately(400)
    put(
        shop,
        [
            action(f"70{n % 10}", begin + dt.timedelta(milliseconds=400 * n), SHARDS[n % 4], ip="203.0.113.9")
            for n in range(20)
        ],
    )
    pass_by(shop, begin + dt.timedelta(seconds=25))
    sql = "SELECT detector, subject, actions FROM suspicious WHERE subject = '203.0.113.9'"
    assert shop.until(lambda: shop.query(sql)) == [["address", "203.0.113.9", 20]]


def test_the_alarm_is_raised_by_a_burst_and_tells_the_topic(shop: System, told: Told) -> None:
    begin = lately(10)
    put(shop, [action("500999", begin + dt.timedelta(milliseconds=300 * n)) for n in range(30)])
    pass_by(shop, begin + dt.timedelta(seconds=25))
    with closing(client(shop, "cloudwatch")) as cloudwatch:
        shop.until(
            lambda: any(
                alarm["AlarmName"] == "bots" and alarm["StateValue"] == "ALARM"
                for alarm in cloudwatch.describe_alarms()["MetricAlarms"]
            )
        )
    shop.until(lambda: [each for each in told if '"bots"' in each.get("Message", "")])


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number: int, value: bytes) -> bytes:
    """A field of a protocol buffer that has a length."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def test_what_the_producer_library_packs_is_unpacked() -> None:
    """Its aggregation format: a magic number, a protocol buffer of records, its MD5."""
    records = [b'{"n": 1}', b'{"n": 2}', b"x" * 300]
    body = field(1, b"key") + b"".join(field(3, b"\x08\x00" + field(3, data)) for data in records)
    packed = b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body, usedforsecurity=False).digest()
    records_of = runpy.run_path(str(EXAMPLE / "functions" / "aggregated.py"))["records_of"]
    assert records_of(packed) == records
    for whole in (b'{"n": 3}', b"", packed[:-1], b"\xf3\x89\x9a\xc2short"):
        assert records_of(whole) == [whole]


def test_the_simulated_shop_looks_like_one_and_its_attacks_do_not() -> None:
    labelled = runpy.run_path(str(EXAMPLE / "simulate" / "shoppers.py"))["labelled"]
    events = list(itertools.islice(labelled(random.Random(3), 40.0), 40 * 400))
    assert {kind for _, kind, _ in events} == {"people", "user", "address", "scraper"}
    seen = [event for event, kind, _ in events if kind == "people"]
    bought = sum(event["event_type"] == "purchase" for event in seen)
    assert 0.005 < bought / len(seen) < 0.1
    assert not any(event["event_type"] == "purchase" for event, kind, _ in events if kind != "people")
    assert all(isinstance(value, str) for event, _, _ in events for value in event.values())


def test_its_own_tests_pass(folder: Path) -> None:
    done = forebay("test", str(folder), timeout=120)
    assert done.code == 0, done
