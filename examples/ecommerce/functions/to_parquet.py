"""A CSV file of behaviour that was dropped into the bucket, as Parquet by day.

Runs unchanged on Lambda with a layer that has pyarrow. A file's name decides the names of what is made of it, so
the same file dropped twice is not two sets of rows.
"""

import io
from pathlib import PurePosixPath
from urllib.parse import unquote_plus

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

TYPES = {
    "event_time": pa.string(),
    "event_type": pa.string(),
    "product_id": pa.int64(),
    "category_id": pa.int64(),
    "category_code": pa.string(),
    "brand": pa.string(),
    "price": pa.float64(),
    "user_id": pa.int64(),
    "user_session": pa.string(),
}

s3 = boto3.client("s3")


def lambda_handler(event, context):
    """For each file that the notification names."""
    written = []
    for record in event["Records"]:
        bucket, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        written += [put(bucket, PurePosixPath(key).stem, *part) for part in by_day(read(body))]
    return {"written": written}


def read(body):
    """The file's rows, typed; times are of the form `2019-10-01 00:00:04 UTC`."""
    rows = csv.read_csv(io.BytesIO(body), convert_options=csv.ConvertOptions(column_types=TYPES))
    text = pc.utf8_slice_codeunits(rows["event_time"], 0, 19)
    time = pc.strptime(text, format="%Y-%m-%d %H:%M:%S", unit="us")
    return rows.set_column(rows.column_names.index("event_time"), "event_time", time)


def by_day(rows):
    """(day, its rows)."""
    days = pc.strftime(rows["event_time"], format="%Y-%m-%d")
    for day in pc.unique(days):
        yield day.as_py(), rows.filter(pc.equal(days, day))


def put(bucket, name, day, rows):
    """Write a day's rows under a key that the file and the day make."""
    file = io.BytesIO()
    pq.write_table(rows, file, compression="zstd")
    key = f"behaviour/event_date={day}/{name}.parquet"
    s3.put_object(Bucket=bucket, Key=key, Body=file.getvalue())
    return key
