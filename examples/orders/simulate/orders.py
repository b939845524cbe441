"""Makes a file of orders, and puts it where a new file is looked for.

    python simulate/orders.py [--rows 200] [--seed 1] [--to FILE | --to s3://orders-lake/raw/orders.csv]

Without `--to` it goes to standard output. Dates are of the last hundred days, so that some pending and
cancelled orders are stale and some are not. `s3://` asks boto3, which finds forebay by AWS_ENDPOINT_URL.
"""

import argparse
import csv
import io
import random
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

CUSTOMERS = ("Ada", "Ben", "Cleo", "Dev", "Elif", "Finn")
STATUSES = {"confirmed": 4, "shipped": 3, "pending": 2, "cancelled": 1}


def orders(rows: int, seed: int, today: date) -> str:
    """A CSV file of `rows` orders, ending its lines as spreadsheets do."""
    chance = random.Random(seed)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["OrderID", "Customer", "Amount", "Status", "OrderDate"])
    for number in range(1, rows + 1):
        (status,) = chance.choices(list(STATUSES), list(STATUSES.values()))
        amount = f"{chance.uniform(5, 500):.2f}"
        day = today - timedelta(days=chance.randrange(100))
        writer.writerow([f"N{number:05d}", chance.choice(CUSTOMERS), amount, status, day.isoformat()])
    return out.getvalue()


def main() -> None:
    """Make one, and put it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to")
    asked = parser.parse_args()
    text = orders(asked.rows, asked.seed, datetime.now(UTC).date())
    if asked.to is None:
        sys.stdout.write(text)
    elif asked.to.startswith("s3://"):
        import boto3  # noqa: PLC0415 - only needed here

        bucket, _, key = asked.to.removeprefix("s3://").partition("/")
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())
    else:
        Path(asked.to).write_bytes(text.encode())


if __name__ == "__main__":
    main()
