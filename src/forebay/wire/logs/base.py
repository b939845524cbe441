"""What the operations of CloudWatch Logs share: the service, the store behind it, its errors and pages."""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.model import OperationModel

from forebay import arn
from forebay.errors import NotFound
from forebay.layout import Layout
from forebay.telemetry.groups import Exists, Group, Groups
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, Service

T = TypeVar("T")

_NOT_SHOWN = re.compile(r"Value '[^']*' at 'logGroupIdentifier'")


class Logs(Service):
    """CloudWatch Logs, which does not repeat an identifier that it refuses."""

    def check(self, model: OperationModel, given: Json, asked: Asked) -> None:
        """See Service."""
        try:
            super().check(model, given, asked)
        except AwsError as error:
            said = _NOT_SHOWN.sub("Value at 'logGroupIdentifier'", error.message)
            raise AwsError(error.code, said, http=400) from None


SERVICE = Logs("logs", validation="InvalidParameterException")

_MISSING = {
    "NoSuchGroup": "The specified log group does not exist.",
    "NoSuchStream": "The specified log stream does not exist.",
}
_THERE = {
    "GroupExists": "The specified log group already exists",
    "StreamExists": "The specified log stream already exists",
}


@functools.cache
def store(layout: Layout) -> Groups:
    """The groups of a state folder, opened when first asked for; the front is the only one that does."""
    return Groups(layout.log_groups, layout.logs / "functions")


async def kept(asked: Asked, work: Callable[[Groups], T]) -> T:
    """What `work` answers, done in a thread. Raises AwsError for what is not there, or is there already."""
    try:
        return await asyncio.to_thread(lambda: work(store(asked.system.layout)))
    except NotFound as error:
        if error.code not in _MISSING:
            raise
        raise AwsError("ResourceNotFoundException", _MISSING[error.code], http=400) from None
    except Exists as error:
        raise AwsError("ResourceAlreadyExistsException", _THERE[error.code], http=400) from None


def invalid(message: str) -> AwsError:
    """InvalidParameterException."""
    return AwsError("InvalidParameterException", message, http=400)


def group_name(given: Json) -> str:
    """The group that `logGroupName` or `logGroupIdentifier` (a name or an ARN) means. Raises AwsError."""
    name, identifier = given.get("logGroupName"), given.get("logGroupIdentifier")
    if name and identifier:
        raise AwsError(
            "ValidationException",
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
            http=400,
        )
    if name or identifier:
        return str(name or name_in(str(identifier)))
    raise invalid("Either logGroupName or logGroupIdentifier must be given.")


def name_in(identifier: str) -> str:
    """`arn:aws:logs:us-east-1:000000000000:log-group:NAME[:*]` → NAME; a name is itself."""
    if not identifier.startswith("arn:"):
        return identifier
    name = arn.name_in(identifier, "logs", "log-group:")
    if not name:
        raise invalid(f"The ARN {identifier} is not one of a log group.")
    return name.removesuffix(":*")


def group_arn(asked: Asked, group: Group) -> str:
    """A group's ARN, without `:*`."""
    return asked.arn(f"log-group:{group.name}")


def page(items: list[Any], key: Callable[[Any], str], given: Json, most: int) -> tuple[list[Any], Json]:
    """A page of `items` (ordered, each with a unique key), and `nextToken` where more follow."""
    start = 0
    if (token := given.get("nextToken")) is not None:
        after = untoken(token)
        found = next((at for at, item in enumerate(items) if key(item) == after), None)
        if found is None:
            raise invalid("The specified nextToken is invalid.")
        start = found + 1
    size = given.get("limit") or most
    some = items[start : start + size]
    more = {"nextToken": token_of(key(some[-1]))} if start + size < len(items) else {}
    return some, more


def token_of(text: str) -> str:
    """An opaque token for `text`."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def untoken(token: str) -> str:
    """What `token_of` was given. Raises AwsError."""
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid("The specified nextToken is invalid.") from None
