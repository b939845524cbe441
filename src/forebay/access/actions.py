"""Which actions on which resources an operation asks for: `ListObjectsV2` of a bucket is `s3:ListBucket`.

Source: the Service Authorization Reference, for the services offered. Where an operation names no resource
that policies can name, it is asked for on `*`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from forebay.access.actions_passed import passed
from forebay.access.actions_s3 import s3

Given = Mapping[str, Any]
MakeArn = Callable[[str], str]
"""The ARN of a resource of the service that is asked."""


class Need(NamedTuple):
    """An action on a resource that must be allowed. `context` has the condition keys of this need alone.

    `version` is that of the object it is about, where that is not the current one.
    """

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = {}
    version: str | None = None


Needs = list[Need]

_LAMBDA = {
    "Invoke": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
    "ListVersionsByFunction": "ListVersionsByFunction",
}


def needs(service: str, operation: str, given: Given, arn: MakeArn) -> Needs:
    """Every action and resource that must be allowed for the call to go on."""
    found = _own(service, operation, given, arn)
    principal = {"iam:passedtoservice": f"{service}.amazonaws.com"}
    found += [Need("iam:PassRole", role, principal) for role in passed(service, operation, given)]
    return found


def _own(service: str, operation: str, given: Given, arn: MakeArn) -> Needs:
    if service == "s3":
        return [Need(action, on, version=version) for action, on, version in s3(operation, given)]
    if service == "events" and operation == "PutEvents":
        return _entries(given, arn)
    if service == "sns" and operation == "PublishBatch":
        operation = "Publish"
    if service == "dynamodb" and isinstance(given.get("TransactItems"), list):
        return _transacted(given, arn) or [Need(f"dynamodb:{operation}", "*")]
    action = f"{service}:{operation}"
    if service == "lambda":
        action = f"lambda:{_LAMBDA.get(operation, operation)}"
    context = _keys(service, operation, given, arn)
    resources = _RESOURCES.get(service, _any)(operation, given, arn)
    return [Need(action, each, context) for each in dict.fromkeys(resources)] or [Need(action, "*", context)]


def _entries(given: Given, arn: MakeArn) -> Needs:
    """Each event by itself: conditions speak of its source and detail-type."""
    found = []
    for entry in given.get("Entries") or ():
        bus = entry.get("EventBusName") or "default"
        context = {
            key: str(entry[member])
            for key, member in (("events:source", "Source"), ("events:detail-type", "DetailType"))
            if entry.get(member)
        }
        full = bus if bus.startswith("arn:") else arn(f"event-bus/{bus}")
        found.append(Need("events:PutEvents", full, context))
    return found or [Need("events:PutEvents", "*")]


def _keys(service: str, operation: str, given: Given, arn: MakeArn) -> Mapping[str, str | Sequence[str]]:
    """The condition keys that a service itself has for an operation."""
    match service, operation:
        case "events", "PutTargets":
            return {"events:targetarn": [str(each.get("Arn")) for each in given.get("Targets") or ()]}
        case "lambda", "CreateEventSourceMapping" | "UpdateEventSourceMapping" if given.get("FunctionName"):
            return {
                "lambda:functionarn": next(iter(_lambda("", {"FunctionName": given["FunctionName"]}, arn)))
            }
        case "sns", "Subscribe":
            endpoint = {"sns:endpoint": str(given["Endpoint"])} if given.get("Endpoint") else {}
            return {"sns:protocol": str(given.get("Protocol")), **endpoint}
        case "cloudwatch", "PutMetricData":
            return {"cloudwatch:namespace": str(given.get("Namespace"))}
        case "lambda", "AddPermission":
            return {"lambda:principal": str(given.get("Principal"))}
        case "iam", "AttachUserPolicy" | "AttachRolePolicy" | "DetachUserPolicy" | "DetachRolePolicy":
            return {"iam:policyarn": str(given.get("PolicyArn"))}
    return {}


def _any(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    return ()


def _first(given: Given, *names: str) -> str:
    return next((value for name in names if isinstance(value := given.get(name), str) and value), "")


def _kinesis(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    full = _first(given, "ConsumerARN", "StreamARN", "ResourceARN")
    if full:
        yield full
    elif name := _first(given, "StreamName"):
        yield arn(f"stream/{name}")


def _firehose(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    if name := _first(given, "DeliveryStreamName"):
        yield arn(f"deliverystream/{name}")


_FUNCTION = re.compile(
    r"(?:(?:arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:)?(?:\d{12}:)?function:)?([\w-]+)(?::(\$LATEST|[\w-]+))?",
    re.ASCII,
)
"""A function as its callers may name it: whatever the spelling, it is the one of this account that is meant."""


def _lambda(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    if "EventSourceMapping" in operation and (id := _first(given, "UUID")):
        yield arn(f"event-source-mapping:{id}")
    elif name := _first(given, "FunctionName"):
        found = _FUNCTION.fullmatch(name)
        plain, own = (found[1], found[2]) if found else (name, None)
        qualifier = own or given.get("Qualifier")
        yield arn(f"function:{plain}:{qualifier}" if qualifier else f"function:{plain}")
    elif full := _first(given, "Resource"):
        yield full
    elif id := _first(given, "UUID"):
        yield arn(f"event-source-mapping:{id}")


def _events(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    bus = _first(given, "EventBusName").rpartition("/")[2]
    if full := _first(given, "ResourceARN"):
        yield full
    elif "ApiDestination" in operation and (name := _first(given, "Name")):
        yield arn(f"api-destination/{name}")
    elif "Connection" in operation and (name := _first(given, "Name")):
        yield arn(f"connection/{name}")
    elif "Archive" in operation and (name := _first(given, "ArchiveName")):
        yield arn(f"archive/{name}")
    elif "Replay" in operation and (name := _first(given, "ReplayName")):
        yield arn(f"replay/{name}")
    elif "Connection" in operation and (name := _first(given, "Name")):
        yield arn(f"connection/{name}")
    elif "ApiDestination" in operation and (name := _first(given, "Name")):
        yield arn(f"api-destination/{name}")
    elif "EventBus" in operation and (name := _first(given, "Name")):
        yield name if name.startswith("arn:") else arn(f"event-bus/{name}")
    elif name := _first(given, "Rule", "Name"):
        yield arn(f"rule/{bus}/{name}" if bus not in ("", "default") else f"rule/{name}")
    elif bus or operation in _OF_BUS:
        yield arn(f"event-bus/{bus or 'default'}")


_OF_BUS = ("PutPermission", "RemovePermission", "DescribeEventBus", "UpdateEventBus")


def _glue(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    if "Crawler" in operation or "Crawl" in operation:
        names = given.get("CrawlerNames") or [_first(given, "Name", "CrawlerName")]
        yield from (arn(f"crawler/{name}") for name in names if name)
        return
    if full := _first(given, "ResourceArn"):
        yield full
        return
    for kind in ("workflow", "trigger"):
        if kind.capitalize() in operation:
            names = given.get("Names") or given.get("TriggerNames") or [_first(given, "Name")]
            yield from (arn(f"{kind}/{name}") for name in names if name)
            return
    if "Registr" in operation or "Schema" in operation:
        yield from _schemas(given, arn)
        return
    if not any(each in operation for each in ("Database", "Table", "Partition", "Catalog", "UserDefined")):
        return
    yield arn("catalog")
    database = _first(given, "DatabaseName")
    if "Database" in operation:
        database = _first(given, "Name") or (given.get("DatabaseInput") or {}).get("Name") or ""
    if database:
        database = database.lower()  # as Glue keeps names
        yield arn(f"database/{database}")
        if "UserDefined" in operation:
            yield arn(f"userDefinedFunction/{database}/{_first(given, 'FunctionName') or '*'}")
            return
        table = _first(given, "TableName")
        if not table and "Table" in operation:
            table = _first(given, "Name") or (given.get("TableInput") or {}).get("Name") or ""
        tables = given.get("TablesToDelete") or ([table] if table else ["*"] if "Tables" in operation else [])
        yield from (arn(f"table/{database}/{each.lower()}") for each in tables)


def _schemas(given: Given, arn: MakeArn) -> Iterable[str]:
    """The registry, and the schema in it, that an operation of Glue's schema registry is about."""
    home, schema = given.get("RegistryId") or {}, given.get("SchemaId") or {}
    if full := home.get("RegistryArn") or schema.get("SchemaArn"):
        yield str(full)
        return
    registry = home.get("RegistryName") or schema.get("RegistryName") or given.get("RegistryName")
    registry = registry or "default-registry"
    yield arn(f"registry/{registry}")
    if name := schema.get("SchemaName") or given.get("SchemaName"):
        yield arn(f"schema/{registry}/{name}")


def _athena(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    if operation.startswith("ListWorkGroups"):
        return
    if full := _first(given, "ResourceARN"):
        yield full
    elif "DataCatalog" in operation and (name := _first(given, "Name")):
        yield arn(f"datacatalog/{name}")
    elif operation in _CATALOG:
        yield arn(f"datacatalog/{given.get('CatalogName') or 'AwsDataCatalog'}")
    elif "WorkGroup" in operation and (name := _first(given, "Name")):
        yield arn(f"workgroup/{name}")
    else:
        yield arn(f"workgroup/{_first(given, 'WorkGroup') or 'primary'}")


_CATALOG = ("GetDatabase", "ListDatabases", "GetTableMetadata", "ListTableMetadata")


def _logs(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    for each in (*(given.get("logGroupNames") or ()), *(given.get("logGroupIdentifiers") or ())):
        yield arn(f"log-group:{_group(each)}:log-stream:")
    if full := _first(given, "logGroupIdentifier"):
        yield arn(f"log-group:{_group(full)}:log-stream:{_first(given, 'logStreamName')}")
    elif full := _first(given, "resourceArn"):
        yield arn(f"log-group:{_group(full)}") if _group(full) != full else full
    elif name := _first(given, "logGroupName", "logGroupNamePrefix"):
        yield arn(f"log-group:{name}:log-stream:{_first(given, 'logStreamName')}")


def _group(identifier: str) -> str:
    """The name of a log group that is named by it, or by its ARN."""
    return identifier.partition(":log-group:")[2].removesuffix(":*") or identifier


def _sns(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    if full := _first(given, "TopicArn", "TargetArn", "ResourceArn"):
        yield full
    elif full := _first(given, "SubscriptionArn"):
        yield full.rpartition(":")[0]
    elif name := _first(given, "Name"):
        yield arn(name)


def _dynamodb(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    names = [_first(given, "TableName", "ResourceArn")]
    if isinstance(given.get("RequestItems"), Mapping):
        names += given["RequestItems"]
    for name in filter(None, names):
        full = name if name.startswith("arn:") else arn(f"table/{name}")
        yield f"{full}/index/{given['IndexName']}" if given.get("IndexName") else full


_TRANSACTED = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


def _transacted(given: Given, arn: MakeArn) -> Needs:
    """A transaction has no action of its own: it asks for those of what it does."""
    return [
        Need(f"dynamodb:{_TRANSACTED.get(kind, kind)}", resource)
        for item in given["TransactItems"]
        if isinstance(item, Mapping)
        for kind, each in item.items()
        if isinstance(each, Mapping)
        for resource in _dynamodb("", {"TableName": each.get("TableName")}, arn)
    ]


def _iam(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    path = _first(given, "Path") or "/" if operation.startswith("Create") else "/"
    if name := _first(given, "UserName"):
        yield f"arn:aws:iam::{_account(arn)}:user{path}{name}"
    elif name := _first(given, "RoleName"):
        yield f"arn:aws:iam::{_account(arn)}:role{path}{name}"
    elif full := _first(given, "PolicyArn", "PolicySourceArn"):
        yield full
    elif operation == "CreatePolicy":
        yield f"arn:aws:iam::{_account(arn)}:policy{path}{given.get('PolicyName', '*')}"


def _sts(operation: str, given: Given, arn: MakeArn) -> Iterable[str]:
    if full := _first(given, "RoleArn"):
        yield full


def _account(arn: MakeArn) -> str:
    return arn("").split(":")[4]


def _cloudwatch(_: str, given: Given, arn: MakeArn) -> Iterable[str]:
    """Alarms; metrics are no resource that policies can name."""
    names = given.get("AlarmNames") or [given.get("AlarmName")]
    if given.get("ResourceARN"):
        return [str(given["ResourceARN"])]
    return [arn(f"alarm:{name}") for name in names if isinstance(name, str)]


_RESOURCES: dict[str, Callable[[str, Given, MakeArn], Iterable[str]]] = {
    "kinesis": _kinesis,
    "firehose": _firehose,
    "lambda": _lambda,
    "events": _events,
    "glue": _glue,
    "athena": _athena,
    "logs": _logs,
    "sns": _sns,
    "dynamodb": _dynamodb,
    "cloudwatch": _cloudwatch,
    "iam": _iam,
    "sts": _sts,
}

_READS = (
    "Get",
    "List",
    "Describe",
    "Head",
    "BatchGet",
    "Search",
    "Query",
    "Scan",
    "Test",
    "Simulate",
    "Filter",
)
_DATA = {
    "PutRecord", "PutRecords", "PutRecordBatch", "PutEvents", "SubscribeToShard", "Invoke", "InvokeAsync",
    "PutObject", "UploadPart", "UploadPartCopy", "CopyObject", "DeleteObject", "DeleteObjects", "PostObject",
    "CreateMultipartUpload", "CompleteMultipartUpload", "AbortMultipartUpload", "SelectObjectContent",
    "PutLogEvents", "PutMetricData", "Publish", "PublishBatch", "PutItem", "UpdateItem", "DeleteItem",
    "BatchWriteItem", "TransactWriteItems", "TransactGetItems", "StartQueryExecution", "StopQueryExecution",
    "StartQuery", "AssumeRole",
}  # fmt: skip


def changes(operation: str) -> bool:
    """Whether an operation changes what the system is, not only what data it holds."""
    return operation not in _DATA and not operation.startswith(_READS)
