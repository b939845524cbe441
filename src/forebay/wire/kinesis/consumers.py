"""Registered consumers (enhanced fan-out). Reading with GetRecords needs none."""

from __future__ import annotations

from forebay.arn import consumer_in
from forebay.clock import now_us
from forebay.wire.kinesis.base import SERVICE, arn_of, check_region, invalid, stream, stream_in
from forebay.wire.kinesis.tag_checks import check_tags
from forebay.wire.kinesis.tokens import token, untoken
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

KIND = "kinesis.consumer"
MOST = 20
_LISTED = 100


def names_of_consumers(asked: Asked, name: str) -> list[str]:
    """The consumers of a stream."""
    return [id.partition("/")[2] for id, _ in asked.system.documents.all(KIND, f"{name}/")]


def forget_consumers(asked: Asked, name: str) -> None:
    """The stream is gone, and so are they."""
    asked.system.documents.delete_all(KIND, f"{name}/")


def _described(asked: Asked, name: str, consumer: str, doc: Json) -> Json:
    return {
        "ConsumerName": consumer,
        "ConsumerARN": f"{arn_of(asked, name)}/consumer/{consumer}:{doc['created'] // 1_000_000}",
        "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": doc["created"] / 1e6,
    }


@SERVICE.operation("RegisterStreamConsumer", partial="a consumer is ACTIVE at once")
async def register_stream_consumer(asked: Asked, given: Json) -> Json:
    """Register a consumer."""
    check_region(asked, given["StreamARN"])
    found, consumer = stream(asked, given), given["ConsumerName"]
    have = names_of_consumers(asked, found.name)
    if consumer in have:
        raise AwsError(
            "ResourceInUseException",
            f"Consumer {consumer} under stream {arn_of(asked, found.name)} already exists for account"
            f" {asked.account}.",
        )
    if len(have) >= MOST:
        raise AwsError(
            "LimitExceededException",
            f"Stream {found.name} under account {asked.account} has {MOST} registered consumers,"
            " which is the limit.",
        )
    tags = check_tags(asked, found.name, given.get("Tags") or {})
    doc = {"created": now_us(), "tags": tags}
    asked.system.documents.put(KIND, f"{found.name}/{consumer}", doc)
    return {"Consumer": _described(asked, found.name, consumer, doc)}


def consumer_of(asked: Asked, given: Json) -> tuple[str, str, Json]:
    """(stream, consumer, document) of the consumer that is meant. Raises ResourceNotFoundException."""
    arn, of, consumer = given.get("ConsumerARN"), given.get("StreamARN"), given.get("ConsumerName")
    made = None
    if arn:
        name, told, made = consumer_in(arn) or ("", "", "")
        if (of and stream_in(of) != name) or (consumer and consumer != told):
            raise invalid(f"ConsumerARN {arn} and StreamARN {of}, ConsumerName {consumer} conflict.")
        consumer = told
    elif of and consumer:
        name = stream_in(of)
    else:
        raise invalid("Either ConsumerARN or both StreamARN and ConsumerName should be provided.")
    doc = asked.system.documents.get(KIND, f"{name}/{consumer}")
    if doc is None or (made is not None and made != str(doc["created"] // 1_000_000)):
        raise AwsError(
            "ResourceNotFoundException",
            f"Consumer {arn or consumer}, account {asked.account} not found.",
        )
    return name, str(consumer), doc


@SERVICE.operation("DescribeStreamConsumer")
async def describe_stream_consumer(asked: Asked, given: Json) -> Json:
    """One consumer."""
    name, consumer, doc = consumer_of(asked, given)
    return {
        "ConsumerDescription": {
            **_described(asked, name, consumer, doc),
            "StreamARN": arn_of(asked, name),
        }
    }


@SERVICE.operation("ListStreamConsumers")
async def list_stream_consumers(asked: Asked, given: Json) -> Json:
    """A page of a stream's consumers."""
    found = stream(asked, given)
    of, after = untoken(asked, given["NextToken"]) if given.get("NextToken") else (found.name, "")
    if of != found.name:
        raise invalid("Invalid NextToken.")
    limit = given.get("MaxResults") or _LISTED
    consumers = [
        _described(asked, found.name, id.partition("/")[2], doc)
        for id, doc in asked.system.documents.all(KIND, f"{found.name}/")
        if id.partition("/")[2] > after
    ]
    answer: Json = {"Consumers": consumers[:limit]}
    if len(consumers) > limit:
        answer["NextToken"] = token(asked, found.name, consumers[limit - 1]["ConsumerName"])
    return answer


@SERVICE.operation("DeregisterStreamConsumer")
async def deregister_stream_consumer(asked: Asked, given: Json) -> None:
    """Forget a consumer."""
    name, consumer, _ = consumer_of(asked, given)
    asked.system.documents.delete(KIND, f"{name}/{consumer}")
