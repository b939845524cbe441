"""The `delivery` section: from a log into the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from forebay.delivery.backup import BackupSpec, BufferSpec, backup_name, with_backups
from forebay.delivery.endpoint_section import EndpointSpec, check_endpoint
from forebay.delivery.keys import compile_query
from forebay.delivery.prefix import compile_prefix
from forebay.errors import UsageError
from forebay.project.check import Check, Part
from forebay.project.code import MEMORY, TIMEOUT, Environment, Memory, Timeout
from forebay.project.field import WAS, Field
from forebay.project.files import FileTrouble, read_inside
from forebay.project.model import Location, Project, Ref, Spec
from forebay.project.section import Section
from forebay.project.walk import walk_project

__all__ = ["SECTION", "BackupSpec", "BufferSpec", "DeliverySpec", "EndpointSpec", "TransformSpec"]


class TransformSpec(Spec, frozen=True, kw_only=True):
    """The user's code on the way: a handler, a declared function, or SQL; exactly one of them.

    Once a project is loaded, `handler`, `timeout`, `memory` and `environment` of a declared function
    are filled in from it, and `sql` from `file`.
    """

    one_of: ClassVar[tuple[str, ...]] = ("handler", "function", "sql", "file")
    scalar_doc: ClassVar[str | None] = (
        "a handler (`functions/clean.py:clean`), a declared function (`functions.clean`), "
        "a file of SQL (`transforms/clean.sql`) or SQL (`select ... from events`)"
    )

    handler: Annotated[
        str | None,
        Field("A Lambda handler or a plain function.", example="functions/clean.py:clean", kind="handler"),
    ] = None
    function: Annotated[
        str | None, Field("The name of a declared function.", example="clean", refs=("functions",))
    ] = None
    sql: Annotated[
        str | None,
        Field(
            "A SELECT over `events` that filters and projects.",
            example="select id, price * 2 as price from events where price > 0",
            kind="sql",
        ),
    ] = None
    file: Annotated[
        str | None, Field("The same, in a file.", example="transforms/clean.sql", kind="path")
    ] = None
    timeout: Timeout = TIMEOUT
    memory: Memory = MEMORY
    environment: Environment = {}

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is whichever of the four it looks like."""
        if text.startswith("functions."):
            return {"function": text.removeprefix("functions.")}
        if any(space in text.strip() for space in " \n\t"):
            return {"sql": text}
        return {"file": text} if text.endswith(".sql") else {"handler": text}

    @property
    def kind(self) -> Literal["lambda", "function", "sql"]:
        """How it is called: with Firehose's record contract, with one event, or on columns."""
        if self.handler is None:
            return "sql"
        return "function" if ".py:" in self.handler else "lambda"


class DeliverySpec(Spec, frozen=True, kw_only=True):
    """A delivery into the lake."""

    from_: Annotated[
        Ref | None,
        Field(
            "The stream it reads. Without it, it has a log of its own and is put to.",
            example="streams.activity",
            yaml="from",
            refs=("streams",),
            feeds="from",
        ),
    ] = None
    transform: Annotated[
        TransformSpec | None, Field("Your code on the way.", example="functions/clean.py:clean")
    ] = None
    buffer: Annotated[
        BufferSpec, Field("When an object is written.", example="{seconds: 60, megabytes: 64}")
    ] = BufferSpec()
    to: Annotated[
        Location, Field("Bucket and prefix of the objects.", example="lake.shop/activity/", feeds="to")
    ]
    format: Annotated[
        Literal["json", "raw", "csv", "parquet"],
        Field("What the objects are. `json`: one a line; `raw`: the bytes as they are, end to end."),
    ] = "json"
    compression: Annotated[
        Literal["none", "gzip", "snappy", "zip", "zstd"] | None,
        Field("Of the objects. Otherwise none, snappy for Parquet."),
    ] = None
    prefix: Annotated[
        str | None,
        Field(
            "Follows `to` in an object's key; AWS's expressions. Without any, `YYYY/MM/dd/HH/` of arrival (UTC) "
            "is appended, unless `partition` makes the folders.",
            example="day=!{timestamp:yyyy-MM-dd}/",
            kind="prefix",
        ),
    ] = None
    zone: Annotated[
        str | None,
        Field("The time zone of `prefix`'s times. Otherwise UTC.", example="Europe/Berlin", kind="timezone"),
    ] = None
    extension: Annotated[
        str | None,
        Field("Ends the objects' names. Otherwise as the format and compression have it.", example=".json"),
    ] = None
    error_prefix: Annotated[
        str | None,
        Field(
            "Where rejected events go, in the same bucket. Otherwise `errors/<name>/<error type>/YYYY/MM/dd/HH/`.",
            example="errors/!{firehose:error-output-type}/",
            kind="prefix",
        ),
    ] = None
    keys: Annotated[
        str | None,
        Field(
            "A jq query that gives an object of partition keys, for `!{partitionKeyFromQuery:...}` in `prefix`. "
            "Without it, they are fields of the event.",
            example="'{customer: .customer.id, kind: .event.type}'",
        ),
    ] = None
    partition: Annotated[
        list[str],
        Field("Fields whose values become folders, `field=value/`.", example="[event_date]", one=True),
    ] = []
    table: Annotated[
        str | None,
        Field(
            "A table over what is delivered: `table` or `database.table`.",
            example="shop.activity",
            kind="name",
        ),
    ] = None
    columns: Annotated[
        dict[str, str] | None,
        Field(
            "The table's columns with Athena's types. What does not fit is rejected with its reason. Otherwise "
            "they are inferred and widen by themselves.",
            example="{id: string, price: double}",
            kind="type",
        ),
    ] = None
    backup: Annotated[
        BackupSpec | None,
        Field("A copy of what comes in, before any code has seen it.", example="lake.shop/as-it-came/"),
    ] = None
    http_endpoint: Annotated[
        EndpointSpec | None,
        Field("Post events there instead; what is not taken goes under the error prefix of `to`."),
    ] = None
    retry: Annotated[
        float,
        Field(
            "How long a failing transform is tried again.",
            example="300s",
            kind="duration",
            minimum=0,
            maximum=7200,
        ),
    ] = 300.0
    was: Annotated[str | None, WAS] = None

    @property
    def subscription(self) -> str | None:
        """The log it reads, if that is not its own."""
        return None if self.from_ is None else str(self.from_)


def _resolve(spec: DeliverySpec, project: Project) -> DeliverySpec:
    """The format's compression; the code that the transform names."""
    changes: dict[str, object] = {}
    if spec.compression is None:
        changes["compression"] = "snappy" if spec.format == "parquet" else "none"
    transform = spec.transform
    if transform is not None and transform.file is not None:
        text = _text(Path(project.root), transform.file)
        changes["transform"] = msgspec.structs.replace(transform, sql=text)
    if transform is not None and transform.function is not None:
        declared = project.get(Ref("functions", transform.function))
        if declared is not None:
            taken = {
                name: getattr(declared, name) for name in ("handler", "timeout", "memory", "environment")
            }
            changes["transform"] = msgspec.structs.replace(transform, **taken)
    return msgspec.structs.replace(spec, **changes) if changes else spec


def _text(root: Path, file: str) -> str | None:
    """A file's text; None if it cannot be read, which another check says."""
    try:
        return read_inside(root, file).decode("utf-8", "replace")
    except FileTrouble:
        return None


def _retypes(old: DeliverySpec, new: DeliverySpec) -> list[str]:
    reasons = []
    if old.table and old.table == new.table:
        before, after = old.columns or {}, new.columns or {}
        reasons += [
            f"column {name} of table {old.table}: {kind} → {after[name]}"
            for name, kind in before.items()
            if name in after and after[name] != kind
        ]
        if after:
            reasons += [f"column {name} of table {old.table} goes" for name in before if name not in after]
        if old.partition != new.partition:
            reasons.append(f"table {old.table} is partitioned otherwise")
        if old.format != new.format:
            reasons.append(f"table {old.table}: {old.format} → {new.format}")
        if old.to != new.to:
            reasons.append(f"table {old.table}: {old.to} → {new.to}")
    if (old.from_ is None) != (new.from_ is None):
        reasons.append("events that wait in its own log" if old.from_ is None else "its place in the stream")
    return reasons


def _check(check: Check) -> None:
    """What types cannot say."""
    for name, spec in check.entries("delivery", DeliverySpec):
        here: Part = ("delivery", name)
        _format(check, here, spec)
        check_endpoint(check, here, spec)
        _prefixes(check, here, spec)
    _from_and_put(check)
    _tables(check)
    _overlaps(check)


def _format(check: Check, here: Part, spec: DeliverySpec) -> None:
    if spec.format == "raw" and (spec.table or spec.columns):
        check.add(
            "RawTable",
            (*here, "table" if spec.table else "columns"),
            "objects in format raw are no table",
            why="their bytes are written as they are, so nothing says where a row ends or what its columns are",
            fix="format: json",
        )
    twice = next((field for i, field in enumerate(spec.partition) if field in spec.partition[:i]), None)
    if twice is not None:
        check.add("BadPartition", (*here, "partition"), f"{twice} is there twice", fix="remove one")
    for field in spec.partition:
        if spec.columns is not None and field not in spec.columns:
            check.add(
                "BadPartition",
                (*here, "partition"),
                f"the column {field} has no type",
                why="`columns` declares all columns, those that become folders too",
                fix=f"add {field}: string to columns",
            )


def _prefixes(check: Check, here: Part, spec: DeliverySpec) -> None:
    for key, text, errors in (("prefix", spec.prefix, False), ("error_prefix", spec.error_prefix, True)):
        if text is None:
            continue
        try:
            if text.startswith("/"):
                raise UsageError("InvalidPrefix", "a prefix does not begin with /", fix=text.lstrip("/"))
            compile_prefix(text, errors=errors)
        except UsageError as error:
            check.add("BadPrefix", (*here, key), error.message, why=error.why, fix=error.fix)
    if spec.keys is not None:
        try:
            given = compile_query(spec.keys).names
        except UsageError as error:
            check.add("BadQuery", (*here, "keys"), error.message)
        else:
            for key in compile_prefix(spec.prefix or "").fields:
                if key not in given:
                    check.add("BadPrefix", (*here, "prefix"), f"the query `keys` gives no {key}")
    if spec.backup is not None and backup_name(str(here[1])) in check.project.sections["delivery"]:
        check.add(
            "BackupTaken", (*here, "backup"), f"there is a delivery {backup_name(str(here[1]))} already"
        )
    if spec.compression == "zip" and spec.format == "parquet":
        check.add("BadCompression", (*here, "compression"), "Parquet cannot be compressed with zip")


def _from_and_put(check: Check) -> None:
    """A delivery reads a stream or is put to; both would be two orders in one."""
    reading = {
        name: spec.from_ for name, spec in check.entries("delivery", DeliverySpec) if spec.from_ is not None
    }
    for value in walk_project(check.project):
        ref = value.value
        if isinstance(ref, Ref) and ref.noun == "delivery" and ref.name in reading:
            check.add(
                "FromAndPut",
                value.part,
                f"{ref} reads {reading[ref.name]} and cannot be put to as well",
                why="its events would come in two orders, with two positions",
                fix=f"send to {reading[ref.name]} instead, or remove `from` of {ref}",
            )


def _tables(check: Check) -> None:
    """One table has one owner."""
    own = check.project.database
    owners = {
        name if "." in name else f"{own}.{name}": f"catalog.{name}"
        for name in check.project.sections.get("catalog", {})
    }
    for name, spec in check.entries("delivery", DeliverySpec):
        if spec.table is None:
            continue
        table = spec.table if "." in spec.table else f"{own}.{spec.table}"
        owner = owners.setdefault(table, f"delivery.{name}")
        if owner != f"delivery.{name}":
            check.add(
                "DuplicateTable",
                ("delivery", name, "table"),
                f"the table {table} is already {owner}'s",
                fix="give one of them another name",
            )


def _overlaps(check: Check) -> None:
    """A table has all rows under its location: those of other deliveries, and rejected events, too."""
    deliveries = dict(check.entries("delivery", DeliverySpec))
    tables: list[tuple[str, Location]] = [
        (f"delivery.{name}", spec.to) for name, spec in deliveries.items() if spec.table is not None
    ]
    for name, entry in check.project.sections.get("catalog", {}).items():
        location = getattr(entry, "location", None)
        if isinstance(location, Location):
            tables.append((f"catalog.{name}", location))
    for name, spec in deliveries.items():
        errors = (spec.error_prefix or f"errors/{name}/").partition("!{")[0]
        for owner, location in tables:
            if location.covers(Location(spec.to.bucket, errors)):
                check.add(
                    "ErrorsInTable",
                    ("delivery", name, "error_prefix" if spec.error_prefix else "to"),
                    f"what is rejected goes to lake.{spec.to.bucket}/{errors}, which is part of the table of {owner}",
                    why="the table would show it as rows",
                    fix="give the table a prefix of its own, as lake.shop/clicks/",
                    severity="warning",
                )
            if owner == f"delivery.{name}" or owner.startswith("catalog."):
                continue
            if location.covers(spec.to):
                check.add(
                    "SharedTable",
                    ("delivery", name, "to"),
                    f"{spec.to} is part of the table of {owner}",
                    why="the table would show these rows too",
                    fix="give each delivery a prefix of its own",
                    severity="warning",
                )


SECTION = Section(
    noun="delivery",
    title="Deliveries",
    doc=(
        "Each entry reads a stream, or is put to, and writes objects of good size into the lake, each event "
        "exactly once. What your code or a schema rejects goes under the error prefix with its original bytes."
    ),
    example="""\
clicks:
  transform: functions/clean.py:clean
  buffer: {seconds: 60, megabytes: 64}
  to: lake.shop/clicks/
  format: parquet
  table: clicks
""",
    spec=DeliverySpec,
    holds=lambda _: True,
    log=lambda spec: spec.from_ is None,
    reads=True,
    parts=lambda entries, _: with_backups(entries),
    retypes=_retypes,
    resolve=_resolve,
    check=_check,
)
