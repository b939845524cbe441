"""The `catalog` section: tables over the lake, and crawlers that find them."""

from __future__ import annotations

from typing import Annotated, Literal

from forebay.project.field import WAS, Field
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


class CrawlerSpec(Spec, frozen=True, kw_only=True):
    """A crawler: it finds tables and partitions under a prefix, or the shape of a stream's events."""

    crawl: Annotated[
        str,
        Field(
            "What it looks at: a place in the lake or a stream.",
            example="lake.orders/processed/",
            later="crawlers are not built yet",
        ),
    ]
    prefix: Annotated[str, Field("Begins the names of its tables.", example="tbl_")] = ""
    database: Annotated[
        str | None, Field("The tables' database. Otherwise the project's.", example="orders_db", kind="name")
    ] = None
    every: Annotated[
        float | None,
        Field(
            "How often it runs. Otherwise when an object arrives.", example="1h", kind="duration", minimum=1
        ),
    ] = None


def _retypes(old: Spec, new: Spec) -> list[str]:
    if not isinstance(old, TableSpec) or not isinstance(new, TableSpec):
        return []
    return [
        f"column {name}: {kind} → {new.columns[name]}"
        for name, kind in old.columns.items()
        if name in new.columns and new.columns[name] != kind
    ]


SECTION = Section(
    noun="catalog",
    title="Tables and crawlers",
    doc=(
        "Each entry is an external table over files of the lake, or (with `crawl`) a crawler. A name is `table`, in "
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
    variants={"crawl": CrawlerSpec},
    pattern=r"[a-z0-9_]+(\.[a-z0-9_]+)?",
    name_doc="table or database.table; lower-case letters, digits and _",
    holds=lambda spec: isinstance(spec, TableSpec),
    retypes=_retypes,
)
