"""Event source mappings: a stream's records that call a function.

A mapping is a document of kind `functions.part`: its `trigger` is what the flow adds to the function
(`TriggerSpec`), `target` the function or version that its name stands for now.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import msgspec

from forebay.arn import consumer_in, name_in
from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import compile_pattern
from forebay.errors import ForebayError
from forebay.functions.section import FunctionSpec, TriggerSpec
from forebay.functions.shapes import NO_RECORDS
from forebay.lake.section import buckets
from forebay.project.model import Location
from forebay.streams.section import StreamSpec
from forebay.wire.awslambda.base import (
    ALIAS,
    LATEST,
    MAPPING,
    SERVICE,
    Named,
    conflict,
    find,
    function_arn,
    invalid,
    named,
    not_found,
    page,
    refused,
)
from forebay.wire.awslambda.tags import check_tags
from forebay.wire.service import Asked, Json, present

PARTIAL = (
    "sources are Kinesis streams; one batch of a shard at a time whatever `ParallelizationFactor` says; no tumbling "
    "windows; `OnFailure` is a bucket; what is given up without one is kept in the bucket `<project>-errors`"
)
_MISSING = "The resource you requested does not exist."
_SERVICES = {
    "sqs": "queues (SQS)",
    "dynamodb": "DynamoDB streams",
    "kafka": "Kafka",
    "mq": "message brokers",
    "rds": "DocumentDB",
}
MOST_FILTERS = 5


def _stream(asked: Asked, given: Json) -> str:
    arn = given.get("EventSourceArn")
    if arn is None:
        if given.get("SelfManagedEventSource"):
            raise refused("Kafka as an event source")
        raise invalid("Unrecognized event source.")
    service = arn.split(":")[2] if arn.count(":") > 4 else ""
    if service in _SERVICES:
        raise refused(f"{_SERVICES[service]} as an event source")
    consumer = consumer_in(arn)
    name = name_in(arn, "kinesis", "stream/") if consumer is None else consumer[0]
    if not name:
        raise invalid("Unrecognized event source.")
    if name not in asked.system.project().of(StreamSpec):
        raise invalid(f"Stream not found: {arn}")
    return name


def _filter(given: Json) -> dict[str, Any] | None:
    """The filters as one pattern: a record passes if it matches any."""
    filters = (given.get("FilterCriteria") or {}).get("Filters") or []
    if len(filters) > MOST_FILTERS:
        raise invalid(f"Number of filters must be less than or equal to {MOST_FILTERS}.")
    patterns = []
    for each in filters:
        try:
            text = each.get("Pattern") or "{}"
            if json.loads(text) == {}:
                return None  # an empty pattern lets everything pass
            compile_pattern(text)
            patterns.append(json.loads(text))
        except (InvalidPattern, ValueError):
            raise invalid("Invalid filter pattern definition.") from None
    if len(patterns) < 2:
        return patterns[0] if patterns else None
    return {"$or": patterns}


def _errors(asked: Asked, given: Json) -> Location | None:
    destination = ((given.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if not destination:
        return None
    service = destination.split(":")[2] if destination.count(":") > 4 else ""
    if service != "s3":
        raise refused(f"{destination} as a destination of what is given up: name a bucket")
    bucket = destination.removeprefix("arn:aws:s3:::")
    if bucket not in buckets(asked.system.project()):
        raise invalid(f"The destination ARN {destination} does not exist or cannot be reached")
    return Location(bucket)


def _trigger(asked: Asked, doc: Json) -> Json:
    """The encoded `TriggerSpec` of a mapping. Raises AwsError for what it cannot be."""
    config = doc["config"]
    if config.get("TumblingWindowInSeconds"):
        raise refused("tumbling windows of event source mappings: use `streamsql`")
    retries = config.get("MaximumRetryAttempts", -1)
    age = config.get("MaximumRecordAgeInSeconds", -1)
    if age not in (-1, None) and age < 60:
        raise invalid(
            f"1 validation error detected: Value '{age}' at 'maximumRecordAgeInSeconds' failed to satisfy constraint: "
            "Member must have value greater than or equal to 60"
        )
    start = config.get("StartingPosition", "LATEST")
    stamp = config.get("StartingPositionTimestamp")
    spec = TriggerSpec(
        stream=doc["stream"],
        batch=config.get("BatchSize", 100),
        window=float(config.get("MaximumBatchingWindowInSeconds", 0)),
        start="latest" if start == "LATEST" else "oldest",
        start_at=int(float(stamp) * 1_000_000) if start == "AT_TIMESTAMP" and stamp is not None else None,
        bisect=bool(config.get("BisectBatchOnFunctionError")),
        report="ReportBatchItemFailures" in (config.get("FunctionResponseTypes") or ()),
        retries=None if retries in (-1, None) else retries,
        max_age=None if age in (-1, None) else float(age),
        errors=_errors(asked, config),
        filter=_filter(config),
        enabled=config.get("Enabled", True),
        id=doc["uuid"],
    )
    encoded: Json = msgspec.to_builtins(spec)
    return encoded


def _target(asked: Asked, function: str, qualifier: str | None) -> str:
    """The id of what a mapping calls; itself where there is no such thing (any more)."""
    if qualifier in (None, LATEST):
        return function
    assert qualifier is not None
    if not qualifier.isdigit():
        alias = asked.system.documents.get(ALIAS, f"{function}:{qualifier}")
        qualifier = alias["version"] if alias is not None else qualifier
    return function if qualifier == LATEST else f"{function}:{qualifier}"


async def retarget(asked: Asked, function: str) -> None:
    """An alias of `function` changed: see that mappings call what it stands for now."""
    documents = asked.system.documents
    for id, doc in list(documents.all(MAPPING)):
        target = _target(asked, doc["function"], doc["qualifier"])
        if doc["function"] == function and doc["target"] != target:
            documents.put(MAPPING, id, {**doc, "target": target})
    await asked.system.apply()


async def _result(asked: Asked, doc: Json) -> str:
    """How its last batch went, as the flow knows it."""
    try:
        status = await asked.system.flow.call("status")
    except ForebayError:
        return NO_RECORDS
    for on in status.get("functions", {}).get(doc["target"], {}).get("on", ()):
        if on["log"] == f"streams.{doc['stream']}":
            return str(on["last_result"])
    return NO_RECORDS


def _shown(asked: Asked, doc: Json, state: str, result: str = NO_RECORDS) -> Json:
    config = doc["config"]
    answer: Json = {
        "UUID": doc["uuid"],
        "EventSourceMappingArn": asked.arn(f"event-source-mapping:{doc['uuid']}"),
        "StartingPosition": config.get("StartingPosition"),
        "StartingPositionTimestamp": config.get("StartingPositionTimestamp"),
        "BatchSize": config.get("BatchSize", 100),
        "MaximumBatchingWindowInSeconds": config.get("MaximumBatchingWindowInSeconds", 0),
        "ParallelizationFactor": config.get("ParallelizationFactor", 1),
        "EventSourceArn": config["EventSourceArn"],
        "FunctionArn": function_arn(asked, doc["function"], doc["qualifier"]),
        "LastModified": doc["modified"],
        "LastProcessingResult": result,
        "State": state,
        "StateTransitionReason": "User action",
        "DestinationConfig": config.get("DestinationConfig") or {"OnFailure": {}},
        "MaximumRecordAgeInSeconds": config.get("MaximumRecordAgeInSeconds", -1),
        "BisectBatchOnFunctionError": config.get("BisectBatchOnFunctionError", False),
        "MaximumRetryAttempts": config.get("MaximumRetryAttempts", -1),
        "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": config.get("FunctionResponseTypes") or [],
        "FilterCriteria": config.get("FilterCriteria"),
    }
    return present(answer)


def _state(doc: Json) -> str:
    return "Enabled" if doc["config"].get("Enabled", True) else "Disabled"


@SERVICE.operation("CreateEventSourceMapping", partial=PARTIAL)
async def create_event_source_mapping(asked: Asked, given: Json) -> Json:
    """Have a stream's records call a function."""
    which = named(asked, given)
    stream = _stream(asked, given)
    if given.get("StartingPosition") is None:
        raise invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must "
            "not be null."
        )
    if given["StartingPosition"] == "AT_TIMESTAMP" and given.get("StartingPositionTimestamp") is None:
        raise invalid(
            "Starting position timestamp must be provided when the starting position is AT_TIMESTAMP."
        )
    check_tags(given.get("Tags") or {})
    _find_function(asked, which)
    for id, doc in asked.system.documents.all(MAPPING):
        same = (doc["function"], doc["qualifier"] or LATEST) == (which.name, which.qualifier or LATEST)
        if same and doc["stream"] == stream:
            raise conflict(
                f'The event source arn (" {given["EventSourceArn"]} ") and function (" {which.name} ") provided mapping '
                f"already exists. Please update or delete the existing mapping with UUID {id}"
            )
    doc = {
        "uuid": str(uuid.uuid4()),
        "function": which.name,
        "qualifier": which.qualifier,
        "stream": stream,
        "target": _target(asked, which.name, which.qualifier),
        "config": _config(given),
        "tags": given.get("Tags") or {},
        "modified": time.time(),
    }
    if any(on.stream == stream for on in asked.system.project().of(FunctionSpec)[str(doc["target"])].on):
        raise conflict(
            f"functions.{which.name} is called by the stream {stream} already, as the project says"
        )
    doc["trigger"] = _trigger(asked, doc)
    asked.system.documents.put(MAPPING, doc["uuid"], doc)
    await asked.system.apply()
    return _shown(asked, doc, "Creating")


def _config(given: Json) -> Json:
    skipped = ("FunctionName", "Tags", "UUID")
    config = {name: value for name, value in given.items() if name not in skipped}
    stamp = config.get("StartingPositionTimestamp")
    if stamp is not None:
        config["StartingPositionTimestamp"] = stamp.timestamp() if hasattr(stamp, "timestamp") else stamp
    return config


def _find_function(asked: Asked, which: Named) -> None:
    if which.name not in asked.system.project().of(FunctionSpec):
        raise invalid(f"Function does not exist: {function_arn(asked, which.name, which.qualifier)}")
    find(asked, which)


def _get(asked: Asked, given: Json) -> Json:
    doc: Json | None = asked.system.documents.get(MAPPING, given["UUID"])
    if doc is None:
        raise not_found(_MISSING)
    return doc


@SERVICE.operation("GetEventSourceMapping", partial=PARTIAL)
async def get_event_source_mapping(asked: Asked, given: Json) -> Json:
    """A mapping."""
    doc = _get(asked, given)
    return _shown(asked, doc, _state(doc), await _result(asked, doc))


@SERVICE.operation("ListEventSourceMappings", partial=PARTIAL)
async def list_event_source_mappings(asked: Asked, given: Json) -> Json:
    """The mappings, of a function or of a stream."""
    which = named(asked, given) if given.get("FunctionName") else None
    source = given.get("EventSourceArn")
    found = [
        doc
        for _, doc in asked.system.documents.all(MAPPING)
        if (which is None or (doc["function"], doc["qualifier"]) == (which.name, which.qualifier))
        and source in (None, doc["config"]["EventSourceArn"])
    ]
    chosen, more = page(found, given, 100)
    return {"EventSourceMappings": [_shown(asked, doc, _state(doc)) for doc in chosen], **more}


@SERVICE.operation("UpdateEventSourceMapping", partial=PARTIAL)
async def update_event_source_mapping(asked: Asked, given: Json) -> Json:
    """Change a mapping; where it is in its stream stays as it is."""
    doc = _get(asked, given)
    if given.get("FunctionName"):
        which = named(asked, given)
        _find_function(asked, which)
        doc |= {"function": which.name, "qualifier": which.qualifier}
        doc["target"] = _target(asked, which.name, which.qualifier)
    doc["config"] |= _config(given)
    doc["modified"] = time.time()
    doc["trigger"] = _trigger(asked, doc)
    asked.system.documents.put(MAPPING, doc["uuid"], doc)
    await asked.system.apply()
    return _shown(asked, doc, "Updating")


@SERVICE.operation("DeleteEventSourceMapping")
async def delete_event_source_mapping(asked: Asked, given: Json) -> Json:
    """Remove a mapping."""
    doc = _get(asked, given)
    asked.system.documents.delete(MAPPING, doc["uuid"])
    await asked.system.apply()
    return _shown(asked, doc, "Deleting")
