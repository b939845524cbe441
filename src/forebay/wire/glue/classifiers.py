"""Custom classifiers for crawlers: of CSV and of JSON."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from forebay.clock import now_us
from forebay.wire.glue.base import SERVICE, invalid, not_found, page
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, seconds

KIND = "glue.classifier"
MOST = 100
_SHAPES = ("CsvClassifier", "JsonClassifier")


def specs_of(asked: Asked, names: list[str]) -> list[Json]:
    """What crawlers with these classifiers are told. Raises EntityNotFoundException."""
    found = []
    for name in names:
        doc = asked.system.documents.get(KIND, name)
        if doc is None:
            raise not_found(f"Classifier {name} not found.")
        found.append(_spec(doc))
    return found


def _spec(doc: Json) -> Json:
    made = doc["made"]
    if doc["shape"] == "JsonClassifier":
        return {"json_path": made["JsonPath"]}
    serde = made.get("Serde")
    return {
        "delimiter": made.get("Delimiter") or None,
        "quote": made.get("QuoteSymbol") or '"',
        "header": str(made.get("ContainsHeader") or "UNKNOWN").lower(),
        "names": [name.lower() for name in made.get("Header") or ()],
        "single": bool(made.get("AllowSingleColumn")),
        "trim": not made.get("DisableValueTrimming"),
        "serde": serde if serde in ("OpenCSVSerDe", "LazySimpleSerDe") else None,
    }


def _given(given: Json) -> tuple[str, Json]:
    for other in ("GrokClassifier", "XMLClassifier"):
        if given.get(other):
            raise AwsError("NotImplemented", f"forebay does not offer classifiers of type {other}", http=501)
    found = [(shape, given[shape]) for shape in _SHAPES if given.get(shape)]
    if len(found) != 1:
        raise invalid("Exactly one classifier must be specified")
    if found[0][1].get("CustomDatatypeConfigured"):
        raise AwsError("NotImplemented", "forebay does not offer custom data types", http=501)
    return found[0]


@SERVICE.operation("CreateClassifier", partial="of CSV and JSON; neither Grok nor XML, no custom data types")
async def create_classifier(asked: Asked, given: Json) -> Json:
    """Make a classifier."""
    shape, made = _given(given)
    name = made["Name"]
    if asked.system.documents.get(KIND, name) is not None:
        raise AwsError("AlreadyExistsException", f"Classifier {name} already exists.", http=400)
    now = now_us()
    doc = {"shape": shape, "made": made, "created": now, "updated": now, "version": 1}
    asked.system.documents.put(KIND, name, doc)
    return {}


@SERVICE.operation("UpdateClassifier", partial="as CreateClassifier")
async def update_classifier(asked: Asked, given: Json) -> Json:
    """Change a classifier, for the next run of its crawlers."""
    shape, made = _given(given)
    name = made["Name"]
    doc = _document(asked, name)
    if doc["shape"] != shape:
        raise invalid(f"Classifier {name} is of another type")
    doc = {
        **doc,
        "made": {**doc["made"], **made},
        "updated": now_us(),
        "version": doc["version"] + 1,
    }
    asked.system.documents.put(KIND, name, doc)
    await _tell(asked, name)
    return {}


async def _tell(asked: Asked, name: str) -> None:
    """Bring it to the crawlers that have it."""
    documents = asked.system.documents
    told = False
    for crawler, doc in list(documents.all("catalog")):
        names: list[Any] = (doc.get("meta", {}).get("crawler") or {}).get("Classifiers") or []
        if name in names:
            spec = {**doc["spec"], "classifiers": specs_of(asked, names)}
            documents.put("catalog", crawler, {**doc, "spec": msgspec.to_builtins(spec)})
            told = True
    if told:
        await asyncio.shield(asked.system.apply())


def _document(asked: Asked, name: str) -> Json:
    doc = asked.system.documents.get(KIND, name)
    if doc is None:
        raise not_found(f"Classifier {name} not found.")
    return doc


def _classifier_of(doc: Json) -> Json:
    times = {"CreationTime": seconds(doc["created"]), "LastUpdated": seconds(doc["updated"])}
    return {doc["shape"]: {**doc["made"], **times, "Version": doc["version"]}}


@SERVICE.operation("GetClassifier")
async def get_classifier(asked: Asked, given: Json) -> Json:
    """One classifier."""
    return {"Classifier": _classifier_of(_document(asked, given["Name"]))}


@SERVICE.operation("GetClassifiers")
async def get_classifiers(asked: Asked, given: Json) -> Json:
    """All classifiers."""
    found, more = page(list(asked.system.documents.all(KIND)), given, MOST, key=lambda item: item[0])
    return {"Classifiers": [_classifier_of(doc) for _, doc in found], **more}


@SERVICE.operation("DeleteClassifier")
async def delete_classifier(asked: Asked, given: Json) -> Json:
    """Remove a classifier; crawlers that have it keep what they were told."""
    if not asked.system.documents.delete(KIND, given["Name"]):
        raise not_found(f"Classifier {given['Name']} not found.")
    return {}
