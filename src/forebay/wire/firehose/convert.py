"""An S3 destination's configuration as a delivery's specification, and back.

What a delivery cannot do is refused here, naming it; nothing is taken and then ignored without its being
said (`KEPT` is what is only kept).
"""

from __future__ import annotations

from typing import Any

import msgspec

from forebay.arn import name_in
from forebay.delivery.keys import KeyQuery, compile_query
from forebay.delivery.section import BackupSpec, BufferSpec, DeliverySpec, TransformSpec
from forebay.errors import ForebayError, UsageError
from forebay.project.model import Location, Ref
from forebay.wire.firehose.base import invalid
from forebay.wire.firehose.checks import (
    check_hints,
    check_logging,
    check_prefixes,
    check_processors,
    check_zone,
)
from forebay.wire.service import Asked, Json

COMPRESSION: dict[str, Any] = {
    "UNCOMPRESSED": "none",
    "GZIP": "gzip",
    "HADOOP_SNAPPY": "snappy",
    "Snappy": "snappy",
    "ZIP": "zip",
}
KEPT = ("EncryptionConfiguration", "CloudWatchLoggingOptions", "RoleARN")
_SERDE_COMPRESSION = {"SNAPPY": "snappy", "GZIP": "gzip", "UNCOMPRESSED": "none"}


async def spec_of(asked: Asked, given: Json, source: str | None) -> DeliverySpec:
    """The delivery that an (extended) S3 configuration describes. Raises AwsError `InvalidArgumentException`."""
    bucket = str(given["BucketARN"]).removeprefix("arn:aws:s3:::")
    compression = given.get("CompressionFormat") or "UNCOMPRESSED"
    zone = given.get("CustomTimeZone") or "UTC"
    check_zone(zone)
    check_logging(given)
    transform, delimiter, query = _processing(asked, given)
    check_prefixes(given, set() if query is None else set(query.names))
    changes: Json = {"format": "json" if delimiter else "raw", "compression": COMPRESSION[compression]}
    conversion = given.get("DataFormatConversionConfiguration") or {}
    if conversion and conversion.get("Enabled", True):
        changes = await _conversion(asked, conversion)
    try:
        return DeliverySpec(
            from_=None if source is None else Ref("streams", source),
            to=Location.parse(f"s3://{bucket}/"),
            prefix=given.get("Prefix") or None,
            keys=None if query is None else query.text,
            zone=None if zone == "UTC" else zone,
            extension=given.get("FileExtension") or None,
            error_prefix=_error_prefix(given),
            buffer=_buffer(given),
            transform=transform,
            backup=_backup(given),
            **changes,
        )
    except ValueError as error:
        raise invalid(f"BucketARN: {error}") from None


def _backup(given: Json) -> BackupSpec | None:
    """The copies of what comes in. Raises ValueError for a bucket that cannot be one."""
    if given.get("S3BackupMode") != "Enabled":
        return None
    wanted = given.get("S3BackupConfiguration")
    if wanted is None:
        raise invalid("S3 backup destination configuration is required when enabling S3 backup.")
    check_logging(wanted)
    check_prefixes(wanted, set())
    return BackupSpec(
        to=Location.parse(f"s3://{str(wanted['BucketARN']).removeprefix('arn:aws:s3:::')}/"),
        buffer=_buffer(wanted),
        compression=COMPRESSION[wanted.get("CompressionFormat") or "UNCOMPRESSED"],
        prefix=wanted.get("Prefix") or None,
    )


def _buffer(given: Json) -> BufferSpec:
    check_hints(given)
    hints = given.get("BufferingHints") or {}
    return BufferSpec(
        seconds=float(hints.get("IntervalInSeconds", 300)), bytes=int(hints.get("SizeInMBs", 5)) << 20
    )


def _error_prefix(given: Json) -> str | None:
    text = given.get("ErrorOutputPrefix")
    if not text:
        return None
    if "!{" in text:
        return str(text)
    return f"{text}!{{firehose:error-output-type}}/!{{timestamp:yyyy/MM/dd/HH/}}"


def _processing(asked: Asked, given: Json) -> tuple[TransformSpec | None, bool, KeyQuery | None]:
    """(the function on the way, whether a newline is appended, the query of dynamic partition keys)."""
    processing = given.get("ProcessingConfiguration") or {}
    transform, delimiter, query = None, False, None
    if not processing.get("Enabled"):
        return None, False, None
    check_processors(processing.get("Processors") or [])
    for processor in processing["Processors"]:
        parameters = {p["ParameterName"]: p["ParameterValue"] for p in processor.get("Parameters") or []}
        match processor["Type"]:
            case "Lambda":
                transform = _function(asked, parameters)
            case "AppendDelimiterToRecord":
                if parameters.get("Delimiter", "\\n") not in ("\\n", "\n"):
                    raise invalid("AppendDelimiterToRecord is offered with the delimiter \\n only")
                delimiter = True
            case "MetadataExtraction":
                query = _query(parameters)
            case other:
                raise invalid(f"The processor {other} is not offered")
    return transform, delimiter, query


def _function(asked: Asked, parameters: Json) -> TransformSpec:
    arn = str(parameters.get("LambdaArn") or "")
    if not arn:
        raise invalid("LambdaArn is required when Lambda processor is used.")
    name, _, which = name_in(arn, "lambda", "function:").partition(":")
    if which not in ("", "$LATEST"):  # a version, or what an alias stands for now
        alias = asked.system.documents.get("lambda.alias", f"{name}:{which}")
        name = f"{name}:{which if alias is None else alias['version']}"
    spec = asked.system.project().sections.get("functions", {}).get(name)
    if spec is None:
        raise invalid(f"The Lambda function {arn} does not exist")
    taken = {field: getattr(spec, field) for field in ("handler", "timeout", "memory", "environment")}
    return TransformSpec(function=name, **taken)


def _query(parameters: Json) -> KeyQuery:
    """The jq query of a metadata extraction."""
    if parameters.get("JsonParsingEngine", "JQ-1.6") != "JQ-1.6":
        raise invalid("JsonParsingEngine must be JQ-1.6")
    try:
        return compile_query(str(parameters.get("MetadataExtractionQuery") or ""))
    except UsageError as error:
        raise invalid(f"MetadataExtractionQuery: {error.message}") from None


async def _conversion(asked: Asked, given: Json) -> dict[str, Any]:
    """Parquet, with the columns of a Glue table."""
    serializer = (given.get("OutputFormatConfiguration") or {}).get("Serializer") or {}
    if "OrcSerDe" in serializer or "ParquetSerDe" not in serializer:
        raise invalid("DataFormatConversionConfiguration is offered with ParquetSerDe")
    schema = given.get("SchemaConfiguration") or {}
    database, table = schema.get("DatabaseName"), schema.get("TableName")
    if not database or not table:
        raise invalid("SchemaConfiguration needs a DatabaseName and a TableName")
    try:
        row = await asked.system.flow.call(
            "catalog", name="table_row", args={"database": database.lower(), "name": table.lower()}
        )
    except ForebayError as error:
        raise invalid(f"The table {database}.{table} cannot be read: {error.message}") from None
    codec = _SERDE_COMPRESSION.get((serializer["ParquetSerDe"] or {}).get("Compression", "SNAPPY"), "snappy")
    columns = dict(row["doc"]["columns"])
    return {"format": "parquet", "compression": codec, "columns": columns}


def configuration_of(spec: DeliverySpec, role: str) -> Json:
    """A configuration that a delivery declared in the project would have had."""
    compression = {"gzip": "GZIP", "snappy": "HADOOP_SNAPPY", "zip": "ZIP"}.get(
        spec.compression or "none", "UNCOMPRESSED"
    )
    return {
        "RoleARN": role,
        "BucketARN": f"arn:aws:s3:::{spec.to.bucket}",
        "Prefix": spec.to.prefix + (spec.prefix or ""),
        **({"ErrorOutputPrefix": spec.error_prefix} if spec.error_prefix else {}),
        "BufferingHints": {
            "SizeInMBs": max(1, spec.buffer.bytes >> 20),
            "IntervalInSeconds": int(spec.buffer.seconds),
        },
        "CompressionFormat": compression if spec.format != "parquet" else "UNCOMPRESSED",
    }


def encoded(spec: DeliverySpec) -> Json:
    """A specification as a document holds it."""
    made: Json = msgspec.to_builtins(spec)
    return made
