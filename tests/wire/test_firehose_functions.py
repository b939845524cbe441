"""A delivery whose function was made over the wire: its own code, its environment, its versions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import System, until
from tests.projects import project
from tests.wire.lambdas import create, zipped
from tests.wire.sdk import client

MARK = """
    import base64
    import os
    import sys

    def handler(event, context):
        mark = os.environ.get("MARK", {mark!r})
        records = []
        for record in event["records"]:
            data = base64.b64decode(record["data"]).decode() + mark + "\\n"
            records.append(
                {{"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(data.encode()).decode()}}
            )
        return {{"records": records}}
    """


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    place = tmp_path_factory.mktemp("firehose")
    found = System(project(place / "p", "name: wire\nlake:\n  wire: {}\n"), place / "state", [], {})
    yield found.start(sql=False)
    found.end()


@pytest.fixture(scope="module")
def firehose(system: System) -> Iterator[Any]:
    found = client(system, "firehose")
    yield found
    found.close()


@pytest.fixture(scope="module")
def functions(system: System) -> Iterator[Any]:
    found = client(system, "lambda")
    yield found
    found.close()


def through(firehose: Any, function: str) -> str:
    """A delivery with this function on the way; its name."""
    name = f"d-{uuid.uuid4().hex[:8]}"
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
    processor = {
        "Type": "Lambda",
        "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": arn}],
    }
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::000000000000:role/firehose",
            "BucketARN": "arn:aws:s3:::wire",
            "Prefix": f"{name}/",
            "ProcessingConfiguration": {"Enabled": True, "Processors": [processor]},
        },
    )
    return name


def put(firehose: Any, name: str, *records: str) -> None:
    firehose.put_record_batch(
        DeliveryStreamName=name, Records=[{"Data": record.encode()} for record in records]
    )


def lines(system: System, name: str) -> list[str]:
    """What was delivered of all that was put."""
    until(lambda: system.status()["ledger"][f"delivery.{name}"]["lag"] == 0)
    system.flush(name)
    files = [path for path in (system.layout.lake / "wire" / name).rglob("*") if path.is_file()]
    return sorted(line for path in files for line in path.read_text().splitlines())


def test_its_code_is_what_was_uploaded(system: System, firehose: Any, functions: Any) -> None:
    name = through(firehose, create(functions, MARK.format(mark="!")))
    put(firehose, name, "a", "b")
    assert lines(system, name) == ["a!", "b!"]


def test_it_sees_its_environment_and_keeps_what_looks_like_a_secret(
    system: System, firehose: Any, functions: Any
) -> None:
    """Secrets belong to who wrote the project."""
    variables = {"MARK": "${secret:TOKEN}"}
    name = through(firehose, create(functions, MARK.format(mark="!"), Environment={"Variables": variables}))
    put(firehose, name, "a")
    assert lines(system, name) == ["a${secret:TOKEN}"]


def test_new_code_is_used_from_the_next_batch_on_and_a_version_stays(
    system: System, firehose: Any, functions: Any
) -> None:
    function = create(functions, MARK.format(mark="1"))
    version = functions.publish_version(FunctionName=function)["Version"]
    functions.create_alias(FunctionName=function, Name="prod", FunctionVersion=version)
    names = [through(firehose, f"{function}{suffix}") for suffix in ("", f":{version}", ":prod", ":$LATEST")]
    for name in names:
        put(firehose, name, "a")
    assert [lines(system, name) for name in names] == [["a1"]] * 4
    functions.update_function_code(FunctionName=function, ZipFile=zipped(MARK.format(mark="2")))
    for name in names:
        put(firehose, name, "b")
    assert [lines(system, name)[1] for name in names] == ["b2", "b1", "b1", "b2"]


def test_another_handler_of_the_same_file_is_called_once_it_is_set(
    system: System, firehose: Any, functions: Any
) -> None:
    function = create(functions, MARK.format(mark="1") + "\n    other = lambda event, context: 1 / 0\n")
    name = through(firehose, function)
    put(firehose, name, "a")
    assert lines(system, name) == ["a1"]
    functions.update_function_configuration(FunctionName=function, Handler="index.other")
    put(firehose, name, "b")
    assert lines(system, name) == ["a1"]
    errors = list((system.layout.lake).rglob("processing-failed/**/*"))
    rejected = [
        json.loads(line) for path in errors if path.is_file() for line in path.read_text().splitlines()
    ]
    assert any("ZeroDivisionError" in each["errorMessage"] for each in rejected), rejected


def test_what_comes_while_the_function_is_gone_waits_for_it(
    system: System, firehose: Any, functions: Any
) -> None:
    function = create(functions, MARK.format(mark="1"))
    name = through(firehose, function)
    functions.delete_function(FunctionName=function)
    put(firehose, name, "a")
    said = f"NoSuchFunction: no function is named {function}"
    until(lambda: system.call("flow", "status")["deliveries"][name]["last_error"] == said)
    create(functions, MARK.format(mark="2"), name=function)
    assert lines(system, name) == ["a2"]


def test_it_is_all_so_after_a_kill(system: System, firehose: Any, functions: Any, tmp_path: Path) -> None:
    name = through(firehose, create(functions, MARK.format(mark="!")))
    system.kill("flow")
    put(firehose, name, "a")
    assert lines(system, name) == ["a!"]
