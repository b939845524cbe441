"""The AWS CLI on Lambda, CloudWatch Logs, IAM and STS."""

from __future__ import annotations

import json
import time
import uuid
import zipfile
from pathlib import Path

import pytest

from tests.harness import until
from tests.proof.clients import AwsCli, Refused

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]

CODE = """\
import os


def handler(event, context):
    print("seen", event)
    if event.get("fail"):
        raise ValueError("no")
    return {"sum": sum(event.get("numbers", [])), "who": os.environ["WHO"]}
"""
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


@pytest.fixture
def function(aws: AwsCli, folder: Path) -> str:
    name = f"cli-{uuid.uuid4().hex[:10]}"
    with zipfile.ZipFile(folder / "code.zip", "w") as code:
        code.writestr("main.py", CODE)
    role = aws("iam", "create-role", "--role-name", name, "--assume-role-policy-document", TRUST)["Role"][
        "Arn"
    ]
    made = aws(
        *("lambda", "create-function", "--function-name", name, "--runtime", "python3.12"),
        *("--handler", "main.handler", "--role", role, "--zip-file", "fileb://code.zip"),
        *("--environment", "Variables={WHO=ann}", "--timeout", "20"),
    )
    assert made["FunctionName"] == name
    aws("lambda", "wait", "function-active-v2", "--function-name", name)
    return name


def test_a_function_is_invoked(aws: AwsCli, function: str, folder: Path) -> None:
    here = ("lambda", "invoke", "--function-name", function)
    said = aws(*here, "--payload", '{"numbers": [1, 2]}', "--log-type", "Tail", "out.json")
    assert (said["StatusCode"], json.loads((folder / "out.json").read_text())) == (
        200,
        {"sum": 3, "who": "ann"},
    )
    said = aws(*here, "--payload", '{"fail": true}', "out.json")
    assert said["FunctionError"] == "Unhandled"
    assert json.loads((folder / "out.json").read_text())["errorType"] == "ValueError"
    assert aws(*here, "--invocation-type", "Event", "--payload", "{}", "out.json") == {"StatusCode": 202}


def test_a_function_is_changed_and_deleted(aws: AwsCli, function: str, folder: Path) -> None:
    here = ("--function-name", function)
    aws("lambda", "update-function-configuration", *here, "--environment", "Variables={WHO=bob}")
    aws("lambda", "wait", "function-updated-v2", *here)
    with zipfile.ZipFile(folder / "code2.zip", "w") as code:
        code.writestr("main.py", CODE.replace('"sum"', '"total"'))
    aws("lambda", "update-function-code", *here, "--zip-file", "fileb://code2.zip")
    aws("lambda", "wait", "function-updated-v2", *here)
    aws("lambda", "invoke", *here, "--payload", "{}", "out.json")
    assert json.loads((folder / "out.json").read_text()) == {"total": 0, "who": "bob"}
    assert aws("lambda", "get-function", *here)["Configuration"]["Handler"] == "main.handler"
    assert function in [each["FunctionName"] for each in aws("lambda", "list-functions")["Functions"]]
    given = (
        "--statement-id",
        "s",
        "--action",
        "lambda:InvokeFunction",
        "--principal",
        "events.amazonaws.com",
    )
    aws("lambda", "add-permission", *here, *given)
    assert "events.amazonaws.com" in aws("lambda", "get-policy", *here)["Policy"]
    aws("lambda", "delete-function", *here)
    with pytest.raises(Refused, match="ResourceNotFoundException"):
        aws("lambda", "get-function", *here)


def test_a_stream_triggers_a_function_whose_words_are_in_its_log(aws: AwsCli, function: str) -> None:
    aws("kinesis", "create-stream", "--stream-name", function, "--shard-count", "1")
    described = aws("kinesis", "describe-stream-summary", "--stream-name", function)
    source = described["StreamDescriptionSummary"]["StreamARN"]
    made = aws(
        *("lambda", "create-event-source-mapping", "--function-name", function, "--event-source-arn", source),
        *("--starting-position", "TRIM_HORIZON", "--batch-size", "10"),
    )
    aws("kinesis", "put-record", "--stream-name", function, "--partition-key", "k", "--data", "eA==")

    def logged() -> list[str]:
        try:
            found = aws("logs", "filter-log-events", "--log-group-name", f"/aws/lambda/{function}")["events"]
        except Refused:
            return []
        return [each["message"] for each in found if "kinesisSchemaVersion" in each["message"]]

    assert until(logged, every=0.5, patience=60)
    aws("lambda", "delete-event-source-mapping", "--uuid", made["UUID"])


def test_logs_are_put_read_and_kept_for_a_time(aws: AwsCli) -> None:
    name = f"/cli/{uuid.uuid4().hex[:10]}"
    group = ("--log-group-name", name)
    stream = (*group, "--log-stream-name", "s")
    aws("logs", "create-log-group", *group)
    aws("logs", "create-log-stream", *stream)
    now = int(time.time() * 1000)
    entries = json.dumps([{"timestamp": now + n, "message": f"line {n}"} for n in range(3)])
    aws("logs", "put-log-events", *stream, "--log-events", entries)
    events = aws("logs", "get-log-events", *stream, "--start-from-head")["events"]
    assert [each["message"] for each in events] == ["line 0", "line 1", "line 2"]
    found = aws("logs", "filter-log-events", *group, "--filter-pattern", '"line 1"')["events"]
    assert [each["message"] for each in found] == ["line 1"]
    aws("logs", "put-retention-policy", *group, "--retention-in-days", "7")
    (shown,) = aws("logs", "describe-log-groups", "--log-group-name-prefix", name)["logGroups"]
    assert shown["retentionInDays"] == 7
    aws("logs", "tag-log-group", *group, "--tags", "a=1")
    aws("logs", "delete-log-group", *group)
    assert aws("logs", "describe-log-groups", "--log-group-name-prefix", name)["logGroups"] == []


def test_people_roles_and_policies_are_kept(aws: AwsCli) -> None:
    name = f"cli-{uuid.uuid4().hex[:10]}"
    user, role = ("--user-name", name), ("--role-name", name)
    assert aws("iam", "create-user", *user)["User"]["Arn"] == f"arn:aws:iam::000000000000:user/{name}"
    key = aws("iam", "create-access-key", *user)["AccessKey"]
    assert [each["AccessKeyId"] for each in aws("iam", "list-access-keys", *user)["AccessKeyMetadata"]] == [
        key["AccessKeyId"]
    ]
    reads = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}],
    }
    document = ("--policy-document", json.dumps(reads))
    policy = aws("iam", "create-policy", "--policy-name", name, *document)["Policy"]["Arn"]
    aws("iam", "attach-user-policy", *user, "--policy-arn", policy)
    assert aws("iam", "list-attached-user-policies", *user)["AttachedPolicies"][0]["PolicyArn"] == policy
    aws("iam", "create-role", *role, "--assume-role-policy-document", TRUST)
    aws("iam", "put-role-policy", *role, "--policy-name", "in", *document)
    assert aws("iam", "get-role-policy", *role, "--policy-name", "in")["PolicyDocument"] == reads
    with pytest.raises(Refused, match="DeleteConflict"):
        aws("iam", "delete-role", *role)
    aws("iam", "delete-role-policy", *role, "--policy-name", "in")
    aws("iam", "delete-role", *role)
    aws("iam", "detach-user-policy", *user, "--policy-arn", policy)
    aws("iam", "delete-policy", "--policy-arn", policy)
    aws("iam", "delete-access-key", *user, "--access-key-id", key["AccessKeyId"])
    aws("iam", "delete-user", *user)
    with pytest.raises(Refused, match="NoSuchEntity"):
        aws("iam", "get-user", *user)


def test_who_asks_is_told_and_may_take_a_role(aws: AwsCli) -> None:
    assert aws("sts", "get-caller-identity")["Account"] == "000000000000"
    name = f"cli-{uuid.uuid4().hex[:10]}"
    trust = TRUST.replace('{"Service": "lambda.amazonaws.com"}', '{"AWS": "*"}')
    arn = aws("iam", "create-role", "--role-name", name, "--assume-role-policy-document", trust)["Role"][
        "Arn"
    ]
    said = aws("sts", "assume-role", "--role-arn", arn, "--role-session-name", "me")
    assert said["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::000000000000:assumed-role/{name}/me"
    assert said["Credentials"]["SessionToken"]
