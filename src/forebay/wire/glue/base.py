"""What Glue's operations share: how the catalog is asked, its errors in Glue's words, pages of lists."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from botocore.model import OperationModel

from forebay.catalog.section import TableSpec, ViewSpec
from forebay.delivery.section import DeliverySpec
from forebay.errors import ForebayError
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, Service


class _Glue(Service):
    """Glue; of the schema registry's operations, in `own`, each finds what is wrong in words of its own."""

    own: frozenset[str] = frozenset()

    def check(self, model: OperationModel, given: Json, asked: Asked) -> None:
        """As any service, but where the operation checks for itself."""
        if model.name in self.own:
            return
        if (made := given.get("ConnectionInput")) and "ConnectionProperties" in made:
            # Nothing connects with them: what they are called is for whoever does.
            given = {**given, "ConnectionInput": {**made, "ConnectionProperties": {}}}
        super().check(model, given, asked)


SERVICE = _Glue("glue")

CODES = {
    "NoSuchDatabase": "EntityNotFoundException",
    "NoSuchTable": "EntityNotFoundException",
    "NoSuchPartition": "EntityNotFoundException",
    "NoSuchVersion": "EntityNotFoundException",
    "NoSuchCrawler": "EntityNotFoundException",
    "DatabaseExists": "AlreadyExistsException",
    "TableExists": "AlreadyExistsException",
    "PartitionExists": "AlreadyExistsException",
    "RevisionMoved": "ConcurrentModificationException",
    "InvalidInput": "InvalidInputException",
    "InvalidState": "InvalidStateException",
    "CrawlerRunning": "CrawlerRunningException",
    "CrawlerNotRunning": "CrawlerNotRunningException",
    "CrawlerStopping": "CrawlerStoppingException",
}


async def ask(asked: Asked, operation: str, /, **args: Any) -> Any:
    """An operation of the catalog. Raises AwsError in Glue's words."""
    try:
        return await asked.system.flow.call("catalog", name=operation, args=args)
    except ForebayError as error:
        raise said(error) from None


async def crawler(asked: Asked, operation: str, /, **args: Any) -> Any:
    """An operation of the crawlers. Raises AwsError in Glue's words."""
    try:
        return await asked.system.flow.call("crawler", name=operation, args=args)
    except ForebayError as error:
        raise said(error) from None


def said(error: ForebayError) -> ForebayError:
    """A catalog's error as Glue says it; others as they are."""
    code = CODES.get(error.code)
    return error if code is None else AwsError(code, error.message, http=400)


def invalid(message: str) -> AwsError:
    """InvalidInputException."""
    return AwsError("InvalidInputException", message, http=400)


def not_found(message: str) -> AwsError:
    """EntityNotFoundException."""
    return AwsError("EntityNotFoundException", message, http=400)


def folded(name: str) -> str:
    """A name as Hive, and so Glue, stores it."""
    return name.lower()


def refuse_declared(asked: Asked, database: str, table: str | None = None) -> None:
    """Raise where the project declares it: such a database or table is changed in `forebay.yaml` only."""
    project = asked.system.declared()
    if table is None:
        if database == project.database:
            raise invalid(f"Database {database} belongs to the project and is changed in forebay.yaml only")
        return
    own = (*project.of(TableSpec), *project.of(ViewSpec))
    declared = {_full(name, project.database): f"catalog.{name}" for name in own}
    for name, delivery in project.of(DeliverySpec).items():
        if delivery.table is not None:
            declared[_full(delivery.table, project.database)] = f"delivery.{name}"
    owner = declared.get((database, table))
    if owner is not None:
        raise invalid(
            f"Table {table} is declared in the project as {owner} and is changed in forebay.yaml only"
        )


def _full(name: str, database: str) -> tuple[str, str]:
    before, dot, table = name.lower().rpartition(".")
    return (before if dot else database), table


def token(text: str) -> str:
    """A NextToken that says where to go on."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def after(given: Json) -> str:
    """Where a NextToken says to go on; '' without one. Raises InvalidInputException."""
    text = given.get("NextToken")
    if not text:
        return ""
    try:
        return base64.b64decode(text.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise invalid("Invalid NextToken") from None


def page(items: list[Any], given: Json, most: int, key: Any = lambda item: item) -> tuple[list[Any], Json]:
    """The asked page of a list sorted by `key`, and `{NextToken}` if there is more."""
    start = after(given)
    limit = given.get("MaxResults") or most
    rest = [item for item in items if not start or key(item) > start]
    if len(rest) <= limit:
        return rest, {}
    return rest[:limit], {"NextToken": token(key(rest[limit - 1]))}
