"""A query bounded by the rights of who asks: the policies, decided in the query process for what it reads.

What comes over the socket is an identity as it was when the query began, the condition keys of the call, and
its region. A refusal is QueryFailed `PERMISSION_DENIED` with `action`, `resource` and `decision` (deny, implicit).

Source: "Fine-grained access to databases and tables in the AWS Glue Data Catalog" and "Access to Amazon S3" (Athena
User Guide).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from forebay.access.identity import Identity
from forebay.access.policy import OF_OBJECT, MalformedPolicy, Statement, parse_policy
from forebay.arn import arn
from forebay.errors import NotFound, QueryFailed
from forebay.lake.shelf import Shelf
from forebay.layout import Layout
from forebay.query.permit import Permit
from forebay.query.snapshot import Table

MOST_TOLD = 200


class Caller(msgspec.Struct, frozen=True):
    """Who asks. `files` is whether rows are read, and not just columns looked up."""

    identity: Identity
    context: Mapping[str, str | list[str]]
    region: str
    files: bool = True


def permit_of(layout: Layout, caller: Mapping[str, Any] | None) -> Rights | None:
    """The bounds of an encoded Caller; None for none."""
    return None if caller is None else Rights(msgspec.convert(caller, Caller), _shelf(layout))


@functools.cache
def _shelf(layout: Layout) -> Shelf:
    return Shelf(layout.catalog, layout.lake)


class Rights(Permit):
    """A Permit by policies. Asks each thing once."""

    def __init__(self, caller: Caller, shelf: Shelf) -> None:
        self._caller = caller
        self._shelf = shelf
        self._known: set[tuple[str, str]] = set()
        self._policies: dict[str, tuple[Statement, ...]] = {}

    def decided(self) -> list[tuple[str, str]]:
        """What was asked for and allowed: action and resource, the first of them if they are very many."""
        return sorted(self._known)[:MOST_TOLD]

    def databases(self) -> None:
        """`glue:GetDatabases`."""
        self._glue("glue:GetDatabases", "catalog")

    def tables(self, database: str) -> None:
        """`glue:GetDatabase` and `glue:GetTables`."""
        self._glue("glue:GetDatabase", "catalog", f"database/{database}")
        self._glue("glue:GetTables", "catalog", f"database/{database}", f"table/{database}/*")

    def table(self, database: str, name: str) -> None:
        """`glue:GetDatabase` and `glue:GetTable`."""
        self._glue("glue:GetDatabase", "catalog", f"database/{database}")
        self._glue("glue:GetTable", "catalog", f"database/{database}", f"table/{database}/{name}")

    def partitions(self, table: Table) -> None:
        """`glue:GetPartitions`, where partitions are kept."""
        if table.partition_keys and table.parameters.get("projection.enabled", "").lower() != "true":
            self._glue(
                "glue:GetPartitions", "catalog", f"database/{table.db}", f"table/{table.db}/{table.name}"
            )

    def files(self, table: Table, places: Iterable[tuple[str, str]]) -> None:
        """`s3:ListBucket` of the table's location, `s3:GetObject` of each object."""
        if not self._caller.files:
            return
        bucket, prefix = table.location
        self._need("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})
        open_: dict[str, bool] = {}
        for bucket, key in places:
            if bucket not in open_:
                below = prefix if bucket == table.location[0] else ""
                open_[bucket] = self._whole(bucket, below)
                if open_[bucket]:
                    self._known.add(("s3:GetObject", f"arn:aws:s3:::{bucket}/{below}*"))
            if not (open_[bucket] and (bucket != table.location[0] or key.startswith(prefix))):
                self._need("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", {})

    def log(self, name: str) -> None:
        """`kinesis:GetRecords` of the stream."""
        if self._caller.files:
            stream = f"stream/{name.removeprefix('streams.')}"
            self._need("kinesis:GetRecords", arn("kinesis", stream, region=self._caller.region), {})

    def _whole(self, bucket: str, prefix: str) -> bool:
        caller = self._caller
        place = f"arn:aws:s3:::{bucket}/{prefix}"
        return caller.identity.whole("s3:GetObject", place, caller.context, self._policy(bucket))

    def _glue(self, action: str, *resources: str) -> None:
        for resource in resources:
            self._need(action, arn("glue", resource, region=self._caller.region), {})

    def _need(self, action: str, resource: str, keys: Mapping[str, str]) -> None:
        if (action, resource) in self._known and not keys:
            return
        caller = self._caller
        bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0] if action.startswith("s3:") else ""
        theirs = self._policy(bucket) if bucket else ()
        context = {**caller.context, **keys}
        if action == "s3:GetObject" and caller.identity.speaks_of(OF_OBJECT, theirs):
            context |= self._tags(bucket, resource.partition("/")[2])
        decision, named = caller.identity.judge(action, resource, context, theirs, region=caller.region)
        if decision != "allow":
            message = f"{caller.identity.arn} may not {action} on {named}"
            raise QueryFailed("PERMISSION_DENIED", message, action=action, resource=named, decision=decision)
        self._known.add((action, resource))

    def _tags(self, bucket: str, key: str) -> dict[str, str]:
        """The tags of an object; one that is not written yet has none."""
        try:
            found = self._shelf.find(bucket, key).meta.get("tags") or {}
        except NotFound:
            return {}
        return {OF_OBJECT + name.lower(): str(value) for name, value in found.items()}

    def _policy(self, bucket: str) -> tuple[Statement, ...]:
        if bucket not in self._policies:
            text = self._shelf.setting(bucket, "policy")
            try:
                self._policies[bucket] = parse_policy(text, resource_policy=True) if text else ()
            except MalformedPolicy:  # it was checked when it was put
                self._policies[bucket] = ()
        return self._policies[bucket]
