"""Drops stale orders: pending and cancelled ones that are older than 30 days.

Called by the bucket for each CSV file under `raw/`; what is kept is `processed/filtered_orders.csv`. The same
code runs on AWS: nothing here knows where it runs.
"""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from urllib.parse import unquote_plus

import boto3

STALE = {"pending", "cancelled"}
KEPT_FOR = timedelta(days=30)
TARGET = "processed/filtered_orders.csv"

s3 = boto3.client("s3")


def lambda_handler(event, context):
    """One record per object that was written."""
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = unquote_plus(record["s3"]["object"]["key"])
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text)))
        kept = filtered(rows, datetime.now(UTC))
        out = io.StringIO()
        csv.writer(out).writerows(kept)
        s3.put_object(Bucket=bucket, Key=TARGET, Body=out.getvalue().encode(), ContentType="text/csv")
        print(f"{key}: kept {len(kept) - 1} of {len(rows) - 1} orders")
    return {"statusCode": 200}


def filtered(rows, now):
    """The header, and the orders that are kept at `now`."""
    header, *orders = rows
    names = [name.strip().lower() for name in header]
    status, day = names.index("status"), names.index("orderdate")
    oldest = (now - KEPT_FOR).date()
    return [header] + [
        row
        for row in orders
        if row
        and not (row[status].strip().lower() in STALE and date.fromisoformat(row[day].strip()) < oldest)
    ]
