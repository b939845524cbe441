"""The `query` section: named queries."""

from __future__ import annotations

from typing import Annotated, ClassVar

from forebay.project.check import Check
from forebay.project.field import Field
from forebay.project.files import FileTrouble, read_inside
from forebay.project.model import Spec
from forebay.project.section import Section


class NamedQuerySpec(Spec, frozen=True, kw_only=True):
    """A query with a name."""

    one_of: ClassVar[tuple[str, ...]] = ("file", "sql")
    scalar_doc: ClassVar[str | None] = "the file, or the SQL"

    file: Annotated[str | None, Field("A file of SQL.", example="queries/top.sql", kind="path")] = None
    sql: Annotated[
        str | None, Field("The SQL itself.", example="select count(*) from clicks", kind="sql")
    ] = None
    database: Annotated[
        str | None,
        Field(
            "Where unqualified tables are. Otherwise the project's database.",
            example="orders_db",
            kind="name",
        ),
    ] = None
    description: Annotated[str | None, Field("What it answers.", example="What sells now")] = None

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is a file, or SQL if it has a space."""
        return {"sql": text} if any(space in text.strip() for space in " \n\t") else {"file": text}


def _check(check: Check) -> None:
    for name, spec in check.entries("query", NamedQuerySpec):
        if spec.file is None:
            continue
        try:
            text = read_inside(check.root, spec.file).decode()
        except FileTrouble:
            continue  # said where files are looked for
        except UnicodeDecodeError as error:
            check.add("NotUtf8", ("query", name, "file"), f"{spec.file} is not UTF-8", why=error.reason)
            continue
        if not text.strip():
            check.add(
                "EmptyQuery", ("query", name), "there is no SQL in it", file=spec.file, line=1, column=1
            )


SECTION = Section(
    noun="query",
    title="Named queries",
    doc=(
        "Each entry is a query that `forebay query NAME`, dashboards and Athena clients find by name. Every "
        "`queries/*.sql` is one without being listed."
    ),
    example="""\
top: queries/top.sql
how_many: {sql: select count(*) from clicks, description: All clicks there are}
""",
    spec=NamedQuerySpec,
    discover="queries/*.sql",
    check=_check,
)
