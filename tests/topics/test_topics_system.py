"""A project's topics: mails, hooks, services and functions are told what anybody publishes; what is not taken is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from forebay.topics.message import encode
from tests.harness import System, request, until
from tests.projects import project
from tests.topics.mailserver import MailServer, mailserver
from tests.wire.sdk import client, refused
from tests.wire.sns import Endpoint, listening

PROJECT = """\
name: shop
lake: {{raw: {{}}}}
ingest: {{orders: {{route: POST /orders, to: bus.shop}}}}
bus:
  shop:
    rules:
      large:
        when: {{detail: {{total: [{{numeric: [">", 100]}}]}}}}
        to: [{{topics.ops: {{paths: {{who: $.detail.who}}, template: '"<who> bought much"'}}}}]
functions:
  alert: functions/alert.lambda_handler
  loud: {{handler: functions/alert.lambda_handler, on: {{topic: ops, filter: {{level: [high]}}}}}}
topics:
  ops:
    email: [ops@example.org, nobody@example.org]
    webhook: ["{hook}/hook", "${{secret:SECRET_HOOK}}"]
    services: ["json://127.0.0.1:{port}/service"]
    functions: alert
    errors: lake.raw/untold/
    mail: {{host: 127.0.0.1, port: {mail}, from: forebay@example.org, tls: never, user: me, password: "${{secret:PW}}"}}
  high: {{webhook: "{hook}/high", filter: {{level: [high]}}}}
"""
CODE = (
    "import json, os, boto3\n"
    "def lambda_handler(event, context):\n"
    "    if 'say' in event:\n"
    "        return boto3.client('sns').publish(TopicArn='arn:aws:sns:us-east-1:000000000000:ops', Message=event['say'])\n"
    "    s3 = boto3.client('s3', region_name='us-east-1')\n"
    "    s3.put_object(Bucket='raw', Key=f\"{os.environ['AWS_LAMBDA_FUNCTION_NAME']}/\"\n"
    "        + event['Records'][0]['Sns']['MessageId'], Body=b'x')\n"
)
OPS = "arn:aws:sns:us-east-1:000000000000:ops"


@pytest.fixture(scope="module")
def mails() -> Iterator[MailServer]:
    with mailserver() as found:
        yield found


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def system(
    mails: MailServer, endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    port = endpoint.url.rpartition(":")[2]
    text = PROJECT.format(hook=endpoint.url, port=port, mail=mails.port)
    folder = tmp_path_factory.mktemp("topics")
    secrets = {"SECRET_HOOK": f"{endpoint.url}/secret", "PW": "sesame"}
    made = project(folder / "p", text, **{"functions/alert.py": CODE})
    running = System(made, folder / "state", [], secrets)
    try:
        yield running.start(sql=False)
    finally:
        running.end()


@pytest.fixture(scope="module")
def sns(system: System) -> Iterator[Any]:
    found = client(system, "sns", retries=0)
    yield found
    found.close()


def test_everybody_is_told(system: System, sns: Any, mails: MailServer, endpoint: Endpoint) -> None:
    id = sns.publish(TopicArn=OPS, Message="disk is full", Subject="Ops")["MessageId"]
    mail = until(lambda: [m for m in mails.to("ops@example.org") if id in m["Message-ID"]])[0]
    assert (mail["Subject"], mail["From"], mail.get_content().strip()) == (
        "Ops",
        "forebay@example.org",
        "disk is full",
    )
    assert base64.b64decode(mails.logins[0].rpartition(" ")[2]) == b"\0me\0sesame"
    for path in ("/hook", "/secret"):
        post = until(lambda path=path: [p for p in endpoint.of(path) if p.json()["id"] == id])[0]  # type: ignore[misc]
        assert post.headers["content-type"] == "application/json"
        told = post.json()
        assert (told["text"], told["message"], told["subject"], told["topic"]) == (
            "Ops\ndisk is full",
            "disk is full",
            "Ops",
            "ops",
        )
    told = until(lambda: [p for p in endpoint.of("/service") if p.json()["message"] == "disk is full"])[
        0
    ].json()
    assert told["title"] == "Ops"
    s3 = client(system, "s3")
    until(lambda: s3.list_objects_v2(Bucket="raw", Prefix=f"alert/{id}").get("KeyCount"))
    assert not s3.list_objects_v2(Bucket="raw", Prefix=f"loud/{id}").get("KeyCount"), (
        "the filter keeps it out"
    )
    s3.close()


def test_who_is_refused_is_kept_with_the_reason_and_counted(system: System, sns: Any) -> None:
    id = sns.publish(TopicArn=OPS, Message="to nobody")["MessageId"]
    s3 = client(system, "s3")

    def lost() -> Any:
        found = s3.list_objects_v2(Bucket="raw", Prefix="untold/ops/").get("Contents", ())
        return [each["Key"] for each in found if id in each["Key"]]

    (key,) = until(lost)
    kept = json.loads(s3.get_object(Bucket="raw", Key=key)["Body"].read())
    assert (kept["errorCode"], kept["message"], kept["endpoint"]) == (
        "RecipientRefused",
        "to nobody",
        "nobody@example.org",
    )
    s3.close()

    def whole() -> Any:
        ledger = system.call("front", "status")["ledger"]
        found = {name: entry for name, entry in ledger.items() if name.startswith("topics.ops/")}
        return len(found) == 7 and not any(entry["buffered"] for entry in found.values()) and found

    ledger = until(whole)
    assert all(entry["adds_up"] for entry in ledger.values()), ledger
    assert any(entry["rejected"] for entry in ledger.values())


def told(endpoint: Endpoint) -> list[str]:
    """The messages that the hook of `high` was given."""
    return [post.json()["message"] for post in endpoint.of("/high")]


def test_a_filter_keeps_out_what_it_does_not_match(system: System, sns: Any, endpoint: Endpoint) -> None:
    high = OPS.replace(":ops", ":high")
    level = {"level": {"DataType": "String", "StringValue": "high"}}
    sns.publish(TopicArn=high, Message="low one")
    sns.publish(TopicArn=high, Message="high one", MessageAttributes=level)
    until(lambda: "high one" in told(endpoint))
    assert "low one" not in told(endpoint)
    id = sns.publish(TopicArn=OPS, Message="loud", MessageAttributes=level)["MessageId"]
    s3 = client(system, "s3")
    until(lambda: s3.list_objects_v2(Bucket="raw", Prefix=f"loud/{id}").get("KeyCount"))
    s3.close()


def test_a_rule_tells_a_topic(system: System, endpoint: Endpoint) -> None:
    assert system.post("/orders", {"who": "ann", "total": 101}).status < 300
    until(lambda: any(post.json()["message"] == '"ann bought much"' for post in endpoint.of("/hook")))


def test_a_function_publishes_with_boto3(system: System, endpoint: Endpoint) -> None:
    functions = client(system, "lambda")
    functions.invoke(FunctionName="alert", Payload=b'{"say": "from a function"}')
    until(lambda: any(post.json()["message"] == "from a function" for post in endpoint.of("/hook")))
    functions.close()


def test_a_record_that_another_process_appends_is_told_once(system: System, endpoint: Endpoint) -> None:
    record = encode(
        "burst", subject="Alarm", attributes={"level": "high"}, by_protocol={"email": "long text"}
    )
    for _ in range(2):
        system.call("front", "append", target="topics.high", records=[record], once="burst-1")
    system.call(
        "front", "append", target="topics.high", records=[encode("last", attributes={"level": "high"})]
    )
    until(lambda: "last" in told(endpoint))
    assert told(endpoint).count("burst") == 1


def test_the_projects_own_are_seen_over_the_wire_and_changed_in_the_file_only(sns: Any) -> None:
    found = sns.list_subscriptions_by_topic(TopicArn=OPS)["Subscriptions"]
    assert {each["Protocol"] for each in found} == {"email", "webhook", "service", "lambda"}
    assert "${secret:SECRET_HOOK}" in {each["Endpoint"] for each in found}
    for call, given in (
        (sns.delete_topic, {"TopicArn": OPS}),
        (sns.unsubscribe, {"SubscriptionArn": found[0]["SubscriptionArn"]}),
    ):
        refused("InvalidParameter", "is declared in forebay.yaml and is changed there only", call, **given)


def test_the_console_shows_who_is_told_and_sends_a_test(system: System, endpoint: Endpoint) -> None:
    topics = {each["name"]: each for each in request(system.console + "/api/topics").json()["topics"]}
    assert {"ops", "high"} <= set(topics)
    states = {each["endpoint"]: each for each in topics["ops"]["subscriptions"]}
    assert len(states) == 7
    answer = request(
        system.console + "/api/topics/high/test", "POST", b"{}", {"content-type": "application/json"}
    )
    assert answer.status == 200, answer
    none = request(
        system.console + "/api/topics/none/test", "POST", b"{}", {"content-type": "application/json"}
    )
    assert none.status == 404


def test_a_person_is_asked_by_mail_before_mails_come(sns: Any, mails: MailServer) -> None:
    topic = sns.create_topic(Name="news")["TopicArn"]
    made = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ada@example.org")
    assert made["SubscriptionArn"] == "pending confirmation"
    asked = until(lambda: mails.to("ada@example.org"))[0].get_content()
    link = next(line for line in asked.splitlines() if line.startswith("http"))
    assert request(link).status == 200
    sns.publish(TopicArn=topic, Message="Grüße", Subject="News")
    mail = until(lambda: [each for each in mails.to("ada@example.org") if each["Subject"] == "News"])[0]
    assert mail.get_content().strip() == "Grüße"


def test_messages_that_wait_are_told_after_a_kill(system: System, sns: Any, endpoint: Endpoint) -> None:
    endpoint.answers["/hook"] = [503] * 1000
    id = sns.publish(TopicArn=OPS, Message="over a kill")["MessageId"]

    def tries() -> int:
        return sum(post.json()["id"] == id for post in endpoint.of("/hook"))

    until(tries)
    system.kill("flow")
    before = tries()
    endpoint.answers["/hook"] = []
    until(lambda: tries() > before)
