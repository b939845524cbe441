"""How versions of schemas are kept, each a document `registry/schema/number`, and found again by their ids."""

from __future__ import annotations

import uuid
from typing import Any

from forebay.clock import now_us
from forebay.wire.glue.base import invalid, not_found
from forebay.wire.glue.registries import VERSIONS as KIND
from forebay.wire.glue.registries import not_valid
from forebay.wire.service import Asked, Json

IDS = "glue.schema.id"


def put_version(asked: Asked, place: str, number: int, text: str, status: str) -> Json:
    """Keep a version of a schema."""
    made: Json = {
        "id": str(uuid.uuid4()),
        "definition": text,
        "status": status,
        "created": now_us(),
        "metadata": [],
    }
    asked.system.documents.put(KIND, f"{place}/{number:09d}", made)
    asked.system.documents.put(IDS, made["id"], {"place": place, "number": number})
    return made


def keep_version(asked: Asked, place: str, number: int, made: Json) -> None:
    """Replace what is kept of a version."""
    asked.system.documents.put(KIND, f"{place}/{number:09d}", made)


def remove_versions(asked: Asked, place: str, numbers: list[int]) -> None:
    """Forget versions."""
    for number in numbers:
        made = asked.system.documents.get(KIND, f"{place}/{number:09d}")
        asked.system.documents.delete(KIND, f"{place}/{number:09d}")
        if made is not None:
            asked.system.documents.delete(IDS, made["id"])


def versions(asked: Asked, place: str) -> list[tuple[int, Json]]:
    """A schema's versions, oldest first, also those that failed."""
    found = asked.system.documents.all(KIND, f"{place}/")
    return [(int(id.rpartition("/")[2]), doc) for id, doc in found]


def latest_of(asked: Asked, place: str, doc: Json) -> int | None:
    """The number of a schema's latest version that is available."""
    for number in range(doc["next"] - 1, 0, -1):
        made = asked.system.documents.get(KIND, f"{place}/{number:09d}")
        if made is not None and made["status"] == "AVAILABLE":
            return number
    return None


def by_id(asked: Asked, id: str) -> tuple[str, int, Json]:
    """(place, number, version) by its id. Raises EntityNotFoundException."""
    try:
        right = str(uuid.UUID(id)) == id
    except ValueError:
        right = False
    if not right:
        raise not_valid("SchemaVersionId")
    at = asked.system.documents.get(IDS, id)
    made = None if at is None else asked.system.documents.get(KIND, f"{at['place']}/{at['number']:09d}")
    if at is None or made is None or made["id"] != id:
        raise not_found(f"Schema version is not found. SchemaVersionId: {id}")
    return at["place"], at["number"], made


def version(asked: Asked, place: str, doc: Json, named: Json, number: Json | None) -> tuple[int, Json]:
    """(number, version) that a SchemaVersionNumber means. Raises AwsError."""
    wanted: Any = (number or {}).get("VersionNumber")
    latest = bool((number or {}).get("LatestVersion"))
    if not wanted and not latest:
        raise invalid("One of version number (or) latest version is required.")
    if wanted and latest:
        raise invalid("Only one of VersionNumber or LatestVersion is required.")
    at = latest_of(asked, place, doc) if latest else wanted
    made = None if at is None else asked.system.documents.get(KIND, f"{place}/{at:09d}")
    if at is None or made is None:
        raise not_found(
            f"Schema version is not found. RegistryName: {named.get('RegistryName') or 'null'},"
            f" SchemaName: {named.get('SchemaName') or 'null'}, SchemaArn: {named.get('SchemaArn') or 'null'},"
            f" VersionNumber: {wanted or 'null'}, isLatestVersion: {str(latest).lower()}"
        )
    return at, made
