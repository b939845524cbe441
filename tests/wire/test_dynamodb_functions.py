"""A function that keeps what it saw in a key-value table, as it would on AWS."""

from __future__ import annotations

import json
from typing import Any

from tests.wire.sdk import serving

PROJECT = """\
name: shop
functions:
  suspect: {handler: functions/suspect.lambda_handler, role: writer}
keyvalue:
  suspects: {partition_key: user_id}
  others: {partition_key: user_id}
access:
  policies:
    write: [{actions: ["dynamodb:UpdateItem"], resources: [keyvalue.suspects]}]
  roles:
    writer: {policies: [write]}
"""
HANDLER = """\
import boto3
from botocore.exceptions import ClientError

dynamodb = boto3.resource("dynamodb")


def lambda_handler(event, context):
    try:
        answer = dynamodb.Table(event["table"]).update_item(
            Key={"user_id": event["user_id"]},
            UpdateExpression="ADD actions :n SET seen = :s",
            ExpressionAttributeValues={":n": event["n"], ":s": ["cart", "cart"]},
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        return {"refused": error.response["Error"]["Code"]}
    return {"actions": int(answer["Attributes"]["actions"])}
"""

system = serving(PROJECT, files={"functions/suspect.py": HANDLER})


def test_a_function_counts_in_a_table_that_it_may_write(functions: Any, dynamodb: Any) -> None:
    def call(table: str, n: int) -> Any:
        payload = json.dumps({"table": table, "user_id": "u1", "n": n})
        answer = functions.invoke(FunctionName="suspect", Payload=payload)
        assert "FunctionError" not in answer, answer["Payload"].read()
        return json.loads(answer["Payload"].read())

    assert call("suspects", 11) == {"actions": 11}
    assert call("suspects", 4) == {"actions": 15}
    assert call("others", 1) == {"refused": "AccessDeniedException"}
    item = dynamodb.get_item(TableName="suspects", Key={"user_id": {"S": "u1"}})["Item"]
    assert item == {
        "user_id": {"S": "u1"},
        "actions": {"N": "15"},
        "seen": {"L": [{"S": "cart"}, {"S": "cart"}]},
    }
