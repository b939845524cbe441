"""What Lambda's operations share: names and ARNs, errors in Lambda's words, functions as documents.

A function made over the wire is a document of kind `functions`: its `spec` is what the flow runs
(`FunctionSpec`), its `meta` what only the API knows. A published version is one of its own, `name:3`.
Functions of the project are seen here, and changed in `forebay.yaml` only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel

from forebay.errors import DataRejected, ForebayError, NotFound, Throttled, Unavailable
from forebay.functions.section import FunctionSpec
from forebay.wire.protocol.message import AwsError
from forebay.wire.protocol.validate import validate
from forebay.wire.service import Asked, Json, Service, paged, present

FUNCTIONS = "functions"
MAPPING = "functions.part"
ALIAS = "lambda.alias"
POLICY = "lambda.policy"
ASYNC = "lambda.async"

LATEST = "$LATEST"
_NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):function:"
    r"|(?:(?P<account2>\d{12}):)?function:)?(?P<name>[a-zA-Z0-9_-]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)
_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?"
    r"(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)


class Lambda(Service):
    """Lambda's way with broken constraints: those of the model, but for a runtime that it does not know."""

    def check(self, model: OperationModel, given: Json, asked: Asked) -> None:
        """Refuse what breaks the constraints of the model."""
        rest = {name: value for name, value in given.items() if name != "Runtime"}
        try:
            validate(model.input_shape, rest, code=self.validation)
        except AwsError as wrong:
            said = wrong.message.replace("[x86_64, arm64]]", "[x86_64, arm64], Member must not be null]")
            raise AwsError(wrong.code, said, http=400) from None


SERVICE = Lambda("lambda")
SERVICE.sees_objects = True


def error(code: str, message: str, http: int, kind: str = "User", **members: Any) -> AwsError:
    """An error with Lambda's `Type`."""
    return AwsError(code, message, http=http, Type=kind, **members)


def invalid(message: str) -> AwsError:
    """InvalidParameterValueException."""
    return error("InvalidParameterValueException", message, 400)


def conflict(message: str) -> AwsError:
    """ResourceConflictException."""
    return error("ResourceConflictException", message, 409)


def not_found(message: str) -> AwsError:
    """ResourceNotFoundException."""
    return error("ResourceNotFoundException", message, 404)


def refused(what: str) -> AwsError:
    """What a function may be told on AWS and not here."""
    return AwsError("NotImplemented", f"forebay does not offer {what}", http=501)


@dataclass(frozen=True, slots=True)
class Named:
    """A function as a caller names it. `qualifier` is None where none was given."""

    name: str
    qualifier: str | None

    @property
    def unqualified(self) -> bool:
        """Whether it is the function as it is now."""
        return self.qualifier in (None, LATEST)


def named(asked: Asked, given: Json, *, member: str = "FunctionName") -> Named:
    """The function that `FunctionName` and `Qualifier` name."""
    text = given[member]
    match = _NAME.fullmatch(text)
    if match is None or (len(match["name"]) > 64):
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {_PATTERN}",
            http=400,
        )
    if match["region"] not in (None, asked.region):
        raise not_found(
            f"Functions from '{match['region']}' are not reachable in this region ('{asked.region}')"
        )
    qualifier = given.get("Qualifier")
    own = match["qualifier"]
    if own and qualifier and own != qualifier:
        raise invalid("The derived qualifier from the function name does not match the specified qualifier.")
    return Named(match["name"], qualifier or own)


def function_arn(asked: Asked, name: str, qualifier: str | None = None) -> str:
    """`arn:aws:lambda:...:function:name[:qualifier]`."""
    return asked.arn(f"function:{name}" + (f":{qualifier}" if qualifier else ""), "lambda")


def missing(asked: Asked, name: str, qualifier: str | None = None) -> AwsError:
    """Function not found."""
    return not_found(f"Function not found: {function_arn(asked, name, qualifier)}")


@dataclass(slots=True)
class Found:
    """A function or one of its versions. `doc` is None for one of the project's own."""

    name: str
    version: str
    spec: FunctionSpec
    doc: Json | None

    @property
    def id(self) -> str:
        """As the flow knows it."""
        return self.name if self.version == LATEST else f"{self.name}:{self.version}"

    @property
    def meta(self) -> Json:
        """What only the API knows."""
        return self.doc["meta"] if self.doc is not None else {}


def find(asked: Asked, which: Named) -> Found:
    """The function that is named, a version of it, or what its alias stands for. Raises ResourceNotFoundException."""
    version = LATEST if which.unqualified else which.qualifier or LATEST
    if version != LATEST and not version.isdigit():
        alias = asked.system.documents.get(ALIAS, f"{which.name}:{version}")
        if alias is None:
            exists = which.name in asked.system.project().of(FunctionSpec)
            raise missing(asked, which.name, version if exists else None)
        version = alias["version"]
    id = which.name if version == LATEST else f"{which.name}:{version}"
    spec = asked.system.project().of(FunctionSpec).get(id)
    if spec is None:
        raise missing(asked, which.name, which.qualifier)
    return Found(which.name, version, spec, document(asked, id))


def document(asked: Asked, id: str) -> Json | None:
    """A function's document; None for one of the project's own."""
    if id in asked.system.declared().of(FunctionSpec):
        return None
    return asked.system.documents.get(FUNCTIONS, id)


def own(asked: Asked, which: Named) -> tuple[Found, Json]:
    """A function that may be changed over the wire, and its document."""
    found = find(asked, Named(which.name, None))
    if found.doc is None:
        raise conflict(
            f"The function {which.name} is declared in the project as functions.{which.name} and is changed in "
            "forebay.yaml only"
        )
    return found, found.doc


def page(items: list[Any], given: Json, most: int = 50) -> tuple[list[Any], Json]:
    """One page of `items`, and where the next begins."""
    count = min(given.get("MaxItems") or most, most)
    chosen, following = paged(items, given.get("Marker"), count, invalid("Invalid Marker"))
    return chosen, present({"NextMarker": following})


def said(trouble: ForebayError) -> AwsError:
    """What Lambda says where the invoker raised `trouble`."""
    if isinstance(trouble, AwsError):
        return trouble
    if isinstance(trouble, Throttled):
        return error(
            "TooManyRequestsException", "Rate Exceeded.", 429, Reason="ConcurrentInvocationLimitExceeded"
        )
    if isinstance(trouble, NotFound):
        return not_found(trouble.message)
    if isinstance(trouble, DataRejected):
        return error("RequestTooLargeException", trouble.message, 413)
    if isinstance(trouble, Unavailable):
        parts = (trouble.message, trouble.why, trouble.fix)
        return error("ServiceException", "; ".join(part for part in parts if part), 500, "Service")
    return error("ServiceException", trouble.message, 500, "Service")
