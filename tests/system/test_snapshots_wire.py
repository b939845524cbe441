"""A system that was made over the wire goes back whole, whatever was removed or made since, and works on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import Running
from tests.harness import System, until
from tests.system import wire_made
from tests.system.wire_clients import aws, data
from tests.wire.lambdas import zipped

NAMES = ("s3", "lambda", "kinesis", "firehose", "events", "glue")


def seen(clients: dict[str, Any]) -> dict[str, object]:
    """What there is, in the words of the services."""
    glue, events, functions = clients["glue"], clients["events"], clients["lambda"]
    code = "CodeSha256"
    return {
        "objects": [
            (each["Key"], each["ETag"])
            for each in clients["s3"].list_objects_v2(Bucket="storm").get("Contents", [])
            if "/" not in each["Key"]  # not delivered
        ],
        "streams": clients["kinesis"].list_streams()["StreamNames"],
        "functions": [(each["FunctionName"], each[code]) for each in functions.list_functions()["Functions"]],
        "mappings": [
            (each["UUID"], each["State"])
            for each in functions.list_event_source_mappings()["EventSourceMappings"]
        ],
        "deliveries": clients["firehose"].list_delivery_streams()["DeliveryStreamNames"],
        "rules": {
            rule["Name"]: events.list_targets_by_rule(EventBusName="storm", Rule=rule["Name"])["Targets"]
            for rule in events.list_rules(EventBusName="storm")["Rules"]
        },
        "tables": [
            (each["Name"], each["CreateTime"]) for each in glue.get_tables(DatabaseName="storm")["TableList"]
        ],
    }


def put(clients: dict[str, Any], *numbers: int) -> None:
    """One record into the stream and one event on the bus for each."""
    for n in numbers:
        clients["kinesis"].put_record(StreamName="clicks", PartitionKey="k", Data=data(f"s-{n}", n))
        detail = json.dumps({"id": f"e-{n}", "n": n, "kind": "even"})
        entry = {"EventBusName": "storm", "Source": "storm", "DetailType": "n", "Detail": detail}
        assert clients["events"].put_events(Entries=[entry])["FailedEntryCount"] == 0


def ids(system: System, table: str) -> list[str]:
    return sorted(row[0] for row in system.query(f"select id from {table}"))


def told(system: System) -> set[str]:
    """The ids that the functions saw."""
    files = (system.folder / "seen").iterdir()
    return {line.split(" ")[0] for file in files for line in file.read_text().splitlines()}


def test_what_was_made_over_the_wire_comes_back(running: Running, tmp_path: Path) -> None:
    system = running(wire_made.empty_project(tmp_path / "p"))
    wire_made.make(system)
    clients = {name: aws(system, name) for name in NAMES}
    clients["s3"].put_object(Bucket="storm", Key="kept", Body=b"as it was")
    put(clients, 0, 2)
    until(lambda: ids(system, "clicks") == ["s-0", "s-2"] and ids(system, "even") == ["e-0", "e-2"])
    until(lambda: told(system) >= {"s-0", "s-2", "e-0", "e-2"})
    assert system.cli("snapshot", "made").code == 0
    until(lambda: ids(system, "clicks") == ["s-0", "s-2"])
    before = seen(clients)

    put(clients, 4)
    clients["kinesis"].create_stream(StreamName="later", ShardCount=1)
    clients["events"].remove_targets(EventBusName="storm", Rule="even", Ids=["1", "2"])
    clients["events"].delete_rule(EventBusName="storm", Name="even")
    clients["firehose"].delete_delivery_stream(DeliveryStreamName="odd")
    clients["lambda"].update_function_code(
        FunctionName="lines", ZipFile=zipped("def handler(event, context): return 1 / 0")
    )
    clients["lambda"].delete_function(FunctionName="told")
    clients["glue"].delete_table(DatabaseName="storm", Name="clicks")
    clients["s3"].put_object(Bucket="storm", Key="kept", Body=b"changed")
    clients["s3"].put_object(Bucket="storm", Key="later", Body=b"x")
    assert seen(clients) != before

    back = system.cli("reset", "--to", "made")
    assert back.code == 0, back
    until(lambda: seen(clients) == before)
    assert clients["s3"].get_object(Bucket="storm", Key="kept")["Body"].read() == b"as it was"
    put(clients, 6)
    until(lambda: ids(system, "clicks") == ["s-0", "s-2", "s-6"])
    until(lambda: ids(system, "even") == ["e-0", "e-2", "e-6"])
    until(lambda: told(system) >= {"s-6", "e-6"})
    until(lambda: system.status()["ledger"]["total"]["adds_up"])
    for each in clients.values():
        each.close()
