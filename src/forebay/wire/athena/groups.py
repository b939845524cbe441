"""Work groups: where results go by default, and what is enforced; tags on them."""

from __future__ import annotations

from forebay.wire.athena.base import ENGINE, EXECUTION, GROUP, PRIMARY, SERVICE, group_of, invalid, now, page
from forebay.wire.service import Asked, Json

_DEFAULTS = {
    "EnforceWorkGroupConfiguration": True,
    "PublishCloudWatchMetricsEnabled": True,
    "RequesterPaysEnabled": False,
    "EngineVersion": ENGINE,
}


@SERVICE.operation("CreateWorkGroup")
async def create_work_group(asked: Asked, given: Json) -> Json:
    """Make a work group."""
    name = given["Name"]
    if name == PRIMARY or asked.system.documents.get(GROUP, name) is not None:
        raise invalid("WorkGroup is already created")
    doc = {
        "Name": name,
        "State": "ENABLED",
        "Description": given.get("Description", ""),
        "CreationTime": now(),
        "Configuration": {"ResultConfiguration": {}, **_DEFAULTS, **(given.get("Configuration") or {})},
        "tags": given.get("Tags") or [],
    }
    asked.system.documents.put(GROUP, name, doc)
    return {}


@SERVICE.operation("GetWorkGroup")
async def get_work_group(asked: Asked, given: Json) -> Json:
    """A work group."""
    return {"WorkGroup": group_of(asked, given["WorkGroup"])}


@SERVICE.operation("ListWorkGroups")
async def list_work_groups(asked: Asked, given: Json) -> Json:
    """All of them."""
    groups = [doc for id, doc in asked.system.documents.all(GROUP) if id != PRIMARY]
    named = [{**doc, "EngineVersion": ENGINE} for doc in [group_of(asked, PRIMARY), *groups]]
    found, more = page(named, given, 50)
    return {"WorkGroups": found, **more}


@SERVICE.operation("UpdateWorkGroup")
async def update_work_group(asked: Asked, given: Json) -> Json:
    """Change one."""
    doc = group_of(asked, given["WorkGroup"])
    changes = dict(given.get("ConfigurationUpdates") or {})
    configuration = dict(doc["Configuration"])
    results = dict(configuration.get("ResultConfiguration") or {})
    for name, value in (changes.pop("ResultConfigurationUpdates", None) or {}).items():
        if name.startswith("Remove"):
            if value:
                results.pop(name.removeprefix("Remove"), None)
        else:
            results[name] = value
    if changes.pop("RemoveBytesScannedCutoffPerQuery", False):
        configuration.pop("BytesScannedCutoffPerQuery", None)
    doc["Configuration"] = {**configuration, **changes, "ResultConfiguration": results}
    for name in ("Description", "State"):
        if name in given:
            doc[name] = given[name]
    asked.system.documents.put(GROUP, doc["Name"], doc)
    return {}


@SERVICE.operation("DeleteWorkGroup")
async def delete_work_group(asked: Asked, given: Json) -> Json:
    """Remove one; with its queries only if told."""
    name = given["WorkGroup"]
    if name == PRIMARY:
        raise invalid("The primary WorkGroup cannot be deleted")
    group_of(asked, name)
    mine = [id for id, doc in asked.system.documents.all(EXECUTION) if doc["WorkGroup"] == name]
    if mine and not given.get("RecursiveDeleteOption"):
        raise invalid(f"WorkGroup {name} is not empty")
    for id in mine:
        asked.system.documents.delete(EXECUTION, id)
    asked.system.documents.delete(GROUP, name)
    return {}


def _tagged(asked: Asked, arn: str) -> Json:
    return group_of(asked, arn.rpartition("/")[2])


@SERVICE.operation("TagResource")
async def tag_resource(asked: Asked, given: Json) -> Json:
    """Tag a work group."""
    doc = _tagged(asked, given["ResourceARN"])
    tags = {tag["Key"]: tag for tag in [*doc.get("tags", []), *given["Tags"]]}
    asked.system.documents.put(GROUP, doc["Name"], {**doc, "tags": list(tags.values())})
    return {}


@SERVICE.operation("UntagResource")
async def untag_resource(asked: Asked, given: Json) -> Json:
    """Take tags off."""
    doc = _tagged(asked, given["ResourceARN"])
    tags = [tag for tag in doc.get("tags", []) if tag["Key"] not in given["TagKeys"]]
    asked.system.documents.put(GROUP, doc["Name"], {**doc, "tags": tags})
    return {}


@SERVICE.operation("ListTagsForResource")
async def list_tags_for_resource(asked: Asked, given: Json) -> Json:
    """A work group's tags."""
    return {"Tags": _tagged(asked, given["ResourceARN"]).get("tags", [])}


@SERVICE.operation("ListEngineVersions")
async def list_engine_versions(asked: Asked, given: Json) -> Json:
    """The one there is."""
    return {
        "EngineVersions": [
            ENGINE,
            {
                "SelectedEngineVersion": ENGINE["EffectiveEngineVersion"],
                "EffectiveEngineVersion": ENGINE["EffectiveEngineVersion"],
            },
        ]
    }
