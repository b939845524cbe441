"""Delivery streams: made, described, changed, removed."""

from __future__ import annotations

import time

from forebay.arn import name_in
from forebay.bus.section import BusSpec
from forebay.delivery.backup import backup_name
from forebay.delivery.section import DeliverySpec
from forebay.errors import Unavailable, UsageError
from forebay.project.model import Ref
from forebay.runtime.documents import refuse_declared
from forebay.wire.firehose import endpoints
from forebay.wire.firehose.base import SERVICE, delivery, invalid, reads
from forebay.wire.firehose.base import names as known
from forebay.wire.firehose.convert import configuration_of, encoded, spec_of
from forebay.wire.passing import check_changed
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

KIND = "delivery"
POSTED = 5.0
"""Seconds that the endpoint of a stream which is removed has for what is left."""
DESTINATION = "destinationId-000000000001"
_OTHERS = (
    "RedshiftDestinationConfiguration",
    "ElasticsearchDestinationConfiguration",
    "AmazonopensearchserviceDestinationConfiguration",
    "SplunkDestinationConfiguration",
    "AmazonOpenSearchServerlessDestinationConfiguration",
    "SnowflakeDestinationConfiguration",
    "IcebergDestinationConfiguration",
)
_S3 = ("ExtendedS3DestinationConfiguration", "S3DestinationConfiguration")
_S3_UPDATES = ("ExtendedS3DestinationUpdate", "S3DestinationUpdate")
_DEFAULTS: Json = {
    "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
    "CompressionFormat": "UNCOMPRESSED",
    "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
    "CloudWatchLoggingOptions": {"Enabled": False},
}


def arn_of(asked: Asked, name: str) -> str:
    """A delivery stream's ARN."""
    return asked.arn(f"deliverystream/{name}", "firehose")


def _declared(asked: Asked, name: str) -> bool:
    return name in asked.system.declared().sections.get(KIND, {})


@SERVICE.operation(
    "CreateDeliveryStream",
    partial="S3 and HTTP endpoint destinations (of this machine, by http too); jq without definitions and loops; no ORC",
)
async def create_delivery_stream(asked: Asked, given: Json) -> Json:
    """Make a delivery stream."""
    name = given["DeliveryStreamName"]
    if name in asked.system.project().sections.get(KIND, {}):
        message = f"Firehose {name} under accountId {asked.account} already exists"
        raise AwsError("ResourceInUseException", message, http=400)
    if sum(key in given for key in (*_OTHERS, *_S3, endpoints.CONFIGURATION)) != 1:
        raise invalid("Exactly one destination configuration is supported for a Firehose")
    if other := next((key for key in _OTHERS if key in given), None):
        raise AwsError(
            "NotImplemented", f"forebay does not offer firehose.CreateDeliveryStream with {other}", http=501
        )
    source = _source(asked, given)
    is_endpoint = endpoints.CONFIGURATION in given
    configuration = next(given[key] for key in (*_S3, endpoints.CONFIGURATION) if key in given)
    made = endpoints.endpoint_spec if is_endpoint else spec_of
    spec = await made(asked, configuration, source)
    _check_backup(asked, name, spec)
    now = time.time()
    meta = {
        "created": now,
        "updated": now,
        "version": 1,
        "configuration": configuration,
        "extended": "ExtendedS3DestinationConfiguration" in given,
        "source": given.get("KinesisStreamSourceConfiguration"),
        "tags": {tag["Key"]: tag.get("Value") for tag in given.get("Tags") or []},
    }
    if wanted := given.get("DeliveryStreamEncryptionConfigurationInput"):
        _check_encryption(source is not None, wanted)
        meta["encryption"] = {"Status": "ENABLED", **wanted}
    asked.system.documents.put(KIND, name, {"spec": encoded(spec), "meta": meta})
    await asked.system.apply()
    return {"DeliveryStreamARN": arn_of(asked, name)}


def _check_backup(asked: Asked, name: str, spec: DeliverySpec) -> None:
    """Raise where copies could not be kept of all that comes in."""
    if spec.backup is None:
        return
    if backup_name(name) in known(asked):
        raise invalid(f"S3BackupMode: the name {backup_name(name)}, which keeps the copies, is taken")
    for bus in asked.system.project().of(BusSpec).values():
        if any(target.to == Ref(KIND, name) for rule in bus.rules.values() for target in rule.to):
            raise invalid("S3BackupMode: what rules of event buses send here has no copies")


def _source(asked: Asked, given: Json) -> str | None:
    kinesis = given.get("KinesisStreamSourceConfiguration")
    kind = given.get("DeliveryStreamType") or "DirectPut"
    if kind == "DirectPut":
        if kinesis is not None:
            raise invalid(
                "KinesisSourceStreamConfig is only applicable for KinesisStreamAsSource stream type"
            )
        return None
    if kind != "KinesisStreamAsSource":
        raise AwsError(
            "NotImplemented", f"forebay does not offer firehose.CreateDeliveryStream with {kind}", http=501
        )
    if kinesis is None:
        raise invalid("KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource stream type.")
    name = name_in(kinesis["KinesisStreamARN"], "kinesis", "stream/")
    if name not in asked.system.project().sections.get("streams", {}):
        raise AwsError(
            "ResourceNotFoundException",
            f"Stream {name or kinesis['KinesisStreamARN']} under account {asked.account} not found.",
            http=400,
        )
    return name


def _document(asked: Asked, name: str, spec: DeliverySpec) -> Json:
    found = asked.system.documents.get(KIND, name)
    if found is not None and not _declared(asked, name):
        meta: Json = found["meta"]
        return meta
    role = asked.arn(f"role/forebay-{name}", "iam")
    configuration = configuration_of(spec, role)
    if spec.http_endpoint is not None:
        configuration = endpoints.configuration_of(spec, configuration)
    return {
        "created": 0,
        "updated": 0,
        "version": 1,
        "configuration": configuration,
        "extended": True,
        "tags": {},
    }


def _described(configuration: Json) -> Json:
    """An S3 destination as it is described."""
    shown = {**_DEFAULTS, **{key: value for key, value in configuration.items() if value is not None}}
    plain_names = (*_DEFAULTS, "RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix")
    destination: Json = {
        "S3DestinationDescription": {key: shown[key] for key in plain_names if key in shown},
        "ExtendedS3DestinationDescription": {"S3BackupMode": "Disabled", **shown},
    }
    if copies := shown.pop("S3BackupConfiguration", None):
        extended = destination["ExtendedS3DestinationDescription"]
        del extended["S3BackupConfiguration"]
        extended["S3BackupDescription"] = {**_DEFAULTS, **copies}
    return destination


@SERVICE.operation("DescribeDeliveryStream")
async def describe_delivery_stream(asked: Asked, given: Json) -> Json:
    """How a delivery stream is made, the project's own too."""
    name = given["DeliveryStreamName"]
    spec = delivery(asked, name)
    meta = _document(asked, name, spec)
    destination: Json = {"DestinationId": DESTINATION}
    if spec.http_endpoint is not None:
        shown = endpoints.described(meta["configuration"], _DEFAULTS)
        destination["HttpEndpointDestinationDescription"] = shown
    else:
        destination |= _described(meta["configuration"])
    source = reads(spec)
    description: Json = {
        "DeliveryStreamName": name,
        "DeliveryStreamARN": arn_of(asked, name),
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamType": "DirectPut" if source is None else "KinesisStreamAsSource",
        "VersionId": str(meta["version"]),
        "CreateTimestamp": meta["created"],
        "LastUpdateTimestamp": meta["updated"],
        "Destinations": [destination],
        "HasMoreDestinations": False,
    }
    if meta.get("encryption"):
        description["DeliveryStreamEncryptionConfiguration"] = meta["encryption"]
    if source is not None:
        given_source = meta.get("source") or {}
        arn = given_source.get("KinesisStreamARN") or asked.arn(
            f"stream/{source.partition('.')[2]}", "kinesis"
        )
        description["Source"] = {
            "KinesisStreamSourceDescription": {
                "KinesisStreamARN": arn,
                "RoleARN": given_source.get("RoleARN"),
                "DeliveryStartTimestamp": meta["created"],
            }
        }
    return {"DeliveryStreamDescription": description}


@SERVICE.operation("ListDeliveryStreams")
async def list_delivery_streams(asked: Asked, given: Json) -> Json:
    """Their names, in order."""
    project = asked.system.project()
    kind, own = given.get("DeliveryStreamType"), known(asked)
    names = sorted(
        name
        for name, spec in project.of(DeliverySpec).items()
        if name in own and kind in (None, "DirectPut" if reads(spec) is None else "KinesisStreamAsSource")
    )
    after = given.get("ExclusiveStartDeliveryStreamName")
    names = [name for name in names if after is None or name > after]
    most = given.get("Limit") or 10
    return {"DeliveryStreamNames": names[:most], "HasMoreDeliveryStreams": len(names) > most}


def _own(asked: Asked, name: str) -> Json:
    """The document of a delivery stream that may be changed here. Raises AwsError."""
    delivery(asked, name)
    try:
        refuse_declared(asked.system.declared(), KIND, name)
    except UsageError as error:
        raise AwsError("ResourceInUseException", error.message, http=400) from None
    found = asked.system.documents.get(KIND, name)
    assert found is not None
    return found


@SERVICE.operation("DeleteDeliveryStream")
async def delete_delivery_stream(asked: Asked, given: Json) -> Json:
    """Remove one; what it has buffered is delivered, and its log stays on disk."""
    name = given["DeliveryStreamName"]
    _own(asked, name)
    posts = delivery(asked, name).http_endpoint is not None
    try:
        await asked.system.flow.call("flush", name=name, timeout=POSTED if posts else 60)
    except Unavailable:  # an endpoint that takes nothing: what waits for it goes to the backup
        if not posts:
            raise
    if delivery(asked, name).backup is not None:
        await asked.system.flow.call("flush", name=backup_name(name), timeout=60)
    asked.system.documents.delete(KIND, name)
    await asked.system.apply()
    return {}


@SERVICE.operation("UpdateDestination", partial="S3 and HTTP endpoint destinations")
async def update_destination(asked: Asked, given: Json) -> Json:
    """Change where and how a delivery stream delivers."""
    name = given["DeliveryStreamName"]
    if name not in asked.system.project().sections.get(KIND, {}):
        message = f"Firehose {name} under accountId {asked.account} not found."
        raise AwsError("ResourceNotFoundException", message, http=400)
    document = _own(asked, name)
    meta = document["meta"]
    updates = [key for key in given if key.endswith("DestinationUpdate")]
    if len(updates) != 1:
        raise invalid("Exactly one destination configuration is supported for a Firehose")
    is_endpoint = delivery(asked, name).http_endpoint is not None
    if is_endpoint != (updates[0] == endpoints.UPDATE):
        raise invalid("Changing the destination type to or from HttpEndpoint is not supported at this time.")
    if not is_endpoint and updates[0] not in _S3_UPDATES:
        raise invalid("Only updates of S3 destinations are offered")
    if given["DestinationId"] != DESTINATION:
        raise invalid(f"Destination Id {given['DestinationId']} not found")
    if given["CurrentDeliveryStreamVersionId"] != str(meta["version"]):
        message = f"Cannot update firehose: {name} since the current version id: {meta['version']} and specified version id: {given['CurrentDeliveryStreamVersionId']} do not match"
        raise AwsError("ConcurrentModificationException", message, http=400)
    update = dict(given[updates[0]])
    arn = (meta.get("source") or {}).get("KinesisStreamARN")
    source = name_in(arn, "kinesis", "stream/") if arn else None
    if is_endpoint:
        configuration = endpoints.updated(meta["configuration"], update)
        spec = await endpoints.endpoint_spec(asked, configuration, source)
    else:
        if "S3BackupUpdate" in update:
            kept = meta["configuration"].get("S3BackupConfiguration") or {}
            update["S3BackupConfiguration"] = {**kept, **update.pop("S3BackupUpdate")}
        configuration = {**meta["configuration"], **update}
        if (
            meta["configuration"].get("S3BackupMode") == "Enabled"
            and update.get("S3BackupMode") == "Disabled"
        ):
            raise invalid("S3BackupMode cannot be changed from Enabled to Disabled")
        spec = await spec_of(asked, configuration, source)
    _check_backup(asked, name, spec)
    await check_changed(asked, meta["configuration"], configuration)
    meta |= {"configuration": configuration, "version": meta["version"] + 1, "updated": time.time()}
    asked.system.documents.put(KIND, name, {"spec": encoded(spec), "meta": meta})
    await asked.system.apply()
    return {}


@SERVICE.operation("TagDeliveryStream")
async def tag_delivery_stream(asked: Asked, given: Json) -> Json:
    """Tag one."""
    document = _own(asked, given["DeliveryStreamName"])
    tags = document["meta"]["tags"] | {tag["Key"]: tag.get("Value") for tag in given["Tags"]}
    if len(tags) > 50:
        raise AwsError("LimitExceededException", "A delivery stream can have at most 50 tags", http=400)
    document["meta"]["tags"] = tags
    asked.system.documents.put(KIND, given["DeliveryStreamName"], document)
    return {}


@SERVICE.operation("UntagDeliveryStream")
async def untag_delivery_stream(asked: Asked, given: Json) -> Json:
    """Take tags off."""
    document = _own(asked, given["DeliveryStreamName"])
    document["meta"]["tags"] = {
        k: v for k, v in document["meta"]["tags"].items() if k not in given["TagKeys"]
    }
    asked.system.documents.put(KIND, given["DeliveryStreamName"], document)
    return {}


@SERVICE.operation("ListTagsForDeliveryStream")
async def list_tags_for_delivery_stream(asked: Asked, given: Json) -> Json:
    """The tags of one, as they were added; all of them where the start is no key."""
    spec = delivery(asked, given["DeliveryStreamName"])
    tags = list(_document(asked, given["DeliveryStreamName"], spec)["tags"].items())
    after = next((at for at, (key, _) in enumerate(tags, 1) if key == given.get("ExclusiveStartTagKey")), 0)
    tags = tags[after:]
    most = given.get("Limit") or 50
    shown = [{"Key": key, **({"Value": value} if value is not None else {})} for key, value in tags[:most]]
    return {"Tags": shown, "HasMoreTags": len(tags) > most}


@SERVICE.operation(
    "StartDeliveryStreamEncryption", partial="only kept: the disk's own encryption is the operator's"
)
async def start_delivery_stream_encryption(asked: Asked, given: Json) -> Json:
    """Note that encryption is wanted."""
    return await _encrypt(asked, given["DeliveryStreamName"], "ENABLED", given)


@SERVICE.operation("StopDeliveryStreamEncryption", partial="only kept")
async def stop_delivery_stream_encryption(asked: Asked, given: Json) -> Json:
    """Note that it is not."""
    return await _encrypt(asked, given["DeliveryStreamName"], "DISABLED", {})


def _check_encryption(reads_stream: bool, wanted: Json) -> None:
    """Raise InvalidArgumentException for what cannot be encrypted so."""
    if reads_stream:
        raise invalid(
            "Server side encryption from firehose is only allowed for direct put delivery streams"
            " and database as a source delivery streams"
        )
    if wanted["KeyType"] == "CUSTOMER_MANAGED_CMK" and not wanted.get("KeyARN"):
        raise invalid("KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK")
    if wanted["KeyType"] == "AWS_OWNED_CMK" and wanted.get("KeyARN"):
        raise invalid("KeyARN cannot be specified when KeyType is AWS_OWNED_CMK")


async def _encrypt(asked: Asked, name: str, state: str, given: Json) -> Json:
    document = _own(asked, name)
    wanted = given.get("DeliveryStreamEncryptionConfigurationInput") or {"KeyType": "AWS_OWNED_CMK"}
    _check_encryption(reads(delivery(asked, name)) is not None, wanted)
    document["meta"]["encryption"] = {"Status": state, **(wanted if state == "ENABLED" else {})}
    asked.system.documents.put(KIND, name, document)
    return {}
