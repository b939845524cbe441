"""What the tests of access share: clients with keys, policies and users in a line, errors as a user sees them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from tests.harness import System
from tests.wire.sdk import client, failure


@contextlib.contextmanager
def keyed(system: System, service: str, keys: dict[str, str], **given: Any) -> Iterator[Any]:
    """A client with these keys."""
    path = {"addressing_style": "path"}
    with contextlib.closing(client(system, service, keys=keys, retries=0, s3=path, **given)) as made:
        yield made


def policy(*statements: dict[str, Any]) -> str:
    """A policy's document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def user(iam: Any, name: str, *statements: dict[str, Any]) -> dict[str, str]:
    """The keys of a new user with these rights."""
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
    made: dict[str, str] = iam.create_access_key(UserName=name)["AccessKey"]
    return made


def refused(call: Any, **given: Any) -> tuple[str, int, str]:
    """Code, status and message of an error."""
    answer = failure(call, **given)
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]
