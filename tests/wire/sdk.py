"""boto3 for the tests of the AWS port: clients of a running system, errors as a user sees them, and fixtures.

A module says in two lines what it needs; its fixtures live as long as it does:

    system = serving("name: shop\\nlake: {shelf: {}}\\n")
    s3 = speaking("s3")            # the usual one of each service is in conftest.py
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.harness import System
from tests.projects import PLAIN, project

ACCOUNT = "000000000000"
TEST = {"AccessKeyId": "test", "SecretAccessKey": "test"}


def client_at(
    url: str,
    service: str,
    *,
    retries: int = 8,
    region: str = "us-east-1",
    keys: dict[str, str] = TEST,
    **config: Any,
) -> Any:
    """A client of the AWS port at this address; `keys` are as IAM and STS answer them.

    What it waits between tries is drawn by lot: with so many, it outlasts a process that is started anew.
    """
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
        config=Config(retries={"max_attempts": retries}, **config),
    )


def client(system: System, service: str, **given: Any) -> Any:
    """A client of the system's AWS port; `given` as for `client_at`."""
    return client_at(system.urls["aws"], service, **given)


@contextlib.contextmanager
def served(
    folder: Path, text: str = PLAIN, *, sql: bool = False, files: dict[str, str] | None = None
) -> Iterator[System]:
    """A running system of this project, with all that it needs in `folder`."""
    running = System(project(folder / "p", text, **(files or {})), folder / "state", [], {})
    try:
        yield running.start(sql=sql)
    finally:
        running.end()


def serving(text: str = PLAIN, *, sql: bool = False, files: dict[str, str] | None = None) -> Any:
    """A fixture: the running system of a module's tests."""

    @pytest.fixture(scope="module")
    def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
        with served(tmp_path_factory.mktemp("system"), text, sql=sql, files=files) as running:
            yield running

    return system


def speaking(service: str, **given: Any) -> Any:
    """A fixture: a client of the module's system; `given` as for `client_at`."""

    @pytest.fixture(scope="module")
    def made(system: System) -> Iterator[Any]:
        with contextlib.closing(client(system, service, **given)) as found:
            yield found

    return made


def failure(call: Any, **given: Any) -> dict[str, Any]:
    """The answer to a call that fails."""
    with pytest.raises(ClientError) as raised:
        call(**given)
    answer: dict[str, Any] = raised.value.response
    return answer


def refused(code: str, message: str, call: Any, **given: Any) -> dict[str, Any]:
    """The error that a call raises: it has this code, and this in its message."""
    error: dict[str, Any] = failure(call, **given)["Error"]
    assert error["Code"] == code, error
    assert message in error["Message"], error
    return error
