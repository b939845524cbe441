"""Expressions: conditions, updates, projections and key conditions, and what is said of wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.keyvalue.conditions import condition
from forebay.keyvalue.errors import Invalid
from forebay.keyvalue.key_conditions import key_condition
from forebay.keyvalue.keys import sortable
from forebay.keyvalue.paths import find, project
from forebay.keyvalue.table import Attribute, KeySchema
from forebay.keyvalue.tokens import Placeholders, projection
from forebay.keyvalue.updates import update

ITEM: dict[str, Any] = {
    "id": {"S": "a1"},
    "n": {"N": "5"},
    "name_": {"S": "Ada"},
    "tags": {"SS": ["red", "blue"]},
    "list_": {"L": [{"N": "1"}, {"N": "2"}, {"M": {"x": {"S": "deep"}}}]},
    "doc": {"M": {"a": {"N": "1"}, "b": {"M": {"c": {"BOOL": True}}}}},
    "raw_": {"B": b"\x01\x02"},
    "none_": {"NULL": True},
}
VALUES: dict[str, Any] = {
    ":one": {"N": "1"},
    ":five": {"N": "5.0"},
    ":nine": {"N": "9"},
    ":ada": {"S": "Ada"},
    ":a": {"S": "A"},
    ":red": {"S": "red"},
    ":reds": {"SS": ["red"]},
    ":green": {"SS": ["green", "red"]},
    ":list": {"L": [{"S": "new"}]},
    ":type": {"S": "N"},
    ":map": {"M": {"k": {"S": "v"}}},
    ":true": {"BOOL": True},
}


def words(**names: str) -> Placeholders:
    return Placeholders.of({f"#{name}": value for name, value in names.items()}, VALUES)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("n = :five", True),
        ("n <> :five", False),
        ("absent <> :five", True),
        ("absent = :five", False),
        ("n < :nine AND n > :one", True),
        ("n BETWEEN :one AND :nine", True),
        ("n IN (:one, :nine)", False),
        ("NOT n IN (:one, :nine)", True),
        ("name_ > :five", False),
        ("n = :one OR n = :five AND n = :nine", False),
        ("(n = :one OR n = :five) AND n = :five", True),
        ("attribute_exists(doc.b.c) AND attribute_not_exists(doc.b.d)", True),
        ("attribute_exists(list_[2].x) and attribute_not_exists(list_[3])", True),
        ("attribute_type(n, :type)", True),
        ("begins_with(name_, :a)", True),
        ("contains(tags, :red)", True),
        ("contains(name_, :a)", True),
        ("contains(list_, :one)", True),
        ("size(tags) > :one", True),
        ("size(name_) = :five", False),
        ("size(n) = :one", False),
        ("doc.b.c = :true", True),
        ("n = doc.a", False),
        ("list_[0] = doc.a", True),
    ],
)
def test_conditions_hold_or_not(text: str, holds: bool) -> None:
    assert condition("ConditionExpression", text, words())(ITEM) is holds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The expression can not be empty;"),
        ("n = ", 'Syntax error; token: "<EOF>", near: "="'),
        ("n == :one", 'Syntax error; token: "=", near: "== :one"'),
        ("n = :one n", 'Syntax error; token: "n", near: ":one n"'),
        ("$n = :one", 'Syntax error; token: "$", near: "$n"'),
        ("status = :one", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("#s = :one", "used in the document path is not defined; attribute name: #s"),
        ("n = :two", "used in expression is not defined; attribute value: :two"),
        ("likes(n, :one)", "Invalid function name; function: likes"),
        ("contains(n)", "operator or function: contains, number of operands: 1"),
        ("attribute_exists(:one)", "requires a document path; operator or function: attribute_exists"),
        ("begins_with(n, :one)", "operator or function: begins_with, operand type: N"),
        ("n BETWEEN :nine AND :one", "upper bound to be greater than or equal to lower bound"),
        ("n > :true", "operand type: BOOL"),
        ("n = n", "The first operand must be distinct from the remaining operands"),
        ("if_not_exists(n, :one) = :one", "function: if_not_exists"),
        ("attribute_type(n, :ada)", "Invalid attribute type name found; type: Ada"),
    ],
)
def test_wrong_conditions_are_refused_in_the_words_of_the_service(text: str, said: str) -> None:
    with pytest.raises(Invalid) as raised:
        condition("ConditionExpression", text, words())
    assert raised.value.message.startswith("Invalid ConditionExpression: ")
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("SET n = n + :one", "n", {"N": "6"}),
        ("SET n = :nine - n", "n", {"N": "4"}),
        ("set m = if_not_exists(m, :one) + :one", "m", {"N": "2"}),
        ("SET list_ = list_append(list_, :list)", "list_[3]", {"S": "new"}),
        ("SET list_ = list_append(:list, list_)", "list_[0]", {"S": "new"}),
        ("SET list_[9] = :one", "list_[3]", {"N": "1"}),
        ("SET doc.b.d = :map", "doc.b.d.k", {"S": "v"}),
        ("SET doc.#n = name_", "doc.n", {"S": "Ada"}),
        ("REMOVE list_[0], list_[1]", "list_[0].x", {"S": "deep"}),
        ("REMOVE doc.b", "doc", {"M": {"a": {"N": "1"}}}),
        ("ADD n :one", "n", {"N": "6"}),
        ("ADD fresh :one", "fresh", {"N": "1"}),
        ("ADD tags :green", "tags", {"SS": ["red", "blue", "green"]}),
        ("DELETE tags :reds", "tags", {"SS": ["blue"]}),
        ("SET a = n, n = :one REMOVE name_ ADD b :one", "a", {"N": "5"}),
    ],
)
def test_updates_change_what_they_name(text: str, path: str, value: dict[str, Any]) -> None:
    made = update(text, words(n="n")).apply(ITEM)
    (found,) = projection(path, Placeholders())
    assert find(made, found) == value
    assert ITEM["n"] == {"N": "5"}


def test_a_set_that_is_emptied_goes() -> None:
    assert "tags" not in update(
        "DELETE tags :both", Placeholders.of({}, {":both": {"SS": ["red", "blue"]}})
    ).apply(ITEM)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SET n = :one,", 'Syntax error; token: "<EOF>", near: ","'),
        ("n = :one", 'Syntax error; token: "n", near: "n ="'),
        ("SET n = :one SET m = :one", 'The "SET" section can only be used once in an update expression;'),
        ("SET doc = :one, doc.a = :one", "path one: [doc], path two: [doc, a]"),
        ("SET doc[0] = :one, doc.a = :one", "Two document paths conflict with each other"),
        ("ADD n :ada", "operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"),
        ("DELETE tags :one", "operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"),
        ("SET n = n + :ada", "operator or function: +, operand type: S"),
        ("SET n = list_append(n, :one)", "operator or function: list_append, operand type: N"),
        ("SET n = size(n)", "function: size"),
    ],
)
def test_wrong_updates_are_refused_in_the_words_of_the_service(text: str, said: str) -> None:
    with pytest.raises(Invalid) as raised:
        update(text, words())
    assert raised.value.message.startswith("Invalid UpdateExpression: ")
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SET n = absent", "refers to an attribute that does not exist in the item"),
        ("SET n = name_ + :one", "An operand in the update expression has an incorrect data type"),
        ("SET absent.a = :one", "The document path provided in the update expression is invalid for update"),
        ("REMOVE absent.a.b", "The document path provided in the update expression is invalid for update"),
        ("ADD name_ :one", "incorrect data type"),
    ],
)
def test_updates_that_an_item_does_not_allow_are_refused(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        update(text, words()).apply(ITEM)


def test_a_projection_shows_what_is_named_and_nothing_else() -> None:
    paths = projection("id, doc.b.c, list_[2].x, list_[0], absent.x", Placeholders())
    assert project(ITEM, paths) == {
        "id": {"S": "a1"},
        "list_": {"L": [{"N": "1"}, {"M": {"x": {"S": "deep"}}}]},
        "doc": {"M": {"b": {"M": {"c": {"BOOL": True}}}}},
    }


SCHEMA = KeySchema(Attribute("id", "S"), Attribute("n", "N"))


def test_a_key_condition_is_a_partition_and_a_stretch() -> None:
    found = key_condition("id = :ada AND n BETWEEN :one AND :nine", words(), SCHEMA)
    assert found.partition == {"S": "Ada"}
    stretch = found.stretch
    assert [stretch.holds(sortable({"N": text})) for text in ("0.9", "1", "5", "9", "9.1")] == [
        False,
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n = :one", "Query condition missed key schema element: id"),
        ("id = :ada AND elsewhere = :one", "Query condition missed key schema element: n"),
        ("id > :ada", "Query key condition not supported"),
        ("id = :one", "Condition parameter type does not match schema type"),
        ("id = :ada OR n = :one", "Invalid operator used in KeyConditionExpression: OR"),
        ("id = :ada AND n <> :one", "Invalid operator used in KeyConditionExpression: <>"),
        ("id = :ada AND id = :a", "must only contain one condition per key"),
        ("id = :ada AND contains(n, :one)", "Invalid operator used in KeyConditionExpression: contains"),
    ],
)
def test_wrong_key_conditions_are_refused(text: str, said: str) -> None:
    with pytest.raises(Invalid) as raised:
        key_condition(text, words(), SCHEMA)
    assert said in raised.value.message


def test_placeholders_that_are_not_used_are_refused() -> None:
    given = Placeholders.of({"#a": "a"}, {":v": {"S": "x"}})
    with pytest.raises(Invalid, match=r"ExpressionAttributeNames unused in expressions: keys: \{#a\}"):
        given.check_all_met()
