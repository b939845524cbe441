"""Somebody was found: write down who, count it, and tell people, once for each who is found.

Runs unchanged on Lambda, on a Kinesis stream. Records may be aggregated by the Kinesis Producer Library.
"""

import base64
import json
import os
import time
from datetime import UTC, datetime

import boto3
from aggregated import records_of
from botocore.exceptions import ClientError

KEPT = 7 * 86400  # seconds

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
metrics = boto3.client("cloudwatch")
topics = boto3.client("sns")


def lambda_handler(event, context):
    """Each record is a row of the stream query: detector, subject, actions, products, window_end."""
    found = [
        json.loads(text)
        for record in event["Records"]
        for text in records_of(base64.b64decode(record["kinesis"]["data"]))
    ]
    with table.batch_writer(overwrite_by_pkeys=["subject", "seen"]) as batch:
        for row in found:
            batch.put_item(Item=item(row))
    if found:
        metrics.put_metric_data(
            Namespace="Ecommerce",
            MetricData=[
                {
                    "MetricName": "Suspicious",
                    "Dimensions": [{"Name": "Detector", "Value": detector}],
                    "Values": [float(row["actions"]) for row in found if row["detector"] == detector],
                    "Unit": "Count",
                }
                for detector in sorted({row["detector"] for row in found})
            ],
        )
    for row in found:
        if row["actions"] > int(os.environ["LIMIT"]) and is_news(row):
            topics.publish(
                TopicArn=os.environ["TOPIC"],
                Subject=f"Too many actions: {row['detector']} {row['subject']}",
                Message=json.dumps(row),
                MessageAttributes={"detector": {"DataType": "String", "StringValue": row["detector"]}},
            )
    return {"found": len(found)}


def item(row):
    """A row as an item; the same window again is the same item."""
    return {
        "subject": f"{row['detector']}:{row['subject']}",
        "seen": row["window_end"],
        "actions": row["actions"],
        "products": row["products"],
        "forget_at": int(time.time()) + KEPT,
    }


def is_news(row):
    """Whether nobody was told of this one in the last ten minutes; if so, notes that somebody is now."""
    now = int(time.time())
    try:
        table.put_item(
            Item={
                "subject": f"told:{row['detector']}:{row['subject']}",
                "seen": "last",
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "until": now + 600,
                "forget_at": now + KEPT,
            },
            ConditionExpression="attribute_not_exists(subject) OR #until < :now",
            ExpressionAttributeNames={"#until": "until"},
            ExpressionAttributeValues={":now": now},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True
