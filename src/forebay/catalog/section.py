"""The `catalog` section: tables over the lake, and crawlers that find them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from forebay.catalog.schedule import crawl_times
from forebay.errors import UsageError
from forebay.project.check import Check, Part
from forebay.project.field import WAS, Field
from forebay.project.files import FileTrouble, read_inside
from forebay.project.model import Location, Spec
from forebay.project.section import Section


class ProjectionSpec(Spec, frozen=True, kw_only=True):
    """How a partition's values are computed instead of being listed (Athena's partition projection)."""

    type: Annotated[Literal["date", "integer", "enum", "injected"], Field("What the values are.")]
    format: Annotated[str | None, Field("Of a date (Java's letters).", example="yyyy/MM/dd/HH")] = None
    range: Annotated[
        str | None, Field("First and last value; a date's may be `NOW`.", example="2022/01/01/00,NOW")
    ] = None
    interval: Annotated[int, Field("The step.", minimum=1)] = 1
    interval_unit: Annotated[
        Literal["YEARS", "MONTHS", "WEEKS", "DAYS", "HOURS", "MINUTES", "SECONDS"] | None,
        Field("The step's unit, for a date."),
    ] = None
    values: Annotated[list[str], Field("Of an enum.", example="[eu, us]")] = []
    digits: Annotated[int | None, Field("Of an integer, padded with zeros.", example="2", minimum=1)] = None


class TableSpec(Spec, frozen=True, kw_only=True):
    """An external table."""

    location: Annotated[
        Location, Field("Where its files are.", example="lake.restaurant-lake/clicks/", feeds="from")
    ]
    format: Annotated[
        Literal["json", "csv", "parquet"],
        Field("What its files are. JSON is read as leniently as the openx SerDe does; .gz files too."),
    ]
    columns: Annotated[
        dict[str, str],
        Field(
            "Its columns with Athena's types.",
            example="{element_clicked: string, time_spent: int}",
            kind="type",
        ),
    ]
    partitions: Annotated[
        dict[str, str],
        Field("Columns that come from the files' keys.", example="{datehour: string}", kind="type"),
    ] = {}
    projection: Annotated[
        dict[str, ProjectionSpec],
        Field(
            "Compute the partitions instead of listing them.",
            example='{datehour: {type: date, format: yyyy/MM/dd/HH, range: "2022/01/01/00,NOW"}}',
        ),
    ] = {}
    location_template: Annotated[
        str | None,
        Field(
            "Where the files of a projected partition are.",
            example="s3://restaurant-lake/clicks/${datehour}/",
        ),
    ] = None
    header: Annotated[bool, Field("CSV: the first line names the columns.")] = False
    delimiter: Annotated[str, Field("CSV: what separates fields.", example='";"')] = ","
    was: Annotated[str | None, WAS] = None


class ViewSpec(Spec, frozen=True, kw_only=True):
    """A view: a query under a table's name."""

    view: Annotated[
        str,
        Field(
            "A file of SQL, or the SQL itself. What it reads is best named `database.table`.",
            example="views/orders.sql",
        ),
    ]
    columns: Annotated[
        dict[str, str],
        Field(
            "Its columns with Athena's types, for those who ask what there is without asking the view.",
            example="{order_id: string, amount: double}",
            kind="type",
        ),
    ] = {}

    @property
    def file(self) -> str | None:
        """The file, if it is one; SQL has a space somewhere."""
        return None if any(space in self.view.strip() for space in " \n\t") else self.view


class ClassifierSpec(Spec, frozen=True, kw_only=True):
    """What a crawler is told of JSON (`json_path`) or else of CSV files, instead of finding it out."""

    json_path: Annotated[str | None, Field("Where the records are in a JSON file.", example='"$[*]"')] = None
    delimiter: Annotated[str | None, Field("CSV: what separates fields.", example='";"')] = None
    quote: Annotated[str, Field("CSV: what encloses a field.")] = '"'
    header: Annotated[
        Literal["unknown", "present", "absent"], Field("CSV: whether the first line names the columns.")
    ] = "unknown"
    names: Annotated[list[str], Field("CSV: the columns' names.", example="[id, amount]")] = []
    single: Annotated[bool, Field("CSV: a single column is enough.")] = False
    trim: Annotated[bool, Field("CSV: fields are looked at without the blanks around them.")] = True
    serde: Annotated[Literal["OpenCSVSerDe", "LazySimpleSerDe"] | None, Field("CSV: the table's SerDe.")] = (
        None
    )


class CrawlerSpec(Spec, frozen=True, kw_only=True):
    """A crawler: it finds tables and partitions under a prefix, or the shape of a stream's events."""

    crawl: Annotated[
        list[str],
        Field(
            "What it looks at: places in the lake, or a stream.", example="lake.orders/processed/", one=True
        ),
    ]
    prefix: Annotated[str, Field("Begins the names of its tables.", example="tbl_")] = ""
    database: Annotated[
        str | None, Field("The tables' database. Otherwise the project's.", example="orders_db", kind="name")
    ] = None
    every: Annotated[
        float | None,
        Field(
            "How often it runs. Without this and a schedule: when an object arrives.",
            example="1h",
            kind="duration",
            minimum=1,
        ),
    ] = None
    schedule: Annotated[
        str | None, Field("When it runs, as AWS writes it, in UTC.", example="cron(15 12 * * ? *)")
    ] = None
    also: Annotated[
        list[str],
        Field("Further schedules that make it run.", example='["cron(0 18 * * ? *)"]', one=True),
    ] = []
    on_arrival: Annotated[
        bool | None, Field("Run when an object arrives or goes. Otherwise: if nothing else makes it run.")
    ] = None
    exclude: Annotated[
        list[str],
        Field(
            "Glob patterns, relative to the place, of what it passes over.", example='["**.tmp"]', one=True
        ),
    ] = []
    group: Annotated[
        Literal["similar", "combine"],
        Field("Whether files are one table where their schemas are similar, or whatever their schemas are."),
    ] = "similar"
    level: Annotated[
        int | None,
        Field(
            "The folder level at which tables are; the bucket is level 1. Otherwise by similarity.", minimum=1
        ),
    ] = None
    on_change: Annotated[
        Literal["update", "add", "log"],
        Field("A changed schema replaces the table's, adds its new columns, or is only noted."),
    ] = "update"
    on_delete: Annotated[
        Literal["deprecate", "delete", "log"],
        Field("A table whose objects are gone is marked, removed, or only noted."),
    ] = "deprecate"
    inherit: Annotated[bool, Field("Partitions take their columns from the table.")] = False
    recrawl: Annotated[
        Literal["everything", "new"], Field("Whether a later run looks at every folder or at new ones.")
    ] = "everything"
    sample: Annotated[
        int | None, Field("Look at so many files of each folder. Otherwise at all.", minimum=1, maximum=249)
    ] = None
    most_tables: Annotated[
        int | None, Field("Fail, and change nothing, where more tables than this are found.", minimum=1)
    ] = None
    classifiers: Annotated[
        list[ClassifierSpec],
        Field("Tried before the built-in ones.", example='[{json_path: "$[*]"}]', one=True),
    ] = []

    @property
    def arrives(self) -> bool:
        """Whether an object's arrival makes it run."""
        timed = self.every is not None or self.schedule is not None or bool(self.also)
        return not timed if self.on_arrival is None else self.on_arrival


LONGEST_NAME = 128


def crawled_name(place: str, prefix: str = "") -> str:
    """What a crawler names a table after: its last folder (or file, or the bucket), in lower case, with `_` for
    whatever is neither letter nor digit."""
    last = place.rstrip("/").rpartition("/")[2]
    return re.sub(r"[^a-z0-9_]", "_", (prefix + last).lower())[:LONGEST_NAME]


def _retypes(old: Spec, new: Spec) -> list[str]:
    if not isinstance(old, TableSpec) or not isinstance(new, TableSpec):
        return []
    return [
        f"column {name}: {kind} → {new.columns[name]}"
        for name, kind in old.columns.items()
        if name in new.columns and new.columns[name] != kind
    ]


_NEEDS = {"date": ("format", "range"), "integer": ("range",), "enum": ("values",), "injected": ()}


def _check(check: Check) -> None:
    """Each table once; a projection that Athena would take."""
    seen: dict[str, str] = {}
    for name, spec in check.entries("catalog", TableSpec):
        full = name if "." in name else f"{check.project.database}.{name}"
        if seen.setdefault(full, name) != name:
            check.add("DuplicateTable", ("catalog", name), f"the table {full} is also there as {seen[full]}")
        _check_table(check, ("catalog", name), spec)
    for name, view in check.entries("catalog", ViewSpec):
        _check_view(check, ("catalog", name, "view"), view)
    for name, crawler in check.entries("catalog", CrawlerSpec):
        for target in crawler.crawl:
            noun, _, stream = target.partition(".")
            if noun == "streams" and stream not in check.known["streams"]:
                check.add("UnknownReference", ("catalog", name, "crawl"), f"there is no {target}")
            elif noun != "streams" and not target.startswith(("lake.", "s3://")):
                message = f"{target!r} is neither a place in the lake nor a stream"
                check.add("BadValue", ("catalog", name, "crawl"), message, fix="lake.orders/processed/")
        for key, schedules in (("schedule", [crawler.schedule]), ("also", crawler.also)):
            for schedule in filter(None, schedules):
                try:
                    crawl_times(schedule)
                except UsageError as error:
                    check.add("BadValue", ("catalog", name, key), error.message)


def _check_view(check: Check, here: Part, spec: ViewSpec) -> None:
    if spec.file is None:
        return
    try:
        if not read_inside(check.root, spec.file).decode().strip():
            check.add("EmptyQuery", here, "there is no SQL in it", file=spec.file, line=1, column=1)
    except FileTrouble as trouble:
        check.add(trouble.code, here, trouble.message, why=trouble.why, fix=trouble.fix)
    except UnicodeDecodeError as error:
        check.add("NotUtf8", here, f"{spec.file} is not UTF-8", why=error.reason)


def _check_table(check: Check, here: Part, spec: TableSpec) -> None:
    for column in spec.partitions:
        if column in spec.columns:
            message = f"{column} is a column and a partition"
            check.add("BadPartition", (*here, "partitions", column), message, fix="remove one of the two")
    for column, projection in spec.projection.items():
        part = (*here, "projection", column)
        if column not in spec.partitions:
            check.add(
                "BadProjection", part, f"{column} is no partition", fix=f"add {column}: string to partitions"
            )
        for need in _NEEDS[projection.type]:
            if not getattr(projection, need):
                check.add("BadProjection", part, f"a projection of type {projection.type} needs `{need}`")
        bounds = (projection.range or ",").split(",")
        if len(bounds) != 2:
            message = f"{projection.range!r} is not two values with a comma between"
            check.add("BadProjection", (*part, "range"), message, fix="range: 2022/01/01/00,NOW")
    missing = [column for column in spec.partitions if spec.projection and column not in spec.projection]
    for column in missing:
        check.add(
            "BadProjection",
            (*here, "projection"),
            f"the partition {column} is not projected",
            why="Athena projects all of a table's partitions or none",
        )
    template = spec.location_template
    if template is not None:
        part = (*here, "location_template")
        if not template.startswith("s3://"):
            check.add("BadTemplate", part, f"{template!r} does not begin with s3://")
        for column in spec.partitions:
            if f"${{{column}}}" not in template:
                check.add("BadTemplate", part, f"${{{column}}} is not in it", why="every partition must be")


def with_triggers(entries: Mapping[str, Spec], parts: Iterable[tuple[str, Any]]) -> dict[str, Spec]:
    """The entries, their crawlers with the schedules of the triggers that were made over the wire and are active.

    A part is `{schedule, crawlers}`. Such a trigger changes nothing of what else makes a crawler run.
    """
    found = dict(entries)
    for _, part in parts:
        for name in part["crawlers"]:
            spec = found.get(name)
            if isinstance(spec, CrawlerSpec):
                also = [*spec.also, part["schedule"]]
                found[name] = msgspec.structs.replace(spec, also=also, on_arrival=spec.arrives)
    return found


SECTION = Section(
    noun="catalog",
    title="Tables and crawlers",
    doc=(
        "Each entry is an external table over files of the lake, or (with `crawl`) a crawler, or a `view`. A name is `table`, in "
        "the project's own database, or `database.table`. The table of a delivery is declared there."
    ),
    example="""\
clicks:
  location: lake.restaurant-lake/clicks/
  format: json
  columns: {element_clicked: string, time_spent: int}
  partitions: {datehour: string}
  projection:
    datehour:
      type: date
      format: yyyy/MM/dd/HH
      range: 2022/01/01/00,NOW
      interval: 1
      interval_unit: HOURS
  location_template: s3://restaurant-lake/clicks/${datehour}/
""",
    spec=TableSpec,
    variants={"crawl": CrawlerSpec, "view": ViewSpec},
    pattern=r"[a-z0-9_]+(\.[a-z0-9_]+)?",
    name_doc="table or database.table; lower-case letters, digits and _",
    holds=lambda spec: isinstance(spec, TableSpec),
    retypes=_retypes,
    check=_check,
    parts=with_triggers,
)
