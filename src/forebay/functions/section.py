"""The `functions` section: the user's Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from forebay.errors import UsageError
from forebay.project.check import Check
from forebay.project.code import MEMORY, TIMEOUT, Environment, Memory, Timeout
from forebay.project.field import Field
from forebay.project.model import Location, Ref, Spec
from forebay.project.section import Section

_WIRE = "it is made over the AWS wire"


class TriggerSpec(Spec, frozen=True, kw_only=True):
    """What calls a function: exactly one of a stream, a bucket, a topic, or the clock."""

    one_of: ClassVar[tuple[str, ...]] = ("stream", "bucket", "topic", "schedule")

    stream: Annotated[
        str | None,
        Field("Call it with the stream's records.", example="suspicious", refs=("streams",), feeds="from"),
    ] = None
    bucket: Annotated[
        Location | None,
        Field("Call it when an object is written here.", example="lake.orders/raw/", feeds="from"),
    ] = None
    topic: Annotated[
        str | None,
        Field(
            "Call it with the topic's messages.",
            example="ops",
            refs=("topics",),
            feeds="from",
        ),
    ] = None
    schedule: Annotated[
        str | None,
        Field(
            "Call it at these times: `rate(5 minutes)` or `cron(0 6 * * ? *)` (AWS's grammar, UTC).",
            example="rate(5 minutes)",
        ),
    ] = None
    prefix: Annotated[str | None, Field("Only objects whose key begins so.", example="raw/")] = None
    suffix: Annotated[str | None, Field("Only objects whose key ends so.", example=".csv")] = None
    batch: Annotated[int, Field("Records in one call at most.", minimum=1, maximum=10_000)] = 100
    window: Annotated[
        float,
        Field("How long to wait for a batch to fill.", example="1s", kind="duration", minimum=0, maximum=300),
    ] = 0.0
    start: Annotated[Literal["latest", "oldest"], Field("Where a new trigger begins to read its stream.")] = (
        "oldest"
    )
    bisect: Annotated[bool, Field("On an error, try the two halves of the batch apart.")] = False
    report: Annotated[
        bool,
        Field(
            "The handler answers which records failed (`batchItemFailures`); those before the first are done with."
        ),
    ] = False
    retries: Annotated[
        int | None,
        Field("Tries after the first. Otherwise until the records are too old.", example="3", minimum=0),
    ] = None
    max_age: Annotated[
        float | None,
        Field(
            "Records older than this are given up. Otherwise those older than the stream's retention.",
            example="1h",
            kind="duration",
            minimum=60,
        ),
    ] = None
    on_failure: Annotated[
        Ref | None,
        Field(
            "Which function is told of a batch that was given up.",
            example="functions.alarm",
            refs=("functions",),
            feeds="to",
        ),
    ] = None
    errors: Annotated[
        Location | None,
        Field(
            "Where batches that were given up are kept. Otherwise `lake.<project>-errors/`.",
            example="lake.shop/errors/",
            feeds="to",
        ),
    ] = None
    filter: Annotated[
        dict[str, Any] | None,
        Field(
            "Only records that match (an event pattern).", example="{data: {kind: [burst]}}", kind="pattern"
        ),
    ] = None
    enabled: Annotated[bool, Field("Whether it calls at all. One that does not keeps its place.")] = True
    id: Annotated[str | None, Field("Its UUID.", later=_WIRE)] = None
    start_at: Annotated[
        int | None, Field("When the records begin that it reads, in UTC microseconds.", later=_WIRE)
    ] = None

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is a resource, or a schedule."""
        for noun, key in (("streams.", "stream"), ("lake.", "bucket"), ("topics.", "topic")):
            if text.startswith(noun):
                return {key: text if noun == "lake." else text.removeprefix(noun)}
        if text.startswith(("rate(", "cron(")):
            return {"schedule": text}
        raise ValueError(f"{text!r} is no stream, bucket, topic or schedule")

    scalar_doc: ClassVar[str | None] = "a stream, a bucket, a topic or a schedule"


class FunctionSpec(Spec, frozen=True, kw_only=True):
    """A function, in a process of its own."""

    scalar_doc: ClassVar[str | None] = "the handler"

    handler: Annotated[
        str,
        Field(
            "`file.attribute` is a Lambda handler, called with (event, context); `file.py:attribute` is a plain "
            "function of one event.",
            example="functions/clean.lambda_handler",
            kind="handler",
        ),
    ]
    timeout: Timeout = TIMEOUT
    memory: Memory = MEMORY
    environment: Environment = {}
    workers: Annotated[int, Field("Processes that run it at once.", minimum=1, maximum=64)] = 1
    requirements: Annotated[
        str | None,
        Field(
            "A requirements file; `forebay install` makes a virtual environment of it.",
            example="functions/requirements.txt",
            kind="path",
        ),
    ] = None
    retries: Annotated[
        int,
        Field(
            "Tries after the first of a call that nobody waits for (a rule's, a bucket's, an asynchronous one).",
            example="2",
            minimum=0,
            maximum=2,
        ),
    ] = 2
    max_age: Annotated[
        float,
        Field(
            "How old such a call may become before it is given up.",
            example="6h",
            kind="duration",
            minimum=60,
            maximum=21600,
        ),
    ] = 21600.0
    on_failure: Annotated[
        Ref | None,
        Field(
            "Which function is told of such a call that was given up.",
            example="functions.alarm",
            refs=("functions",),
            feeds="to",
        ),
    ] = None
    on_success: Annotated[
        Ref | None,
        Field(
            "Which function is told of such a call's answer.",
            example="functions.next",
            refs=("functions",),
            feeds="to",
        ),
    ] = None
    errors: Annotated[
        Location | None,
        Field("Where such calls that were given up are kept.", example="lake.shop/errors/", feeds="to"),
    ] = None
    code: Annotated[
        str | None,
        Field(
            "Uploaded code.", later="a project's function is a file of the project; code is uploaded over AWS"
        ),
    ] = None
    role: Annotated[
        str | None,
        Field(
            "The role whose rights its own AWS calls have: of `access.roles`, or made with IAM. Otherwise all rights.",
            example="loader",
        ),
    ] = None
    on: Annotated[
        list[TriggerSpec],
        Field("What calls it.", example="{stream: suspicious, batch: 100}", one=True),
    ] = []

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the handler."""
        return {"handler": text}

    @property
    def kind(self) -> Literal["lambda", "function"]:
        """How it is called: as on Lambda, or with one event."""
        return "function" if ".py:" in self.handler else "lambda"


def _with_triggers(
    entries: Mapping[str, Spec], parts: Iterable[tuple[str, dict[str, Any]]]
) -> dict[str, Spec]:
    """The functions with the triggers that were made over the wire: {target, trigger} by UUID."""
    found = dict(entries)
    for _, doc in parts:
        spec = found.get(doc["target"])
        if isinstance(spec, FunctionSpec):
            trigger = msgspec.convert(doc["trigger"], TriggerSpec)
            found[doc["target"]] = msgspec.structs.replace(spec, on=[*spec.on, trigger])
    return found


def _check(check: Check) -> None:
    """The SQL of transforms, by those who run it."""
    for noun, name, entry in check.every():
        transform = getattr(entry, "transform", None)
        sql = getattr(transform, "sql", None)
        if sql is None:
            continue
        from forebay.functions.sqlcheck import compile_transform  # noqa: PLC0415 - sqlglot is slow to import

        try:
            compile_transform(sql)
        except UsageError as error:
            line = int(error.extra.get("line") or 1)
            why = error.why
            file = getattr(transform, "file", None)
            if file is None and line > 1:
                why = f"line {line} of the SQL" + (f"; {why}" if why else "")
            check.add(
                error.code,
                (noun, name, "transform"),
                error.message,
                why=why,
                fix=error.fix,
                file=file,
                line=line,
                column=int(error.extra.get("column") or 1),
            )


SECTION = Section(
    noun="functions",
    title="Functions",
    doc=(
        "Each entry is a piece of your Python that runs in worker processes of its own, bounded in time and "
        "memory. The code is under `functions/`."
    ),
    example="""\
clean: functions/clean.lambda_handler
enrich:
  handler: functions/enrich.py:enrich
  timeout: 10s
  environment: {TOKEN: "${secret:TOKEN}"}
""",
    spec=FunctionSpec,
    check=_check,
    parts=_with_triggers,
)
