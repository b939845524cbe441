"""SNS over the wire: who is subscribed is told, through HTTP, functions and deliveries."""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from forebay.topics.signing import to_sign
from tests.harness import System, request, until
from tests.wire.sdk import client, refused, serving
from tests.wire.sns import Endpoint, endpoint, subscribed, topic

__all__ = ["endpoint", "topic"]

PROJECT = """\
name: shop
lake: {dead: {}, raw: {}}
functions: {alert: functions/alert.lambda_handler}
delivery: {told: {to: lake.raw/told/, buffer: {seconds: 1}}}
"""
FILES = {
    "functions/alert.py": (
        "import json, os, boto3\n"
        "def lambda_handler(event, context):\n"
        "    boto3.client('s3', region_name='us-east-1').put_object(Bucket='raw',\n"
        "        Key='calls/' + event['Records'][0]['Sns']['MessageId'], Body=json.dumps(event).encode())\n"
    )
}
system = serving(PROJECT, files=FILES)


def test_an_endpoint_is_asked_before_it_is_told(sns: Any, topic: str, endpoint: Endpoint) -> None:
    made = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url + "/asked")
    assert made["SubscriptionArn"] == "pending confirmation"
    sns.publish(TopicArn=topic, Message="before")
    asked = until(lambda: endpoint.of("/asked", "SubscriptionConfirmation"))[0]
    assert asked.headers["x-amz-sns-topic-arn"] == topic
    assert asked.headers["content-type"] == "text/plain; charset=UTF-8"
    parts = asked.json()
    assert parts["TopicArn"] == topic
    assert parts["Token"] in parts["SubscribeURL"]
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    refused(
        "InvalidParameter",
        "Invalid parameter: Token",
        sns.confirm_subscription,
        TopicArn=topic,
        Token="0" * 64,
    )
    arn = sns.confirm_subscription(TopicArn=topic, Token=parts["Token"])["SubscriptionArn"]
    assert arn.startswith(topic + ":")
    sns.publish(TopicArn=topic, Message="after")
    until(lambda: endpoint.messages("/asked") == ["after"])


def test_a_notification_has_sns_members_and_a_signature_that_holds(
    sns: Any, topic: str, endpoint: Endpoint
) -> None:
    arn = subscribed(sns, topic, endpoint, "/signed")
    for version, algorithm in (("1", hashes.SHA1()), ("2", hashes.SHA256())):  # noqa: S303 - AWS's version 1
        sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
        id = sns.publish(
            TopicArn=topic,
            Message=f"grün {version}",
            Subject="A subject",
            MessageAttributes={"level": {"DataType": "String", "StringValue": "high"}},
        )["MessageId"]
        post = until(
            lambda id=id: [p for p in endpoint.of("/signed") if p.headers["x-amz-sns-message-id"] == id]  # type: ignore[misc]
        )[0]
        assert post.headers["x-amz-sns-message-type"] == "Notification"
        assert post.headers["x-amz-sns-subscription-arn"] == arn
        parts = post.json()
        assert (parts["Message"], parts["Subject"], parts["MessageId"]) == (
            f"grün {version}",
            "A subject",
            id,
        )
        assert parts["MessageAttributes"] == {"level": {"Type": "String", "Value": "high"}}
        assert parts["SignatureVersion"] == version
        pem = request(parts["SigningCertURL"])
        assert pem.status == 200
        key = x509.load_pem_x509_certificate(pem.body).public_key()
        assert isinstance(key, RSAPublicKey)
        key.verify(base64.b64decode(parts["Signature"]), to_sign(parts), padding.PKCS1v15(), algorithm)
    assert request(parts["UnsubscribeURL"]).status == 200
    refused("NotFound", "Subscription does not exist", sns.get_subscription_attributes, SubscriptionArn=arn)


def test_raw_delivery_is_the_message_alone(sns: Any, topic: str, endpoint: Endpoint) -> None:
    subscribed(sns, topic, endpoint, "/raw", RawMessageDelivery="true")
    sns.publish(TopicArn=topic, Message='{"default": "d", "http": "h"}', MessageStructure="json")
    post = until(lambda: endpoint.of("/raw", "Notification"))[0]
    assert post.body == b"h"
    assert post.headers["x-amz-sns-rawdelivery"] == "true"


def test_a_filter_lets_by_what_it_matches(sns: Any, topic: str, endpoint: Endpoint) -> None:
    policy = {"level": ["high", {"prefix": "crit"}], "n": [{"numeric": [">", 3]}]}
    subscribed(sns, topic, endpoint, "/some", FilterPolicy=json.dumps(policy))
    body = {"order": {"total": [{"numeric": [">=", 10]}]}}
    subscribed(sns, topic, endpoint, "/body", FilterPolicy=json.dumps(body), FilterPolicyScope="MessageBody")

    def publish(text: str, **given: tuple[str, str]) -> None:
        attributes = {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in given.items()}
        sns.publish(TopicArn=topic, Message=text, MessageAttributes=attributes)

    publish("low", level=("String", "low"), n=("Number", "9"))
    publish("few", level=("String", "high"), n=("Number", "3"))
    publish("plain")
    publish("hit", level=("String.Array", '["a", "critical"]'), n=("Number", "4"))
    publish('{"order": {"total": 9}}')
    publish('{"order": {"total": 10}}')
    until(lambda: endpoint.messages("/some") == ["hit"])
    until(lambda: endpoint.messages("/body") == ['{"order": {"total": 10}}'])


def test_a_message_that_is_not_taken_is_tried_again_and_others_go_on(
    sns: Any, topic: str, endpoint: Endpoint
) -> None:
    policy = {
        "healthyRetryPolicy": {
            "numRetries": 3,
            "minDelayTarget": 1,
            "maxDelayTarget": 1,
            "numNoDelayRetries": 1,
        }
    }
    subscribed(sns, topic, endpoint, "/flaky", DeliveryPolicy=json.dumps(policy))
    endpoint.answers["/flaky"] = [500, 503]
    first = sns.publish(TopicArn=topic, Message="first")["MessageId"]
    sns.publish(TopicArn=topic, Message="second")
    until(lambda: {"first", "second"} <= set(endpoint.messages("/flaky")[2:]))
    ids = [post.json()["MessageId"] for post in endpoint.of("/flaky", "Notification")]
    assert ids.count(first) >= 2, "every try has the same id"


def test_what_is_given_up_is_kept_with_its_reason_and_counted(
    system: System, sns: Any, s3: Any, topic: str, endpoint: Endpoint
) -> None:
    dead = json.dumps({"deadLetterTargetArn": "arn:aws:s3:::dead/untold/"})
    subscribed(sns, topic, endpoint, "/gone", RedrivePolicy=dead)
    endpoint.answers["/gone"] = [404]
    id = sns.publish(TopicArn=topic, Message="lost", Subject="S")["MessageId"]
    sns.publish(TopicArn=topic, Message="fine")
    until(lambda: "fine" in endpoint.messages("/gone"))
    name = topic.rpartition(":")[2]
    found = until(lambda: s3.list_objects_v2(Bucket="dead", Prefix=f"untold/{name}/").get("Contents"))
    kept = json.loads(s3.get_object(Bucket="dead", Key=found[0]["Key"])["Body"].read())
    assert (kept["errorCode"], kept["messageId"], kept["message"]) == ("EndpointRefused", id, "lost")
    assert json.loads(base64.b64decode(kept["rawData"]))["message"] == "lost"

    def line() -> Any:
        ledger = system.call("front", "status")["ledger"]
        return next((entry for name_, entry in ledger.items() if name_.startswith(f"topics.{name}/")), None)

    entry = until(lambda: (e := line()) and e["buffered"] == 0 and e)
    counts = ("accepted", "delivered", "rejected", "adds_up")
    assert [entry[name] for name in counts] == [2, 1, 1, True]


def test_an_endpoint_that_hangs_holds_up_nobody_else(sns: Any, topic: str, endpoint: Endpoint) -> None:
    subscribed(sns, topic, endpoint, "/hangs")
    subscribed(sns, topic, endpoint, "/lives")
    endpoint.hanging.add("/hangs")
    for n in range(5):
        sns.publish(TopicArn=topic, Message=str(n))
    until(lambda: endpoint.messages("/lives") == ["0", "1", "2", "3", "4"])
    until(lambda: endpoint.messages("/hangs"))
    assert set(endpoint.messages("/hangs")) == {"0"}
    endpoint.gone.set()


def test_a_function_gets_sns_event(sns: Any, s3: Any, topic: str) -> None:
    function = "arn:aws:lambda:us-east-1:000000000000:function:alert"
    arn = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)["SubscriptionArn"]
    id = sns.publish(TopicArn=topic, Message="hello", Subject="S")["MessageId"]
    until(lambda: s3.list_objects_v2(Bucket="raw", Prefix=f"calls/{id}").get("KeyCount"))
    (record,) = json.loads(s3.get_object(Bucket="raw", Key=f"calls/{id}")["Body"].read())["Records"]
    assert (record["EventSource"], record["EventVersion"]) == ("aws:sns", "1.0")
    assert record["EventSubscriptionArn"] == arn
    own = record["Sns"]
    assert (own["MessageId"], own["Message"], own["Subject"], own["TopicArn"]) == (id, "hello", "S", topic)
    assert {"Signature", "SigningCertUrl", "UnsubscribeUrl", "Timestamp"} <= own.keys()


def test_a_delivery_gets_a_record(system: System, sns: Any, s3: Any, topic: str) -> None:
    stream = "arn:aws:firehose:us-east-1:000000000000:deliverystream/told"
    sns.subscribe(TopicArn=topic, Protocol="firehose", Endpoint=stream)
    text = uuid.uuid4().hex
    sns.publish(TopicArn=topic, Message=text)

    def written() -> Any:
        for each in s3.list_objects_v2(Bucket="raw", Prefix="told/").get("Contents", ()):
            data = s3.get_object(Bucket="raw", Key=each["Key"])["Body"].read()
            data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            lines = [json.loads(line) for line in data.splitlines()]
            if any(line["Message"] == text for line in lines):
                return lines
        return None

    assert until(written)[0]["Type"] == "Notification"


@pytest.mark.parametrize("protocol", ["sqs", "sms", "application"])
def test_what_cannot_be_reached_is_refused_with_its_reason(sns: Any, topic: str, protocol: str) -> None:
    refused(
        "InvalidParameter",
        "Protocol Reason: forebay",
        sns.subscribe,
        TopicArn=topic,
        Protocol=protocol,
        Endpoint="arn:aws:sqs:us-east-1:000000000000:q",
    )


def test_a_rule_of_a_bus_publishes(system: System, sns: Any, topic: str, endpoint: Endpoint) -> None:
    subscribed(sns, topic, endpoint, "/rule")
    events = client(system, "events")
    events.put_rule(Name="told", EventPattern='{"source": ["shop"]}')
    transformer = {"InputPathsMap": {"who": "$.detail.user"}, "InputTemplate": '"<who> bought"'}
    answer = events.put_targets(
        Rule="told", Targets=[{"Id": "t", "Arn": topic, "InputTransformer": transformer}]
    )
    assert answer["FailedEntryCount"] == 0, answer
    assert events.list_targets_by_rule(Rule="told")["Targets"][0]["Arn"] == topic
    events.put_events(Entries=[{"Source": "shop", "DetailType": "buy", "Detail": '{"user": "ann"}'}])
    until(lambda: endpoint.messages("/rule") == ['"ann bought"'])
    events.close()
