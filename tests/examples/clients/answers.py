"""The orders page's way of asking: start a query, poll, fetch the CSV that OutputLocation names, split on commas."""

import sys
import time
from urllib.parse import urlparse

import boto3

DATABASE = "orders_db"
OUTPUT = "s3://orders-lake/enriched/"

athena = boto3.client("athena")
s3 = boto3.client("s3")


def run(query):
    execution = athena.start_query_execution(
        QueryString=query,
        QueryExecutionContext={"Database": DATABASE},
        ResultConfiguration={"OutputLocation": OUTPUT},
    )
    query_id = execution["QueryExecutionId"]
    while True:
        answer = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        state = answer["Status"]["State"]
        if state in ("SUCCEEDED", "FAILED", "CANCELLED"):
            break
        time.sleep(0.2)
    if state != "SUCCEEDED":
        raise RuntimeError(answer["Status"].get("StateChangeReason", state))
    location = urlparse(answer["ResultConfiguration"]["OutputLocation"])
    text = s3.get_object(Bucket=location.netloc, Key=location.path.lstrip("/"))["Body"].read().decode()
    lines = [line.split(",") for line in text.strip().split("\n")]
    return [[value.strip('"') for value in line] for line in lines]


if __name__ == "__main__":
    for row in run(sys.argv[1]):
        print(*row, sep="\t")
