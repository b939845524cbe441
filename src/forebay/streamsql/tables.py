"""The tables that a file of Flink SQL declares, and which stream, bus or delivery each stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forebay.project.model import Ref
from forebay.streamsql.nodes import ColumnDef, CreateTable, Type
from forebay.streamsql.scope import Problem

_STREAM = ("kinesis", "kinesis-legacy")
_POSITIONS = {"LATEST": "LATEST", "TRIM_HORIZON": "TRIM_HORIZON"}
_START = ("scan.stream.initpos", "source.init.position", "flink.stream.initpos")
_KNOWN = {
    "connector", "stream", "stream.arn", "delivery-stream", "event-bus", "event-bus.arn", "format", "json.timestamp-format.standard",
    "json.ignore-parse-errors", "json.fail-on-missing-field", "json.encode.decimal-as-plain-number",
    "scan.watermark.idle-timeout", "table.exec.source.idle-timeout", "path", *_START,
}  # fmt: skip
_FILES = ("json", "csv", "parquet")
_BUS = "eventbridge"
_EVENT = ("source", "detail-type")
_PASSED = (
    "csv.",
    "source.monitor-interval",
    "lookup.",
    "aws.",
    "sink.",
    "scan.shard.",
    "source.shard.",
    "source.reader.",
    "scan.list.",
    "flink.",
)
"""Where the real connectors look: the region and how fast to ask, which say nothing here."""
METADATA = {"timestamp", "shard-id", "sequence-number"}


@dataclass(frozen=True, slots=True)
class Table:
    """A declared table. `ref` is the stream, the bus or the delivery."""

    name: str
    ref: Ref
    columns: tuple[ColumnDef, ...]
    watermark: tuple[str, object] | None
    partitioned: tuple[str, ...]
    latest: bool
    iso: bool
    lenient: bool
    idle: int | None
    at: int
    event: tuple[tuple[str, str], ...] = ()
    """What the options say of the events that are written to a bus: `source`, `detail-type`."""

    path: str = ""
    """Where the files are of a table that is in the lake and no stream."""
    catalog: str = ""
    """The table of the catalog that is meant, if it is named by that alone."""

    def iso_of(self, column: str) -> bool:
        """Whether times in a column are written as ISO 8601 has them; that of a bus's event always is."""
        return self.iso or (self.ref.noun == "bus" and column == "time")

    @property
    def persisted(self) -> tuple[ColumnDef, ...]:
        """The columns that are written: the others are computed, or are where a record stands."""
        return tuple(each for each in self.columns if each.computed is None and each.metadata is None)


def declare(made: CreateTable, problem: Problem) -> Table:
    """The table of a CREATE TABLE. Raises UsageError with its place."""
    options = made.options
    ref = _ref(made, problem)
    for key, value in options.items():
        known = _KNOWN.union(_EVENT) if options.get("connector") == _BUS else _KNOWN
        if key not in known and not key.startswith(_PASSED):
            problem.refuse(f"the option '{key}' = '{value}' of {made.name}", made.at)
    _no_doubles(made, problem)
    position = next((options[key] for key in _START if key in options), "LATEST")
    if position not in _POSITIONS:
        problem.refuse(f"to begin at {position}", made.at, "LATEST or TRIM_HORIZON")
    if options.get("json.fail-on-missing-field") == "true":
        problem.refuse("json.fail-on-missing-field", made.at, "what is missing is NULL")
    usual = "ISO-8601" if options.get("connector") == _BUS else "SQL"  # as an event's own time is
    standard = options.get("json.timestamp-format.standard", usual)
    if standard not in ("SQL", "ISO-8601"):
        problem.fail(f"json.timestamp-format.standard is SQL or ISO-8601, not {standard}", made.at)
    files = options.get("connector") == "filesystem"
    if files:
        _check_files(made, problem)
    elif "path" in options:
        problem.refuse(f"the option 'path' of {made.name}", made.at, "'connector' = 'filesystem' has one")
    elif "format" in options and options["format"] != "json":
        problem.refuse(f"the format {options['format']}", made.at, "'format' = 'json'")
    for column in made.columns:
        if column.metadata is not None and column.metadata not in METADATA:
            problem.refuse(
                f"the metadata {column.metadata!r}", column.at, f"one of {', '.join(sorted(METADATA))}"
            )
    idle = options.get("scan.watermark.idle-timeout")
    return Table(
        made.name,
        ref,
        made.columns,
        made.watermark,
        made.partitioned,
        _POSITIONS[position] == "LATEST",
        standard == "ISO-8601",
        options.get("json.ignore-parse-errors") == "true",
        idle_of(idle, problem, made.at) if idle is not None else None,
        made.at,
        tuple((key, options[key]) for key in _EVENT if key in options),
        options["path"] if files else "",
    )


def _check_files(made: CreateTable, problem: Problem) -> None:
    """A table over files is one of the catalog, which says how they are read."""
    path, format_ = made.options.get("path", ""), made.options.get("format", "")
    if not path.startswith(("s3://", "s3a://")):
        problem.fail(
            f"{made.name} does not say its place in the lake", made.at, "'path' = 's3://bucket/folder/'"
        )
    if format_ not in _FILES:
        problem.refuse(f"the format {format_!r} of files", made.at, f"one of {', '.join(_FILES)}")
    if made.watermark is not None:
        problem.refuse(
            f"WATERMARK FOR a column of files, in {made.name},",
            made.at,
            "a stream is joined with it as it is",
        )
    for column in made.columns:
        if column.computed is not None or column.metadata is not None:
            problem.refuse(
                f"a computed column of files, {column.name},", column.at, "compute it in the SELECT"
            )


def answer(columns: Mapping[str, tuple[str, Type]], at: int) -> Table:
    """The table that the rows of a question are: no stream's, and without a name."""
    defined = tuple(ColumnDef(name, type_) for name, (_, type_) in columns.items())
    return Table("", Ref("streams", ""), defined, None, (), True, False, True, None, at)


def _no_doubles(made: CreateTable, problem: Problem) -> None:
    seen: set[str] = set()
    for column in made.columns:
        if column.name in seen:
            problem.fail(f"{made.name} has two columns {column.name}", column.at)
        seen.add(column.name)
    for name in made.partitioned:
        if name not in seen:
            problem.fail(f"{made.name} has no column {name} to be partitioned by", made.at)


def _ref(made: CreateTable, problem: Problem) -> Ref:  # noqa: RET503 - to refuse is to raise
    options: Mapping[str, str] = made.options
    connector = options.get("connector")
    if connector in _STREAM:
        name = options.get("stream") or options.get("stream.arn", "").rpartition("/")[2]
        if not name:
            problem.fail(f"{made.name} does not say its stream", made.at, "'stream' = '...'")
        return Ref("streams", name)
    if connector == "firehose":
        name = options.get("delivery-stream", "")
        if not name:
            problem.fail(f"{made.name} does not say its delivery", made.at, "'delivery-stream' = '...'")
        return Ref("delivery", name)
    if connector == _BUS:
        name = options.get("event-bus") or options.get("event-bus.arn", "").rpartition("/")[2]
        if not name:
            problem.fail(f"{made.name} does not say its bus", made.at, "'event-bus' = '...'")
        return Ref("bus", name)
    if connector == "filesystem":
        return Ref("lake", options.get("path", ""))
    if connector is None:
        problem.fail(f"{made.name} has no connector", made.at, "'connector' = 'kinesis', 'stream' = '...'")
    problem.refuse(
        f"the connector {connector!r}",
        made.at,
        _INSTEAD.get(connector, "'kinesis' for a stream, 'eventbridge' for a bus, 'firehose' for a delivery"),
    )


_INSTEAD = {
    "print": "forebay query --follow shows rows as they come",
    "datagen": "a simulator of the project sends events into a stream",
    "upsert-kafka": "rows that change are not for streams",
}
"""What does here what other connectors do in Flink."""

_UNITS = {
    "ms": 1,
    "s": 1000,
    "sec": 1000,
    "second": 1000,
    "min": 60_000,
    "minute": 60_000,
    "h": 3_600_000,
    "hour": 3_600_000,
}


def idle_of(text: str, problem: Problem, at: int) -> int | None:
    """Flink's duration (`10 s`) in milliseconds; None for zero, which is never."""
    digits = "".join(letter for letter in text if letter.isdigit())
    unit = text.replace(digits, "", 1).strip().removesuffix("s") if digits else ""
    unit = "s" if text.strip().endswith("s") and unit == "" else unit
    if not digits or (unit or "ms") not in {*_UNITS, "m"}:
        problem.fail(f"{text!r} is no duration", at, "such as 10 s")
    return int(digits) * {**_UNITS, "m": 1 if text.strip().endswith("ms") else 60_000}[unit or "ms"] or None
