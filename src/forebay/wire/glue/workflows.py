"""Workflows: triggers on demand under one name, run together; each run with its properties and what became of it."""

from __future__ import annotations

import secrets
from typing import Any

from forebay.clock import now_us
from forebay.wire.glue.base import SERVICE, crawler, not_found, page
from forebay.wire.glue.tags import put_tags
from forebay.wire.glue.triggers import KIND as TRIGGER
from forebay.wire.glue.triggers import WORKFLOW, fire, trigger_of, triggers
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present, seconds

RUN = "glue.workflow.run"
MOST = 100
KEPT = 1000
"""Runs of one workflow that are kept."""
_ONLY = "its triggers are those that start crawlers on demand"
_ENDS = {"completed": "SucceededActions", "failed": "FailedActions", "cancelled": "StoppedActions"}
_ACTIONS = ("Total", "Timeout", "Failed", "Stopped", "Succeeded", "Running", "Errored", "Waiting")


def _missing() -> AwsError:
    return not_found("Entity not found")


def _workflow(asked: Asked, name: str) -> Json:
    doc = asked.system.documents.get(WORKFLOW, name)
    if doc is None:
        raise _missing()
    return doc


@SERVICE.operation("CreateWorkflow", partial=_ONLY)
async def create_workflow(asked: Asked, given: Json) -> Json:
    """Make a workflow."""
    name = given["Name"]
    if asked.system.documents.get(WORKFLOW, name) is not None:
        raise AwsError("AlreadyExistsException", f"Workflow {name} already exists.", http=400)
    now = now_us()
    asked.system.documents.put(WORKFLOW, name, {"made": _made(given), "created": now, "updated": now})
    put_tags(asked, f"workflow/{name}", given.get("Tags") or {})
    return {"Name": name}


def _made(given: Json) -> Json:
    return present(
        {key: given.get(key) for key in ("Description", "DefaultRunProperties", "MaxConcurrentRuns")}
    )


async def _shown(asked: Asked, name: str, doc: Json, given: Json) -> Json:
    graph = bool(given.get("IncludeGraph"))
    runs = _runs(asked, name)
    last = await _run_of(asked, name, *runs[0], graph=graph) if runs else None
    return present(
        {
            **doc["made"],
            "Name": name,
            "CreatedOn": seconds(doc["created"]),
            "LastModifiedOn": seconds(doc["updated"]),
            "LastRun": last,
            "Graph": _graph(asked, name) if graph else None,
        }
    )


def _graph(asked: Asked, name: str) -> Json:
    nodes: list[Json] = []
    edges = []
    for trigger, doc in triggers(asked, name):
        own = f"trigger/{trigger}"
        details = {"Trigger": trigger_of(doc)}
        nodes.append({"Type": "TRIGGER", "Name": trigger, "UniqueId": own, "TriggerDetails": details})
        for action in doc["made"]["Actions"]:
            crawls = f"crawler/{action['CrawlerName']}"
            if not any(node["UniqueId"] == crawls for node in nodes):
                nodes.append({"Type": "CRAWLER", "Name": action["CrawlerName"], "UniqueId": crawls})
            edges.append({"SourceId": own, "DestinationId": crawls})
    return {"Nodes": nodes, "Edges": edges}


@SERVICE.operation("GetWorkflow", partial=_ONLY)
async def get_workflow(asked: Asked, given: Json) -> Json:
    """One workflow, with its last run."""
    name = given["Name"]
    return {"Workflow": await _shown(asked, name, _workflow(asked, name), given)}


@SERVICE.operation("BatchGetWorkflows", partial=_ONLY)
async def batch_get_workflows(asked: Asked, given: Json) -> Json:
    """Several workflows; those that are not there are told."""
    docs = {name: asked.system.documents.get(WORKFLOW, name) for name in given["Names"]}
    return {
        "Workflows": [await _shown(asked, name, doc, given) for name, doc in docs.items() if doc is not None],
        "MissingWorkflows": [name for name, doc in docs.items() if doc is None],
    }


@SERVICE.operation("ListWorkflows")
async def list_workflows(asked: Asked, given: Json) -> Json:
    """Their names."""
    found, more = page([name for name, _ in asked.system.documents.all(WORKFLOW)], given, 25)
    return {"Workflows": found, **more}


@SERVICE.operation("UpdateWorkflow", partial=_ONLY)
async def update_workflow(asked: Asked, given: Json) -> Json:
    """Change a workflow."""
    doc = _workflow(asked, given["Name"])
    changed = {**doc, "made": {**doc["made"], **_made(given)}, "updated": now_us()}
    asked.system.documents.put(WORKFLOW, given["Name"], changed)
    return {"Name": given["Name"]}


@SERVICE.operation("DeleteWorkflow")
async def delete_workflow(asked: Asked, given: Json) -> Json:
    """Remove a workflow with its triggers and its runs, if it is there."""
    name = given["Name"]
    for trigger, _ in triggers(asked, name):
        asked.system.documents.delete(TRIGGER, trigger)
        put_tags(asked, f"trigger/{trigger}", {})
    asked.system.documents.delete_all(RUN, f"{name}/")
    asked.system.documents.delete(WORKFLOW, name)
    put_tags(asked, f"workflow/{name}", {})
    return {"Name": name}


# --- runs ---


def _runs(asked: Asked, name: str) -> list[tuple[str, Json]]:
    """(id, document) of its runs, newest first."""
    found = [(id.rpartition("/")[2], doc) for id, doc in asked.system.documents.all(RUN, f"{name}/")]
    return sorted(found, key=lambda item: int(item[1]["started"]), reverse=True)


def _run(asked: Asked, given: Json) -> Json:
    doc = asked.system.documents.get(RUN, f"{given['Name']}/{given['RunId']}")
    if doc is None:
        raise _missing()
    return doc


@SERVICE.operation("StartWorkflowRun", partial=_ONLY)
async def start_workflow_run(asked: Asked, given: Json) -> Json:
    """Start what its triggers start."""
    name = given["Name"]
    made = _workflow(asked, name)["made"]
    runs = _runs(asked, name)
    if most := made.get("MaxConcurrentRuns"):
        shown = [await _run_of(asked, name, *run) for run in runs[:most]]
        if sum(run["Status"] == "RUNNING" for run in shown) >= most:
            raise AwsError(
                "ConcurrentRunsExceededException", f"Concurrent runs exceeded for workflow {name}", http=400
            )
    for old, _ in runs[KEPT - 1 :]:
        asked.system.documents.delete(RUN, f"{name}/{old}")
    id = f"wr_{secrets.token_hex(32)}"
    properties = {**(made.get("DefaultRunProperties") or {}), **(given.get("RunProperties") or {})}
    doc: Json = {"started": now_us(), "properties": properties, "actions": [], "stopped": False}
    for _, trigger in triggers(asked, name):
        doc["actions"] += await fire(asked, trigger)
    asked.system.documents.put(RUN, f"{name}/{id}", doc)
    return {"RunId": id}


async def _run_of(asked: Asked, name: str, id: str, doc: Json, *, graph: bool = False) -> Json:
    """A WorkflowRun: how far the crawlers are that it started."""
    counts: dict[str, int] = {f"{kind}Actions": 0 for kind in _ACTIONS}
    counts["TotalActions"] = len(doc["actions"])
    ended: list[Any] = [doc["started"]]
    for action in doc["actions"]:
        run = None
        if "error" not in action:
            runs = await crawler(asked, "runs", crawler=action["crawler"])
            run = next((one for one in runs if one["id"] == action["run"]), None)
        if run is None:
            counts["ErroredActions"] += 1
        elif run["ended"] is None:
            counts["RunningActions"] += 1
        else:
            counts[_ENDS.get(run["state"], "FailedActions")] += 1
            ended.append(run["ended"])
    over = counts["RunningActions"] == 0
    status = "RUNNING"
    if doc["stopped"]:
        status = "STOPPED" if over else "STOPPING"
    elif over:
        status = "COMPLETED"
    return present(
        {
            "Name": name,
            "WorkflowRunId": id,
            "WorkflowRunProperties": doc["properties"],
            "StartedOn": seconds(doc["started"]),
            "CompletedOn": seconds(max(ended)) if over else None,
            "Status": status,
            "Statistics": counts,
            "Graph": _graph(asked, name) if graph else None,
        }
    )


@SERVICE.operation("GetWorkflowRun", partial=_ONLY)
async def get_workflow_run(asked: Asked, given: Json) -> Json:
    """One run."""
    doc = _run(asked, given)
    graph = bool(given.get("IncludeGraph"))
    return {"Run": await _run_of(asked, given["Name"], given["RunId"], doc, graph=graph)}


@SERVICE.operation("GetWorkflowRuns", partial=_ONLY)
async def get_workflow_runs(asked: Asked, given: Json) -> Json:
    """Its runs, newest first."""
    _workflow(asked, given["Name"])
    runs = _runs(asked, given["Name"])

    def place(item: tuple[str, Json]) -> str:
        return f"{(1 << 62) - item[1]['started']:020d}"

    found, more = page(runs, given, MOST, key=place)
    graph = bool(given.get("IncludeGraph"))
    return {"Runs": [await _run_of(asked, given["Name"], id, doc, graph=graph) for id, doc in found], **more}


@SERVICE.operation("StopWorkflowRun", partial=_ONLY)
async def stop_workflow_run(asked: Asked, given: Json) -> Json:
    """Stop the crawlers that it started and that still run."""
    doc = _run(asked, given)
    shown = await _run_of(asked, given["Name"], given["RunId"], doc)
    if shown["Status"] != "RUNNING":
        return {}
    for action in doc["actions"]:
        runs = await crawler(asked, "runs", crawler=action["crawler"])
        if any(run["id"] == action.get("run") and run["ended"] is None for run in runs):
            try:
                await crawler(asked, "stop", crawler=action["crawler"])
            except AwsError as error:
                if error.code not in ("CrawlerNotRunningException", "CrawlerStoppingException"):
                    raise
    asked.system.documents.put(RUN, f"{given['Name']}/{given['RunId']}", {**doc, "stopped": True})
    return {}


@SERVICE.operation("GetWorkflowRunProperties")
async def get_workflow_run_properties(asked: Asked, given: Json) -> Json:
    """What a run was given."""
    return {"RunProperties": _run(asked, given)["properties"]}


@SERVICE.operation("PutWorkflowRunProperties")
async def put_workflow_run_properties(asked: Asked, given: Json) -> Json:
    """Give a run more."""
    doc = _run(asked, given)
    doc["properties"] |= given["RunProperties"]
    asked.system.documents.put(RUN, f"{given['Name']}/{given['RunId']}", doc)
    return {}
