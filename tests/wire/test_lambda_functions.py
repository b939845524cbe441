"""Lambda through boto3: functions made of zip files, changed, versioned, given rights and settings, removed."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import uuid
import zipfile
from typing import Any

import pytest

from tests.harness import System, request, until
from tests.wire.lambdas import ECHO, ROLE, arn, create, invoke, zipped
from tests.wire.sdk import client, refused, serving

PROJECT = """
name: made
functions:
  own: functions/own.handler
"""

system = serving(PROJECT, files={"functions/own.py": "def handler(event, context): return ['own', event]"})


def test_a_function_is_made_seen_called_and_removed(functions: Any) -> None:
    code = zipped(
        "import lib\ndef handler(event, context): return lib.double(event['n'])",
        lib="def double(n): return 2 * n",
    )
    name = f"f-{uuid.uuid4().hex[:8]}"
    made = functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": code},
        Description="doubles",
        Environment={"Variables": {"AA": "b"}},
        Tags={"team": "x"},
    )
    assert made["FunctionArn"] == arn(name)
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    assert (made["CodeSize"], made["Timeout"], made["MemorySize"], made["Version"]) == (
        len(code),
        3,
        128,
        "$LATEST",
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert invoke(functions, name, {"n": 21}) == 42
    assert invoke(functions, arn(name), {"n": 1}) == 2
    seen = functions.get_function(FunctionName=name)
    assert seen["Configuration"]["Environment"] == {"Variables": {"AA": "b"}}
    assert seen["Tags"] == {"team": "x"}
    assert request(seen["Code"]["Location"]).body == code
    assert name in [each["FunctionName"] for each in functions.list_functions()["Functions"]]
    functions.delete_function(FunctionName=name)
    refused(
        "ResourceNotFoundException",
        f"Function not found: {arn(name)}",
        functions.get_function,
        FunctionName=name,
    )
    refused(
        "ResourceNotFoundException", f"Function not found: {arn(name)}", functions.invoke, FunctionName=name
    )


def test_a_functions_code_is_fetched_by_a_url_that_is_of_it_alone_and_not_for_ever(functions: Any) -> None:
    name = create(functions, ECHO)
    seen = functions.get_function(FunctionName=name)
    url = seen["Code"]["Location"]
    got = request(url)
    assert (got.status, got.headers["content-type"]) == (200, "application/zip")
    assert base64.b64encode(hashlib.sha256(got.body).digest()).decode() == seen["Configuration"]["CodeSha256"]
    assert len(got.body) == seen["Configuration"]["CodeSize"]
    assert request(url, "PUT", b"x").status == 405
    signature = url.rpartition("=")[2]
    expires = url.partition("Expires=")[2].partition("&")[0]
    for forged in (
        url.replace(signature, "0" * 64),
        url.replace(name, "own"),
        url.replace(f"Expires={expires}", f"Expires={int(expires) + 9}"),
        url.partition("?")[0],
        f"{url.partition('/code/')[0]}/code/..%2F..%2Fstate.db?Expires=9&Signature={signature}",
    ):
        refusal = request(forged)
        assert (refusal.status, b"AccessDenied" in refusal.body) == (403, True), forged
    own = functions.get_function(FunctionName="own")
    body = request(own["Code"]["Location"]).body
    assert zipfile.ZipFile(io.BytesIO(body)).namelist() == ["functions/own.py"]
    assert base64.b64encode(hashlib.sha256(body).digest()).decode() == own["Configuration"]["CodeSha256"]


def test_code_and_configuration_change(functions: Any) -> None:
    name = create(functions, "import os\ndef handler(event, context): return ['one', os.environ.get('XX')]")
    assert invoke(functions, name) == ["one", None]
    before = functions.get_function_configuration(FunctionName=name)
    changed = functions.update_function_configuration(
        FunctionName=name,
        Timeout=9,
        MemorySize=256,
        Environment={"Variables": {"XX": "y"}},
        Description="new",
    )
    assert (changed["Timeout"], changed["MemorySize"], changed["Description"]) == (9, 256, "new")
    assert changed["RevisionId"] != before["RevisionId"]
    assert invoke(functions, name) == ["one", "y"]
    functions.update_function_code(
        FunctionName=name, ZipFile=zipped("def handler(event, context): return 'two'")
    )
    assert invoke(functions, name) == "two"
    refused(
        "PreconditionFailedException",
        "The Revision Id provided does not match",
        functions.update_function_code,
        FunctionName=name,
        ZipFile=zipped(ECHO),
        RevisionId=before["RevisionId"],
    )


def test_code_may_lie_in_a_bucket(functions: Any, s3: Any) -> None:
    s3.create_bucket(Bucket="deployments")
    s3.put_object(Bucket="deployments", Key="app.zip", Body=zipped("def handler(e, c): return 'from s3'"))
    name = create(functions, Code={"S3Bucket": "deployments", "S3Key": "app.zip"})
    assert invoke(functions, name) == "from s3"
    for code, key, bucket in (("NoSuchKey", "none", "deployments"), ("NoSuchBucket", "x", "no-such-bucket")):
        refused(
            "InvalidParameterValueException",
            f"Error occurred while GetObject. S3 Error Code: {code}.",
            create,
            functions=functions,
            Code={"S3Bucket": bucket, "S3Key": key},
        )


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"Runtime": "nodejs20.x"}, "InvalidParameterValueException", "Value nodejs20.x at 'runtime' failed"),
        ({"Role": "no-arn"}, "ValidationException", "Value 'no-arn' at 'role' failed to satisfy constraint"),
        ({"Timeout": 901}, "ValidationException", "Member must have value less than or equal to 900"),
        ({"MemorySize": 10241}, "ValidationException", "Member must have value less than or equal to 10240"),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            "InvalidParameterValueException",
            "Reserved keys used in this request: AWS_REGION",
        ),
        (
            {"Environment": {"Variables": {"XX": "x" * 4096}}},
            "InvalidParameterValueException",
            "exceeded the 4KB limit",
        ),
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip uploaded file"),
        ({"Code": {}}, "InvalidParameterValueException", "Please provide a source for function code."),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:x:1"]}, "NotImplemented", "layers"),
        ({"PackageType": "Image", "Code": {"ImageUri": "x"}}, "NotImplemented", "container images"),
    ],
)
def test_what_a_function_may_not_be_is_refused(functions: Any, given: Any, code: str, message: str) -> None:
    refused(code, message, create, functions=functions, **given)


def test_a_zip_file_that_would_write_elsewhere_is_refused(functions: Any, system: System) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.py", ECHO)
        archive.writestr("../../evil.py", "x = 1")
    refused(
        "InvalidParameterValueException",
        "Could not unzip uploaded file",
        create,
        functions=functions,
        Code={"ZipFile": data.getvalue()},
    )
    assert not list(system.layout.root.rglob("evil.py"))


def test_a_name_is_taken_once(functions: Any) -> None:
    name = create(functions)
    refused(
        "ResourceConflictException", f"Function already exist: {name}", create, functions=functions, name=name
    )


def test_versions_stay_what_they_were_and_aliases_name_them(functions: Any) -> None:
    name = create(functions, "def handler(event, context): return 'one'")
    first = functions.publish_version(FunctionName=name, Description="v")
    assert (first["Version"], first["Description"], first["FunctionArn"]) == ("1", "v", arn(f"{name}:1"))
    assert functions.publish_version(FunctionName=name)["Version"] == "1"
    functions.update_function_code(
        FunctionName=name, ZipFile=zipped("def handler(event, context): return 'two'"), Publish=True
    )
    alias = functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert alias["AliasArn"] == arn(f"{name}:live")
    assert [invoke(functions, name, Qualifier=q) for q in ("$LATEST", "1", "2", "live")] == [
        "two",
        "one",
        "two",
        "one",
    ]
    for qualifier, version in (("$LATEST", "$LATEST"), ("2", "2"), ("live", "1")):
        found = functions.get_function(FunctionName=name, Qualifier=qualifier)["Configuration"]
        assert (found["FunctionArn"], found["Version"]) == (arn(f"{name}:{qualifier}"), version)
        assert functions.get_function_configuration(FunctionName=found["FunctionArn"])["Version"] == version
    assert functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"] == arn(name)
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    answer = functions.invoke(FunctionName=arn(f"{name}:live"))
    assert (json.loads(answer["Payload"].read()), answer["ExecutedVersion"]) == ("two", "2")
    versions = functions.list_versions_by_function(FunctionName=name)["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", "1", "2"]
    assert [each["Name"] for each in functions.list_aliases(FunctionName=name)["Aliases"]] == ["live"]
    assert name in [each["FunctionName"] for each in functions.list_functions()["Functions"]]
    functions.delete_alias(FunctionName=name, Name="live")
    refused(
        "ResourceNotFoundException",
        f"Cannot find alias arn: {arn(name)}:live",
        functions.get_alias,
        FunctionName=name,
        Name="live",
    )


def test_a_function_that_is_published_at_once_is_answered_by_its_own_arn(functions: Any) -> None:
    given = {
        "FunctionName": "at-once",
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "index.handler",
        "Code": {"ZipFile": zipped(ECHO)},
    }
    made = functions.create_function(**given, Publish=True)
    assert (made["FunctionArn"], made["Version"]) == (arn("at-once"), "1")
    refused(
        "ValidationException",
        "1 validation error detected: Value '[foo]' at 'architectures' failed to satisfy constraint: Member must"
        " satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
        functions.create_function,
        **given,
        Architectures=["foo"],
    )
    functions.delete_function(FunctionName=made["FunctionArn"])


def test_permissions_make_a_policy(functions: Any) -> None:
    name = create(functions)
    refused(
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
        functions.get_policy,
        FunctionName=name,
    )
    given = {
        "FunctionName": name,
        "StatementId": "s3",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": "arn:aws:s3:::b",
    }
    statement = json.loads(functions.add_permission(**given)["Statement"])
    assert statement == {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn(name),
        "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}},
    }
    refused(
        "ResourceConflictException",
        "The statement id (s3) provided already exists",
        functions.add_permission,
        **given,
    )
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    functions.remove_permission(FunctionName=name, StatementId="s3")
    refused(
        "ResourceNotFoundException",
        "No policy is associated with the given resource.",
        functions.remove_permission,
        FunctionName=name,
        StatementId="s3",
    )


def test_settings_come_back_as_they_were_put(functions: Any) -> None:
    name = create(functions)
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=name)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=3)
    assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 3
    assert functions.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    refused(
        "InvalidParameterValueException",
        "below its minimum value of [100]",
        functions.put_function_concurrency,
        FunctionName=name,
        ReservedConcurrentExecutions=950,
    )
    refused(
        "ResourceNotFoundException",
        f"The function {arn(name)}:$LATEST doesn't have an EventInvokeConfig",
        functions.get_function_event_invoke_config,
        FunctionName=name,
    )
    functions.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60
    )
    config = functions.get_function_event_invoke_config(FunctionName=name)
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)
    functions.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    listed = functions.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"]
    assert [each["MaximumRetryAttempts"] for each in listed] == [1]
    functions.delete_function_event_invoke_config(FunctionName=name)
    functions.tag_resource(Resource=arn(name), Tags={"a": "1", "b": "2"})
    functions.untag_resource(Resource=arn(name), TagKeys=["a"])
    assert functions.list_tags(Resource=arn(name))["Tags"] == {"b": "2"}
    assert functions.get_account_settings()["AccountUsage"]["FunctionCount"] > 0
    assert functions.list_layers()["Layers"] == []


def test_the_projects_own_function_is_called_and_not_changed(functions: Any) -> None:
    assert invoke(functions, "own", 1) == ["own", 1]
    assert functions.get_function(FunctionName="own")["Configuration"]["Handler"] == "functions/own.handler"
    for call, given in (
        (functions.delete_function, {}),
        (functions.update_function_configuration, {"Timeout": 4}),
        (functions.update_function_code, {"ZipFile": zipped(ECHO)}),
    ):
        refused(
            "ResourceConflictException", "changed in forebay.yaml only", call, FunctionName="own", **given
        )


def test_what_is_not_offered_says_so(functions: Any) -> None:
    refused(
        "NotImplemented",
        "forebay does not offer lambda.PublishLayerVersion",
        functions.publish_layer_version,
        LayerName="x",
        Content={"ZipFile": b"x"},
    )
    name = create(functions)
    refused(
        "NotImplemented",
        "lambda.CreateFunctionUrlConfig",
        functions.create_function_url_config,
        FunctionName=name,
        AuthType="NONE",
    )


def test_functions_survive_a_restart(functions: Any, system: System) -> None:
    name = create(functions, "def handler(event, context): return 'still here'")
    system.kill_all()
    system.start(sql=False)
    assert until(lambda: invoke(client(system, "lambda"), name)) == "still here"
