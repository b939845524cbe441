"""The shop's handler as it stands in many accounts: on the stream of what the SQL found, whoever aggregated it."""

import base64
import json
import os

import boto3
from aws_kinesis_agg.deaggregator import deaggregate_records

dynamodb = boto3.resource("dynamodb")
cloudwatch = boto3.client("cloudwatch")
sns = boto3.client("sns")

table = dynamodb.Table(os.environ["DDB_CONTROL_TABLE"])
topic = os.environ["TOPIC_ARN"]
namespace = os.environ.get("CLOUDWATCH_NAMESPACE", "ecommerce")
LIMIT = 10


def lambda_handler(event, context):
    raw_kinesis_records = event["Records"]
    user_records = deaggregate_records(raw_kinesis_records)
    print(f"Received {len(raw_kinesis_records)} records with {len(user_records)} user records")

    suspects = []
    with table.batch_writer() as batch_writer:
        for record in user_records:
            payload = json.loads(base64.b64decode(record["kinesis"]["data"]))
            user_id = str(payload["user_id"])
            actions = int(payload["num_actions_per_watermark"])
            key = (
                record["kinesis"]["sequenceNumber"] + "-" + str(record["kinesis"].get("subSequenceNumber", 0))
            )
            batch_writer.put_item(
                Item={
                    "ddb_partition_key": user_id,
                    "ddb_sort_key": key,
                    "num_actions": actions,
                    "window_end": payload["window_end"],
                    "partition_key": record["kinesis"]["partitionKey"],
                }
            )
            suspects.append((user_id, actions))

    for user_id, actions in suspects:
        cloudwatch.put_metric_data(
            Namespace=namespace,
            MetricData=[
                {
                    "MetricName": "num_actions_per_watermark",
                    "Dimensions": [{"Name": "user_id", "Value": user_id}],
                    "Value": actions,
                    "Unit": "Count",
                }
            ],
        )
        if actions > LIMIT:
            sns.publish(
                TopicArn=topic,
                Subject="Suspicious activity",
                Message=f"User {user_id} did {actions} actions within ten seconds",
            )
    return {"statusCode": 200, "body": json.dumps(f"Processed {len(user_records)} records")}
