"""AWS's own managed policies that the services offered here are commonly given, as far as they matter here."""

from __future__ import annotations

import json

_LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
_POLL = ["kinesis:Describe*", "kinesis:Get*", "kinesis:List*", "kinesis:SubscribeToShard"]
_ACTIONS: dict[str, list[str]] = {
    "AdministratorAccess": ["*"],
    "AmazonS3FullAccess": ["s3:*"],
    "AmazonS3ReadOnlyAccess": ["s3:Get*", "s3:List*", "s3:Describe*"],
    "AmazonKinesisFullAccess": ["kinesis:*"],
    "AmazonKinesisReadOnlyAccess": ["kinesis:Get*", "kinesis:List*", "kinesis:Describe*"],
    "AmazonKinesisFirehoseFullAccess": ["firehose:*"],
    "AmazonKinesisFirehoseReadOnlyAccess": ["firehose:Describe*", "firehose:List*"],
    "AmazonEventBridgeFullAccess": ["events:*"],
    "AmazonAthenaFullAccess": [
        "athena:*",
        "glue:*Database*",
        "glue:*Table*",
        "glue:*Partition*",
        "s3:GetBucketLocation",
        "s3:ListBucket",
        "s3:ListAllMyBuckets",
    ],
    "AWSGlueConsoleFullAccess": ["glue:*", "s3:Get*", "s3:List*"],
    "AWSLambda_FullAccess": ["lambda:*", "logs:Describe*", "logs:Get*", "logs:FilterLogEvents"],
    "AWSLambda_ReadOnlyAccess": ["lambda:Get*", "lambda:List*"],
    "AmazonDynamoDBFullAccess": ["dynamodb:*"],
    "AmazonSNSFullAccess": ["sns:*"],
    "CloudWatchFullAccess": ["cloudwatch:*", "logs:*"],
    "CloudWatchLogsFullAccess": ["logs:*", "cloudwatch:GenerateQuery"],
    "IAMFullAccess": ["iam:*"],
    "IAMReadOnlyAccess": ["iam:Get*", "iam:List*", "iam:Simulate*"],
    "service-role/AWSLambdaBasicExecutionRole": _LOGS,
    "service-role/AWSLambdaKinesisExecutionRole": [*_POLL, *_LOGS],
    "service-role/AWSGlueServiceRole": ["glue:*", "s3:Get*", "s3:List*", *_LOGS],
}
# What a policy allows on some resources only: where Athena keeps results unless told, AWS's place and ours.
_PLACED: dict[str, dict[str, list[str]]] = {
    "AmazonAthenaFullAccess": {
        "Action": [
            "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads",
            "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload", "s3:CreateBucket", "s3:PutObject",
            "s3:PutBucketPublicAccessBlock",
        ],
        "Resource": [
            "arn:aws:s3:::aws-athena-query-results-*", "arn:aws:s3:::athena-results",
            "arn:aws:s3:::athena-results/*",
        ],
    }
}  # fmt: skip
PREFIX = "arn:aws:iam::aws:policy/"


def managed_text(arn: str) -> str | None:
    """The document of AWS's policy `arn`; None if it is none that is known here."""
    name = arn.removeprefix(PREFIX)
    actions = _ACTIONS.get(name) if arn.startswith(PREFIX) else None
    if actions is None:
        return None
    statements = [{"Effect": "Allow", "Action": actions, "Resource": "*"}]
    if name in _PLACED:
        statements.append({"Effect": "Allow", **_PLACED[name]})
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def managed_arns() -> list[str]:
    """All of them."""
    return [PREFIX + name for name in _ACTIONS]
