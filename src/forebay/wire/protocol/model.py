"""Service models, as botocore ships them: loaded when a service is first asked, kept."""

from __future__ import annotations

import functools

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

_loader = Loader()

# Where a service speaks several protocols, what its answers are in when nothing in the request says.


@functools.cache
def service_model(service: str) -> ServiceModel:
    """The model of `service` (botocore's name for it: `kinesis`, `events`, `s3`)."""
    return ServiceModel(_loader.load_service_model(service, "service-2"), service)


@functools.cache
def operation_model(service: str, operation: str) -> OperationModel | None:
    """An operation's model; None if AWS has no such operation."""
    model = service_model(service)
    return model.operation_model(operation) if operation in model.operation_names else None


def json_version(service: str) -> str:
    """`1.0` or `1.1`, for the content type of answers."""
    return str(service_model(service).metadata.get("jsonVersion", "1.1"))


def wire_name(name: str, shape: Shape) -> str:
    """The name of a member on the wire."""
    return str(shape.serialization.get("name", name))


@functools.cache
def placed(shape: StructureShape) -> tuple[tuple[str, Shape, str | None, str], ...]:
    """Of every member: its name, shape, where in the request or answer it is, and its name there."""
    return tuple(
        (name, member, member.serialization.get("location"), wire_name(name, member))
        for name, member in shape.members.items()
    )


@functools.cache
def by_name(shape: StructureShape) -> dict[str, tuple[Shape, str | None, str]]:
    """Of every member, by its name: its shape, where in the answer it is, and its name there."""
    return {name: (member, location, wire) for name, member, location, wire in placed(shape)}


@functools.cache
def unplaced(shape: StructureShape) -> dict[str, Shape]:
    """The members that are in the body."""
    return {name: member for name, member, location, _ in placed(shape) if not location}


@functools.cache
def by_header(shape: StructureShape) -> dict[str, tuple[str, Shape]]:
    """The members that are a header's, by that, in small letters: their name and shape."""
    return {
        wire.lower(): (name, member) for name, member, location, wire in placed(shape) if location == "header"
    }


@functools.cache
def elsewhere(shape: StructureShape) -> tuple[tuple[str, Shape, str | None, str], ...]:
    """Those of `placed` that are neither a header's nor in the body."""
    return tuple(each for each in placed(shape) if each[2] not in (None, "header"))


@functools.cache
def once_query(service: str) -> bool:
    """Whether a service spoke the query protocol before, whose codes its answers name beside the errors' own."""
    return "awsQueryCompatible" in service_model(service).metadata


@functools.cache
def error_name(service: str, code: str) -> str:
    """The error's own name where `code` is that of the query protocol."""
    found = (shape for shape in service_model(service).error_shapes)
    return next((each.name for each in found if each.metadata.get("error", {}).get("code") == code), code)


@functools.cache
def error_status(service: str, code: str) -> tuple[int, bool]:
    """An error's HTTP status as the model gives it, and whether it is the sender's fault."""
    model = service_model(service)
    for shape in model.error_shapes:
        trait = shape.metadata.get("error", {})
        if shape.name == code or trait.get("code") == code:
            status = int(trait.get("httpStatusCode", 500 if shape.metadata.get("fault") else 400))
            return status, status < 500
    return 400, True
