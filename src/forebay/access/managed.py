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
    "AmazonAthenaFullAccess": ["athena:*", "glue:*Database*", "glue:*Table*", "glue:*Partition*", "s3:Get*"],
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
PREFIX = "arn:aws:iam::aws:policy/"


def managed_text(arn: str) -> str | None:
    """The document of AWS's policy `arn`; None if it is none that is known here."""
    actions = _ACTIONS.get(arn.removeprefix(PREFIX)) if arn.startswith(PREFIX) else None
    if actions is None:
        return None
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def managed_arns() -> list[str]:
    """All of them."""
    return [PREFIX + name for name in _ACTIONS]
