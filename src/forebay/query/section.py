"""The `query` section: named queries."""

from __future__ import annotations

from typing import Annotated, ClassVar

from forebay.project.check import Check
from forebay.project.field import Field
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
        path = check.root / (spec.file or "")
        if spec.file is None or not path.is_file():
            continue
        try:
            empty = not path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            check.add(
                "FileUnreadable", ("query", name, "file"), f"{spec.file} cannot be read", why=str(error)
            )
        else:
            if empty:
                check.add(
                    "EmptyQuery",
                    ("query", name, "file"),
                    "there is no SQL in it",
                    file=spec.file,
                    line=1,
                    column=1,
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
