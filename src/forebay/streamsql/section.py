"""The `streamsql` section: Flink SQL over streams."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from forebay.errors import UsageError
from forebay.project.check import Check
from forebay.project.field import WAS, Field
from forebay.project.files import FileTrouble, read_inside
from forebay.project.model import Project, Ref, Spec
from forebay.project.section import Section
from forebay.streamsql import notes
from forebay.streamsql.job import compile_all
from forebay.streamsql.lexer import place
from forebay.streamsql.plan import Plan
from forebay.streamsql.references import references


class InsertSpec(Spec, frozen=True, kw_only=True):
    """One INSERT: what it reads and what it writes."""

    from_: Annotated[
        Ref,
        Field(
            "What it reads.",
            example="streams.activity",
            yaml="from",
            refs=("streams", "bus", "delivery"),
            feeds="from",
        ),
    ]
    to: Annotated[
        Ref,
        Field(
            "What it writes.", example="streams.suspicious", refs=("streams", "bus", "delivery"), feeds="to"
        ),
    ]
    table: Annotated[
        str | None,
        Field("The table of the catalog that is written so, if the SQL names one.", example="shop.spent"),
    ] = None
    latest: Annotated[bool, Field("Whether it begins with what comes from now on.")] = True


class StreamSqlSpec(Spec, frozen=True, kw_only=True):
    """A job in Flink SQL."""

    one_of: ClassVar[tuple[str, ...]] = ("file", "sql")
    scalar_doc: ClassVar[str | None] = "the file"

    file: Annotated[
        str | None,
        Field(
            "Flink SQL that reads and writes streams, or a Zeppelin note (`.zpln`) with `%flink.ssql`.",
            example="streams/bots.sql",
            kind="path",
        ),
    ] = None
    sql: Annotated[str | None, Field("The SQL itself.", example="INSERT INTO suspicious SELECT ...")] = None
    idle: Annotated[
        float | None,
        Field(
            "A shard without events for so long does not hold windows back.", example="10s", kind="duration"
        ),
    ] = None
    inserts: Annotated[
        dict[str, InsertSpec],
        Field(
            "What the SQL reads and writes, by what it writes. It is found in the SQL and need not be written."
        ),
    ] = {}
    was: Annotated[str | None, WAS] = None

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the file."""
        return {"file": text}

    @property
    def note(self) -> bool:
        """Whether it is a Zeppelin note, whose SELECTs are for looking at."""
        return self.file is not None and self.file.endswith(notes.SUFFIX)

    @property
    def idle_ms(self) -> int | None:
        """`idle` in milliseconds."""
        return None if self.idle is None else round(self.idle * 1000)


def _text(spec: StreamSqlSpec, root: Path) -> str | None:
    if spec.file is None:
        return spec.sql
    try:
        text = read_inside(root, spec.file).decode()
        return notes.read(text).sql if spec.note else text
    except UsageError:
        return None  # said by the check
    except (FileTrouble, UnicodeDecodeError):
        return None


def _resolve(spec: StreamSqlSpec, project: Project) -> StreamSqlSpec:
    """With the file's text, so that what runs is what was checked, and with what it reads and writes."""
    text = _text(spec, Path(project.root))
    if text is None:
        return spec
    try:
        found = compile_all(text, spec.idle_ms, references(project), note=spec.note)[0]
    except UsageError:
        return spec  # said by the check
    plans = [plan for plan in found if plan.sink.name]
    inserts = {
        plan.name: InsertSpec(
            from_=plan.source.table.ref,
            to=plan.sink.ref,
            table=plan.sink.catalog or None,
            latest=plan.source.table.latest,
        )
        for plan in plans
    }
    return msgspec.structs.replace(spec, sql=text, inserts=inserts)


def _check(check: Check) -> None:
    entries = list(check.entries("streamsql", StreamSqlSpec))
    known = references(check.project) if entries else ()
    for name, spec in entries:
        text = _text(spec, check.root)
        if text is None:
            if spec.note and _unreadable_note(check, name, spec):
                continue
            if spec.file is not None and (check.root / spec.file).is_file():
                check.add("NotUtf8", ("streamsql", name, "file"), f"{spec.file} is not UTF-8")
            continue
        try:
            plans, doubts = compile_all(text, spec.idle_ms, known, note=spec.note)
            _rehearse(text, plans)
        except UsageError as error:
            _said(check, name, spec, error)
            continue
        for doubt in doubts:  # a SELECT in a note is for looking at: the INSERTs run without it
            _said(check, name, spec, doubt, "warning")
        _check_ends(check, name, spec)


def _said(
    check: Check,
    name: str,
    spec: StreamSqlSpec,
    error: UsageError,
    severity: Literal["error", "warning"] = "error",
) -> None:
    line, column = int(error.extra.get("line") or 1), int(error.extra.get("column") or 1)
    why = error.why if spec.file is not None else f"line {line} of the SQL, column {column}"
    if spec.note and spec.file is not None:
        paragraph, within, line = notes.read(read_inside(check.root, spec.file).decode()).place(line)
        why = f"paragraph {paragraph}, line {within}, column {column}"
    check.add(
        error.code,
        ("streamsql", name, "sql"),
        error.message,
        severity=severity,
        why=why,
        fix=error.fix,
        file=spec.file,
        line=line,
        column=column,
    )


def _unreadable_note(check: Check, name: str, spec: StreamSqlSpec) -> bool:
    """Say what is wrong with a note that can be read as text."""
    assert spec.file is not None
    try:
        notes.read(read_inside(check.root, spec.file).decode())
    except UsageError as error:
        line = int(error.extra.get("line") or 1)
        where = ("streamsql", name, "file")
        check.add(error.code, where, error.message, fix=error.fix, file=spec.file, line=line, column=1)
        return True
    except (FileTrouble, UnicodeDecodeError):
        return False
    return False


def _rehearse(text: str, plans: tuple[Plan, ...]) -> None:
    """So that nothing is found out only while it runs. Raises UsageError."""
    import duckdb  # noqa: PLC0415 - slow to import, and a project without stream SQL does not need it

    from forebay.streamsql.engine import Engine  # noqa: PLC0415

    for plan in plans:
        engine = Engine(plan, 1)
        try:
            engine.rehearse()
        except duckdb.Error as error:
            line, column = place(text, plan.at)
            why = str(error).partition("\n")[0]
            raise UsageError(
                "StreamSqlNotSupported", "this INSERT does not run here", line=line, column=column, why=why
            ) from error
        finally:
            engine.close()


def _check_ends(check: Check, name: str, spec: StreamSqlSpec) -> None:
    for insert in spec.inserts.values():
        target = check.project.get(insert.to)
        if insert.to.noun == "delivery" and getattr(target, "from_", None) is not None:
            check.add(
                "DeliveryReads",
                ("streamsql", name),
                f"{insert.to} reads {getattr(target, 'from_', None)}, so nothing can be put to it",
                fix="leave out its `from`, or write to the stream that it reads",
            )
        source = check.project.get(insert.from_)
        if insert.from_.noun == "delivery" and (read := getattr(source, "from_", None)) is not None:
            check.add(
                "DeliveryReads",
                ("streamsql", name),
                f"{insert.from_} reads {read}, so nothing is put to it that could be read",
                fix=f"read {read}: 'connector' = 'kinesis', 'stream' = '{read.name}'",
            )


SECTION = Section(
    noun="streamsql",
    title="Stream SQL",
    doc="Each entry is a file of Flink SQL: windows and filters over streams, into streams and deliveries.",
    example="""\
bots: streams/bots.sql
""",
    spec=StreamSqlSpec,
    resolve=_resolve,
    check=_check,
)
