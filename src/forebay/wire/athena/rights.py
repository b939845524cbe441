"""Statements bounded by the rights of who starts them: what Athena does, it does with the caller's.

Reading is decided in the query process, which alone knows what a statement reads (`runtime/query_rights.py`);
changes of the catalog and what is written are decided here. A statement that may not run ends FAILED, its
reason naming action and resource.

Source: "Fine-grained access to databases and tables in the AWS Glue Data Catalog" (Athena User Guide).
"""

from __future__ import annotations

from typing import Any

import msgspec

from forebay.access.actions import Need
from forebay.errors import ForebayError, QueryFailed
from forebay.query.ddl_words import Ddl
from forebay.wire.athena.base import split_url
from forebay.wire.conditions import through
from forebay.wire.protocol.message import AwsError
from forebay.wire.refused import sentence
from forebay.wire.rights import forbidden, write_down
from forebay.wire.service import Asked, Json

DENIED = "PERMISSION_DENIED"

# What a statement asks of the catalog: of the database (d) and of the table (t) that it names.
_ACTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "create_database": (("CreateDatabase", "d"),),
    "drop_database": (("GetDatabase", "d"), ("DeleteDatabase", "d")),
    "alter_database": (("GetDatabase", "d"), ("UpdateDatabase", "d")),
    "create_table": (("GetDatabase", "d"), ("CreateTable", "t")),
    "create_view": (("GetDatabase", "d"), ("CreateTable", "t")),
    "ctas": (("GetDatabase", "d"), ("CreateTable", "t")),
    "drop_table": (("GetDatabase", "d"), ("GetTable", "t"), ("DeleteTable", "t")),
    "drop_view": (("GetDatabase", "d"), ("GetTable", "t"), ("DeleteTable", "t")),
    "insert": (("GetDatabase", "d"), ("GetTable", "t")),
    "add_partitions": (("GetDatabase", "d"), ("GetTable", "t"), ("BatchCreatePartition", "t")),
    "repair": (
        ("GetDatabase", "d"),
        ("GetTable", "t"),
        ("GetPartitions", "t"),
        ("BatchCreatePartition", "t"),
    ),
    "drop_partitions": (("GetDatabase", "d"), ("GetTable", "t"), ("DeletePartition", "t")),
    "move_partition": (("GetDatabase", "d"), ("GetTable", "t"), ("UpdatePartition", "t")),
    "unload": (),
}
_CHANGES = (("GetDatabase", "d"), ("GetTable", "t"), ("UpdateTable", "t"))


def caller(asked: Asked, *, files: bool = True) -> Json | None:
    """Who reads, for the query process; None where nothing is asked of policies."""
    if not asked.identity.bounded:
        return None
    return {
        "identity": msgspec.to_builtins(asked.identity),
        "context": through(asked),
        "region": asked.region,
        "files": files,
    }


def reads(asked: Asked, done: Json) -> None:
    """Write down what the query process decided."""
    for action, resource in done.get("decided") or ():
        write_down(asked, action, resource, "allow")


async def may_change(asked: Asked, ddl: Ddl, database: str) -> None:
    """What a statement asks of the catalog and of the lake, but for what it reads. Raises QueryFailed."""
    if not asked.identity.bounded:
        return
    named = ddl.name if ddl.kind.endswith("_database") else database
    actions = list(_ACTIONS.get(ddl.kind, _CHANGES))
    if ddl.kind == "create_view" and ddl.replace:
        actions.append(("UpdateTable", "t"))
    if ddl.kind == "drop_database" and ddl.cascade:
        actions += [("GetTables", "*"), ("DeleteTable", "*")]
    for action, of in actions:
        places = ["catalog", f"database/{named}"]
        if of != "d":
            places.append(f"table/{named}/{'*' if of == '*' else ddl.name}")
        await _need(asked, *(Need(f"glue:{action}", asked.arn(place, "glue")) for place in places))
    place = ddl.location or str(ddl.options.get("external_location") or "")
    if place.startswith("s3://") and ddl.kind != "create_database":
        await may_list(asked, *split_url(place))


async def may_list(asked: Asked, bucket: str, prefix: str) -> None:
    """Look at what lies below a prefix. Raises QueryFailed."""
    await _need(asked, Need("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix}))


async def may_write(asked: Asked, bucket: str, key: str) -> None:
    """Write an object. Raises QueryFailed."""
    await _need(asked, Need("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}"))


async def may_partition(asked: Asked, database: str, table: str) -> None:
    """Add the partitions of rows that were written. Raises QueryFailed."""
    places = ("catalog", f"database/{database}", f"table/{database}/{table}")
    await _need(asked, *(Need("glue:BatchCreatePartition", asked.arn(place, "glue")) for place in places))


async def may_look(asked: Asked, action: str, *places: str) -> None:
    """Look something up in the catalog, for Athena's own lists. Raises AwsError `MetadataException`."""
    why = await forbidden(asked, [Need(f"glue:{action}", asked.arn(place, "glue")) for place in places])
    if why is not None:
        raise AwsError("MetadataException", _glue(asked, why), http=400)


async def may_fetch(asked: Asked, bucket: str, key: str) -> None:
    """Read a result: Athena hands it out to who may read the object. Raises AwsError."""
    why = await forbidden(asked, [Need("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")])
    if why is not None:
        raise AwsError("AccessDeniedException", why, http=400)


async def _need(asked: Asked, *wanted: Need) -> None:
    why = await forbidden(asked, wanted)
    if why is not None:
        raise QueryFailed(DENIED, why, action=wanted[0].action, resource=wanted[0].resource)


def reason(asked: Asked, error: ForebayError) -> str:
    """A refusal as the reason of a statement's end."""
    extra: dict[str, Any] = error.extra
    action, resource = str(extra["action"]), str(extra["resource"])
    said = error.message
    if "decision" in extra:  # by the query process
        write_down(asked, action, resource, extra["decision"])
        said = sentence(asked.identity, action, resource, extra["decision"])
    if action.startswith("glue:"):
        return _glue(asked, said)
    path = resource.removeprefix("arn:aws:s3:::")
    return (
        f"{DENIED}: Permission denied on S3 path: s3://{path}. {said} (Service: Amazon S3; Status Code: 403;"
        f" Error Code: AccessDenied; Request ID: {asked.request.request_id}; Proxy: null)"
    )


def _glue(asked: Asked, said: str) -> str:
    return (
        f"{said} (Service: AmazonDataCatalog; Status Code: 400; Error Code: AccessDeniedException;"
        f" Request ID: {asked.request.request_id}; Proxy: null)"
    )
