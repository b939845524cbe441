"""The same programs where access is on: each client's own signatures are verified, by header, query and chunk."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import System
from tests.proof.clients import AwsCli, Outcomes, Refused, checks, environment, settings
from tests.wire.sdk import served

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1200)]

PROJECT = """\
name: closed
access:
  unsigned: false
  policies:
    all: [{actions: "*"}]
  users:
    admin: {policies: [all]}
"""
PROGRAMS = {"kinesis.mjs": "javascript", "storage.mjs": "javascript", "files.py": "files"}

_outcomes: dict[str, Outcomes] = {}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with served(tmp_path_factory.mktemp("closed"), PROJECT, sql=True) as running:
        yield running


@pytest.fixture(scope="module")
def keys(closed: System) -> tuple[str, str]:
    """Id and secret of one who may do everything."""
    made = closed.cli("keys", "create", "admin", "--aws", "--json").json()
    return made["id"], made["secret"]


def signed(system: System, keys: tuple[str, str]) -> dict[str, str]:
    return {
        **environment(system),
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
    }


@pytest.mark.parametrize(
    ("program", "check"), [(program, check) for program in PROGRAMS for check in checks(program)]
)
def test_a_program_holds_with_keys(
    program: str, check: str, closed: System, keys: tuple[str, str], tmp_path: Path
) -> None:
    if program not in _outcomes:
        text = settings(closed, "pyarrow").replace('access_key="test"', f'access_key="{keys[0]}"')
        text = text.replace('secret_key="test"', f'secret_key="{keys[1]}"')
        (tmp_path / "pyarrow.py.txt").write_text(text)
        _outcomes[program] = Outcomes(program, PROGRAMS[program], signed(closed, keys), tmp_path)
    _outcomes[program].holds(check)


def test_the_aws_cli_signs_and_presigns(closed: System, keys: tuple[str, str], tmp_path: Path) -> None:
    aws = AwsCli(signed(closed, keys), tmp_path)
    assert aws("sts", "get-caller-identity")["Arn"].endswith(":user/admin")
    aws("s3", "mb", "s3://signed-by-cli")
    (tmp_path / "large").write_bytes(b"x" * (9 << 20))
    aws("s3", "cp", "large", "s3://signed-by-cli/a b/large")
    url = aws("s3", "presign", "s3://signed-by-cli/a b/large").strip()
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert len(answer.read()) == 9 << 20
    wrong = AwsCli({**signed(closed, keys), "AWS_SECRET_ACCESS_KEY": "other"}, tmp_path)
    with pytest.raises(Refused, match="SignatureDoesNotMatch"):
        wrong("s3", "ls")
    stranger = AwsCli(environment(closed), tmp_path)
    with pytest.raises(Refused, match="UnrecognizedClientException"):
        stranger("kinesis", "list-streams")
