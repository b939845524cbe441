"""The orders, whole: a file dropped under raw/ becomes five answers, by AWS's own client and by hand."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System, forebay, request, until
from tests.wire.sdk import client

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "orders"
FILE = (EXAMPLE / "data" / "orders.csv").read_bytes()
BUCKET = "orders-lake"
QUERIES = (
    "total_by_customer",
    "orders_by_month",
    "orders_by_status",
    "average_by_customer",
    "top_of_february",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, so that nothing is left in the repository."""
    copy = tmp_path_factory.mktemp("shop") / "orders"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns(".forebay", "__pycache__"))
    return copy


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[System]:
    """One system for all: a file replaces the one before, so each test puts its own."""
    found = System(folder, folder.parent / "state", [], {})
    yield found.start()
    found.end()


def kept(file: bytes) -> list[dict[str, str]]:
    """The orders of a file of 2025 that are kept today."""
    rows = csv.DictReader(io.StringIO(file.decode(), newline=""))
    return [row for row in rows if row["Status"] not in ("pending", "cancelled")]


def totals(file: bytes) -> list[list[Any]]:
    """The first answer."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in kept(file):
        sums[row["Customer"]] += Decimal(row["Amount"])
    return [[name, total] for name, total in sorted(sums.items(), key=lambda each: -each[1])]


def sql(name: str) -> str:
    return (EXAMPLE / "queries" / f"{name}.sql").read_text()


def answer(system: System, name: str) -> list[list[Any]]:
    """The rows behind a tile of the page."""
    got = request(f"{system.console}/api/dashboards/answers/tiles/{name}.json")
    assert got.status == 200, got
    rows: list[list[Any]] = got.json()["rows"]
    return rows


def numbers(rows: list[list[Any]]) -> list[list[Any]]:
    """Decimals as they compare, however they were sent."""
    return [[Decimal(str(v)) if str(v).replace(".", "", 1).isdigit() else v for v in row] for row in rows]


def put(system: System, body: bytes, key: str = "raw/orders.csv") -> None:
    """Once the flow is up."""

    def done() -> bool:
        try:
            client(system, "s3").put_object(Bucket=BUCKET, Key=key, Body=body)
        except ClientError as error:
            if error.response["Error"]["Code"] != "SlowDown":
                raise
            return False
        return True

    until(done)


def count(system: System) -> int:
    found: int = system.query("SELECT count(*) FROM orders_db.orders_processed")[0][0]
    return found


def test_a_dropped_file_becomes_a_page_of_five_answers(shop: System) -> None:
    put(shop, FILE)
    until(lambda: count(shop) == len(kept(FILE)))
    assert numbers(answer(shop, "total-by-customer")) == totals(FILE)
    assert answer(shop, "orders-that-are-kept") == [[32]]
    assert [row[:2] for row in answer(shop, "orders-and-revenue-by-month")] == [
        ["2025-01", 3],
        ["2025-02", 11],
        ["2025-03", 11],
        ["2025-04", 7],
    ]
    assert [row[0] for row in answer(shop, "orders-by-status")] == ["confirmed", "shipped"]
    assert len(answer(shop, "ten-largest-orders-of-february-2025")) == 10

    # The same file again, under its own name and under another, and through kills.
    put(shop, FILE)
    shop.kill("flow")
    put(shop, FILE, "raw/again.csv")
    changed = FILE.replace(b"N00001,Dev,327.21,confirmed", b"N00001,Dev,1327.21,confirmed")
    assert changed != FILE
    put(shop, changed)
    until(lambda: numbers(answer(shop, "total-by-customer"))[0] == ["Ada", Decimal("2445.99")])
    until(lambda: ["Dev", Decimal("2305.70")] in numbers(answer(shop, "total-by-customer")))
    assert count(shop) == len(kept(FILE))


def test_a_file_dropped_by_hand_does_too(shop: System) -> None:
    first = b"".join(FILE.splitlines(keepends=True)[:11])
    (shop.layout.lake / BUCKET / "raw" / "by-hand.csv").write_bytes(first)
    until(lambda: numbers(answer(shop, "total-by-customer")) == totals(first))


def test_a_page_that_polls_athena_reads_the_csv_that_it_names(shop: System) -> None:
    """As the real page: start, poll, find the bucket and key in OutputLocation, split lines on commas."""
    put(shop, FILE)
    until(lambda: count(shop) == len(kept(FILE)))
    athena, s3 = client(shop, "athena"), client(shop, "s3")

    def page(query: str) -> list[list[str]]:
        id = athena.start_query_execution(
            QueryString=query,
            QueryExecutionContext={"Database": "orders_db"},
            ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/enriched/"},
        )["QueryExecutionId"]

        def execution() -> Any:
            found = athena.get_query_execution(QueryExecutionId=id)["QueryExecution"]
            return found if found["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

        done = until(execution)
        assert done["Status"]["State"] == "SUCCEEDED", done["Status"]
        location = done["ResultConfiguration"]["OutputLocation"]
        assert location == f"s3://{BUCKET}/enriched/{id}.csv"
        bucket, _, key = location.removeprefix("s3://").partition("/")
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        return [[field.strip('"') for field in line.split(",")] for line in text.strip().split("\n")]

    answers = {name: page(sql(name)) for name in QUERIES}
    assert answers["total_by_customer"] == [
        ["customer_id", "total_spent"],
        *([name, str(total)] for name, total in totals(FILE)),
    ]
    assert answers["orders_by_month"][1] == ["2025-01", "3", "313.43"]
    assert answers["orders_by_status"][1:] == [["confirmed", "18", "4222.79"], ["shipped", "14", "3052.83"]]
    assert answers["average_by_customer"][1] == ["Cleo", "266.12"]
    assert len(answers["top_of_february"]) == 11
    assert page("SELECT count(*) FROM filtered_orders")[1] == ["32"]
    assert count(shop) == len(kept(FILE)), "results under enriched/ are no orders"


def test_headers_in_lower_case_are_read_alike(shop: System) -> None:
    header, newline, rest = FILE.partition(b"\r\n")
    few = header.lower() + newline + b"".join(rest.splitlines(keepends=True)[:20])
    put(shop, few)
    few = FILE[: len(few)]
    until(lambda: numbers(answer(shop, "total-by-customer")) == totals(few))


def test_what_is_not_stale_yet_is_kept(shop: System) -> None:
    today = datetime.now(UTC).date()
    ages = {
        "pending": 28,
        "cancelled": 32,
        "confirmed": 400,
    }  # whatever day it is elsewhere, and after midnight
    rows = [["OrderID", "Customer", "Amount", "Status", "OrderDate"]]
    rows += [
        [status, "Ada", "1.00", status, str(today - timedelta(days=age))] for status, age in ages.items()
    ]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    put(shop, out.getvalue().encode())
    until(lambda: count(shop) == 2)
    ids = shop.query("SELECT order_id FROM orders_db.orders_processed ORDER BY 1")
    assert ids == [["confirmed"], ["pending"]]


def test_files_that_are_no_orders_stop_nothing(shop: System) -> None:
    put(shop, b"no,orders\r\n1,2\r\n", "raw/bad.csv")
    put(shop, FILE, "raw/notes.txt")
    put(shop, FILE)
    until(lambda: count(shop) == len(kept(FILE)))
    until(lambda: shop.call("flow", "status")["functions"]["filter_orders"].get("calls") == {"failed": 1})


def test_its_own_tests_pass(folder: Path) -> None:
    done = forebay("test", str(folder), "--json", timeout=120)
    assert done.code == 0, done
    assert done.json()["passed"] == 6


def test_the_generator_makes_orders_of_every_kind(folder: Path) -> None:
    today = date.today()  # noqa: DTZ011 - as the script
    made = subprocess.run(
        [sys.executable, "simulate/orders.py", "--rows", "300"], cwd=folder, capture_output=True, check=True
    ).stdout
    rows = list(csv.DictReader(io.StringIO(made.decode(), newline="")))
    assert len(rows) == 300
    assert {row["Status"] for row in rows} == {"confirmed", "shipped", "pending", "cancelled"}
    ages = [(today - date.fromisoformat(row["OrderDate"])).days for row in rows]
    assert min(ages) < 30 < max(ages) <= 100


def test_the_real_file_has_its_known_answers(shop: System, real_data: Path) -> None:
    put(shop, (real_data / "orders" / "orders.csv").read_bytes())
    until(lambda: count(shop) == 109)
    assert numbers(answer(shop, "total-by-customer")) == [
        ["Bob", Decimal("9211.69")],
        ["Charlie", Decimal("5793.70")],
        ["Eve", Decimal("5584.59")],
        ["Alice", Decimal("5321.05")],
        ["Diana", Decimal("4294.07")],
    ]
    assert numbers(answer(shop, "orders-and-revenue-by-month")) == [
        ["2025-01", 10, Decimal("2289.70")],
        ["2025-02", 41, Decimal("11917.41")],
        ["2025-03", 32, Decimal("9152.00")],
        ["2025-04", 26, Decimal("6845.99")],
    ]
    assert numbers(answer(shop, "orders-by-status")) == [
        ["confirmed", 63, Decimal("16769.94")],
        ["shipped", 46, Decimal("13435.16")],
    ]
