"""Publish and PublishBatch: on disk before a MessageId is answered, and no second message on an SDK's retry."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from forebay.errors import ForebayError
from forebay.streams.writer import Log, Once
from forebay.topics.message import LARGEST, Attribute, Message, pack
from forebay.wire.fingerprint import fingerprint
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json
from forebay.wire.sns.base import SERVICE, Topic, flag, invalid, topic_of

RETRIED = 900.0
DEDUPLICATED = 300.0
MOST = 10
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FIFO_ID = re.compile(r"[\x21-\x7e]{1,128}")
_NO_DEDUPLICATION = "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
_KINDS = ("String", "Number", "Binary")
_ids = msgspec.msgpack.Decoder(list[str]).decode


def _wrong_value(message: str) -> AwsError:
    return AwsError("ParameterValueInvalid", message, http=400)


def _attributes(given: Mapping[str, Any]) -> dict[str, Attribute]:
    """Message attributes as they are sent on. Raises AwsError."""
    found: dict[str, Attribute] = {}
    for name, each in given.items():
        kind, text, data = each.get("DataType") or "", each.get("StringValue"), each.get("BinaryValue")
        if not kind:
            raise _wrong_value(
                f"The message attribute '{name}' must contain non-empty message attribute type."
            )
        if kind.partition(".")[0] not in _KINDS:
            raise _wrong_value(
                f"The message attribute '{name}' has an invalid message attribute type, the set of supported type"
                " prefixes is Binary, Number, and String."
            )
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,256}", name) or name.startswith(".") or name.endswith("."):
            raise _wrong_value(
                f"Length of message attribute name must be less than 256 bytes, and '{name}' has letters that names"
                " do not have."
            )
        if not text and not data:
            raise _wrong_value(
                f"The message attribute '{name}' must contain non-empty message attribute value for message attribute"
                f" type '{kind}'."
            )
        if kind.startswith("Binary"):
            found[name] = {"Type": kind, "Value": base64.b64encode(data or b"").decode()}
            continue
        if kind.startswith("Number"):
            try:
                float(text or "")
            except ValueError:
                raise _wrong_value(f"Could not cast message attribute '{name}' value to number.") from None
        found[name] = {"Type": kind, "Value": text or ""}
    return found


def _message(topic: Topic, given: Json) -> Message:
    """The message of a request or of an entry. Raises AwsError."""
    text, subject, structure = given.get("Message") or "", given.get("Subject"), given.get("MessageStructure")
    if not text:
        raise invalid("Empty message")
    if subject is not None and (
        not 0 < len(subject) <= 100 or any(ord(letter) < 32 or ord(letter) == 127 for letter in subject)
    ):
        raise invalid("Subject")
    if structure is not None:
        if structure != "json":
            raise invalid("MessageStructure")
        _check_structure(text)
    attributes = _attributes(given.get("MessageAttributes") or {})
    group = given.get("MessageGroupId")
    if topic.spec.fifo:
        if not group:
            raise invalid("The MessageGroupId parameter is required for FIFO topics")
        if not _FIFO_ID.fullmatch(group):
            raise invalid("MessageGroupId")
    elif given.get("MessageDeduplicationId"):
        raise invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for"
            " this topic type"
        )
    return Message(str(uuid.uuid4()), text, subject, structure, attributes, group)


def _check_structure(text: str) -> None:
    try:
        texts = json.loads(text)
    except ValueError:
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(texts, dict) or not isinstance(texts.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")


def _size(message: Message) -> int:
    """What a message counts for: its text and its attributes."""
    size = len(message.message.encode(errors="replace"))
    for name, each in message.attributes.items():
        value = each["Value"]
        held = (
            len(value) * 3 // 4 if each["Type"].startswith("Binary") else len(value.encode(errors="replace"))
        )
        size += len(name.encode()) + len(each["Type"].encode()) + held
    return size


async def _log(asked: Asked, topic: Topic) -> Log:
    name = f"topics.{topic.name}"
    if name not in asked.system.logs:
        await asked.system.apply()
    return asked.system.logs[name]


async def _append(asked: Asked, topic: Topic, messages: list[Message]) -> list[str]:
    """Keep messages; their ids, those of the first attempt if this is an SDK's retry."""
    log = await _log(asked, topic)
    records = [pack(message) for message in messages]
    ids = [message.id for message in messages]
    invocation = asked.request.headers.get("amz-sdk-invocation-id")
    if not invocation:
        await log.submit(records)
        return ids
    body = fingerprint(asked.request.body)
    kept = msgspec.msgpack.encode(ids)
    once = Once(
        f"sns\0{asked.principal}\0{topic.name}", f"{invocation}\0{body.hex()}", body, lambda *_: kept, RETRIED
    )
    receipt = await log.submit(records, once=once)
    return _ids(receipt.answer) if receipt.repeated and receipt.answer else ids


async def _append_once(asked: Asked, topic: Topic, message: Message, given: Json) -> Json:
    """Keep a message of a FIFO topic, unless one with the same deduplication id was kept these five minutes."""
    log = await _log(asked, topic)
    own = given.get("MessageDeduplicationId")
    if not own:
        if not flag(topic.attribute("ContentBasedDeduplication")):
            raise invalid(_NO_DEDUPLICATION)
        own = hashlib.sha256(message.message.encode(errors="replace")).hexdigest()
    elif not _FIFO_ID.fullmatch(own):
        raise invalid("MessageDeduplicationId")
    scope = message.group if topic.attribute("FifoThroughputScope") == "MessageGroup" else ""

    def answer(_: int, places: Any) -> bytes:
        return msgspec.msgpack.encode([message.id, f"{10**19 + places[0][1]}"])

    once = Once(
        f"sns.fifo\0{topic.name}\0{scope}", own, b"", lambda *_: b"", DEDUPLICATED, answer_placed=answer
    )
    receipt = await log.submit([pack(message)], once=once)
    id, sequence = _ids(receipt.answer or b"")
    return {"MessageId": id, "SequenceNumber": sequence}


@SERVICE.operation("Publish", partial="to topics only: PhoneNumber and platform endpoints are refused")
async def publish(asked: Asked, given: Json) -> Json:
    """Publish one message."""
    if given.get("PhoneNumber"):
        raise invalid("PhoneNumber Reason: forebay sends no text messages; publish to a topic")
    arn = given.get("TopicArn") or given.get("TargetArn")
    if not arn:
        raise invalid("TopicArn or TargetArn Reason: no value for required parameter")
    if ":endpoint/" in arn:
        raise invalid("TargetArn Reason: forebay pushes to no mobile applications; publish to a topic")
    topic = topic_of(asked, arn)
    message = _message(topic, given)
    if _size(message) > LARGEST:
        raise invalid("Message too long")
    if topic.spec.fifo:
        return await _append_once(asked, topic, message, given)
    (id,) = await _append(asked, topic, [message])
    return {"MessageId": id}


@SERVICE.operation("PublishBatch")
async def publish_batch(asked: Asked, given: Json) -> Json:
    """Publish up to ten messages; each fails or succeeds by itself."""
    entries: list[Json] = given["PublishBatchRequestEntries"]
    topic = topic_of(asked, given["TopicArn"])
    _check_entries(entries)
    if topic.spec.fifo:
        _check_fifo(topic, entries)
    failed: list[Json] = []
    good: list[tuple[Json, Message]] = []
    for entry in entries:
        try:
            good.append((entry, _message(topic, entry)))
        except AwsError as error:
            failed.append(
                {"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True}
            )
    if sum(_size(message) for _, message in good) > LARGEST:
        raise AwsError(
            "BatchRequestTooLong",
            "The length of all the messages put together is more than the limit.",
            http=400,
        )
    answered: list[Json] = []
    if topic.spec.fifo:
        for entry, message in good:
            try:
                answered.append({"Id": entry["Id"], **await _append_once(asked, topic, message, entry)})
            except ForebayError as error:
                fault = isinstance(error, AwsError)
                code = error.code if fault else "InternalError"
                failed.append(
                    {"Id": entry["Id"], "Code": code, "Message": error.message, "SenderFault": fault}
                )
    elif good:
        ids = await _append(asked, topic, [message for _, message in good])
        answered = [{"Id": entry["Id"], "MessageId": id} for (entry, _), id in zip(good, ids, strict=True)]
    return {"Successful": answered, "Failed": failed}


def _check_fifo(topic: Topic, entries: list[Json]) -> None:
    """Entries of a FIFO topic that have no group, or nothing to be deduplicated by, fail all of them."""
    if not all(entry.get("MessageGroupId") for entry in entries):
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    if not flag(topic.attribute("ContentBasedDeduplication")) and not all(
        entry.get("MessageDeduplicationId") for entry in entries
    ):
        raise invalid(_NO_DEDUPLICATION)


def _check_entries(entries: list[Json]) -> None:
    if not entries:
        raise AwsError("EmptyBatchRequest", "The batch request doesn't contain any entries.", http=400)
    if len(entries) > MOST:
        raise AwsError(
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
            http=400,
        )
    ids = [entry["Id"] for entry in entries]
    if not all(_ID.fullmatch(id) for id in ids):
        raise AwsError(
            "InvalidBatchEntryId",
            "The Id of a batch entry in a batch request doesn't abide by the specification.",
            http=400,
        )
    if len(set(ids)) != len(ids):
        raise AwsError(
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
            http=400,
        )
