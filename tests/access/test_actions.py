"""What operations ask policies for, where that is not their own name or one plain resource."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.access.actions import needs
from forebay.arn import ACCOUNT
from forebay.arn import arn as full

HERE = f"us-east-1:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
BUCKET = "arn:aws:s3:::b"


def asked(service: str, operation: str, **given: Any) -> list[tuple[str, str]]:
    return [
        (need.action, need.resource) for need in needs(service, operation, given, lambda r: full(service, r))
    ]


@pytest.mark.parametrize(
    ("service", "operation", "given", "wanted"),
    [
        ("s3", "ListBuckets", {}, [("s3:ListAllMyBuckets", "arn:aws:s3:::*")]),
        ("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "p/"}, [("s3:ListBucket", BUCKET)]),
        (
            "s3",
            "CopyObject",
            {"Bucket": "b", "Key": "k", "CopySource": "/o/a%20b?versionId=3"},
            [("s3:PutObject", f"{BUCKET}/k"), ("s3:GetObjectVersion", "arn:aws:s3:::o/a b")],
        ),
        (
            "s3",
            "DeleteObjects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "x"}, {"Key": "y", "VersionId": "1"}]}},
            [("s3:DeleteObject", f"{BUCKET}/x"), ("s3:DeleteObjectVersion", f"{BUCKET}/y")],
        ),
        (
            "s3",
            "PutObject",
            {"Bucket": "b", "Key": "k", "ObjectLockMode": "GOVERNANCE"},
            [("s3:PutObject", f"{BUCKET}/k"), ("s3:PutObjectRetention", f"{BUCKET}/k")],
        ),
        ("s3", "ListBucketMetricsConfigurations", {"Bucket": "b"}, [("s3:GetMetricsConfiguration", BUCKET)]),
        (
            "glue",
            "GetTable",
            {"DatabaseName": "D", "Name": "T"},
            [
                ("glue:GetTable", f"arn:aws:glue:{HERE}:catalog"),
                ("glue:GetTable", f"arn:aws:glue:{HERE}:database/d"),
                ("glue:GetTable", f"arn:aws:glue:{HERE}:table/d/t"),
            ],
        ),
        (
            "cloudwatch",
            "DeleteAlarms",
            {"AlarmNames": ["a", "b"]},
            [("cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:{name}") for name in "ab"],
        ),
        ("cloudwatch", "PutMetricData", {"Namespace": "shop"}, [("cloudwatch:PutMetricData", "*")]),
        (
            "lambda",
            "CreateFunction",
            {"FunctionName": "f", "Role": ROLE, "Environment": {"Variables": {"Role": "text"}}},
            [("lambda:CreateFunction", f"arn:aws:lambda:{HERE}:function:f"), ("iam:PassRole", ROLE)],
        ),
        (
            "glue",
            "CreateCrawler",
            {"Name": "c", "Role": "service-role/r"},
            [
                ("glue:CreateCrawler", f"arn:aws:glue:{HERE}:crawler/c"),
                ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/service-role/r"),
            ],
        ),
        (
            "events",
            "PutTargets",
            {"Rule": "r", "EventBusName": "bus", "Targets": [{"Id": "1", "Arn": "a", "RoleArn": ROLE}]},
            [("events:PutTargets", f"arn:aws:events:{HERE}:rule/bus/r"), ("iam:PassRole", ROLE)],
        ),
        (
            "firehose",
            "CreateDeliveryStream",
            {
                "DeliveryStreamName": "d",
                "ExtendedS3DestinationConfiguration": {
                    "RoleARN": ROLE,
                    "ProcessingConfiguration": {
                        "Processors": [
                            {"Parameters": [{"ParameterName": "RoleArn", "ParameterValue": f"{ROLE}2"}]}
                        ]
                    },
                },
            },
            [
                ("firehose:CreateDeliveryStream", f"arn:aws:firehose:{HERE}:deliverystream/d"),
                ("iam:PassRole", ROLE),
                ("iam:PassRole", f"{ROLE}2"),
            ],
        ),
        (
            "iam",
            "CreateRole",
            {"RoleName": "n", "Path": "/team/"},
            [("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/team/n")],
        ),
    ],
)
def test_what_is_asked_for(service: str, operation: str, given: Any, wanted: list[tuple[str, str]]) -> None:
    assert asked(service, operation, **given) == wanted


def test_a_policy_may_speak_of_the_namespace_that_is_put_to() -> None:
    (need,) = needs("cloudwatch", "PutMetricData", {"Namespace": "shop"}, lambda r: full("cloudwatch", r))
    assert (need.action, need.resource) == ("cloudwatch:PutMetricData", "*")
    assert need.context == {"cloudwatch:namespace": "shop"}
