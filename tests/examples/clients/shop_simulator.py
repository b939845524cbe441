"""Plays a file of a shop's behaviour onto a stream: shop_simulator.py BUCKET KEY STREAM [BEGIN]

Each action keeps its distance from the first one, which happens at BEGIN (now, unless said).
"""

import csv
import json
import sys
from datetime import UTC, datetime

import boto3

BATCH = 400

s3 = boto3.resource("s3")
kinesis = boto3.client("kinesis")


def read(bucket, key):
    body = s3.Object(bucket, key).get()["Body"].read().decode("utf-8")
    return list(csv.DictReader(body.splitlines()))


def happened(row):
    return datetime.strptime(row["event_time"], "%Y-%m-%d %H:%M:%S UTC")


def stamped(rows, begin):
    first = happened(rows[0])
    for row in rows:
        at = begin + (happened(row) - first)
        row["txn_timestamp"] = at.isoformat(timespec="milliseconds")
        yield {"Data": json.dumps(row, indent=4), "PartitionKey": str(row["category_id"])}


def put(stream, records):
    while records:
        response = kinesis.put_records(StreamName=stream, Records=records)
        if not response["FailedRecordCount"]:
            return
        records = [record for record, answer in zip(records, response["Records"]) if "ErrorCode" in answer]


def main(bucket, key, stream, begin=None):
    begin = datetime.fromisoformat(begin) if begin else datetime.now(UTC).replace(tzinfo=None)
    records = list(stamped(read(bucket, key), begin))
    for i in range(0, len(records), BATCH):
        put(stream, records[i : i + BATCH])
    print(f"Total records ingested: {len(records)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
