"""Crawlers: their definitions, their runs, their schedules.

A crawler made here is a resource of the project's model (`catalog.<name>`, with the CrawlerSpec that says
what it does), so that it runs like one of the project's; what was given is kept beside it and comes back
as it was.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from forebay.catalog.schedule import crawl_times
from forebay.catalog.section import CrawlerSpec
from forebay.clock import now_us
from forebay.errors import UsageError
from forebay.wire.glue.base import SERVICE, crawler, invalid, not_found, page
from forebay.wire.glue.classifiers import specs_of
from forebay.wire.glue.tags import put_tags, tags_of
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present, seconds

MOST = 100
NOUN = "catalog"
LOG_GROUP = "/aws-glue/crawlers"
_FOREIGN = (
    "JdbcTargets",
    "MongoDBTargets",
    "DynamoDBTargets",
    "DeltaTargets",
    "IcebergTargets",
    "HudiTargets",
)
_UPDATE = {"UPDATE_IN_DATABASE": "update", "LOG": "log"}
_DELETE = {"DEPRECATE_IN_DATABASE": "deprecate", "DELETE_FROM_DATABASE": "delete", "LOG": "log"}
_LAST_STATES = {"completed": "SUCCEEDED", "failed": "FAILED", "cancelled": "CANCELLED"}
_KEPT = (
    "Name",
    "Role",
    "Targets",
    "DatabaseName",
    "Description",
    "Classifiers",
    "RecrawlPolicy",
    "SchemaChangePolicy",
    "LineageConfiguration",
    "TablePrefix",
    "Configuration",
    "CrawlerSecurityConfiguration",
    "LakeFormationConfiguration",
    "Schedule",
)


# --- definitions ---


def _configuration(text: str | None) -> Json:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise invalid(f"Configuration is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise invalid("Configuration must be a JSON object")
    return found


def _part(of: Any, *names: str) -> Any:
    for name in names:
        of = of.get(name) if isinstance(of, dict) else None
    return of


def spec_of(asked: Asked, made: Json) -> CrawlerSpec:
    """What a crawler's definition makes it do. Raises AwsError."""
    targets = made.get("Targets") or {}
    for name in _FOREIGN:
        if targets.get(name):
            raise AwsError("NotImplemented", f"forebay does not offer crawlers with {name}", http=501)
    if targets.get("CatalogTargets"):
        raise AwsError("NotImplemented", "forebay does not offer crawlers with CatalogTargets", http=501)
    if not targets:
        raise invalid("At least one target must be specified for the crawler")
    places = targets.get("S3Targets") or []
    samples = {place.get("SampleSize") for place in places} - {None}
    for place in places:
        if not place.get("Path"):
            raise invalid("S3 target path must not be empty")
        if place.get("ConnectionName"):
            raise AwsError("NotImplemented", "forebay does not offer connections", http=501)
    policy = made.get("SchemaChangePolicy") or {}
    said = _configuration(made.get("Configuration"))
    recrawl = (made.get("RecrawlPolicy") or {}).get("RecrawlBehavior") or "CRAWL_EVERYTHING"
    on_change = _UPDATE[policy.get("UpdateBehavior") or "UPDATE_IN_DATABASE"]
    if _part(said, "CrawlerOutput", "Tables", "AddOrUpdateBehavior") == "MergeNewColumns":
        on_change = "add"
    group = _part(said, "Grouping", "TableGroupingPolicy")
    level = _part(said, "Grouping", "TableLevelConfiguration")
    most = _part(said, "CrawlerOutput", "Tables", "TableThreshold")
    if schedule := made.get("Schedule"):
        check_schedule(schedule)
    fields: Json = {
        "crawl": [place["Path"] for place in places],
        "prefix": made.get("TablePrefix") or "",
        "database": (made.get("DatabaseName") or "default").lower(),
        "schedule": schedule or None,
        "on_arrival": recrawl == "CRAWL_EVENT_MODE",
        "exclude": [
            f"{place['Path'].rstrip('/')}/{pattern.lstrip('/')}"
            for place in places
            for pattern in place.get("Exclusions") or ()
        ],
        "group": "combine" if group == "CombineCompatibleSchemas" else "similar",
        "level": level,
        "on_change": on_change,
        "on_delete": _DELETE[policy.get("DeleteBehavior") or "DEPRECATE_IN_DATABASE"],
        "inherit": _part(said, "CrawlerOutput", "Partitions", "AddOrUpdateBehavior") == "InheritFromTable",
        "recrawl": "new" if recrawl == "CRAWL_NEW_FOLDERS_ONLY" else "everything",
        "sample": min(samples) if samples else None,
        "most_tables": most,
        "classifiers": specs_of(asked, made.get("Classifiers") or []),
    }
    if level is not None and (not isinstance(level, int) or level < 1):
        raise invalid("TableLevelConfiguration must be a positive integer")
    try:
        return msgspec.convert(fields, CrawlerSpec)
    except msgspec.ValidationError as error:
        raise invalid(f"Crawler definition is not valid: {error}") from None


def check_schedule(text: str) -> None:
    """Raise InvalidInputException for what is no schedule."""
    try:
        crawl_times(text)
    except UsageError as error:
        raise invalid(error.message) from None


def _declared(asked: Asked, name: str) -> bool:
    return name in asked.system.declared().of(CrawlerSpec)


def document(asked: Asked, name: str) -> Json:
    """What is kept of a crawler: `{crawler, created, updated, version}`. Raises EntityNotFoundException."""
    doc = asked.system.documents.get(NOUN, name)
    if doc is not None and "crawler" in doc.get("meta", {}) and not _declared(asked, name):
        meta: Json = doc["meta"]
        return meta
    spec = asked.system.declared().of(CrawlerSpec).get(name)
    if spec is None:
        raise not_found(f"Crawler {name} not found.")
    return _declared_meta(asked, name, spec)


def _declared_meta(asked: Asked, name: str, spec: CrawlerSpec) -> Json:
    """A crawler of the project's, as if it had been made here."""
    made = {
        "Name": name,
        "Role": f"arn:aws:iam::{asked.account}:role/forebay",
        "Targets": {
            "S3Targets": [
                {"Path": _url(target), "Exclusions": spec.exclude}
                for target in spec.crawl
                if not target.startswith("streams.")
            ]
        },
        "DatabaseName": spec.database or asked.system.declared().database,
        "TablePrefix": spec.prefix,
        "SchemaChangePolicy": {
            "UpdateBehavior": "LOG" if spec.on_change == "log" else "UPDATE_IN_DATABASE",
            "DeleteBehavior": next(name for name, word in _DELETE.items() if word == spec.on_delete),
        },
        "Description": "declared in the project",
        "Schedule": spec.schedule,
    }
    return {"crawler": present(made), "created": None, "updated": None, "version": 1}


def _url(target: str) -> str:
    return "s3://" + target.removeprefix("lake.").removeprefix("s3://")


def crawler_names(asked: Asked) -> list[str]:
    """The wire's crawlers and the project's, by name."""
    made = {name for name, doc in asked.system.documents.all(NOUN) if "crawler" in doc.get("meta", {})}
    return sorted(made | set(asked.system.declared().of(CrawlerSpec)))


async def save(asked: Asked, name: str, meta: Json) -> None:
    """Keep a crawler, and let it run as it now says."""
    spec = spec_of(asked, meta["crawler"])
    plain = msgspec.to_builtins(spec)
    asked.system.documents.put(NOUN, name, {"spec": plain, "meta": meta})
    await asked.system.apply()


def refuse_declared_crawler(asked: Asked, name: str) -> None:
    """Raise where the project declares it."""
    if _declared(asked, name):
        raise invalid(f"Crawler {name} is declared in the project and is changed in forebay.yaml only")


async def _state(asked: Asked, name: str) -> Json:
    states = await crawler(asked, "states", crawlers=[name])
    found: Json = states[name]
    return found


async def _refuse_running(asked: Asked, name: str) -> None:
    if (await _state(asked, name))["state"] != "READY":
        raise AwsError("CrawlerRunningException", f"Crawler with name {name} is currently running", http=400)


@SERVICE.operation("CreateCrawler", partial="S3 targets only; roles are not assumed")
async def create_crawler(asked: Asked, given: Json) -> Json:
    """Define a crawler."""
    name = given["Name"]
    if name in asked.system.project().sections.get(NOUN, {}):
        raise AwsError("AlreadyExistsException", f"Crawler {name} already exists.", http=400)
    now = now_us()
    made = {key: given[key] for key in _KEPT if key in given}
    spec_of(asked, made)
    put_tags(asked, f"crawler/{name}", given.get("Tags") or {})
    meta = {"crawler": made, "created": now, "updated": now, "version": 1, "scheduled": True}
    await save(asked, name, meta)
    return {}


@SERVICE.operation("UpdateCrawler", partial="as CreateCrawler")
async def update_crawler(asked: Asked, given: Json) -> Json:
    """Change what is given of a crawler's definition."""
    name = given["Name"]
    meta = document(asked, name)
    refuse_declared_crawler(asked, name)
    await _refuse_running(asked, name)
    made = {**meta["crawler"], **{key: given[key] for key in _KEPT if key in given}}
    await save(asked, name, {**meta, "crawler": made, "updated": now_us(), "version": meta["version"] + 1})
    return {}


@SERVICE.operation("DeleteCrawler")
async def delete_crawler(asked: Asked, given: Json) -> Json:
    """Remove a crawler; its tables stay."""
    name = given["Name"]
    document(asked, name)
    refuse_declared_crawler(asked, name)
    await _refuse_running(asked, name)
    asked.system.documents.delete(NOUN, name)
    asked.system.documents.delete("glue.tags", f"crawler/{name}")
    await asked.system.apply()
    await crawler(asked, "forget", crawler=name)
    return {}


def _crawler_of(name: str, meta: Json, state: Json) -> Json:
    made = dict(meta["crawler"])
    schedule = made.pop("Schedule", None)
    last = state.get("last")
    answer: Json = {
        "Classifiers": [],
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        "SchemaChangePolicy": {
            "UpdateBehavior": "UPDATE_IN_DATABASE",
            "DeleteBehavior": "DEPRECATE_IN_DATABASE",
        },
        "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
        "LakeFormationConfiguration": {"UseLakeFormationCredentials": False, "AccountId": ""},
        **made,
        "Name": name,
        "State": state["state"],
        "CrawlElapsedTime": state["elapsed_ms"],
        "CreationTime": seconds(meta.get("created")),
        "LastUpdated": seconds(meta.get("updated")),
        "Version": meta["version"],
    }
    if schedule:
        word = "SCHEDULED" if meta.get("scheduled", True) else "NOT_SCHEDULED"
        answer["Schedule"] = {"ScheduleExpression": schedule, "State": word}
    if last is not None:
        answer["LastCrawl"] = present(
            {
                "Status": _LAST_STATES.get(last["state"]),
                "ErrorMessage": last.get("error"),
                "LogGroup": LOG_GROUP,
                "LogStream": name,
                "MessagePrefix": last["id"],
                "StartTime": seconds(last["started"]),
            }
        )
    return present(answer)


async def _crawlers_of(asked: Asked, names: list[str]) -> list[Json]:
    states = await crawler(asked, "states", crawlers=names)
    return [_crawler_of(name, document(asked, name), states[name]) for name in names]


@SERVICE.operation("GetCrawler")
async def get_crawler(asked: Asked, given: Json) -> Json:
    """One crawler, with its state and last run."""
    name = given["Name"]
    document(asked, name)
    return {"Crawler": (await _crawlers_of(asked, [name]))[0]}


@SERVICE.operation("GetCrawlers")
async def get_crawlers(asked: Asked, given: Json) -> Json:
    """All crawlers."""
    names, more = page(crawler_names(asked), given, MOST)
    return {"Crawlers": await _crawlers_of(asked, names), **more}


@SERVICE.operation("BatchGetCrawlers")
async def batch_get_crawlers(asked: Asked, given: Json) -> Json:
    """Several crawlers; the names that are none are told."""
    known = set(crawler_names(asked))
    found = [name for name in given["CrawlerNames"] if name in known]
    missing = [name for name in given["CrawlerNames"] if name not in known]
    return {"Crawlers": await _crawlers_of(asked, found), "CrawlersNotFound": missing}


@SERVICE.operation("ListCrawlers")
async def list_crawlers(asked: Asked, given: Json) -> Json:
    """The names, of those with the given tags."""
    wanted = given.get("Tags") or {}
    names = [
        name for name in crawler_names(asked) if wanted.items() <= tags_of(asked, f"crawler/{name}").items()
    ]
    found, more = page(names, given, MOST)
    return {"CrawlerNames": found, **more}
