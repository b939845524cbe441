"""A delivery's `http_endpoint`: where events are posted instead of being written into the lake."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from forebay.project.check import Check, Part
from forebay.project.field import Field
from forebay.project.model import Spec
from forebay.project.secrets import USE

if TYPE_CHECKING:
    from forebay.delivery.section import DeliverySpec

_URL = re.compile(r"https?://[^/?#\s]+\S*")


class EndpointSpec(Spec, frozen=True, kw_only=True):
    """An HTTP endpoint of Data Firehose's kind."""

    url: Annotated[
        str,
        Field(
            "Where buffered events are posted, many at a time.",
            example="https://ingest.example.org/firehose",
            secrets=True,
        ),
    ]
    name: Annotated[str | None, Field("What the endpoint is called.", example="example")] = None
    access_key: Annotated[
        str | None,
        Field("Sent as `X-Amz-Firehose-Access-Key`.", example="'${secret:ENDPOINT_KEY}'", secrets=True),
    ] = None
    attributes: Annotated[
        dict[str, str],
        Field("Sent with each request as common attributes.", example="{team: shop}", secrets=True),
    ] = {}  # noqa: RUF012 - msgspec gives each struct its own copy
    encoding: Annotated[Literal["none", "gzip"], Field("How a request's body is encoded.")] = "none"
    retry: Annotated[
        float,
        Field(
            "How long a request that is not accepted is tried again, before its events go under the error prefix.",
            example="300s",
            kind="duration",
            minimum=0,
            maximum=7200,
        ),
    ] = 300.0


def check_endpoint(check: Check, here: Part, spec: DeliverySpec) -> None:
    """A URL, and nothing that is about objects."""
    endpoint = spec.http_endpoint
    if endpoint is None:
        return
    if not USE.search(endpoint.url) and _URL.fullmatch(endpoint.url) is None:
        check.add(
            "BadUrl",
            (*here, "http_endpoint", "url"),
            f"{endpoint.url!r} is no http or https URL",
            fix="https://ingest.example.org/firehose",
        )
    for key in ("table", "columns", "partition", "prefix", "keys"):
        if getattr(spec, key):
            check.add(
                "EndpointAndObjects",
                (*here, key),
                f"what is posted to an HTTP endpoint has no {key}",
                why="only what the endpoint does not take becomes objects, below the error prefix of `to`",
                fix=f"remove {key}",
            )
