"""The `simulate` section: generators of events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from forebay.project.check import Check
from forebay.project.field import Field
from forebay.project.files import FileTrouble, read_inside
from forebay.project.model import Location, Ref, Spec
from forebay.project.section import Section
from forebay.reading import kind_of
from forebay.simulate.shape import DAY, Shape


class ShapeSpec(Spec, frozen=True, kw_only=True):
    """How events come."""

    scalar_doc: ClassVar[str | None] = "the kind"

    kind: Annotated[
        Literal["steady", "evening", "burst"],
        Field(
            "`steady`; `evening`: a day's curve with its peak in the evening, where `rate` is the peak's; "
            "`burst`: every so often for a while at so many times the rate."
        ),
    ] = "steady"
    peak: Annotated[str, Field("Of the evening, in the project's timezone.", kind="clock")] = "20:00"
    speed: Annotated[
        float,
        Field("How much faster a day passes. `{{date.simTime}}` is its clock.", example="60", minimum=0.001),
    ] = 1.0
    every: Annotated[float, Field("From burst to burst.", example="5m", kind="duration")] = 300.0
    lasts: Annotated[float, Field("How long a burst is.", example="20s", kind="duration")] = 20.0
    times: Annotated[float, Field("How much more comes in a burst.", example="10", minimum=0)] = 10.0

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the kind."""
        return {"kind": text}

    @property
    def shape(self) -> Shape:
        """What the simulation computes with."""
        hours, minutes = self.peak.split(":")
        return Shape(
            kind=self.kind,
            peak=int(hours) * 3600 + int(minutes) * 60,
            speed=self.speed,
            every=self.every,
            lasts=self.lasts,
            times=self.times,
        )


class ReplaySpec(Spec, frozen=True, kw_only=True):
    """Files whose rows are sent again."""

    one_of: ClassVar[tuple[str, ...]] = ("file", "lake")
    scalar_doc: ClassVar[str | None] = "the file"

    file: Annotated[
        str | None,
        Field(
            "CSV, NDJSON, JSON or Parquet, .gz too. Relative to the project's folder; it may lie outside.",
            example="data/events.csv",
        ),
    ] = None
    lake: Annotated[
        Location | None,
        Field("The objects under a place of the lake, by their names.", example="lake.shop/raw/"),
    ] = None
    format: Annotated[
        Literal["ndjson", "json", "csv", "parquet"] | None,
        Field("What the files are, where their names do not tell."),
    ] = None
    time: Annotated[
        str | None,
        Field(
            "The column whose times say when rows come. Without it they come at the `rate`.",
            example="event_time",
        ),
    ] = None
    speed: Annotated[float, Field("How much faster than they did.", example="60", minimum=0.000001)] = 1.0
    restamp: Annotated[
        str | None,
        Field("The column that is set to the present, in the form that it has.", example="event_time"),
    ] = None
    loop: Annotated[bool, Field("Begin again at the end.")] = False

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the file."""
        return {"file": text}


class SimulatorSpec(Spec, frozen=True, kw_only=True):
    """A generator of events: a `function`, a `template`, or files to `replay`."""

    one_of: ClassVar[tuple[str, ...]] = ("function", "template", "replay")

    function: Annotated[
        str | None,
        Field(
            "A plain function that returns an event.", example="simulate/evening.py:click", kind="callable"
        ),
    ] = None
    template: Annotated[
        str | None,
        Field("A template of the Kinesis Data Generator.", example="simulate/shoppers.json", kind="path"),
    ] = None
    replay: Annotated[
        ReplaySpec | None, Field("Files whose rows are sent again.", example="data/events.csv")
    ] = None
    rate: Annotated[
        float | None,
        Field("Events per second; only a replay with a `time` needs none.", example="50/s", kind="rate"),
    ] = None
    shape: Annotated[ShapeSpec, Field("How they come.", example="evening")] = ShapeSpec()
    to: Annotated[
        Ref | None,
        Field(
            "Where they go.",
            example="ingest.clicks",
            refs=("ingest", "streams", "delivery", "bus"),
            feeds="to",
        ),
    ] = None
    into: Annotated[
        Location | None,
        Field(
            "A place in the lake instead: a file of events every few seconds.",
            example="lake.shop/raw/",
            feeds="to",
        ),
    ] = None
    via: Annotated[
        Literal["http", "aws", "direct"] | None,
        Field(
            "`http` for a route; `direct` (through the system's own socket) or `aws` (as boto3 does it) for a "
            "stream, bus or delivery. A place in the lake takes `aws`."
        ),
    ] = None


def _check(check: Check) -> None:
    for name, spec in check.entries("simulate", SimulatorSpec):
        part = ("simulate", name)
        if spec.template is not None:
            _check_template(check, spec.template)
        unread = (*part, "rate") in check.places  # it was found wrong when it was read
        if spec.rate is None and not unread and (spec.replay is None or spec.replay.time is None):
            check.add("Missing", part, "`rate` is missing", fix="rate: 50/s")
        if (spec.to is None) == (spec.into is None):
            message = "`to` or `into` says where the events go"
            check.add("Missing" if spec.to is None else "Conflict", part, message, fix="one of them")
        else:
            _check_way(check, name, spec)
        if spec.replay is not None:
            _check_replay(check, name, spec.replay)
        if spec.shape.kind == "burst" and not 0 < spec.shape.lasts < spec.shape.every:
            check.add(
                "BadShape",
                (*part, "shape"),
                f"a burst of {spec.shape.lasts:g} s every {spec.shape.every:g} s",
                fix="`lasts` is shorter than `every`",
            )
        if spec.shape.speed > DAY:
            check.add("BadShape", (*part, "shape"), "a day in less than a second", fix="a lower `speed`")


def _check_way(check: Check, name: str, spec: SimulatorSpec) -> None:
    if spec.via is None:
        return
    what, ways = ("a place in the lake", ("aws",)) if spec.to is None else (str(spec.to), ("aws", "direct"))
    if spec.to is not None and spec.to.noun == "ingest":
        ways = ("http",)
    if spec.via not in ways:
        check.add(
            "BadSimulator",
            ("simulate", name, "via"),
            f"{what} takes no events by {spec.via}",
            fix=f"via: {' or '.join(ways)}",
        )


def _check_template(check: Check, file: str) -> None:
    # Here, as only a project with a template needs it.
    from forebay.simulate.template import TemplateFault, rehearse  # noqa: PLC0415

    try:
        rehearse(read_inside(check.root, file).decode())
    except FileTrouble:
        return  # said by the check of its path
    except UnicodeDecodeError:
        check.add("NotUtf8", (), f"{file} is not UTF-8", file=file)
    except TemplateFault as fault:
        check.add(
            "BadTemplate",
            (),
            fault.message,
            why=fault.why,
            fix=fault.fix,
            file=file,
            line=fault.line,
            column=fault.column,
        )


def _check_replay(check: Check, name: str, spec: ReplaySpec) -> None:
    part = ("simulate", name, "replay")
    if spec.file is None:
        return
    path = Path(check.root, spec.file)
    if not path.is_file():
        check.add("FileNotFound", part, f"{spec.file} does not exist", fix="the path of a file of events")
    elif spec.format is None and kind_of(path) is None:
        check.add(
            "UnknownFormat", part, f"{spec.file}: its name does not tell what it is", fix="format: ndjson"
        )


SECTION = Section(
    noun="simulate",
    title="Generators",
    doc="Each entry makes events, while `forebay simulate` or `forebay run --simulate` runs.",
    example="""\
evening: {function: "simulate/evening.py:click", rate: 50/s, to: ingest.clicks}
players: {template: simulate/players.json, rate: 20/s, shape: evening, to: streams.plays}
""",
    spec=SimulatorSpec,
    check=_check,
)
