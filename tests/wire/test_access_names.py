"""What is acted on is what was judged: an ARN is taken whole, and what an update leaves as it was counts too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness import System
from tests.wire.access import allow, keyed, policy, refused, user
from tests.wire.sdk import ACCOUNT, serving

PROJECT = """\
name: names
lake:
  mine: {}
  vault: {}
streams:
  open: {}
access: {}
"""
system = serving(PROJECT)
HERE = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream"
SECRET = [
    f"{HERE}/secret/x",
    f"{HERE}/secret/",
    f"{HERE}/secret/consumer/c:1",
    f"arn:aws-cn:kinesis:us-east-1:{ACCOUNT}:stream/secret",
    f"arn:aws:kinesis::{ACCOUNT}:stream/secret",
    f"arn:aws:kinesis:x:stream/open:{ACCOUNT}:stream/secret",
]
REFUSED = {"AccessDeniedException", "ResourceNotFoundException", "InvalidArgumentException"}


@pytest.fixture(scope="module", autouse=True)
def secret(kinesis: Any, dynamodb: Any, glue: Any, events: Any, sns: Any) -> None:
    kinesis.create_stream(StreamName="secret", ShardCount=1)
    dynamodb.create_table(
        TableName="secret",
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    glue.create_registry(RegistryName="secret")
    events.create_event_bus(Name="secret")
    sns.create_topic(Name="secret")


@pytest.mark.parametrize("named", SECRET)
def test_a_deny_of_a_stream_is_not_passed_by_another_spelling(
    system: System, iam: Any, kinesis: Any, named: str
) -> None:
    who = f"ann-{SECRET.index(named)}"
    deny = {"Effect": "Deny", "Action": "*", "Resource": f"{HERE}/secret"}
    with keyed(system, "kinesis", user(iam, who, allow("*"), deny), parameter_validation=False) as own:
        calls: list[tuple[Any, dict[str, Any]]] = [
            (own.put_record, {"Data": b"1", "PartitionKey": "k"}),
            (own.get_shard_iterator, {"ShardId": "0", "ShardIteratorType": "LATEST"}),
            (own.delete_stream, {}),
        ]
        for call, more in calls:
            assert refused(call, StreamARN=named, **more)[0] in REFUSED
        for call, more in ((own.tag_resource, {"Tags": {"a": "b"}}), (own.list_tags_for_resource, {})):
            assert refused(call, ResourceARN=named, **more)[0] in REFUSED
    theirs = {"Effect": "Deny", "Action": "kinesis:PutRecord", "Resource": f"{HERE}/secret"}
    kinesis.put_resource_policy(
        ResourceARN=f"{HERE}/secret", Policy=policy({**theirs, "Principal": {"AWS": "*"}})
    )
    with keyed(system, "kinesis", user(iam, f"{who}-b", allow("*"))) as own:
        assert refused(own.put_record, StreamARN=named, Data=b"1", PartitionKey="k")[0] in REFUSED
    kinesis.delete_resource_policy(ResourceARN=f"{HERE}/secret")


def test_who_has_a_right_to_consumers_has_none_to_their_stream(
    system: System, iam: Any, kinesis: Any
) -> None:
    keys = user(iam, "bob", allow("kinesis:*", f"{HERE}/*/consumer/*"))
    with keyed(system, "kinesis", keys) as own:
        assert refused(own.delete_stream, StreamARN=f"{HERE}/secret/consumer/x:1")[0] in REFUSED
    assert "secret" in kinesis.list_streams()["StreamNames"]


def test_a_consumer_is_judged_by_its_own_arn(system: System, iam: Any, kinesis: Any) -> None:
    made = {
        name: kinesis.register_stream_consumer(StreamARN=f"{HERE}/{name}", ConsumerName="c")["Consumer"]
        for name in ("open", "secret")
    }
    deny = {"Effect": "Deny", "Action": "*", "Resource": f"{HERE}/secret/consumer/*"}
    theirs = made["secret"]["ConsumerARN"]
    with keyed(system, "kinesis", user(iam, "cat", allow("*"), deny)) as own:
        for call in (own.describe_stream_consumer, own.deregister_stream_consumer):
            for given in (
                {"StreamARN": f"{HERE}/open", "ConsumerName": "c", "ConsumerARN": theirs},
                {"StreamARN": f"{HERE}/secret", "ConsumerName": "c"},
            ):
                assert refused(call, **given)[0] == "AccessDeniedException"
        own.describe_stream_consumer(StreamARN=f"{HERE}/open", ConsumerName="c")
    for given in ({"StreamARN": f"{HERE}/open"}, {"ConsumerName": "d"}):
        call = kinesis.deregister_stream_consumer
        assert refused(call, ConsumerARN=theirs, **given)[0] == "InvalidArgumentException"
    for each in made.values():
        kinesis.deregister_stream_consumer(ConsumerARN=each["ConsumerARN"])


def role(iam: Any, name: str, service: str, *statements: dict[str, Any]) -> str:
    trust = {**allow("sts:AssumeRole"), "Principal": {"Service": f"{service}.amazonaws.com"}}
    del trust["Resource"]
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
    return arn


@pytest.mark.parametrize("named", [f"{HERE}/open/x/secret", *SECRET])
def test_a_role_reads_no_stream_by_another_spelling(system: System, iam: Any, named: str) -> None:
    at = len(named)
    deny = {"Effect": "Deny", "Action": "*", "Resource": f"{HERE}/secret"}
    by = role(iam, f"reader-{at}", "firehose", allow("*"), deny)
    keys = user(iam, f"dan-{at}", allow("firehose:*"), allow("iam:PassRole"))
    with keyed(system, "firehose", keys, parameter_validation=False) as own:
        code, *_ = refused(
            own.create_delivery_stream,
            DeliveryStreamName="made",
            DeliveryStreamType="KinesisStreamAsSource",
            KinesisStreamSourceConfiguration={"KinesisStreamARN": named, "RoleARN": by},
            ExtendedS3DestinationConfiguration={"RoleARN": by, "BucketARN": "arn:aws:s3:::mine"},
        )
    assert code in {*REFUSED, "ValidationException"}


@pytest.mark.parametrize(
    ("service", "operation", "given"),
    [
        ("dynamodb", "describe_table", {"TableName": "arn:aws:dynamodb:us-east-1:{0}:table/secret/x"}),
        ("dynamodb", "describe_table", {"TableName": "arn:x:table/secret"}),
        ("glue", "get_registry", {"RegistryId": {"RegistryArn": "arn:aws:glue:r:{0}:x/registry/secret"}}),
        ("glue", "get_registry", {"RegistryId": {"RegistryArn": "arn:aws-cn:glue:r:{0}:registry/secret"}}),
        ("events", "list_tags_for_resource", {"ResourceARN": "arn:x:{0}:event-bus/secret"}),
        ("events", "describe_event_bus", {"Name": "arn:aws-cn:events:us-east-1:{0}:event-bus/secret"}),
        ("sns", "get_topic_attributes", {"TopicArn": "arn:aws-cn:sns:us-east-1:{0}:secret"}),
    ],
)
def test_a_deny_is_not_passed_by_another_spelling(
    system: System, iam: Any, service: str, operation: str, given: dict[str, Any]
) -> None:
    deny = {"Effect": "Deny", "Action": "*", "Resource": [f"arn:aws:*:*:*:{kind}secret" for kind in KINDS]}
    name = f"eve-{service}-{len(str(given))}"
    given = json.loads(json.dumps(given).replace("{0}", ACCOUNT))
    with keyed(system, service, user(iam, name, allow("*"), deny)) as own:
        code, *_ = refused(getattr(own, operation), **given)
    assert code in {*REFUSED, "AccessDenied", "ValidationException", "EntityNotFoundException"}


KINDS = ("table/", "registry/", "event-bus/", "")
S3 = "arn:aws:s3:::"


def test_a_delivery_is_led_nowhere_that_its_role_may_not_write(system: System, iam: Any) -> None:
    weak = role(iam, "weak", "firehose", allow("s3:PutObject", [f"{S3}mine/own/*", f"{S3}mine/errors/*"]))
    keys = user(iam, "fay", allow(["firehose:*", "iam:PassRole"]))
    place = {"RoleARN": weak, "BucketARN": f"{S3}mine", "Prefix": "own/"}
    post = {
        "EndpointConfiguration": {"Url": "http://127.0.0.1:1/"},
        "S3Configuration": place,
        "RoleARN": weak,
    }
    function = {
        "Type": "Lambda",
        "Parameters": [
            {
                "ParameterName": "LambdaArn",
                "ParameterValue": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:none",
            }
        ],
    }
    vault = {"BucketARN": f"{S3}vault"}
    with keyed(system, "firehose", keys, parameter_validation=False) as own:
        own.create_delivery_stream(DeliveryStreamName="made", ExtendedS3DestinationConfiguration=place)
        own.create_delivery_stream(DeliveryStreamName="posts", HttpEndpointDestinationConfiguration=post)
        for name, member, update in (
            ("made", "ExtendedS3DestinationUpdate", vault),
            ("made", "S3DestinationUpdate", vault),
            ("made", "ExtendedS3DestinationUpdate", {"Prefix": "theirs/"}),
            ("made", "ExtendedS3DestinationUpdate", {"ErrorOutputPrefix": "theirs/"}),
            (
                "made",
                "ExtendedS3DestinationUpdate",
                {"S3BackupMode": "Enabled", "S3BackupUpdate": {**place, **vault}},
            ),
            ("posts", "HttpEndpointDestinationUpdate", {"S3Update": vault}),
        ):
            given = {"CurrentDeliveryStreamVersionId": "1", "DestinationId": "destinationId-000000000001"}
            code, _, said = refused(
                own.update_destination, DeliveryStreamName=name, **given, **{member: update}
            )
            assert (code, "s3:PutObject" in said) == ("AccessDeniedException", True), (update, said)
        processing = {"Enabled": True, "Processors": [function]}
        more = {"ExtendedS3DestinationUpdate": {"ProcessingConfiguration": processing}}
        refused(own.update_destination, DeliveryStreamName="made", **given, **more)
        hints = {"BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60}, "Prefix": "own/more/"}
        own.update_destination(DeliveryStreamName="made", **given, ExtendedS3DestinationUpdate=hints)
        for name in ("made", "posts"):
            own.delete_delivery_stream(DeliveryStreamName=name)
