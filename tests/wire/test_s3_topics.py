"""A bucket that tells topics of its objects."""

from __future__ import annotations

import json
from typing import Any

from tests.harness import until
from tests.wire.s3 import new_bucket, put, refused
from tests.wire.sdk import serving, speaking
from tests.wire.sns import Endpoint, endpoint

__all__ = ["endpoint"]
system = serving("name: told\n")
sns = speaking("sns")


def test_a_topic_is_told_of_what_is_made_and_removed(s3: Any, sns: Any, endpoint: Endpoint) -> None:
    bucket = new_bucket(s3)
    topic = sns.create_topic(Name="objects")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url + "/told")
    asked = until(lambda: endpoint.of("/told", "SubscriptionConfirmation"))
    sns.confirm_subscription(TopicArn=topic, Token=asked[0].json()["Token"])
    rule = {
        "Id": "mine",
        "TopicArn": topic,
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "in/"}]}},
    }
    config = {"Bucket": bucket, "NotificationConfiguration": {"TopicConfigurations": [rule]}}
    s3.put_bucket_notification_configuration(**config)
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert found["TopicConfigurations"] == [rule]
    first = json.loads(until(lambda: endpoint.messages("/told"))[0])
    assert (first["Service"], first["Event"], first["Bucket"]) == ("Amazon S3", "s3:TestEvent", bucket)
    put(s3, bucket, "in/k", "elsewhere")
    s3.delete_object(Bucket=bucket, Key="in/k")
    until(lambda: len(endpoint.messages("/told")) >= 3)
    records = [json.loads(text)["Records"][0] for text in endpoint.messages("/told")[1:]]
    told = [
        (each["eventName"], each["s3"]["object"]["key"], each["s3"]["configurationId"]) for each in records
    ]
    assert sorted(told) == [("ObjectCreated:Put", "in/k", "mine"), ("ObjectRemoved:Delete", "in/k", "mine")]
    assert {post.json()["Subject"] for post in endpoint.of("/told", "Notification")} == {
        "Amazon S3 Notification"
    }


def test_a_topic_that_is_not_there_is_refused(s3: Any) -> None:
    bucket = new_bucket(s3)
    arn = "arn:aws:sns:us-east-1:000000000000:none"
    rule = {"TopicArn": arn, "Events": ["s3:ObjectCreated:*"]}
    config = {"Bucket": bucket, "NotificationConfiguration": {"TopicConfigurations": [rule]}}
    error = refused("InvalidArgument", s3.put_bucket_notification_configuration, 400, **config)
    assert error["Message"] == "Unable to validate the following destination configurations"
    assert (error["ArgumentName1"], error["ArgumentValue1"]) == (arn, "The destination topic does not exist")
    s3.put_bucket_notification_configuration(**config, SkipDestinationValidation=True)
