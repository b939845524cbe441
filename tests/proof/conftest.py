"""One running system for all other people's clients, and the AWS CLI pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import System
from tests.proof.clients import AwsCli, environment
from tests.wire.sdk import served


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with served(tmp_path_factory.mktemp("system"), "name: proof\n", sql=True) as running:
        yield running


@pytest.fixture(scope="session")
def aws(system: System, tmp_path_factory: pytest.TempPathFactory) -> AwsCli:
    return AwsCli(environment(system), tmp_path_factory.mktemp("awscli"))


@pytest.fixture
def folder(aws: AwsCli) -> Path:
    """Where the AWS CLI runs."""
    return aws.folder
