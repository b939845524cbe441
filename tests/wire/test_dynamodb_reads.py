"""DynamoDB's queries, scans, indexes, batches and transactions, through a real client."""

from __future__ import annotations

from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr, Key  # type: ignore[import-untyped, unused-ignore]

from tests.wire.dynamodb import made, resource
from tests.wire.sdk import refused, serving

system = serving()

INDEXED = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
        {"AttributeName": "team", "AttributeType": "S"},
        {"AttributeName": "score", "AttributeType": "N"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_team",
            "KeySchema": [
                {"AttributeName": "team", "KeyType": "HASH"},
                {"AttributeName": "score", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["shown"]},
        }
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by_score",
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "score", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
}


@pytest.fixture(scope="module")
def name(dynamodb: Any) -> str:
    return made(dynamodb, **INDEXED)


@pytest.fixture(scope="module")
def table(dynamodb: Any, name: str) -> Any:
    found = resource(dynamodb).Table(name)
    with found.batch_writer() as batch:
        for n in range(60):
            item: dict[str, Any] = {
                "pk": f"p{n % 3}",
                "sk": n,
                "parity": n % 2,
                "shown": f"s{n}",
                "kept": n,
            }
            if n % 4:
                item |= {"team": "red" if n % 2 else "blue", "score": -n}
            batch.put_item(Item=item)
    return found


def test_a_query_is_in_the_order_of_the_sort_key(table: Any) -> None:
    found = table.query(KeyConditionExpression=Key("pk").eq("p1"))
    assert [item["sk"] for item in found["Items"]] == list(range(1, 60, 3))
    assert (found["Count"], found["ScannedCount"]) == (20, 20)
    backwards = table.query(KeyConditionExpression=Key("pk").eq("p1"), ScanIndexForward=False)
    assert backwards["Items"] == found["Items"][::-1]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        (Key("sk").eq(31), [31]),
        (Key("sk").lt(7), [1, 4]),
        (Key("sk").lte(7), [1, 4, 7]),
        (Key("sk").gt(52), [55, 58]),
        (Key("sk").gte(52), [52, 55, 58]),
        (Key("sk").between(10, 16), [10, 13, 16]),
    ],
)
def test_a_query_takes_a_stretch(table: Any, condition: Any, wanted: list[int]) -> None:
    found = table.query(KeyConditionExpression=Key("pk").eq("p1") & condition)
    assert [item["sk"] for item in found["Items"]] == wanted


def test_a_filter_is_applied_after_the_limit(table: Any) -> None:
    found = table.query(
        KeyConditionExpression=Key("pk").eq("p1"), FilterExpression=Attr("parity").eq(0), Limit=4
    )
    assert (found["Count"], found["ScannedCount"]) == (2, 4)
    assert found["LastEvaluatedKey"] == {"pk": "p1", "sk": 10}


def test_pages_together_are_everything_once(dynamodb: Any, table: Any, name: str) -> None:
    pages = dynamodb.get_paginator("query").paginate(
        TableName=name,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "p2"}},
        PaginationConfig={"PageSize": 7},
    )
    assert [item["sk"]["N"] for page in pages for item in page["Items"]] == [str(n) for n in range(2, 60, 3)]
    pages = dynamodb.get_paginator("scan").paginate(TableName=name, PaginationConfig={"PageSize": 7})
    found = [item for page in pages for item in page["Items"] if item["pk"]["S"] in ("p0", "p1", "p2")]
    assert sorted(int(item["sk"]["N"]) for item in found) == list(range(60))


def test_segments_of_a_scan_together_are_everything_once(table: Any) -> None:
    found = [item for at in range(4) for item in table.scan(Segment=at, TotalSegments=4)["Items"]]
    assert sorted(item["sk"] for item in found if item["pk"] in ("p0", "p1", "p2")) == list(range(60))


def test_a_page_ends_past_a_megabyte(dynamodb: Any) -> None:
    name = made(dynamodb)
    for n in range(4):
        item = {"pk": {"S": "big"}, "sk": {"N": str(n)}, "b": {"B": b"x" * 390_000}}
        dynamodb.put_item(TableName=name, Item=item)
    first = dynamodb.scan(TableName=name, Select="COUNT")
    assert (first["Count"], "Items" in first) == (3, False)
    second = dynamodb.scan(TableName=name, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert (second["Count"], "LastEvaluatedKey" in second) == (1, False)


def test_a_global_index_has_the_items_with_its_key_and_what_it_projects(table: Any) -> None:
    found = table.query(IndexName="by_team", KeyConditionExpression=Key("team").eq("blue"))
    assert [item["score"] for item in found["Items"]] == sorted(-n for n in range(60) if n % 4 == 2)
    assert set(found["Items"][0]) == {"pk", "sk", "team", "score", "shown"}
    assert table.scan(IndexName="by_team", Select="COUNT")["Count"] == 45


def test_pages_of_an_index_go_on_from_both_keys(dynamodb: Any, table: Any, name: str) -> None:
    pages = dynamodb.get_paginator("query").paginate(
        TableName=name,
        IndexName="by_team",
        KeyConditionExpression="team = :t",
        ExpressionAttributeValues={":t": {"S": "red"}},
        ScanIndexForward=False,
        PaginationConfig={"PageSize": 4},
    )
    scores = [int(item["score"]["N"]) for page in pages for item in page["Items"]]
    assert scores == sorted((-n for n in range(60) if n % 2), reverse=True)


def test_a_local_index_fetches_what_it_does_not_project(table: Any) -> None:
    asked = {"IndexName": "by_score", "KeyConditionExpression": Key("pk").eq("p1") & Key("score").lt(-50)}
    assert set(table.query(**asked)["Items"][0]) == {"pk", "sk", "score"}
    assert table.query(**asked, ProjectionExpression="kept")["Items"] == [{"kept": 58}, {"kept": 55}]
    assert "kept" in table.query(**asked, Select="ALL_ATTRIBUTES", ConsistentRead=True)["Items"][0]


def test_an_index_follows_its_items(dynamodb: Any) -> None:
    table = resource(dynamodb).Table(made(dynamodb, **INDEXED))
    key = {"pk": "a", "sk": 1}

    def teams(team: str) -> int:
        found = table.query(IndexName="by_team", KeyConditionExpression=Key("team").eq(team))
        return int(found["Count"])

    table.put_item(Item={**key, "team": "red", "score": 1})
    assert (teams("red"), teams("blue")) == (1, 0)
    table.update_item(Key=key, UpdateExpression="SET team = :t", ExpressionAttributeValues={":t": "blue"})
    assert (teams("red"), teams("blue")) == (0, 1)
    table.update_item(Key=key, UpdateExpression="REMOVE score")
    assert (teams("red"), teams("blue")) == (0, 0)
    table.put_item(Item={**key, "team": "red", "score": 2})
    table.delete_item(Key=key)
    assert (teams("red"), teams("blue")) == (0, 0)
    said = "attempted to update the secondary index key to unsupported type"
    wrong = {"UpdateExpression": "SET team = :t", "ExpressionAttributeValues": {":t": 1}}
    refused("ValidationException", said, table.update_item, Key=key, **wrong)
    said = "Type mismatch for Index Key team Expected: S Actual: N IndexName: by_team"
    refused("ValidationException", said, table.put_item, Item={**key, "team": 1})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Either the KeyConditions or KeyConditionExpression parameter must be specified"),
        ({"KeyConditionExpression": "sk = :v"}, "Query condition missed key schema element: pk"),
        (
            {"KeyConditionExpression": "pk = :v", "IndexName": "none"},
            "does not have the specified index: none",
        ),
        (
            {"KeyConditionExpression": "team = :v", "IndexName": "by_team", "ConsistentRead": True},
            "Consistent reads are not supported on global secondary indexes",
        ),
        (
            {"KeyConditionExpression": "pk = :v", "FilterExpression": "sk > :v"},
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk",
        ),
        (
            {"KeyConditionExpression": "pk = :v", "ExclusiveStartKey": {"pk": {"S": "a"}}},
            "Exclusive Start Key must have same size as table's key schema",
        ),
        (
            {"KeyConditionExpression": "team = :v", "IndexName": "by_team", "Select": "ALL_ATTRIBUTES"},
            "Select type ALL_ATTRIBUTES is not supported for global secondary index by_team",
        ),
        (
            {"KeyConditionExpression": "team = :v", "IndexName": "by_team", "ProjectionExpression": "kept"},
            "Global secondary index by_team does not project [kept]",
        ),
        (
            {"KeyConditionExpression": "pk = :v", "FilterExpression": "(" * 2000},
            "nested too deeply",
        ),
    ],
)
def test_a_wrong_query_is_refused(dynamodb: Any, name: str, given: dict[str, Any], said: str) -> None:
    if given:
        given = {"ExpressionAttributeValues": {":v": {"S": "x"}}, **given}
    refused("ValidationException", said, dynamodb.query, TableName=name, **given)


def test_batches_write_and_get(dynamodb: Any, name: str) -> None:
    puts = [{"PutRequest": {"Item": {"pk": {"S": "batch"}, "sk": {"N": str(n)}}}} for n in range(25)]
    assert dynamodb.batch_write_item(RequestItems={name: puts})["UnprocessedItems"] == {}
    gone = [{"DeleteRequest": {"Key": {"pk": {"S": "batch"}, "sk": {"N": str(n)}}}} for n in range(5)]
    dynamodb.batch_write_item(RequestItems={name: gone})
    keys = [{"pk": {"S": "batch"}, "sk": {"N": str(n)}} for n in range(30)]
    found = dynamodb.batch_get_item(RequestItems={name: {"Keys": keys, "ProjectionExpression": "sk"}})
    assert sorted(int(item["sk"]["N"]) for item in found["Responses"][name]) == list(range(5, 25))
    assert found["UnprocessedKeys"] == {}


def test_a_batch_gets_sixteen_megabytes_and_leaves_the_rest(dynamodb: Any) -> None:
    name = made(dynamodb)
    keys = [{"pk": {"S": "big"}, "sk": {"N": str(n)}} for n in range(45)]
    for key in keys:
        dynamodb.put_item(TableName=name, Item={**key, "b": {"B": b"x" * 400_000}})
    answer = dynamodb.batch_get_item(RequestItems={name: {"Keys": keys, "ConsistentRead": True}})
    assert len(answer["Responses"][name]) == 41
    assert answer["UnprocessedKeys"] == {name: {"Keys": keys[41:], "ConsistentRead": True}}
    rest = dynamodb.batch_get_item(RequestItems=answer["UnprocessedKeys"])
    assert len(rest["Responses"][name]) == 4


def test_wrong_batches_are_refused(dynamodb: Any, name: str) -> None:
    put = {"PutRequest": {"Item": {"pk": {"S": "b"}, "sk": {"N": "1"}}}}
    said = "Provided list of item keys contains duplicates"
    refused("ValidationException", said, dynamodb.batch_write_item, RequestItems={name: [put, put]})
    refused(
        "ValidationException",
        "less than or equal to 25",
        dynamodb.batch_write_item,
        RequestItems={name: [put] * 26},
    )
    key = {"pk": {"S": "b"}, "sk": {"N": "1"}}
    refused("ValidationException", said, dynamodb.batch_get_item, RequestItems={name: {"Keys": [key, key]}})
    refused("ResourceNotFoundException", "", dynamodb.batch_write_item, RequestItems={"nope": [put]})


def put(name: str, at: int, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": name, "Item": {"pk": {"S": "tx"}, "sk": {"N": str(at)}}, **more}}


def test_a_transaction_is_all_or_nothing_and_says_why(dynamodb: Any, name: str) -> None:
    dynamodb.transact_write_items(TransactItems=[put(name, 1), put(name, 2)])
    key = {"pk": {"S": "tx"}, "sk": {"N": "1"}}
    check = {
        "ConditionCheck": {
            "TableName": name,
            "Key": key,
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as raised:
        dynamodb.transact_write_items(TransactItems=[put(name, 3), check])
    answer = raised.value.response
    assert answer["Error"]["Message"] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]"
    )
    assert answer["CancellationReasons"] == [
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": key},
    ]
    gets = [{"Get": {"TableName": name, "Key": {"pk": {"S": "tx"}, "sk": {"N": str(n)}}}} for n in (1, 3, 2)]
    answer = dynamodb.transact_get_items(TransactItems=gets, ReturnConsumedCapacity="TOTAL")
    responses = answer["Responses"]
    units = {"CapacityUnits": 6.0, "ReadCapacityUnits": 6.0}
    assert answer["ConsumedCapacity"] == [{"TableName": name, **units}]
    assert [each.get("Item", {}).get("sk", {}).get("N") for each in responses] == ["1", None, "2"]


def test_a_transaction_with_a_token_is_done_once(dynamodb: Any, name: str) -> None:
    key = {"pk": {"S": "tx"}, "sk": {"N": "9"}}
    add = {
        "Update": {
            "TableName": name,
            "Key": key,
            "UpdateExpression": "ADD hits :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    for _ in range(3):
        dynamodb.transact_write_items(TransactItems=[add], ClientRequestToken="once")
    assert dynamodb.get_item(TableName=name, Key=key)["Item"]["hits"] == {"N": "1"}
    with pytest.raises(dynamodb.exceptions.IdempotentParameterMismatchException):
        dynamodb.transact_write_items(TransactItems=[put(name, 10)], ClientRequestToken="once")


def test_wrong_transactions_are_refused(dynamodb: Any, name: str) -> None:
    said = "Transaction request cannot include multiple operations on one item"
    refused(
        "ValidationException", said, dynamodb.transact_write_items, TransactItems=[put(name, 1), put(name, 1)]
    )
    said = "TransactItems can only contain one of Check, Put, Update or Delete"
    both = {**put(name, 1), "Delete": {"TableName": name, "Key": {"pk": {"S": "a"}, "sk": {"N": "1"}}}}
    refused("ValidationException", said, dynamodb.transact_write_items, TransactItems=[both])
