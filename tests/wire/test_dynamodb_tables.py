"""DynamoDB's tables over the wire: made, described, changed, declared in the project, and their time to live."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import System
from tests.repo.repository import ROOT
from tests.wire.access import allow, keyed, user
from tests.wire.dynamodb import KEYS, made
from tests.wire.sdk import refused, serving

PROJECT = """\
name: shop
keyvalue:
  sessions:
    partition_key: user_id
    sort_key: {name: at, type: number}
    ttl: expires
    indexes:
      by_email: {partition_key: email}
      by_page: {partition_key: page, sort_key: {name: at, type: number}}
"""

system = serving(PROJECT)


def test_a_declared_table_is_there_and_is_changed_by_the_project_only(system: System, dynamodb: Any) -> None:
    table = dynamodb.describe_table(TableName="sessions")["Table"]
    assert table["TableArn"] == "arn:aws:dynamodb:us-east-1:000000000000:table/sessions"
    assert table["TableStatus"] == "ACTIVE"
    assert table["KeySchema"] == [
        {"AttributeName": "user_id", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ]
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["by_email", "by_page"]
    ttl = dynamodb.describe_time_to_live(TableName="sessions")["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    refused("ValidationException", "declared in the project", dynamodb.delete_table, TableName="sessions")
    refused(
        "ResourceInUseException",
        "Table already exists: sessions",
        made,
        client=dynamodb,
        TableName="sessions",
    )
    assert {"noun": "keyvalue", "name": "sessions"} in system.status()["resources"]


def test_a_table_is_described_as_it_was_made(dynamodb: Any) -> None:
    name = made(
        dynamodb,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 3},
        Tags=[{"Key": "team", "Value": "red"}],
    )
    table = dynamodb.describe_table(TableName=name)["Table"]
    assert table["AttributeDefinitions"] == KEYS["AttributeDefinitions"]
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 3
    assert (table["ItemCount"], table["TableSizeBytes"]) == (0, 0)
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "sk": {"N": "1"}})
    table = dynamodb.describe_table(TableName=table["TableArn"])["Table"]
    assert (table["ItemCount"], table["TableSizeBytes"]) == (1, 7)
    assert dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == [
        {"Key": "team", "Value": "red"}
    ]
    dynamodb.tag_resource(ResourceArn=table["TableArn"], Tags=[{"Key": "more", "Value": "x"}])
    dynamodb.untag_resource(ResourceArn=table["TableArn"], TagKeys=["team"])
    assert dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == [
        {"Key": "more", "Value": "x"}
    ]


def test_tables_are_listed_in_pages(dynamodb: Any) -> None:
    names = {made(dynamodb) for _ in range(3)}
    pages = dynamodb.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2})
    listed = [name for page in pages for name in page["TableNames"]]
    assert names | {"sessions"} <= set(listed)
    assert listed == sorted(set(listed))


def test_a_table_that_is_removed_is_gone_with_its_items(dynamodb: Any) -> None:
    name = made(dynamodb)
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    dynamodb.put_item(TableName=name, Item=item)
    assert dynamodb.delete_table(TableName=name)["TableDescription"]["TableStatus"] == "DELETING"
    dynamodb.get_waiter("table_not_exists").wait(TableName=name)
    said = f"Requested resource not found: Table: {name} not found"
    refused("ResourceNotFoundException", said, dynamodb.describe_table, TableName=name)
    refused(
        "ResourceNotFoundException",
        "Requested resource not found",
        dynamodb.put_item,
        TableName=name,
        Item=item,
    )
    made(dynamodb, TableName=name)
    assert dynamodb.scan(TableName=name)["Items"] == []


def test_a_protected_table_stays(dynamodb: Any) -> None:
    name = made(dynamodb, DeletionProtectionEnabled=True)
    refused("ValidationException", "protected against deletion", dynamodb.delete_table, TableName=name)
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=name)


ID = {"AttributeName": "id", "AttributeType": "S"}
AT = {"AttributeName": "at", "AttributeType": "N"}
HASH = {"AttributeName": "id", "KeyType": "HASH"}
RANGE = {"AttributeName": "at", "KeyType": "RANGE"}
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"AttributeDefinitions": [ID, AT], "KeySchema": [HASH], **ON_DEMAND},
            "Number of attributes in KeySchema does not exactly match number of attributes defined in",
        ),
        (
            {"AttributeDefinitions": [ID], "KeySchema": [HASH, RANGE], **ON_DEMAND},
            "Invalid KeySchema: Some index key attribute have no definition",
        ),
        (
            {"AttributeDefinitions": [AT], "KeySchema": [HASH], **ON_DEMAND},
            "Some index key attributes are not defined in AttributeDefinitions. Keys: [id], AttributeDefinitions: [at]",
        ),
        (
            {"AttributeDefinitions": [ID], "KeySchema": [HASH]},
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ),
        (
            {"AttributeDefinitions": [ID], "KeySchema": [HASH], **ON_DEMAND, "GlobalSecondaryIndexes": []},
            "One or more parameter values were invalid: List of GlobalSecondaryIndexes is empty",
        ),
        (
            {"AttributeDefinitions": [ID, AT], "KeySchema": [RANGE, HASH], **ON_DEMAND},
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
    ],
)
def test_a_table_that_cannot_be_is_refused(dynamodb: Any, given: dict[str, Any], said: str) -> None:
    refused("ValidationException", said, dynamodb.create_table, TableName="wrong-table", **given)


def test_what_a_table_does_not_have_is_refused_by_name(dynamodb: Any) -> None:
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    refused("NotImplemented", "streams of tables", made, client=dynamodb, StreamSpecification=stream)
    refused("NotImplemented", "encryption", made, client=dynamodb, SSESpecification={"Enabled": True})
    refused("NotImplemented", "policies of tables", made, client=dynamodb, ResourcePolicy="{}")
    replicas = [{"Create": {"RegionName": "eu-west-1"}}]
    name = made(dynamodb, OnDemandThroughput={"MaxReadRequestUnits": 7})
    refused("NotImplemented", "replicas", dynamodb.update_table, TableName=name, ReplicaUpdates=replicas)
    table = dynamodb.describe_table(TableName=name)["Table"]
    assert table["OnDemandThroughput"] == {"MaxReadRequestUnits": 7}


def test_a_global_index_comes_and_goes(dynamodb: Any) -> None:
    name = made(dynamodb)
    for n in range(4):
        item = {"pk": {"S": f"p{n}"}, "sk": {"N": "1"}, "team": {"S": "red" if n % 2 else "blue"}}
        dynamodb.put_item(TableName=name, Item=item)
    index = {
        "IndexName": "by_team",
        "KeySchema": [{"AttributeName": "team", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    answer = dynamodb.update_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "team", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": index}],
    )
    assert answer["TableDescription"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"
    asked = {
        "TableName": name,
        "IndexName": "by_team",
        "KeyConditionExpression": "team = :t",
        "ExpressionAttributeValues": {":t": {"S": "red"}},
    }
    assert dynamodb.query(**asked)["Count"] == 2
    dynamodb.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_team"}}])
    refused("ValidationException", "does not have the specified index: by_team", dynamodb.query, **asked)


def test_items_past_their_time_vanish(system: System, dynamodb: Any) -> None:
    name = made(dynamodb)
    key = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    over, long = int(time.time()) - 10, int(time.time()) + 3600
    dynamodb.put_item(TableName=name, Item={**key, "ends": {"N": str(over)}})
    dynamodb.put_item(TableName=name, Item={**key, "sk": {"N": "2"}, "ends": {"N": str(long)}})
    dynamodb.put_item(TableName=name, Item={**key, "sk": {"N": "3"}, "ends": {"S": "never"}})
    assert dynamodb.scan(TableName=name)["Count"] == 3
    wanted = {"Enabled": True, "AttributeName": "ends"}
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=wanted)
    refused(
        "ValidationException", "TimeToLive is already enabled", dynamodb.update_time_to_live,
        TableName=name, TimeToLiveSpecification=wanted,
    )  # fmt: skip
    assert [item["sk"]["N"] for item in dynamodb.scan(TableName=name)["Items"]] == ["2", "3"]
    dynamodb.put_item(TableName=name, Item={**key, "ends": {"N": str(over)}})
    assert "Item" not in dynamodb.get_item(TableName=name, Key=key)
    count: Callable[[], int] = lambda: dynamodb.describe_table(TableName=name)["Table"]["ItemCount"]  # noqa: E731
    system.until(lambda: count() == 2)  # they are removed, too
    dynamodb.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": False, "AttributeName": "ends"}
    )
    described = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "DISABLED"}


def test_endpoints_and_limits_are_told(system: System, dynamodb: Any) -> None:
    (endpoint,) = dynamodb.describe_endpoints()["Endpoints"]
    assert system.urls["aws"].endswith(endpoint["Address"])
    assert dynamodb.describe_limits()["TableMaxReadCapacityUnits"] == 40_000


def test_what_the_page_shows_is_so(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of docs/keyvalue.md is the one above."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "keyvalue.md").read_text(), re.S)
    for name, value in {
        "AWS_ENDPOINT_URL": system.urls["aws"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    seen: dict[str, Any] = {}
    exec(code, seen)  # noqa: S102
    item = seen["sessions"].get_item(Key={"user_id": "ada", "at": 0})["Item"]
    assert item["visits"] == 1


def test_a_policy_bounds_tables_and_what_transactions_do_in_them(
    system: System, dynamodb: Any, iam: Any
) -> None:
    mine, other = made(dynamodb), made(dynamodb)
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{mine}"
    keys = user(iam, "writer", allow(["dynamodb:PutItem", "dynamodb:Query"], arn))
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    key = dict(item)
    with keyed(system, "dynamodb", keys) as theirs:
        theirs.put_item(TableName=mine, Item=item)
        theirs.transact_write_items(TransactItems=[{"Put": {"TableName": mine, "Item": item}}])
        refused("AccessDeniedException", f"table/{other}", theirs.put_item, TableName=other, Item=item)
        refused("AccessDeniedException", "dynamodb:GetItem", theirs.get_item, TableName=mine, Key=key)
        for wrong in (
            {"Delete": {"TableName": mine, "Key": key}},
            {"Put": {"TableName": other, "Item": item}},
        ):
            refused("AccessDeniedException", "", theirs.transact_write_items, TransactItems=[wrong])
        batch = {mine: [{"PutRequest": {"Item": item}}]}
        refused(
            "AccessDeniedException", "dynamodb:BatchWriteItem", theirs.batch_write_item, RequestItems=batch
        )


def test_a_policy_bounds_whose_items_and_which_attributes_one_sees(
    system: System, dynamodb: Any, iam: Any
) -> None:
    """As games and apps do on AWS: everybody has the items under the own name, and no other."""
    mine = made(dynamodb)
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{mine}"
    for who in ("ada", "bob"):
        item = {"pk": {"S": who}, "sk": {"N": "1"}, "public": {"S": "x"}, "secret": {"S": "y"}}
        dynamodb.put_item(TableName=mine, Item=item)
    own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ada"]}}
    seen = {
        "ForAllValues:StringEquals": {
            "dynamodb:LeadingKeys": ["bob"],
            "dynamodb:Attributes": ["pk", "sk", "public"],
        },
        "StringEquals": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
    }
    actions = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:BatchGetItem"]
    keys = user(
        iam, "ada", allow(actions, arn, Condition=own), allow("dynamodb:GetItem", arn, Condition=seen)
    )
    ada, bob = ({"pk": {"S": who}, "sk": {"N": "1"}} for who in ("ada", "bob"))
    with keyed(system, "dynamodb", keys) as theirs:
        assert theirs.get_item(TableName=mine, Key=ada)["Item"]["secret"] == {"S": "y"}
        asked = {"TableName": mine, "KeyConditionExpression": "pk = :p"}
        assert theirs.query(**asked, ExpressionAttributeValues={":p": {"S": "ada"}})["Count"] == 1
        said = "is not authorized to perform"
        refused(
            "AccessDeniedException",
            said,
            theirs.query,
            **asked,
            ExpressionAttributeValues={":p": {"S": "bob"}},
        )
        refused("AccessDeniedException", said, theirs.get_item, TableName=mine, Key=bob)
        refused("AccessDeniedException", said, theirs.put_item, TableName=mine, Item=bob)
        refused(
            "AccessDeniedException", said, theirs.batch_get_item, RequestItems={mine: {"Keys": [ada, bob]}}
        )
        names = {"#p": "public", "#s": "secret"}
        found = theirs.get_item(
            TableName=mine, Key=bob, ProjectionExpression="#p", ExpressionAttributeNames={"#p": "public"}
        )
        assert found["Item"] == {"public": {"S": "x"}}
        refused(
            "AccessDeniedException", said, theirs.get_item, TableName=mine, Key=bob,
            ProjectionExpression="#p, #s", ExpressionAttributeNames=names,
        )  # fmt: skip
