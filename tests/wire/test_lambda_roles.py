"""A function's own AWS calls have the rights of its role, and no others."""

from __future__ import annotations

import json
from typing import Any

from tests.harness import System
from tests.wire.lambdas import create, invoke
from tests.wire.sdk import client, serving

WRITES = """
import boto3, botocore

def handler(event, context):
    s3 = boto3.client("s3")
    try:
        s3.put_object(Bucket=event["bucket"], Key="x", Body=b"x")
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "written by " + boto3.client("sts").get_caller_identity()["Arn"]
"""
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
MAY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::mine/*"}],
    }
)

system = serving()


def test_a_role_bounds_its_function(system: System, functions: Any) -> None:
    s3, iam = client(system, "s3"), client(system, "iam")
    s3.create_bucket(Bucket="mine")
    s3.create_bucket(Bucket="others")
    role = iam.create_role(RoleName="writer", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.put_role_policy(RoleName="writer", PolicyName="may", PolicyDocument=MAY)
    name = create(functions, WRITES, Role=role, MemorySize=256)
    arn = f"arn:aws:sts::000000000000:assumed-role/writer/{name}"
    assert invoke(functions, name, {"bucket": "mine"}) == f"written by {arn}"
    assert invoke(functions, name, {"bucket": "others"}) == "AccessDenied"


def test_where_no_signature_is_wanted_a_role_need_not_be(s3: Any, functions: Any) -> None:
    s3.create_bucket(Bucket="anybodys")
    name = create(functions, WRITES, MemorySize=256)
    assert invoke(functions, name, {"bucket": "anybodys"}).startswith("written by ")
