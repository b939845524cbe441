"""SNS over the wire: topics, subscriptions and what is refused, in SNS's words; messages that are there once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness import System, request, until
from tests.wire.access import allow, keyed, user
from tests.wire.access import refused as denied
from tests.wire.sdk import client, refused, serving
from tests.wire.sns import Endpoint, endpoint, subscribed, topic

__all__ = ["endpoint", "topic"]

system = serving("name: shop\ntopics: {ops: {}}\nstreams: {s: {}}\n")
TOPIC = "arn:aws:sns:us-east-1:000000000000:"
OPS = TOPIC + "ops"


def head(system: System, topic: str) -> int:
    """How many messages a topic has taken."""
    name = topic.rpartition(":")[2]
    found = request(system.console + "/api/topics").json()["topics"]
    return next(int(each["published"]) for each in found if each["name"] == name)


def test_a_topic_is_made_once_described_changed_and_deleted(sns: Any) -> None:
    given: dict[str, Any] = {
        "Name": "life",
        "Attributes": {"DisplayName": "Life"},
        "Tags": [{"Key": "a", "Value": "1"}],
    }
    arn = sns.create_topic(**given)["TopicArn"]
    assert arn == TOPIC + "life"
    assert sns.create_topic(**given)["TopicArn"] == arn
    assert sns.create_topic(Name="life")["TopicArn"] == arn
    different = "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
    refused("InvalidParameter", different, sns.create_topic, Name="life", Attributes={"DisplayName": "x"})
    tags = "Invalid parameter: Tags Reason: Topic already exists with different tags"
    refused("InvalidParameter", tags, sns.create_topic, Name="life", Tags=[{"Key": "b", "Value": "1"}])
    shown = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (shown["Owner"], shown["DisplayName"], shown["SubscriptionsConfirmed"]) == (
        "000000000000",
        "Life",
        "0",
    )
    assert (
        json.loads(shown["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    )
    assert json.loads(shown["Policy"])["Id"] == "__default_policy_ID"
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="Other")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "Other"
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "c", "Value": "3"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["c"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "2"}]
    assert {"TopicArn": arn} in sns.list_topics()["Topics"]
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    refused("NotFound", "Topic does not exist", sns.get_topic_attributes, TopicArn=arn)


def test_a_topic_made_anew_has_none_of_the_old_messages(sns: Any, endpoint: Endpoint) -> None:
    arn = sns.create_topic(Name="again")["TopicArn"]
    subscribed(sns, arn, endpoint, "/old")
    sns.delete_topic(TopicArn=arn)
    sns.create_topic(Name="again")
    subscribed(sns, arn, endpoint, "/new")
    sns.publish(TopicArn=arn, Message="new")
    until(lambda: endpoint.messages("/new") == ["new"])
    assert endpoint.messages("/old") == []


@pytest.mark.parametrize(
    ("name", "attributes", "message"),
    [
        ("a b", {}, "Invalid parameter: Topic Name"),
        ("a" * 257, {}, "Invalid parameter: Topic Name"),
        ("a.fifo", {}, "Invalid parameter: Topic Name"),
        ("plain", {"FifoTopic": "true"}, "Fifo Topic names must end with .fifo and must be made up of only"),
        ("plain", {"Nonsense": "1"}, "Invalid parameter: AttributeName"),
        ("plain", {"KmsMasterKeyId": "alias/x"}, "KmsMasterKeyId is not offered by forebay"),
        ("plain", {"Policy": "{"}, "Invalid parameter: Policy Error"),
        ("plain", {"DeliveryPolicy": '{"http": {"x": 1}}'}, "DeliveryPolicy: unrecognized fields: x"),
    ],
)
def test_a_topic_that_is_not_right_is_refused(
    sns: Any, name: str, attributes: dict[str, str], message: str
) -> None:
    refused("InvalidParameter", message, sns.create_topic, Name=name, Attributes=attributes)


def test_what_the_project_declares_is_changed_there_only(sns: Any) -> None:
    said = "is declared in forebay.yaml and is changed there only"
    refused("InvalidParameter", said, sns.delete_topic, TopicArn=OPS)
    sns.tag_resource(ResourceArn=OPS, Tags=[{"Key": "a", "Value": "1"}])
    assert sns.list_tags_for_resource(ResourceArn=OPS)["Tags"] == [{"Key": "a", "Value": "1"}]


TEXT = {"DataType": "String", "StringValue": "v"}


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"Message": ""}, "InvalidParameter", "Invalid parameter: Empty message"),
        ({"Message": "x" * 262145}, "InvalidParameter", "Invalid parameter: Message too long"),
        (
            {"Message": "x" * 262140, "MessageAttributes": {"a": TEXT}},
            "InvalidParameter",
            "Invalid parameter: Message too long",
        ),
        ({"Subject": "x" * 101}, "InvalidParameter", "Invalid parameter: Subject"),
        ({"Subject": "a\nb"}, "InvalidParameter", "Invalid parameter: Subject"),
        (
            {"Message": "{", "MessageStructure": "json"},
            "InvalidParameter",
            "Message Structure - JSON message body failed to parse",
        ),
        (
            {"Message": '{"http": "h"}', "MessageStructure": "json"},
            "InvalidParameter",
            "Message Structure - No default entry in JSON message body",
        ),
        (
            {"MessageAttributes": {"n": {"DataType": "Number", "StringValue": "x"}}},
            "ParameterValueInvalid",
            "Could not cast message attribute 'n' value to number.",
        ),
        (
            {"MessageAttributes": {"n": {"DataType": "Text", "StringValue": "x"}}},
            "ParameterValueInvalid",
            "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.",
        ),
        (
            {"MessageDeduplicationId": "1"},
            "InvalidParameter",
            "MessageDeduplicationId Reason: The request includes",
        ),
        ({"TopicArn": TOPIC + "none"}, "NotFound", "Topic does not exist"),
        (
            {"TopicArn": "ops"},
            "InvalidParameter",
            "TopicArn Reason: An ARN must have at least 6 elements, not 1",
        ),
    ],
)
def test_a_message_that_is_not_right_is_refused(
    sns: Any, given: dict[str, Any], code: str, message: str
) -> None:
    refused(code, message, sns.publish, **{"TopicArn": OPS, "Message": "m", **given})


def test_each_entry_of_a_batch_succeeds_or_fails_by_itself(system: System, sns: Any, topic: str) -> None:
    entries = [{"Id": "good", "Message": "m"}, {"Id": "bad", "Message": "m", "Subject": "x" * 101}]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["good"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("bad", "InvalidParameter", True)
    assert head(system, topic) == 1
    many = [{"Id": str(n), "Message": "m"} for n in range(11)]
    for code, wrong in (
        ("TooManyEntriesInBatchRequest", many),
        ("BatchEntryIdsNotDistinct", [entries[0], entries[0]]),
        ("InvalidBatchEntryId", [{"Id": "a b", "Message": "m"}]),
        ("BatchRequestTooLong", [{"Id": str(n), "Message": "x" * 140_000} for n in range(2)]),
    ):
        refused(code, "", sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=wrong)
    assert head(system, topic) == 1


def test_a_retry_of_the_sdk_is_no_second_message(system: System, topic: str) -> None:
    own = client(system, "sns", retries=0)

    def as_before(request: Any, **_: Any) -> None:
        request.headers["amz-sdk-invocation-id"] = "one"

    own.meta.events.register("before-send.sns.Publish", as_before)
    ids = {own.publish(TopicArn=topic, Message="once")["MessageId"] for _ in range(2)}
    assert len(ids) == 1
    assert head(system, topic) == 1
    own.close()


def test_an_ordered_topic_keeps_the_order_and_deduplicates(
    system: System, sns: Any, endpoint: Endpoint
) -> None:
    arn = sns.create_topic(Name="line.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    group = "The MessageGroupId parameter is required for FIFO topics"
    refused("InvalidParameter", group, sns.publish, TopicArn=arn, Message="m")
    none = "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
    refused("InvalidParameter", none, sns.publish, TopicArn=arn, Message="m", MessageGroupId="g")
    sns.set_topic_attributes(TopicArn=arn, AttributeName="ContentBasedDeduplication", AttributeValue="true")
    retry = {"healthyRetryPolicy": {"numRetries": 3, "numNoDelayRetries": 3}}
    subscribed(sns, arn, endpoint, "/line", DeliveryPolicy=json.dumps(retry), RawMessageDelivery="true")
    endpoint.answers["/line"] = [500]
    first = sns.publish(TopicArn=arn, Message="0", MessageGroupId="g")
    assert sns.publish(TopicArn=arn, Message="0", MessageGroupId="g") | {"ResponseMetadata": 0} == first | {
        "ResponseMetadata": 0
    }
    numbers = [
        int(sns.publish(TopicArn=arn, Message=str(n), MessageGroupId="g")["SequenceNumber"])
        for n in range(1, 5)
    ]
    assert sorted(numbers) == numbers
    until(lambda: len(endpoint.of("/line", "Notification")) == 6)
    assert [post.body for post in endpoint.of("/line", "Notification")] == [
        b"0",
        b"0",
        b"1",
        b"2",
        b"3",
        b"4",
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Protocol": "smoke", "Endpoint": "x"}, "Amazon SNS does not support this protocol string: smoke"),
        ({"Protocol": "http", "Endpoint": "https://x.org"}, "Endpoint must match the specified protocol"),
        ({"Protocol": "http", "Endpoint": "http://"}, "Endpoint must match the specified protocol"),
        ({"Protocol": "email", "Endpoint": "nobody"}, "Email address"),
        (
            {"Protocol": "lambda", "Endpoint": "arn:aws:lambda:us-east-1:000000000000:function:no"},
            "Function does not exist",
        ),
        ({"Attributes": {"FilterPolicy": '{"a": "b"}'}}, 'FilterPolicy: "a" must be an object or an array'),
        ({"Attributes": {"FilterPolicy": '{"a": {"b": ["c"]}}'}}, "does not support nested filter policy"),
        (
            {"Attributes": {"FilterPolicy": '{"a": [{"soft": 1}]}'}},
            "FilterPolicy: Unrecognized match type soft",
        ),
        ({"Attributes": {"FilterPolicyScope": "Both"}}, "FilterPolicyScope: Invalid value [Both]"),
        (
            {
                "Attributes": {
                    "RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:q"}'
                }
            },
            "forebay has no queues; it keeps dead letters in a bucket",
        ),
        ({"Attributes": {"DeliveryPolicy": '{"healthyRetryPolicy": {"numRetries": 101}}'}}, "from 0 to 100"),
        ({"Attributes": {"Nonsense": "x"}}, "Unknown attribute: Nonsense"),
    ],
)
def test_a_subscription_that_is_not_right_is_refused(
    sns: Any, topic: str, given: dict[str, Any], message: str
) -> None:
    whole = {"TopicArn": topic, "Protocol": "http", "Endpoint": "http://127.0.0.1:9/x", **given}
    refused("InvalidParameter", message, sns.subscribe, **whole)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_a_subscription_is_made_once_and_its_attributes_are_shown(
    sns: Any, topic: str, endpoint: Endpoint
) -> None:
    policy = '{"a": ["b"]}'
    arn = subscribed(sns, topic, endpoint, "/shown", FilterPolicy=policy)
    given = {"TopicArn": topic, "Protocol": "http", "Endpoint": endpoint.url + "/shown"}
    assert sns.subscribe(**given)["SubscriptionArn"] == arn
    other = "Subscription already exists with different attributes"
    refused("InvalidParameter", other, sns.subscribe, **given, Attributes={"RawMessageDelivery": "true"})
    shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (shown["FilterPolicy"], shown["FilterPolicyScope"]) == (policy, "MessageAttributes")
    assert (shown["PendingConfirmation"], shown["RawMessageDelivery"]) == ("false", "false")
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue="{}")
    sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert "FilterPolicy" not in shown
    assert shown["RawMessageDelivery"] == "true"
    sns.publish(TopicArn=topic, Message="now raw")
    until(lambda: [post.body for post in endpoint.of("/shown", "Notification")] == [b"now raw"])
    sns.unsubscribe(SubscriptionArn=arn)
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsDeleted"] == "1"


def test_rights_and_a_topics_own_policy_count(system: System, sns: Any, iam: Any, topic: str) -> None:
    keys = user(
        iam,
        "teller",
        allow("sns:Publish", OPS),
        allow("sns:Subscribe", "*", Condition={"StringEquals": {"sns:Protocol": "https"}}),
    )
    with keyed(system, "sns", keys) as own:
        assert own.publish(TopicArn=OPS, Message="m")["MessageId"]
        entry = [{"Id": "a", "Message": "m"}]
        assert own.publish_batch(TopicArn=OPS, PublishBatchRequestEntries=entry)["Successful"]
        code, status, message = denied(own.publish, TopicArn=topic, Message="m")
        assert (code, status) == ("AccessDenied", 403)
        assert "not authorized to perform: sns:Publish on resource: " + topic in message
        plain = {"TopicArn": topic, "Protocol": "http", "Endpoint": "http://127.0.0.1:9/x"}
        assert denied(own.subscribe, **plain)[0] == "AccessDenied"
        sns.add_permission(TopicArn=topic, Label="all", AWSAccountId=["000000000000"], ActionName=["Publish"])
        assert denied(own.publish, TopicArn=topic, Message="m")[0] == "AccessDenied", (
            "the account is not the user"
        )
        mine = {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::000000000000:user/teller"},
            "Action": "sns:Publish",
            "Resource": topic,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [mine]})
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        assert own.publish(TopicArn=topic, Message="m")["MessageId"]
    taken = "Invalid parameter: Statement already exists"
    sns.add_permission(TopicArn=topic, Label="one", AWSAccountId=["000000000000"], ActionName=["Publish"])
    one = {"TopicArn": topic, "Label": "one", "AWSAccountId": ["000000000000"]}
    refused("InvalidParameter", taken, sns.add_permission, **one, ActionName=["Publish"])
    sns.remove_permission(TopicArn=topic, Label="one")
    said = "Policy statement action out of service scope!"
    refused("InvalidParameter", said, sns.add_permission, **one, ActionName=["Shout"])


def test_what_was_acknowledged_is_told_after_everything_was_killed(
    system: System, sns: Any, topic: str, endpoint: Endpoint
) -> None:
    subscribed(sns, topic, endpoint, "/killed")
    endpoint.answers["/killed"] = [503] * 1000
    ids = {sns.publish(TopicArn=topic, Message=str(n))["MessageId"] for n in range(20)}
    until(lambda: endpoint.of("/killed", "Notification"))
    system.kill("front")
    system.kill("flow")
    seen = len(endpoint.of("/killed", "Notification"))
    endpoint.answers["/killed"] = []

    def taken() -> set[str]:
        return {post.json()["MessageId"] for post in endpoint.of("/killed", "Notification")[seen:]}

    until(lambda: ids <= taken())


def test_metrics_are_under_aws_names(system: System, sns: Any, topic: str, endpoint: Endpoint) -> None:
    subscribed(sns, topic, endpoint, "/counted")
    for n in range(3):
        sns.publish(TopicArn=topic, Message=str(n))
    until(lambda: len(endpoint.messages("/counted")) == 3)
    cloudwatch = client(system, "cloudwatch")
    dimensions = [{"Name": "TopicName", "Value": topic.rpartition(":")[2]}]

    def named() -> set[str]:
        found = cloudwatch.list_metrics(Namespace="AWS/SNS", Dimensions=dimensions)["Metrics"]
        return {each["MetricName"] for each in found}

    until(lambda: {"NumberOfMessagesPublished", "NumberOfNotificationsDelivered"} <= named())
    cloudwatch.close()
