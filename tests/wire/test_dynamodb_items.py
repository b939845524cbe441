"""DynamoDB's items over the wire: put, get, update, delete under conditions, through a real client."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr  # type: ignore[import-untyped, unused-ignore]
from boto3.dynamodb.types import Binary  # type: ignore[import-untyped, unused-ignore]

from tests.wire.dynamodb import made, resource
from tests.wire.sdk import refused, serving

system = serving()


@pytest.fixture(scope="module")
def name(dynamodb: Any) -> str:
    return made(dynamodb)


@pytest.fixture(scope="module")
def table(dynamodb: Any, name: str) -> Any:
    return resource(dynamodb).Table(name)


def test_an_item_comes_back_as_it_was_put(table: Any) -> None:
    item = {
        "pk": "kinds",
        "sk": Decimal("1.5"),
        "text": "",
        "binary": Binary(b"\x00\xff"),
        "yes": True,
        "none": None,
        "map": {"list": [1, "a", {"b": [Decimal("1E+3")]}], "empty": {}},
        "words": {"a", "b"},
        "numbers": {Decimal("1"), Decimal("2.50")},
        "blobs": {b"x", b"y"},
        "large": Decimal("12345678901234567890123456789012345678"),
    }
    table.put_item(Item=item)
    assert table.get_item(Key={"pk": "kinds", "sk": Decimal("1.50")})["Item"] == item


def test_what_is_not_there_has_no_item(table: Any) -> None:
    answer = table.get_item(Key={"pk": "nobody", "sk": 1})
    assert "Item" not in answer


def test_a_projection_gets_a_part(table: Any) -> None:
    table.put_item(Item={"pk": "part", "sk": 1, "a": {"b": [1, 2, 3]}, "name": "n", "rest": 1})
    found = table.get_item(
        Key={"pk": "part", "sk": 1},
        ProjectionExpression="a.b[1], #n",
        ExpressionAttributeNames={"#n": "name"},
    )
    assert found["Item"] == {"a": {"b": [2]}, "name": "n"}


def test_put_answers_what_it_replaced(table: Any) -> None:
    assert "Attributes" not in table.put_item(Item={"pk": "old", "sk": 1, "v": 1}, ReturnValues="ALL_OLD")
    answer = table.put_item(Item={"pk": "old", "sk": 1, "v": 2}, ReturnValues="ALL_OLD")
    assert answer["Attributes"] == {"pk": "old", "sk": 1, "v": 1}


def test_a_condition_that_fails_changes_nothing_and_tells_the_item_if_asked(dynamodb: Any, name: str) -> None:
    item = {"pk": {"S": "cond"}, "sk": {"N": "1"}, "raw_": {"B": b"\x01"}}
    dynamodb.put_item(TableName=name, Item=item)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as raised:
        dynamodb.put_item(
            TableName=name,
            Item={**item, "v": {"N": "2"}},
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert raised.value.response["Error"]["Message"] == "The conditional request failed"
    assert raised.value.response["Item"] == item
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as raised:
        dynamodb.delete_item(
            TableName=name,
            Key={"pk": item["pk"], "sk": item["sk"]},
            ConditionExpression="attribute_exists(other_)",
        )
    assert "Item" not in raised.value.response
    assert dynamodb.get_item(TableName=name, Key={"pk": item["pk"], "sk": item["sk"]})["Item"] == item


def test_an_update_makes_what_is_not_there_and_answers_as_asked(table: Any) -> None:
    key = {"pk": "update", "sk": 1}
    said = {
        "UpdateExpression": "SET a = if_not_exists(a, :zero) + :n, l = list_append(if_not_exists(l, :none), :l)",
        "ExpressionAttributeValues": {":zero": 0, ":n": 3, ":none": [], ":l": ["x"]},
    }
    assert table.update_item(Key=key, **said, ReturnValues="ALL_NEW")["Attributes"] == {
        **key,
        "a": 3,
        "l": ["x"],
    }
    assert table.update_item(Key=key, **said, ReturnValues="UPDATED_OLD")["Attributes"] == {
        "a": 3,
        "l": ["x"],
    }
    answer = table.update_item(Key=key, **said, ReturnValues="UPDATED_NEW")
    assert answer["Attributes"] == {"a": 9, "l": ["x", "x", "x"]}
    answer = table.update_item(Key=key, UpdateExpression="REMOVE a", ReturnValues="ALL_OLD")
    assert answer["Attributes"]["a"] == 9
    assert table.delete_item(Key=key, ReturnValues="ALL_OLD")["Attributes"] == {**key, "l": ["x", "x", "x"]}


def test_an_update_of_nothing_makes_the_item(table: Any) -> None:
    table.update_item(Key={"pk": "bare", "sk": 1})
    assert table.get_item(Key={"pk": "bare", "sk": 1})["Item"] == {"pk": "bare", "sk": 1}


def test_counters_lose_no_increment_of_many_clients(dynamodb: Any, name: str) -> None:
    def count() -> None:
        for _ in range(25):
            dynamodb.update_item(
                TableName=name,
                Key={"pk": {"S": "counter"}, "sk": {"N": "0"}},
                UpdateExpression="ADD hits :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    item = dynamodb.get_item(TableName=name, Key={"pk": {"S": "counter"}, "sk": {"N": "0"}})["Item"]
    assert item["hits"] == {"N": "100"}


def test_only_one_of_many_makes_an_item_that_must_not_exist(table: Any) -> None:
    made_it: list[int] = []

    def race(n: int) -> None:
        try:
            table.put_item(Item={"pk": "race", "sk": 1, "by": n}, ConditionExpression=Attr("pk").not_exists())
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            return
        made_it.append(n)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made_it) == 1
    assert table.get_item(Key={"pk": "race", "sk": 1})["Item"]["by"] == made_it[0]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"pk": {"S": "a"}}, "One or more parameter values were invalid: Missing the key sk in the item"),
        ({"pk": {"N": "1"}, "sk": {"N": "1"}}, "Type mismatch for key pk expected: S actual: N"),
        ({"pk": {"S": ""}, "sk": {"N": "1"}}, "cannot contain an empty string value. Key: pk"),
        ({"pk": {"S": "a" * 2049}, "sk": {"N": "1"}}, "Size of hashkey has exceeded"),
        ({"pk": {"S": "a"}, "sk": {"N": "x"}}, "The parameter cannot be converted to a numeric value: x"),
        ({"pk": {"S": "a"}, "sk": {"N": "1"}, "s": {"SS": []}}, "An string set  may not be empty"),
        ({"pk": {"S": "a"}, "sk": {"N": "1"}, "b": {"B": b"x" * 410_000}}, "Item size has exceeded"),
    ],
)
def test_an_item_that_cannot_be_is_refused(dynamodb: Any, name: str, item: dict[str, Any], said: str) -> None:
    refused("ValidationException", said, dynamodb.put_item, TableName=name, Item=item)


def test_a_key_must_be_the_tables(dynamodb: Any, name: str) -> None:
    said = "The provided key element does not match the schema"
    for key in (
        {"pk": {"S": "a"}},
        {"pk": {"S": "a"}, "sk": {"S": "b"}},
        {"pk": {"S": "a"}, "x": {"N": "1"}},
    ):
        refused("ValidationException", said, dynamodb.get_item, TableName=name, Key=key)
    key = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    said = "Cannot update attribute pk. This attribute is part of the key"
    values = {":v": {"S": "b"}}
    refused(
        "ValidationException", said, dynamodb.update_item, TableName=name, Key=key,
        UpdateExpression="SET pk = :v", ExpressionAttributeValues=values,
    )  # fmt: skip


def test_placeholders_must_be_used_and_there(dynamodb: Any, name: str) -> None:
    key = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    said = "ExpressionAttributeNames can only be specified when using expressions"
    refused(
        "ValidationException",
        said,
        dynamodb.get_item,
        TableName=name,
        Key=key,
        ExpressionAttributeNames={"#a": "a"},
    )
    said = "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}"
    refused(
        "ValidationException", said, dynamodb.update_item, TableName=name, Key=key,
        UpdateExpression="SET a = :v", ExpressionAttributeValues={":v": {"S": "b"}, ":x": {"S": "c"}},
    )  # fmt: skip


def test_what_is_older_than_expressions_does_the_same(dynamodb: Any, name: str) -> None:
    key = {"pk": {"S": "older"}, "sk": {"N": "1"}}
    dynamodb.put_item(
        TableName=name, Item={**key, "n": {"N": "1"}, "s": {"SS": ["a", "b"]}, "gone": {"S": "x"}}
    )
    answer = dynamodb.update_item(
        TableName=name,
        Key=key,
        AttributeUpdates={
            "n": {"Action": "ADD", "Value": {"N": "2"}},
            "s": {"Action": "DELETE", "Value": {"SS": ["a"]}},
            "gone": {"Action": "DELETE"},
            "new": {"Value": {"S": "y"}},
        },
        Expected={
            "n": {"ComparisonOperator": "LE", "AttributeValueList": [{"N": "1"}]},
            "z": {"Exists": False},
        },
        ReturnValues="ALL_NEW",
    )
    assert answer["Attributes"] == {**key, "n": {"N": "3"}, "s": {"SS": ["b"]}, "new": {"S": "y"}}
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.delete_item(TableName=name, Key=key, Expected={"n": {"Value": {"N": "1"}}})
    found = dynamodb.get_item(TableName=name, Key=key, AttributesToGet=["n", "nope"])["Item"]
    assert found == {"n": {"N": "3"}}
    older = {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [key["pk"]]}}
    stretch = {"sk": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "0"}, {"N": "5"}]}}
    wanted = {"new": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [{"S": "y"}]}}
    answer = dynamodb.query(TableName=name, KeyConditions={**older, **stretch}, QueryFilter=wanted)
    assert answer["Count"] == 1
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "other"}, "sk": {"N": "1"}})
    absent = {"new": {"ComparisonOperator": "NULL"}, **older}
    assert dynamodb.scan(TableName=name, ScanFilter=absent)["Count"] == 0
    assert dynamodb.scan(TableName=name, ScanFilter=absent, ConditionalOperator="OR")["Count"] > 1
    said = "Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}"
    refused(
        "ValidationException", said, dynamodb.get_item, TableName=name, Key=key,
        AttributesToGet=["n"], ProjectionExpression="n",
    )  # fmt: skip


def test_consumed_capacity_is_told_if_asked(dynamodb: Any, name: str) -> None:
    item = {"pk": {"S": "cap"}, "sk": {"N": "1"}, "b": {"B": b"x" * 2500}}
    answer = dynamodb.put_item(TableName=name, Item=item, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == {"TableName": name, "CapacityUnits": 3.0}
    key = {"pk": item["pk"], "sk": item["sk"]}
    answer = dynamodb.get_item(TableName=name, Key=key, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"]["CapacityUnits"] == 1.0


def test_a_table_that_is_not_there_is_not_found(dynamodb: Any) -> None:
    key = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    refused(
        "ResourceNotFoundException",
        "Requested resource not found",
        dynamodb.get_item,
        TableName="nope",
        Key=key,
    )
