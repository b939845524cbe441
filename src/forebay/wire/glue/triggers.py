"""Triggers that start crawlers: when they are asked to, alone or as the start of a workflow, or at the times of a schedule.

No job exists, so no trigger runs one. A trigger with a schedule, while it is active, gives it to its crawlers: the flow
looks at those, whoever made them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from forebay.clock import now_us
from forebay.wire.glue.base import SERVICE, crawler, invalid, not_found, page
from forebay.wire.glue.crawlers import check_schedule, crawler_names
from forebay.wire.glue.tags import put_tags, tags_of
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present

KIND = "glue.trigger"
WORKFLOW = "glue.workflow"
MOST = 100
PART = "catalog.part"
_ONLY = "triggers that start crawlers on demand or on a schedule; those of a workflow on demand only"
_STATES = "[SUCCEEDED, STOPPED, FAILED, TIMEOUT]"
_CRAWL_STATES = "[SUCCEEDED, FAILED, CANCELLED]"


def _checked(asked: Asked, given: Json) -> None:
    """Refuse what a trigger cannot be, first what it cannot be on AWS."""
    actions = given.get("Actions") or []
    if not actions:
        raise invalid("Actions cannot be null or empty")
    for action in actions:
        if action.get("JobName") and action.get("CrawlerName"):
            raise invalid("Both JobName and CrawlerName cannot be set together in an action")
        if not action.get("JobName") and not action.get("CrawlerName"):
            raise invalid("Either JobName or CrawlerName must be set in an action")
    kind = given["Type"]
    if kind == "CONDITIONAL":
        _conditions(given)
    if kind == "SCHEDULED" and not given.get("Schedule"):
        raise invalid("Schedule cannot be null or empty")
    if kind == "ON_DEMAND" and given.get("StartOnCreation"):
        raise invalid("StartOnCreation is not supported for ON_DEMAND triggers")
    for action in actions:
        if name := action.get("JobName"):
            raise not_found(f"Job {name} not found.")
        if action["CrawlerName"] not in crawler_names(asked):
            raise not_found(f"Crawler {action['CrawlerName']} not found.")
    flow = given.get("WorkflowName")
    if kind not in ("ON_DEMAND", "SCHEDULED") or (flow and kind == "SCHEDULED"):
        what = f"triggers of type {kind}" + (" that begin a workflow" if kind == "SCHEDULED" else "")
        raise AwsError("NotImplemented", f"forebay does not offer {what}", http=501)
    if kind == "SCHEDULED":
        check_schedule(given["Schedule"])
    if flow and asked.system.documents.get(WORKFLOW, flow) is None:
        raise not_found(f"Workflow {flow} not found.")


def _conditions(given: Json) -> None:
    conditions = (given.get("Predicate") or {}).get("Conditions")
    if not conditions:
        raise invalid("Predicate cannot be null or empty")
    for condition in conditions:
        if not condition.get("LogicalOperator"):
            raise invalid("Logical operator cannot be null or empty")
        if condition.get("JobName"):
            if not condition.get("State"):
                raise invalid(
                    f"State cannot be null or empty, choose from one of the following job state: {_STATES}"
                )
        elif condition.get("CrawlerName"):
            if not condition.get("CrawlState"):
                raise invalid(
                    "State cannot be null or empty, choose from one of the following crawler state:"
                    f" {_CRAWL_STATES}"
                )
        else:
            raise invalid("JobName or CrawlerName in condition cannot be null or empty")


@SERVICE.operation("CreateTrigger", partial=_ONLY)
async def create_trigger(asked: Asked, given: Json) -> Json:
    """Make a trigger."""
    name = given["Name"]
    if asked.system.documents.get(KIND, name) is not None:
        raise AwsError("AlreadyExistsException", f"Trigger {name} already exists.", http=400)
    _checked(asked, given)
    members = ("Name", "Type", "WorkflowName", "Description", "Actions")
    made = {member: given[member] for member in members if given.get(member) is not None}
    if given["Type"] == "SCHEDULED":
        made["Schedule"] = given["Schedule"]
    state = "ACTIVATED" if given.get("StartOnCreation") else "CREATED"
    await _put(asked, name, {"made": made, "created": now_us(), "state": state})
    put_tags(asked, f"trigger/{name}", given.get("Tags") or {})
    return {"Name": name}


async def _put(asked: Asked, name: str, doc: Json) -> None:
    """Keep a trigger, and have its schedule be its crawlers' as long as it is active."""
    made, documents = doc["made"], asked.system.documents
    if made["Type"] == "SCHEDULED":
        crawlers = [action["CrawlerName"] for action in made["Actions"]]
        if doc["state"] == "ACTIVATED":
            documents.put(PART, f"trigger/{name}", {"schedule": made["Schedule"], "crawlers": crawlers})
        else:
            documents.delete(PART, f"trigger/{name}")
        await asked.system.apply()
    documents.put(KIND, name, doc)


def trigger_of(doc: Json) -> Json:
    """A Trigger of Glue's."""
    return {**doc["made"], "State": doc.get("state", "CREATED")}


def _trigger(asked: Asked, name: str) -> Json:
    doc = asked.system.documents.get(KIND, name)
    if doc is None:
        raise not_found(f"Trigger {name} not found.")
    return doc


def triggers(asked: Asked, workflow: str | None = None) -> list[tuple[str, Json]]:
    """All triggers by name; those of a workflow."""
    return [
        (name, doc)
        for name, doc in asked.system.documents.all(KIND)
        if workflow is None or doc["made"].get("WorkflowName") == workflow
    ]


@SERVICE.operation("GetTrigger", partial=_ONLY)
async def get_trigger(asked: Asked, given: Json) -> Json:
    """One trigger."""
    return {"Trigger": trigger_of(_trigger(asked, given["Name"]))}


def _page(asked: Asked, given: Json) -> tuple[list[tuple[str, Any]], Json]:
    if job := given.get("DependentJobName"):
        raise not_found(f"Job {job} not found.")
    wanted = (given.get("Tags") or {}).items()
    found = [item for item in triggers(asked) if wanted <= tags_of(asked, f"trigger/{item[0]}").items()]
    return page(found, given, MOST, key=lambda item: item[0])


@SERVICE.operation("GetTriggers", partial=_ONLY)
async def get_triggers(asked: Asked, given: Json) -> Json:
    """All triggers."""
    found, more = _page(asked, given)
    return {"Triggers": [trigger_of(doc) for _, doc in found], **more}


@SERVICE.operation("ListTriggers", partial=_ONLY)
async def list_triggers(asked: Asked, given: Json) -> Json:
    """The names of the triggers; of those with certain tags."""
    found, more = _page(asked, given)
    return {"TriggerNames": [name for name, _ in found], **more}


@SERVICE.operation("BatchGetTriggers", partial=_ONLY)
async def batch_get_triggers(asked: Asked, given: Json) -> Json:
    """Several triggers; those that are not there are told."""
    docs = {name: asked.system.documents.get(KIND, name) for name in given["TriggerNames"]}
    return {
        "Triggers": [trigger_of(doc) for doc in docs.values() if doc is not None],
        "TriggersNotFound": [name for name, doc in docs.items() if doc is None],
    }


@SERVICE.operation("UpdateTrigger", partial=_ONLY)
async def update_trigger(asked: Asked, given: Json) -> Json:
    """Change what a trigger does."""
    doc = _trigger(asked, given["Name"])
    update = given["TriggerUpdate"]
    made = {**doc["made"], **present({key: update.get(key) for key in ("Actions", "Description")})}
    if update.get("Predicate") or update.get("EventBatchingCondition"):
        raise invalid("Only a trigger of type CONDITIONAL or EVENT has conditions")
    if schedule := update.get("Schedule"):
        if made["Type"] != "SCHEDULED":
            raise invalid("A trigger on demand has neither a schedule nor conditions")
        made["Schedule"] = schedule
    _checked(asked, made)
    doc = {**doc, "made": made}
    await _put(asked, given["Name"], doc)
    return {"Trigger": trigger_of(doc)}


@SERVICE.operation("DeleteTrigger")
async def delete_trigger(asked: Asked, given: Json) -> Json:
    """Remove a trigger, if it is there."""
    doc = asked.system.documents.get(KIND, given["Name"])
    if doc is not None and doc["made"]["Type"] == "SCHEDULED":
        await _put(asked, given["Name"], {**doc, "state": "DELETING"})
    asked.system.documents.delete(KIND, given["Name"])
    put_tags(asked, f"trigger/{given['Name']}", {})
    return {"Name": given["Name"]}


async def fire(asked: Asked, doc: Json) -> list[Json]:
    """Start what a trigger starts: `{crawler, run}` of each, or `{crawler, error}`."""

    async def start(name: str) -> Json:
        try:
            return {"crawler": name, "run": await crawler(asked, "start", crawler=name)}
        except AwsError as error:
            return {"crawler": name, "error": error.message}

    return list(await asyncio.gather(*(start(action["CrawlerName"]) for action in doc["made"]["Actions"])))


@SERVICE.operation("StartTrigger", partial=_ONLY)
async def start_trigger(asked: Asked, given: Json) -> Json:
    """Do what the trigger does: now, or from now on at its times. Raises what hinders a crawler."""
    doc = _trigger(asked, given["Name"])
    if doc["made"]["Type"] == "SCHEDULED":
        await _put(asked, given["Name"], {**doc, "state": "ACTIVATED"})
        return {"Name": given["Name"]}
    if doc["made"].get("WorkflowName"):
        raise invalid("A trigger of a workflow is started with its workflow: StartWorkflowRun")
    for action in doc["made"]["Actions"]:
        await crawler(asked, "start", crawler=action["CrawlerName"])
    return {"Name": given["Name"]}


@SERVICE.operation("StopTrigger", partial=_ONLY)
async def stop_trigger(asked: Asked, given: Json) -> Json:
    """Let a schedule rest. A trigger on demand has nothing to stop."""
    doc = _trigger(asked, given["Name"])
    if doc["made"]["Type"] == "SCHEDULED":
        await _put(asked, given["Name"], {**doc, "state": "DEACTIVATED"})
        return {"Name": given["Name"]}
    raise invalid("Cannot stop a trigger of type ON_DEMAND")
