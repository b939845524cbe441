"""What Kinesis's operations share: the stream that is meant, its settings, errors in Kinesis's words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from botocore.model import OperationModel

from forebay.arn import ACCOUNT, name_in
from forebay.clock import now_us
from forebay.project.model import Ref
from forebay.streams import sequence
from forebay.streams.section import StreamSpec
from forebay.streams.shards import Shard
from forebay.streams.writer import Log
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, Service, reworded

NOUN = "streams"
HOUR = 3600.0
MIB = 1 << 20
PROVISIONED, ON_DEMAND = "PROVISIONED", "ON_DEMAND"

# What the service itself says where botocore's model is newer or says it otherwise: patterns without their
# anchors, and neither a blob nor 500 records repeated in the message.
_SPELLED = (
    (re.compile(r"pattern: \^\((0\|\(\[1-9\]\\d\{0,\d+\}\))\)\$"), r"pattern: \1"),
    (re.compile(r"Value 'java\.nio\.HeapByteBuffer\[[^]]*\]' at"), "Value at"),
    (re.compile(r"Value '\[\{.*\}\]' at 'records' failed", re.DOTALL), "Value at 'records' failed"),
    (
        re.compile(r"\[AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, TRIM_HORIZON, LATEST, AT_TIMESTAMP\]"),
        "[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
    ),
)


class Kinesis(Service):
    """Kinesis, which words some refusals in its own way."""

    def check(self, model: OperationModel, given: Json, asked: Asked) -> None:
        """Refuse what breaks the model's constraints."""
        try:
            _need_keys(model, given)
            super().check(model, given, asked)
        except AwsError as error:
            raise reworded(error, _SPELLED) from None


def _need_keys(model: OperationModel, given: Json) -> None:
    """Raise AwsError for records without a partition key, which a model that knows queues too lets pass."""
    null = "Value null at '{}' failed to satisfy constraint: Member must not be null"
    missing: list[str] = []
    if model.name == "PutRecord":
        missing = [
            null.format(path)
            for name, path in (("PartitionKey", "partitionKey"), ("Data", "data"))
            if given.get(name) is None
        ]
        if "partitionKey" not in "".join(missing):
            return  # the model knows the rest
    elif model.name == "PutRecords":
        for at, entry in enumerate(given.get("Records") or (), 1):
            if isinstance(entry, dict) and entry.get("PartitionKey") is None:
                missing.append(null.format(f"records.{at}.member.partitionKey"))
                if entry.get("Data") is None:
                    missing.append(null.format(f"records.{at}.member.data"))
    if missing:
        count = f"{len(missing)} validation error{'s' if len(missing) > 1 else ''} detected: "
        raise AwsError("ValidationException", count + "; ".join(missing[:10]))


SERVICE = Kinesis("kinesis")


@dataclass(slots=True)
class Stream:
    """A stream and its log. `meta` is what only the wire knows of it; see `settings` for its keys.

    `declared` streams are the project's own, and are changed in `forebay.yaml` only.
    """

    name: str
    log: Log
    spec: StreamSpec
    meta: Json
    declared: bool

    @property
    def created(self) -> float:
        """When it was made, in UTC seconds."""
        made = self.meta.get("created")
        return made / 1e6 if made else float(self.log.map.shards[0].created)

    @property
    def hours(self) -> int:
        """The retention, in hours."""
        return max(1, math.ceil(self.spec.retention / HOUR))

    @property
    def mode(self) -> str:
        """PROVISIONED or ON_DEMAND."""
        return str(self.meta.get("mode", PROVISIONED))

    @property
    def max_record(self) -> int:
        """The bytes that a record may have, its key included."""
        return int(self.meta.get("max_record_kib", 1024)) << 10

    @property
    def encryption(self) -> Json:
        """`{EncryptionType, KeyId?}`."""
        return dict(self.meta.get("encryption") or {"EncryptionType": "NONE"})

    @property
    def encrypted(self) -> bool:
        """Whether it says that it is encrypted."""
        return bool(self.meta.get("encryption"))

    def live(self) -> list[Shard]:
        """Its shards, closed ones as long as they may hold events."""
        return list(self.log.map.live(now_us(), self.spec.retention))


def named(given: Json) -> str:
    """The name of the stream that is meant. Raises InvalidArgumentException."""
    name, arn = given.get("StreamName"), given.get("StreamARN")
    if arn:
        from_arn = stream_in(arn)
        if name and name != from_arn:
            raise invalid(f"StreamName {name} and StreamARN {arn} do not name the same stream.")
        return from_arn
    if not name:
        raise invalid("Either StreamName or StreamARN should be provided.")
    return str(name)


def stream_in(arn: str) -> str:
    """The stream's name in its ARN. Raises ResourceNotFoundException.

    Any region is this one, but another account's streams are not ours: a policy speaks of them otherwise.
    """
    name = name_in(arn, "kinesis", "stream/")
    if not name or "/" in name:
        raise AwsError("ResourceNotFoundException", f"Stream {arn} under account {ACCOUNT} not found.")
    return name


def check_region(asked: Asked, arn: str) -> None:
    """Raise InvalidArgumentException for an ARN of another region than the one that is asked."""
    if arn.split(":")[3:4] != [asked.region]:
        raise invalid(f"The region specified in the ARN '{arn}' does not match the endpoint region")


def find(asked: Asked, name: str) -> Stream | None:
    """The stream `name`, if there is one."""
    spec = asked.system.project().get(Ref(NOUN, name))
    log = asked.system.logs.get(f"{NOUN}.{name}")
    if log is None or not isinstance(spec, StreamSpec) or not log.map.shards:
        return None
    declared = name in asked.system.declared().sections.get(NOUN, {})
    doc = None if declared else asked.system.documents.get(NOUN, name)
    return Stream(name, log, spec, (doc or {}).get("meta") or {}, declared)


def stream(asked: Asked, given: Json) -> Stream:
    """The stream that is meant. Raises ResourceNotFoundException, InvalidArgumentException."""
    name = named(given)
    found = find(asked, name)
    if found is None:
        raise no_stream(asked, name)
    return found


def changing(asked: Asked, given: Json) -> Stream:
    """The stream that is meant, which may be changed over the wire. Raises ResourceInUseException too."""
    found = stream(asked, given)
    if found.declared:
        raise AwsError(
            "ResourceInUseException",
            f"Stream {found.name} under account {asked.account} is declared in the project"
            " and is changed in forebay.yaml only.",
        )
    return found


def all_streams(asked: Asked) -> Iterator[Stream]:
    """Every stream, by name."""
    for name in sorted(asked.system.project().sections.get(NOUN, {})):
        found = find(asked, name)
        if found is not None:
            yield found


def save(asked: Asked, changed: Stream) -> None:
    """Put a stream's specification and settings on disk."""
    spec = msgspec.to_builtins(changed.spec)
    asked.system.documents.put(NOUN, changed.name, {"spec": spec, "meta": changed.meta})


def invalid(message: str) -> AwsError:
    """InvalidArgumentException."""
    return AwsError("InvalidArgumentException", message)


def no_stream(asked: Asked, name: str) -> AwsError:
    """ResourceNotFoundException."""
    return AwsError("ResourceNotFoundException", f"Stream {name} under account {asked.account} not found.")


def arn_of(asked: Asked, name: str) -> str:
    """A stream's ARN."""
    return asked.arn(f"stream/{name}")


def shard_id(number: int) -> str:
    """`shardId-000000000007`."""
    return f"shardId-{number:012d}"


def shard_number(asked: Asked, name: str, text: str) -> int:
    """The shard that is meant by `shardId-000000000007`, `x-7` or `7`. Raises ResourceNotFoundException."""
    digits = (text.split("-")[1:2] or [text])[0] or text
    if not re.fullmatch(r"[0-9]+", digits) or int(digits) > 0x7FFFFFFF:
        raise AwsError(
            "ResourceNotFoundException",
            f"Could not find shard {text} in stream {name} under account {asked.account}.",
        )
    return int(digits)


def described(shard: Shard) -> Json:
    """A shard as it is described."""
    found: Json = {
        "ShardId": shard_id(shard.number),
        "HashKeyRange": {"StartingHashKey": str(shard.low), "EndingHashKey": str(shard.high)},
        "SequenceNumberRange": {"StartingSequenceNumber": str(sequence.starting(shard))},
    }
    if shard.parent is not None:
        found["ParentShardId"] = shard_id(shard.parent)
    if shard.adjacent is not None:
        found["AdjacentParentShardId"] = shard_id(shard.adjacent)
    if not shard.open:
        found["SequenceNumberRange"]["EndingSequenceNumber"] = str(sequence.ending(shard))
    return found
