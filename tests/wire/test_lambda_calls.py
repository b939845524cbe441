"""Lambda through boto3: a function called, and called later; its errors, its retries and what is refused."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

from tests.harness import System, until
from tests.wire.lambdas import arn, create, invoke
from tests.wire.sdk import client, refused, serving

system = serving("name: calls\n")


def test_errors_are_answered_as_lambda_does(functions: Any) -> None:
    name = create(
        functions, "def handler(event, context):\n    print('before')\n    raise ValueError('no ' + event)"
    )
    answer = functions.invoke(FunctionName=name, Payload=b'"good"', LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"], answer["ExecutedVersion"]) == (
        200,
        "Unhandled",
        "$LATEST",
    )
    error = json.loads(answer["Payload"].read())
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no good")
    assert error["stackTrace"][0].endswith("raise ValueError('no ' + event)\n")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert tail.startswith("START RequestId: ")
    assert "before\n" in tail
    assert "REPORT RequestId: " in tail
    slow = create(functions, "import time\ndef handler(event, context): time.sleep(9)", Timeout=1)
    answer = functions.invoke(FunctionName=slow)
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in json.loads(answer["Payload"].read())["errorMessage"]


def test_a_functions_own_boto3_finds_forebay(functions: Any, system: System) -> None:
    name = create(
        functions,
        """
        import boto3

        def handler(event, context):
            boto3.client("s3").create_bucket(Bucket=event)
            return [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]]
        """,
        MemorySize=256,
    )
    assert "made-by-a-function" in invoke(functions, name, "made-by-a-function")


def test_an_asynchronous_call_is_made_retried_and_told(
    functions: Any, system: System, tmp_path: Path
) -> None:
    told = create(
        functions,
        "import json, pathlib\ndef handler(event, context): pathlib.Path(event['requestPayload']['to']).write_text(json.dumps(event))",
    )
    failing = create(
        functions,
        """
        import pathlib
        def handler(event, context):
            with pathlib.Path(event['to'] + '.tries').open('a') as file:
                file.write(context.aws_request_id + '\\n')
            raise RuntimeError('always')
        """,
    )
    functions.put_function_event_invoke_config(
        FunctionName=failing, DestinationConfig={"OnFailure": {"Destination": arn(told)}}
    )
    place = tmp_path / "record"
    answer = functions.invoke(
        FunctionName=failing, InvocationType="Event", Payload=json.dumps({"to": str(place)})
    )
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    until(place.exists)
    until(place.read_text)
    record = json.loads(place.read_text())
    tries = Path(f"{place}.tries").read_text().split()
    assert tries == [record["requestContext"]["requestId"]] * 3
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorType"] == "RuntimeError"


def test_an_asynchronous_call_survives_kills(functions: Any, system: System, tmp_path: Path) -> None:
    name = create(
        functions,
        """
        import pathlib, time

        def handler(event, context):
            place = pathlib.Path(event)
            with (place / "begun").open("a") as file:
                file.write(".")
            while not (place / "go").exists():
                time.sleep(0.02)
            (place / "done").touch()
        """,
    )
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(str(tmp_path)))
    until(lambda: (tmp_path / "begun").read_text() == ".")
    system.kill("flow")
    until(lambda: (tmp_path / "begun").read_text() == "..")
    (tmp_path / "go").touch()
    until((tmp_path / "done").exists)
    until(lambda: invoke(functions, name, str(tmp_path)) is None)


def test_a_call_that_cannot_be_is_refused(functions: Any, system: System) -> None:
    name = create(functions)
    refused(
        "InvalidRequestContentException",
        "Could not parse request body into json",
        functions.invoke,
        FunctionName=name,
        Payload=b"{no json",
    )
    refused(
        "RequestTooLargeException",
        "too large",
        functions.invoke,
        FunctionName=name,
        Payload=b'"' + b"x" * 6_291_455 + b'"',
    )
    refused(
        "RequestTooLargeException",
        "too large for the Event invocation type",
        functions.invoke,
        FunctionName=name,
        InvocationType="Event",
        Payload=b'"' + b"x" * 1_048_576 + b'"',
    )
    assert functions.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with contextlib.closing(client(system, "lambda", retries=0)) as once:
        refused("TooManyRequestsException", "Rate Exceeded.", once.invoke, FunctionName=name)
    functions.delete_function_concurrency(FunctionName=name)
    assert invoke(functions, name, 1) == 1


def test_numbers_of_dynamodb_are_answered_and_a_bound_is_on_all_versions(functions: Any) -> None:
    source = (
        "from decimal import Decimal\ndef handler(event, context): return [Decimal('1.5'), Decimal('20')]"
    )
    name = create(functions, source)
    assert invoke(functions, name) == [1.5, 20]
    version = functions.publish_version(FunctionName=name)["Version"]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    refused(
        "TooManyRequestsException", "Rate Exceeded", functions.invoke, FunctionName=name, Qualifier=version
    )
    qualified = {"FunctionName": f"{name}:{version}", "ReservedConcurrentExecutions": 1}
    refused(
        "InvalidParameterValueException", "version or alias", functions.put_function_concurrency, **qualified
    )


def test_a_function_is_no_destination_of_its_own(functions: Any) -> None:
    name = create(functions)
    for when in ("OnSuccess", "OnFailure"):
        given = {"FunctionName": name, "DestinationConfig": {when: {"Destination": arn(name)}}}
        said = "You can't specify the function as a destination for itself."
        refused("InvalidParameterValueException", said, functions.put_function_event_invoke_config, **given)
