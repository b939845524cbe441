"""The `ingest` section: routes."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from forebay.errors import UsageError
from forebay.ingest.mapping import compile_mapping
from forebay.project.check import Check, Part
from forebay.project.field import Field
from forebay.project.files import FileTrouble, read_inside
from forebay.project.model import Ref, Spec
from forebay.project.section import Section


class UniqueSpec(Spec, frozen=True, kw_only=True):
    """A field that makes an event unique at the door."""

    field: Annotated[str, Field("The field whose value identifies an event.", example="event_id")]
    within: Annotated[
        float,
        Field("How long a value is remembered.", example="24h", kind="duration", minimum=1),
    ] = 86400.0
    max_keys: Annotated[
        int, Field("How many values are remembered at most; past it the door answers 429.", minimum=1)
    ] = 10_000_000


class StageSpec(Spec, frozen=True, kw_only=True):
    """A stage of the route's API: the first part of the URL in its longer form."""

    variables: Annotated[
        dict[str, str],
        Field("What `$stageVariables.name` is in this stage.", example="{shop: north}"),
    ] = {}


class RouteSpec(Spec, frozen=True, kw_only=True):
    """A door for events over HTTP."""

    route: Annotated[
        str,
        Field(
            "Method and path. A part in braces is a parameter, `{rest+}` (last) takes several parts. `ANY`, for a "
            "function, is every method that no other route has on that path.",
            example="POST /clicks",
            kind="route",
        ),
    ]
    to: Annotated[
        Ref,
        Field(
            "Where the events go.",
            example="delivery.clicks",
            refs=("streams", "delivery", "bus", "functions"),
            feeds="to",
        ),
    ]
    schema: Annotated[
        str | None,
        Field("A JSON Schema that every event must satisfy.", example="schemas/click.json", kind="path"),
    ] = None
    key: Annotated[
        Literal["none", "required"],
        Field("Whether a request must carry an API key (made by `forebay keys`) in `x-api-key`."),
    ] = "none"
    limit: Annotated[
        float | None,
        Field(
            "Events accepted per second at most; past it the door answers 429.", example="2000/s", kind="rate"
        ),
    ] = None
    max_body: Annotated[
        int,
        Field(
            "The largest body, before and after decompression; past it the door answers 413.",
            example="10MiB",
            kind="size",
            minimum=1,
        ),
    ] = 10 << 20
    cors: Annotated[
        list[str],
        Field(
            "Web origins whose pages may send events here. None unless listed.",
            example='["https://shop.example"]',
            kind="origin",
        ),
    ] = []
    unique: Annotated[
        UniqueSpec | None,
        Field("Accept an event once, by the value of a field.", example="{field: event_id, within: 24h}"),
    ] = None
    source: Annotated[
        str | None,
        Field(
            "For a bus: the event's source. Otherwise `forebay.<project>`. `$request.body.kind` is the field `kind`; "
            "see [mappings](../http.md#mappings).",
            example="shop.web",
        ),
    ] = None
    detail_type: Annotated[
        str | None,
        Field(
            "For a bus: the event's detail-type. Otherwise the route's name. `$request.body.kind` is the field `kind`.",
            example="click",
        ),
    ] = None
    detail: Annotated[
        str | None,
        Field(
            "For a bus: what of the body the event's detail is. Otherwise all of it.",
            example="$request.body.order",
        ),
    ] = None
    data: Annotated[
        str | None,
        Field(
            "For a stream or delivery: what of the body is kept. Otherwise all of it. With `$input.body` the longer "
            "URL takes any text, not JSON alone.",
            example="$request.body.order",
        ),
    ] = None
    partition_key: Annotated[
        str | None,
        Field(
            "For a stream: the partition key. Otherwise the field that the stream's `key` names.",
            example="$request.header.X-Device",
        ),
    ] = None
    api: Annotated[
        Literal["rest", "http"] | None,
        Field(
            "Whose words the longer URL (`/STAGE/path`) answers in: those of a REST API or of an HTTP API of API "
            "Gateway. Otherwise REST for a delivery and for a function with `payload: 1.0`, else HTTP."
        ),
    ] = None
    stages: Annotated[
        dict[str, StageSpec],
        Field(
            "The stages by which the longer URL may be called. Any name will do if none is declared.",
            example="{prod: {}, dev: {variables: {shop: test}}}",
        ),
    ] = {}
    payload: Annotated[
        Literal["1.0", "2.0"] | None,
        Field(
            "For a function: how it is called and answers, as behind a REST API (1.0) or an HTTP API (2.0) of API "
            "Gateway. Otherwise as `api` says, else 2.0."
        ),
    ] = None

    @property
    def method(self) -> str:
        """`POST`."""
        return self.route.partition(" ")[0].upper()

    @property
    def path(self) -> str:
        """`/clicks/{id}`."""
        return self.route.partition(" ")[2].strip()

    @property
    def version(self) -> Literal["1.0", "2.0"]:
        """The payload format of a function behind it."""
        return self.payload or ("1.0" if self.api == "rest" else "2.0")

    @property
    def gateway(self) -> Literal["rest", "http"]:
        """Whose words it answers in where it is called by a stage."""
        rest = self.to.noun == "delivery" or (self.to.noun == "functions" and self.version == "1.0")
        return self.api or ("rest" if rest else "http")


def _check(check: Check) -> None:
    """No two routes for one request; schemas that are JSON Schemas."""
    taken: dict[str, str] = {"POST /healthz": "", "POST /readyz": ""}
    for name, spec in check.entries("ingest", RouteSpec):
        shape = f"{spec.method} " + re.sub(r"\{[^}+]*\}", "{}", re.sub(r"\{[^}+]*\+\}", "{+}", spec.path))
        other = taken.setdefault(shape, name)
        if other != name:
            check.add(
                "DuplicateRoute",
                ("ingest", name, "route"),
                f"{spec.route} is already "
                + (f"the route of {other}" if other else "answered by forebay itself"),
                fix="give it another path",
            )
        _check_target(check, name, spec)
        _check_mappings(check, name, spec)
        if spec.schema is not None:
            _check_schema(check, ("ingest", name, "schema"), spec.schema)


def _check_target(check: Check, name: str, spec: RouteSpec) -> None:
    """What only makes sense with, or without, a function at the other end."""
    if spec.to.noun != "functions":
        if spec.method not in ("POST", "PUT", "PATCH"):
            check.add(
                "NoBody",
                ("ingest", name, "route"),
                f"{spec.method} brings no event",
                why=f"{spec.to} takes events",
                fix="POST, PUT or PATCH; or have the route lead to a function",
            )
        return
    for key in ("schema", "unique"):
        if getattr(spec, key) is not None:
            check.add(
                "NotForFunctions",
                ("ingest", name, key),
                f"`{key}` is for events that are kept",
                why=f"{spec.to} is handed the request and answers it",
                fix=f"leave {key} out",
            )


# Which targets a mapping is for.
_MAPPINGS = {
    "source": ("bus",),
    "detail_type": ("bus",),
    "detail": ("bus",),
    "data": ("streams", "delivery"),
    "partition_key": ("streams",),
}
_STAGE = re.compile(r"[A-Za-z0-9_-]{1,128}")


def _check_mappings(check: Check, name: str, spec: RouteSpec) -> None:
    """Mappings that can be read, and that the target has a place for; stages that a URL can name."""
    for key, nouns in _MAPPINGS.items():
        text = getattr(spec, key)
        if text is None:
            continue
        if spec.to.noun not in nouns:
            check.add(
                "NotForTarget",
                ("ingest", name, key),
                f"`{key}` is for {' and '.join(nouns)}",
                why=f"the route leads to {spec.to}",
                fix=f"leave {key} out",
            )
        try:
            compile_mapping(text)
        except UsageError as error:
            check.add("BadMapping", ("ingest", name, key), error.message, why=error.why, fix=error.fix)
    for stage in spec.stages:
        if _STAGE.fullmatch(stage) is None:
            check.add(
                "BadStage",
                ("ingest", name, "stages", stage),
                f"{stage} is no name of a stage",
                fix="letters, digits, - and _",
            )


def _check_schema(check: Check, part: Part, file: str) -> None:
    try:
        raw = read_inside(check.root, file)
    except FileTrouble:
        return  # said where files are looked for
    try:
        schema = json.loads(raw)
    except json.JSONDecodeError as error:
        check.add(
            "BadSchema", part, f"{error.msg}: not JSON", file=file, line=error.lineno, column=error.colno
        )
        return
    except (UnicodeDecodeError, RecursionError) as error:
        check.add("BadSchema", part, f"not JSON: {error}", file=file)
        return
    import jsonschema_rs  # noqa: PLC0415 - only projects with schemas pay for its import

    try:
        jsonschema_rs.meta.validate(schema)
        jsonschema_rs.validator_for(schema)
    except (ValueError, jsonschema_rs.ValidationError) as error:
        path = "/".join(map(str, getattr(error, "instance_path", [])))
        message = str(getattr(error, "message", error)).partition("\n")[0]
        check.add(
            "BadSchema", part, f"{message}" + (f" (at {path})" if path else ""), file=file, line=1, column=1
        )


SECTION = Section(
    noun="ingest",
    title="HTTP routes",
    doc=(
        "Each entry is a route at the ingest port. It takes one JSON event, a JSON array of events, or NDJSON "
        "(one event a line), gzip too, and answers once they are on disk."
    ),
    example="""\
clicks:
  route: POST /clicks
  to: delivery.clicks
  limit: 2000/s
""",
    spec=RouteSpec,
    check=_check,
)
