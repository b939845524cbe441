"""One AWS service on the wire: operations by name, each a few lines between a decoded dict and a domain call.

    SERVICE = Service("kinesis", validation="ValidationException")

    @SERVICE.operation("CreateStream")
    async def create_stream(asked: Asked, given: Json) -> Json: ...

`given` has the members of the operation's input shape, decoded and within the model's constraints; what
is returned are the members of its output shape, or a Response, where they are many or come as they go. An
operation raises AwsError for what AWS documents; any ForebayError that comes up from below is translated by
`translated`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.model import OperationModel

from forebay.access.identity import ROOT, Identity
from forebay.arn import ACCOUNT, REGION, arn
from forebay.errors import ForebayError, NotFound, Throttled, Unavailable
from forebay.runtime.system import System
from forebay.wire.protocol.message import AwsError, Request, Response, not_offered
from forebay.wire.protocol.validate import validate

Json = dict[str, Any]


@dataclass(slots=True)
class Asked:
    """One call: who asks, of what, and in which protocol. `account` and `region` are what ARNs are made with.

    `denied` has, of a call that is of many things, the (action, key) that its caller may not, and why.
    """

    request: Request
    service: str
    operation: str
    system: System
    principal: str = "root"
    region: str = REGION
    account: str = ACCOUNT
    protocol: str = "json"
    identity: Identity = ROOT
    denied: dict[tuple[str, str], str] = field(default_factory=dict)

    def arn(self, resource: str, service: str | None = None) -> str:
        """The ARN of a resource of this call's service (or of another), in its region and account."""
        return arn(service or self.service, resource, region=self.region, account=self.account)


Operation = Callable[[Asked, Json], Awaitable[Json | Response | None]]
Fast = Callable[[Asked], Awaitable[Response | None]]
Bare = Callable[[Asked], Awaitable[Response]]
Answered = Callable[[Asked, Response, float], Awaitable[None]]


class Service:
    """The operations that forebay offers of one AWS service.

    `validation` is the error code for broken constraints of the model; `partial` says, per operation,
    what differs from AWS, for the generated docs. Operations in `streaming` read their body themselves
    (`Request.pieces`), of any size. A service that `sees_objects` reads the catalog by itself: its calls wait until that
    has what was put, but for those in `quick`, which see to it. `answered` is told of each answer, also of refusals, and the seconds it took.
    """

    def __init__(self, name: str, *, validation: str = "ValidationException") -> None:
        self.name = name
        self.validation = validation
        self.operations: dict[str, Operation] = {}
        self.partial: dict[str, str] = {}
        self.fast: dict[str, Fast] = {}
        self.streaming: set[str] = set()
        self.bare: dict[str, Bare] = {}
        self.answered: Answered | None = None
        self.sees_objects = False
        self.quick: set[str] = set()

    def has(self, asked: Asked) -> bool:
        """Whether what is asked is offered."""
        return asked.operation in self.operations or asked.operation in self.bare

    def unknown(self, asked: Asked) -> AwsError:
        """The refusal of a request that is none of the service's operations, offered or not."""
        request = asked.request
        return not_offered(self.name, f"{request.method} {request.path}")

    def look(self, asked: Asked) -> None:
        """Refuse what no caller may ask, before it is found out who does."""

    def check(self, model: OperationModel, given: Json, asked: Asked) -> None:
        """Refuse what breaks the constraints of the model; a service with words of its own overrides this."""
        validate(model.input_shape, given, code=self.validation)

    def operation(self, name: str, *, partial: str | None = None) -> Callable[[Operation], Operation]:
        """Offer the decorated coroutine function as operation `name`."""

        def register(function: Operation) -> Operation:
            if name in self.operations:
                raise ValueError(f"{self.name}.{name} is offered twice")
            self.operations[name] = function
            if partial is not None:
                self.partial[name] = partial
            return function

        return register

    def unmodelled(self, name: str) -> Callable[[Bare], Bare]:
        """Offer an operation that no model has: it reads its body, and finds out whose it is, by itself."""

        def register(function: Bare) -> Bare:
            self.bare[name] = function
            return function

        return register

    def fast_path(self, name: str) -> Callable[[Fast], Fast]:
        """Try the decorated function first for `name`; where it answers None, the usual way is taken.

        For the writes that must be quick: it reads the body itself, and leaves whatever is not plainly
        right to the usual way, which finds the error and its words.
        """

        def register(function: Fast) -> Fast:
            self.fast[name] = function
            return function

        return register


_UNAVAILABLE: Mapping[str, str] = {
    "kinesis": "ProvisionedThroughputExceededException",
    "firehose": "ServiceUnavailableException",
    "s3": "SlowDown",
    "dynamodb": "ProvisionedThroughputExceededException",
    "lambda": "ServiceException",
    "events": "InternalException",
    "athena": "TooManyRequestsException",
}


def translated(service: str, error: ForebayError) -> AwsError:
    """What AWS would answer where forebay raised `error`: try again later, not found, or an internal failure."""
    if isinstance(error, AwsError):
        return error
    if isinstance(error, Unavailable | Throttled):
        http = 400 if service in ("kinesis", "dynamodb") else 503
        return AwsError(_UNAVAILABLE.get(service, "ServiceUnavailable"), error.message, http=http)
    if isinstance(error, NotFound):
        return AwsError("ResourceNotFoundException", error.message)
    if error.status < 500:
        return AwsError("ValidationException", error.message)
    return AwsError("InternalFailure", error.message, http=500)


def reworded(error: AwsError, spelled: Iterable[tuple[re.Pattern[str], str]]) -> AwsError:
    """A refusal in the words of a service that says some things otherwise than its model."""
    message = error.message
    for pattern, words in spelled:
        message = pattern.sub(words, message)
    return AwsError(error.code, message)


def present(answer: Json) -> Json:
    """Without the members that are None."""
    return {name: value for name, value in answer.items() if value is not None}


def seconds(us: int | None) -> float | None:
    """UTC microseconds as a timestamp of an answer."""
    return None if us is None else us / 1_000_000


def paged(items: Sequence[Any], token: str | None, size: int, bad: AwsError) -> tuple[list[Any], str | None]:
    """The page of `items` that begins at `token`, and the next one's token if there is more. Raises `bad`."""
    try:
        start = int(base64.urlsafe_b64decode(token)) if token else 0
    except ValueError:
        raise bad from None
    end = start + size
    return list(items[start:end]), base64.urlsafe_b64encode(b"%d" % end).decode() if end < len(
        items
    ) else None
