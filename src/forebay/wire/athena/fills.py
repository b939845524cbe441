"""CTAS, INSERT INTO and UNLOAD: rows written as files by the query process, registered by the flow."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from forebay.errors import ForebayError, NotFound, QueryFailed
from forebay.query.ddl import SERDES
from forebay.query.ddl_words import Ddl
from forebay.wire.athena import rights
from forebay.wire.athena.base import split_url
from forebay.wire.service import Asked, Json

SECONDS = 1800.0
HIVE = {
    "varchar": "string",
    "integer": "int",
    "real": "float",
    "varbinary": "binary",
    "timestamp(3)": "timestamp",
}


async def register(
    asked: Asked, bucket: str, key: str, file: Json, *, kind: str = "application/octet-stream"
) -> None:
    """Make an object of a file that the query process wrote.

    Raises QueryFailed for a bucket that is not there, and for one into which the caller may not write.
    """
    await rights.may_write(asked, bucket, key)
    try:
        await asked.system.flow.call(
            "object_put",
            bucket=bucket,
            key=key,
            path=file["path"],
            size=file["size"],
            etag=file["etag"],
            meta={"type": kind, "stat": file["stamp"]},
            source="athena",
        )
    except NotFound:
        raise QueryFailed("INVALID_OUTPUT", f"Unable to write results: there is no bucket {bucket}") from None


async def catalog(asked: Asked, operation: str, /, **args: Any) -> Any:
    """An operation of the catalog."""
    return await asked.system.flow.call("catalog", name=operation, args=args)


async def tolerantly(tolerant: bool, code: str, work: Any) -> None:
    """Await `work`; its error `code` is fine where the statement says IF (NOT) EXISTS. Raises QueryFailed."""
    try:
        await work
    except ForebayError as error:
        if not (tolerant and error.code == code):
            raise QueryFailed(error.code, f"FAILED: Execution Error: {error.message}") from None


async def fill(asked: Asked, ddl: Ddl, database: str, execution: Json) -> Json:
    """Write what the statement selects. Raises ForebayError."""
    bucket, prefix, form, options, keys, columns = await _target(asked, ddl, database, execution)
    await rights.may_write(asked, bucket, f"{prefix}{execution['QueryExecutionId']}")
    if keys and ddl.kind != "unload":
        await rights.may_partition(asked, database, ddl.name)
    done: Json = await asked.system.query.call(
        "unload",
        timeout=SECONDS,
        sql=ddl.sql if ddl.options.get("with_data", True) else f"SELECT * FROM (\n{ddl.sql}\n) LIMIT 0",
        database=execution["QueryExecutionContext"]["Database"],
        form=form,
        options=options,
        partitioned_by=keys,
        columns=columns,
        seconds=SECONDS,
        caller=rights.caller(asked),
    )
    rights.reads(asked, done)
    extension = {"parquet": ".parquet", "json": ".json", "csv": ".csv"}.get(form, "")
    written = []
    for file in done["files"]:
        key = f"{prefix}{file['folder']}{file['name']}{extension}"
        await register(asked, bucket, key, file)
        written.append(f"s3://{bucket}/{key}")
    folders = sorted({file["folder"] for file in done["files"] if file["folder"]})
    if ddl.kind == "ctas":
        doc = _made(done["columns"], keys, f"s3://{bucket}/{prefix}", form, options)
        await tolerantly(
            ddl.tolerant,
            "TableExists",
            catalog(asked, "add_table", database=database, name=ddl.name, kind="external", doc=doc),
        )
    if ddl.kind != "unload" and folders:
        rows = [
            {
                "values": [unquote(part.partition("=")[2]) for part in folder.rstrip("/").split("/")],
                "location": f"s3://{bucket}/{prefix}{folder}",
                "doc": {},
            }
            for folder in folders
        ]
        await catalog(asked, "add_partitions", database=database, table=ddl.name, rows=rows)
    execution["columns"] = [["rows", "bigint"]]
    execution["rows_written"] = done["rows"]
    return {"stats": done["stats"], "manifest": await _manifest(asked, execution, written)}


async def _target(
    asked: Asked, ddl: Ddl, database: str, execution: Json
) -> tuple[str, str, str, Json, list[str], list[str] | None]:
    """(bucket, prefix, format, options, partition columns, column names) of what is written."""
    if ddl.kind == "insert":
        row = await catalog(asked, "table_row", database=database, name=ddl.name)
        doc = row["doc"]
        keys = [key[0] for key in doc["partition_keys"]]
        names = [column[0] for column in [*doc["columns"], *doc["partition_keys"]]]
        if ddl.columns and [column[0] for column in ddl.columns] != names:
            raise QueryFailed(
                "NOT_SUPPORTED",
                "NOT_SUPPORTED: INSERT INTO with some of the columns, or in another order, is not offered",
            )
        bucket, prefix = split_url(doc["location"])
        return (
            bucket,
            prefix,
            doc["format"],
            {name: doc.get(name) for name in ("serde", "serde_parameters", "parameters")},
            keys,
            names,
        )
    options = dict(ddl.options)
    form = str(options.pop("format", "parquet")).lower()
    form = {"textfile": "textfile", "text": "textfile"}.get(form, form)
    codec = (
        options.get("write_compression") or options.get("parquet_compression") or options.get("compression")
    )
    keys = [key.lower() for key in options.get("partitioned_by") or []]
    if ddl.kind == "unload":
        bucket, prefix = split_url(ddl.location or "")
    elif options.get("external_location"):
        bucket, prefix = split_url(options["external_location"])
    else:
        bucket, prefix = split_url(execution["ResultConfiguration"]["OutputLocation"])
    return (
        bucket,
        prefix,
        form,
        {"compression": codec, "delimiter": options.get("field_delimiter")},
        keys,
        None,
    )


def _made(columns: list[list[str]], keys: list[str], location: str, form: str, options: Json) -> Json:
    pairs = [[name.lower(), _hive(kind)] for name, kind in columns]
    serde = {"parquet": SERDES["parquet"], "json": SERDES["json"]}.get(form, SERDES["text"])
    delimiter = options.get("delimiter") or "\x01"
    return {
        "columns": pairs[: len(pairs) - len(keys)] if keys else pairs,
        "partition_keys": pairs[len(pairs) - len(keys) :] if keys else [],
        "location": location,
        "format": {"parquet": "parquet", "json": "json"}.get(form, "csv"),
        "serde": serde,
        "serde_parameters": {} if form in ("parquet", "json") else {"field.delim": delimiter},
        "parameters": {"EXTERNAL": "TRUE", "has_encrypted_data": "false"},
        "owner": "wire",
        "inferred": False,
    }


def _hive(kind: str) -> str:
    """A Trino type as the catalog writes it."""
    if kind in HIVE:
        return HIVE[kind]
    if kind.startswith(("varchar", "char")):
        return "string"
    if kind.startswith("timestamp"):
        return "timestamp"
    if kind.startswith("array("):
        return f"array<{_hive(kind[6:-1])}>"
    if kind.startswith("map("):
        key, value = split_args(kind[4:-1])
        return f"map<{_hive(key)},{_hive(value)}>"
    if kind.startswith("row("):
        fields = [part.strip().partition(" ") for part in split_args(kind[4:-1])]
        return (
            "struct<" + ",".join(f"{name.strip(chr(34))}:{_hive(inner)}" for name, _, inner in fields) + ">"
        )
    return kind


def split_args(text: str) -> list[str]:
    """At commas outside of brackets."""
    parts, depth = [""], 0
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


async def _manifest(asked: Asked, execution: Json, written: list[str]) -> str:
    """The list of files that were written, as an object beside the result; its address."""
    bucket, key = execution["ResultConfiguration"]["OutputLocation"][5:].split("/", 1)
    name = f"{key}-manifest.csv"
    done = await asked.system.query.call(
        "keep", data=("\n".join(written) + ("\n" if written else "")).encode()
    )
    await register(asked, bucket, name, done, kind="text/csv")
    return f"s3://{bucket}/{name}"
