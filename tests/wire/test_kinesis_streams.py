"""Kinesis over the wire: streams, their settings, and the words in which AWS refuses."""

from __future__ import annotations

import json
from typing import Any

from tests.harness import System
from tests.wire.kinesis import TOP, arn, data, everything, new_stream, refused, shards
from tests.wire.sdk import ACCOUNT, client, serving

system = serving("name: plain\nstreams:\n  own: {shards: 2, retention: 48h}\n")


def test_a_new_stream_is_described_as_aws_does(kinesis: Any) -> None:
    name = new_stream(kinesis, 3)
    found = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert found["StreamName"] == name
    assert found["StreamARN"] == f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"
    assert found["StreamStatus"] == "ACTIVE"
    assert found["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert found["RetentionPeriodHours"] == 24
    assert found["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert found["EncryptionType"] == "NONE"
    assert found["HasMoreShards"] is False
    assert "KeyId" not in found
    assert [each["ShardId"] for each in found["Shards"]] == [f"shardId-{n:012d}" for n in range(3)]
    assert [each["HashKeyRange"] for each in found["Shards"]] == [
        {"StartingHashKey": "0", "EndingHashKey": "113427455640312821154458202477256070484"},
        {
            "StartingHashKey": "113427455640312821154458202477256070485",
            "EndingHashKey": "226854911280625642308916404954512140969",
        },
        {"StartingHashKey": "226854911280625642308916404954512140970", "EndingHashKey": str(TOP)},
    ]
    numbers = [int(each["SequenceNumberRange"]["StartingSequenceNumber"]) for each in found["Shards"]]
    assert numbers[1] - numbers[0] == numbers[2] - numbers[1] == 22300745198530623141535718272648361505980432
    assert all(len(str(each)) == 56 for each in numbers)
    assert "EndingSequenceNumber" not in found["Shards"][0]["SequenceNumberRange"]
    summary = kinesis.describe_stream_summary(StreamARN=found["StreamARN"])["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["ConsumerCount"]) == (3, 0)
    assert summary["MaxRecordSizeInKiB"] == 1024
    kinesis.get_waiter("stream_exists").wait(StreamName=name)


def test_shards_are_described_in_pages(kinesis: Any) -> None:
    name = new_stream(kinesis, 5)
    first = kinesis.describe_stream(StreamName=name, Limit=2)["StreamDescription"]
    assert ([each["ShardId"][-1] for each in first["Shards"]], first["HasMoreShards"]) == (["0", "1"], True)
    rest = kinesis.describe_stream(StreamName=name, ExclusiveStartShardId="shardId-000000000001")
    assert len(rest["StreamDescription"]["Shards"]) == 3
    assert len(shards(kinesis, name)) == 5
    page = kinesis.list_shards(StreamName=name, MaxResults=4)
    assert len(page["Shards"]) == 4
    last = kinesis.list_shards(NextToken=page["NextToken"])
    assert [each["ShardId"] for each in last["Shards"]] == ["shardId-000000000004"]
    assert "NextToken" not in last
    assert (
        refused("InvalidArgumentException", kinesis.list_shards, StreamName=name, NextToken=page["NextToken"])
        == "NextToken and StreamName cannot be provided together."
    )
    assert (
        refused("InvalidArgumentException", kinesis.list_shards)
        == "Either NextToken or StreamName should be provided."
    )
    refused("InvalidArgumentException", kinesis.list_shards, NextToken="nonsense")


def test_streams_are_listed_by_name_in_pages(kinesis: Any) -> None:
    made = sorted(new_stream(kinesis) for _ in range(3))
    names: list[str] = []
    more: dict[str, str] = {}
    while True:
        page = kinesis.list_streams(Limit=2, **more)
        assert [each["StreamName"] for each in page["StreamSummaries"]] == page["StreamNames"]
        names += page["StreamNames"]
        if not page["HasMoreStreams"]:
            break
        more = {"NextToken": page["NextToken"]}
    assert names == sorted(names)
    assert set(made) < set(names)
    assert "own" in names
    after = kinesis.list_streams(ExclusiveStartStreamName=made[1])["StreamNames"]
    assert made[2] in after
    assert made[1] not in after


def test_a_name_is_taken_once_and_the_unknown_is_not_found(kinesis: Any) -> None:
    name = new_stream(kinesis)
    assert name in refused("ResourceInUseException", kinesis.create_stream, StreamName=name, ShardCount=1)
    refused("ResourceInUseException", kinesis.create_stream, StreamName="own", ShardCount=1)
    missing = f"Stream nope under account {ACCOUNT} not found."
    for call, more in (
        (kinesis.describe_stream, {}),
        (kinesis.describe_stream_summary, {}),
        (kinesis.delete_stream, {}),
        (kinesis.put_record, {"Data": b"x", "PartitionKey": "k"}),
        (kinesis.put_records, {"Records": [{"Data": b"x", "PartitionKey": "k"}]}),
        (kinesis.list_shards, {}),
        (kinesis.list_tags_for_stream, {}),
        (kinesis.update_shard_count, {"TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"}),
    ):
        assert refused("ResourceNotFoundException", call, StreamName="nope", **more) == missing
        by_arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/nope"
        assert refused("ResourceNotFoundException", call, StreamARN=by_arn, **more) == missing
    refused("InvalidArgumentException", kinesis.describe_stream)


def test_what_breaks_the_models_constraints_is_refused_in_aws_words(kinesis: Any) -> None:
    assert refused("ValidationException", kinesis.create_stream, StreamName="a b", ShardCount=1) == (
        "1 validation error detected: Value 'a b' at 'streamName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    )
    assert refused("ValidationException", kinesis.create_stream, StreamName="a", ShardCount=0) == (
        "1 validation error detected: Value '0' at 'shardCount' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    )
    assert refused("ValidationException", kinesis.create_stream) == (
        "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: "
        "Member must not be null"
    )
    long = "a" * 129
    assert refused("ValidationException", kinesis.describe_stream, StreamName=long) == (
        f"1 validation error detected: Value '{long}' at 'streamName' failed to satisfy constraint: "
        "Member must have length less than or equal to 128"
    )


def test_a_stream_with_a_hundred_thousand_shards_is_refused_not_built(kinesis: Any) -> None:
    message = refused("LimitExceededException", kinesis.create_stream, StreamName="huge", ShardCount=100_000)
    assert f"would exceed the shard limit for the account {ACCOUNT} in us-east-1" in message
    assert "Limit: 500. Number of additional shards that would have resulted from this request: 100000." in (
        message
    )
    refused("ResourceNotFoundException", kinesis.describe_stream, StreamName="huge")
    limits = kinesis.describe_limits()
    assert limits["ShardLimit"] == 500
    assert 0 < limits["OpenShardCount"] < 500


def test_a_stream_on_demand_has_four_shards_and_is_not_counted_anew(kinesis: Any) -> None:
    kinesis.create_stream(StreamName="demand", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert len(shards(kinesis, "demand")) == 4
    assert kinesis.describe_limits()["OnDemandStreamCount"] == 1
    scale = {"TargetShardCount": 3, "ScalingType": "UNIFORM_SCALING"}
    assert refused("ValidationException", kinesis.update_shard_count, StreamName="demand", **scale) == (
        f"Request is invalid. Stream demand under account {ACCOUNT} is in On-Demand mode."
    )
    kinesis.update_stream_mode(
        StreamARN=arn(kinesis, "demand"), StreamModeDetails={"StreamMode": "PROVISIONED"}
    )
    kinesis.update_shard_count(StreamName="demand", **scale)
    summary = kinesis.describe_stream_summary(StreamName="demand")["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert summary["OpenShardCount"] == 3


def test_a_deleted_stream_is_gone_with_its_events_and_its_name_is_free(kinesis: Any) -> None:
    name = new_stream(kinesis, 2)
    kinesis.put_record(StreamName=name, Data=b"old", PartitionKey="k")
    kinesis.register_stream_consumer(StreamARN=arn(kinesis, name), ConsumerName="c")
    refused("ResourceInUseException", kinesis.delete_stream, StreamName=name)
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name)
    assert name not in kinesis.list_streams()["StreamNames"]
    kinesis.create_stream(StreamName=name, ShardCount=1)
    assert [each["ShardId"] for each in shards(kinesis, name)] == ["shardId-000000000000"]
    assert everything(kinesis, name) == []
    kinesis.put_record(StreamName=name, Data=b"new", PartitionKey="k")
    assert data(everything(kinesis, name)) == [b"new"]
    assert kinesis.list_stream_consumers(StreamARN=arn(kinesis, name))["Consumers"] == []


def test_what_the_project_declares_is_read_and_written_but_not_changed(kinesis: Any) -> None:
    found = kinesis.describe_stream(StreamName="own")["StreamDescription"]
    assert (len(found["Shards"]), found["RetentionPeriodHours"]) == (2, 48)
    kinesis.put_record(StreamName="own", Data=b"x", PartitionKey="k")
    assert data(everything(kinesis, "own")) == [b"x"]
    split = {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "10"}
    for call, more in (
        (kinesis.delete_stream, {}),
        (kinesis.split_shard, split),
        (kinesis.add_tags_to_stream, {"Tags": {"a": "b"}}),
        (kinesis.increase_stream_retention_period, {"RetentionPeriodHours": 72}),
    ):
        assert "forebay.yaml" in refused("ResourceInUseException", call, StreamName="own", **more)


def test_retention_grows_and_shrinks_within_aws_bounds(kinesis: Any) -> None:
    name = new_stream(kinesis)

    def increase(hours: int) -> str:
        call = kinesis.increase_stream_retention_period
        return refused("InvalidArgumentException", call, StreamName=name, RetentionPeriodHours=hours)

    def decrease(hours: int) -> str:
        call = kinesis.decrease_stream_retention_period
        return refused("InvalidArgumentException", call, StreamName=name, RetentionPeriodHours=hours)

    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=30)
    assert kinesis.describe_stream(StreamName=name)["StreamDescription"]["RetentionPeriodHours"] == 30
    assert increase(25) == (
        f"Requested retention period (25 hours) for stream {name} can not be shorter than existing retention"
        " period (30 hours). Use DecreaseRetentionPeriod API."
    )
    short = (
        "Minimum allowed retention period is 24 hours. Requested retention period (20 hours) is too short."
    )
    long = (
        "Maximum allowed retention period is 8760 hours. Requested retention period (9999 hours) is too long."
    )
    assert (increase(20), decrease(20), increase(9999), decrease(9999)) == (short, short, long, long)
    assert decrease(40) == (
        f"Requested retention period (40 hours) for stream {name} can not be longer than existing retention"
        " period (30 hours). Use IncreaseRetentionPeriod API."
    )
    kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=25)
    assert kinesis.describe_stream(StreamName=name)["StreamDescription"]["RetentionPeriodHours"] == 25


def test_tags_are_the_same_through_old_and_new_operations(kinesis: Any) -> None:
    name = new_stream(kinesis, Tags={"made": "so"})
    kinesis.add_tags_to_stream(StreamName=name, Tags={"b": "1", "a": ""})
    kinesis.tag_resource(ResourceARN=arn(kinesis, name), Tags={"c": "3"})
    wanted = [
        {"Key": "a", "Value": ""},
        {"Key": "b", "Value": "1"},
        {"Key": "c", "Value": "3"},
        {"Key": "made", "Value": "so"},
    ]
    found = kinesis.list_tags_for_stream(StreamName=name)
    assert (found["Tags"], found["HasMoreTags"]) == (wanted, False)
    assert kinesis.list_tags_for_resource(ResourceARN=arn(kinesis, name))["Tags"] == wanted
    page = kinesis.list_tags_for_stream(StreamName=name, Limit=2, ExclusiveStartTagKey="a")
    assert (page["Tags"], page["HasMoreTags"]) == (wanted[1:3], True)
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["a", "unknown"])
    kinesis.untag_resource(ResourceARN=arn(kinesis, name), TagKeys=["b", "c"])
    assert kinesis.list_tags_for_stream(StreamName=name)["Tags"] == wanted[3:]
    too_many = {f"k{n}": "v" for n in range(50)}
    add = kinesis.add_tags_to_stream
    assert "more than 50 tags" in refused("InvalidArgumentException", add, StreamName=name, Tags=too_many)
    assert refused("InvalidArgumentException", add, StreamName=name, Tags={"a;b": "v"}) == (
        "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space,"
        " _ . / = + - % @."
    )


def test_encryption_monitoring_and_record_size_are_kept(kinesis: Any) -> None:
    name = new_stream(kinesis)
    kinesis.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    found = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert (found["EncryptionType"], found["KeyId"]) == ("KMS", "alias/aws/kinesis")
    assert kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k")["EncryptionType"] == "KMS"
    kinesis.stop_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    assert "KeyId" not in kinesis.describe_stream(StreamName=name)["StreamDescription"]

    two = ["IncomingBytes", "OutgoingBytes"]
    answer = kinesis.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=two)
    assert (answer["CurrentShardLevelMetrics"], answer["DesiredShardLevelMetrics"]) == ([], two)
    answer = kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=two[:1])
    assert (answer["CurrentShardLevelMetrics"], answer["DesiredShardLevelMetrics"]) == (two, two[1:])
    kinesis.disable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=["ALL"])
    found = kinesis.describe_stream(StreamName=name)["StreamDescription"]
    assert found["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]

    kinesis.update_max_record_size(StreamARN=arn(kinesis, name), MaxRecordSizeInKiB=2048)
    kinesis.put_record(StreamName=name, Data=b"x" * (3 << 19), PartitionKey="k")


def test_a_policy_is_put_read_and_deleted(kinesis: Any) -> None:
    name = new_stream(kinesis)
    of = {"ResourceARN": arn(kinesis, name)}
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    assert kinesis.get_resource_policy(**of)["Policy"] == "{}"
    kinesis.put_resource_policy(**of, Policy=policy)
    assert kinesis.get_resource_policy(**of)["Policy"] == policy
    kinesis.delete_resource_policy(**of)
    message = refused("ResourceNotFoundException", kinesis.delete_resource_policy, **of)
    assert message == f"No resource policy found for resource ARN {of['ResourceARN']}."
    unknown = of["ResourceARN"] + "unknown"
    message = refused("ResourceNotFoundException", kinesis.get_resource_policy, ResourceARN=unknown)
    assert message == f"Stream {name}unknown under account {ACCOUNT} not found."
    west = of["ResourceARN"].replace("us-east-1", "us-west-2")
    message = refused("InvalidArgumentException", kinesis.get_resource_policy, ResourceARN=west)
    assert message == f"The region specified in the ARN '{west}' does not match the endpoint region"


def test_a_policy_is_of_its_stream_or_consumer_and_shares_what_can_be_shared(kinesis: Any) -> None:
    stream = arn(kinesis, new_stream(kinesis))
    made = kinesis.register_stream_consumer(StreamARN=stream, ConsumerName="one")
    consumer = made["Consumer"]["ConsumerARN"]

    def policy(resource: str, action: str, start: str = "") -> str:
        statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource}
        return start + json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    resource = "The resource policy's resource must be the same as the resource ARN."
    where = "Resource policy contains invalid statement at line 1, column 41: "
    for of, document, message in (
        (stream, "{", "This policy contains invalid Json"),
        (stream, "[]", "This policy contains invalid Json"),
        (stream, "{}", "Missing required field Version"),
        (stream, '{"Version": "2012-10-17"}', "Missing required field Statement"),
        (stream, policy(consumer, "kinesis:GetRecords"), where + resource),
        (
            consumer,
            policy(consumer, "kinesis:GetRecords", "\n "),
            where.replace("line 1, column 41", "line 2, column 42")
            + 'The following action names are invalid: "kinesis:GetRecords"',
        ),
    ):
        said = refused(
            "InvalidArgumentException", kinesis.put_resource_policy, ResourceARN=of, Policy=document
        )
        assert said == f"Policy validation error: {message}"
    shared = policy(consumer, "kinesis:SubscribeToShard")
    kinesis.put_resource_policy(ResourceARN=consumer, Policy=shared)
    assert kinesis.get_resource_policy(ResourceARN=consumer)["Policy"] == shared
    assert kinesis.get_resource_policy(ResourceARN=stream)["Policy"] == "{}"


def test_consumers_are_registered_listed_and_deregistered(kinesis: Any) -> None:
    of = arn(kinesis, new_stream(kinesis))
    made = kinesis.register_stream_consumer(StreamARN=of, ConsumerName="one")["Consumer"]
    assert made["ConsumerStatus"] == "ACTIVE"
    assert made["ConsumerARN"].startswith(f"{of}/consumer/one:")
    refused("ResourceInUseException", kinesis.register_stream_consumer, StreamARN=of, ConsumerName="one")
    kinesis.register_stream_consumer(StreamARN=of, ConsumerName="two")
    by_name = kinesis.describe_stream_consumer(StreamARN=of, ConsumerName="one")["ConsumerDescription"]
    by_arn = kinesis.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])["ConsumerDescription"]
    assert by_name == by_arn == {**made, "StreamARN": of}
    page = kinesis.list_stream_consumers(StreamARN=of, MaxResults=1)
    rest = kinesis.list_stream_consumers(StreamARN=of, NextToken=page["NextToken"])
    assert [each["ConsumerName"] for each in page["Consumers"] + rest["Consumers"]] == ["one", "two"]
    kinesis.deregister_stream_consumer(ConsumerARN=made["ConsumerARN"])
    message = refused(
        "ResourceNotFoundException", kinesis.describe_stream_consumer, ConsumerARN=made["ConsumerARN"]
    )
    assert message == f"Consumer {made['ConsumerARN']}, account {ACCOUNT} not found."
    kinesis.deregister_stream_consumer(StreamARN=of, ConsumerName="two")
    assert kinesis.list_stream_consumers(StreamARN=of)["Consumers"] == []


def test_streams_made_over_the_wire_are_in_the_ledger_and_keep_events_unread(
    kinesis: Any, system: System
) -> None:
    name = new_stream(kinesis, 2)
    kinesis.put_records(StreamName=name, Records=[{"Data": b"x", "PartitionKey": str(n)} for n in range(9)])
    entry = system.status()["ledger"][f"streams.{name}"]
    assert (entry["accepted"], entry["buffered"], entry["adds_up"]) == (9, 9, True)


def test_an_arn_has_the_callers_region(kinesis: Any, system: System) -> None:
    name = new_stream(kinesis)
    elsewhere = client(system, "kinesis", region="eu-west-1")
    assert arn(elsewhere, name) == f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/{name}"
    assert elsewhere.describe_stream(StreamARN=arn(elsewhere, name))["StreamDescription"]
    elsewhere.close()
