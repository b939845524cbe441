"""Update expressions: `SET a = if_not_exists(a, :zero) + :n, l = list_append(l, :more) REMOVE b ADD c :n DELETE d :s`.

`update` reads one; `Update.apply` gives the item as it will be. Everything on the right is read from the item
as it was, whatever stands on the left.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from forebay.keyvalue.conditions import wrong_type
from forebay.keyvalue.errors import Invalid
from forebay.keyvalue.paths import Path, clash, find
from forebay.keyvalue.tokens import Placeholders, Reader
from forebay.keyvalue.values import DEPTH, Item, Value, content_of, kind_of, plus

ABOUT = "UpdateExpression"
BAD_PATH = "The document path provided in the update expression is invalid for update"
BAD_TYPE = "An operand in the update expression has an incorrect data type"
MISSING = "The provided expression refers to an attribute that does not exist in the item"
_LONG = {"S": "STRING", "N": "NUMBER", "B": "BINARY", "M": "MAP", "L": "LIST", "BOOL": "BOOLEAN"}
_LONG |= {"SS": "STRING_SET", "NS": "NUMBER_SET", "BS": "BINARY_SET", "NULL": "NULL"}
Term = Callable[[Mapping[str, Value]], Value]


@dataclass(slots=True)
class Update:
    """What is to be done to an item."""

    sets: list[tuple[Path, Term]] = field(default_factory=list)
    removes: list[Path] = field(default_factory=list)
    adds: list[tuple[Path, Value]] = field(default_factory=list)
    deletes: list[tuple[Path, Value]] = field(default_factory=list)

    @property
    def paths(self) -> list[Path]:
        """Everything that may change."""
        return [
            *(path for path, _ in self.sets),
            *self.removes,
            *(path for path, _ in (*self.adds, *self.deletes)),
        ]

    def apply(self, item: Mapping[str, Value]) -> Item:
        """The item as it will be. Raises Invalid for what this item does not allow."""
        made: Item = copy.deepcopy(dict(item))
        values = [(path, term(item)) for path, term in self.sets]
        for path, value in sorted(values, key=lambda each: _position(each[0])):
            _put(made, path, copy.deepcopy(value))
        for path, value in self.adds:
            _put(made, path, _added(find(item, path), value))
        for path, value in self.deletes:
            _delete(made, path, value)
        for path in sorted(self.removes, key=_position, reverse=True):
            _remove(made, path)
        return made


def update(text: str, placeholders: Placeholders) -> Update:
    """The update of an expression. Raises Invalid."""
    reader = Reader(ABOUT, text, placeholders)
    found = Update()
    seen: set[str] = set()
    while reader.next.kind != "end":
        word = reader.next.text.upper()
        if word not in _SECTIONS:
            raise reader.syntax()
        if word in seen:
            raise reader.invalid(f'The "{word}" section can only be used once in an update expression;')
        seen.add(word)
        reader.take()
        _SECTIONS[word](reader, found)
        while reader.skip(","):
            _SECTIONS[word](reader, found)
    if (wrong := clash(found.paths)) is not None:
        raise reader.invalid(wrong)
    return found


def _read_set(reader: Reader, found: Update) -> None:
    path = reader.path()
    reader.expect("=")
    found.sets.append((path, _sum(reader)))


def _read_remove(reader: Reader, found: Update) -> None:
    found.removes.append(reader.path())


def _read_add(reader: Reader, found: Update) -> None:
    path, value = reader.path(), reader.value()
    if kind_of(value) not in ("N", "SS", "NS", "BS"):
        raise _not_for(reader, "ADD", value)
    found.adds.append((path, value))


def _read_delete(reader: Reader, found: Update) -> None:
    path, value = reader.path(), reader.value()
    if kind_of(value) not in ("SS", "NS", "BS"):
        raise _not_for(reader, "DELETE", value)
    found.deletes.append((path, value))


_SECTIONS = {"SET": _read_set, "REMOVE": _read_remove, "ADD": _read_add, "DELETE": _read_delete}


def _not_for(reader: Reader, name: str, value: Value) -> Invalid:
    return reader.invalid(
        f"Incorrect operand type for operator or function; operator: {name}, "
        f"operand type: {_LONG[kind_of(value)]}, typeSet: ALLOWED_FOR_{name}_OPERAND"
    )


def _sum(reader: Reader) -> Term:
    if reader.skip("("):
        left = _sum(reader)
        reader.expect(")")
    else:
        left = _term(reader, "")
    if not reader.has("+", "-"):
        return left
    sign = reader.take().text
    right = _term(reader, sign)
    return lambda item: _arithmetic(left(item), right(item), sign)


def _arithmetic(left: Value, right: Value, sign: str) -> Value:
    if kind_of(left) != "N" or kind_of(right) != "N":
        raise Invalid(BAD_TYPE)
    return {"N": plus(content_of(left), content_of(right), minus=sign == "-")}


def _term(reader: Reader, sign: str) -> Term:
    """A path, a value or a function. A `sign` is what stands before it."""
    if reader.next.kind == "value":
        value = reader.value()
        if (sign or reader.has("+", "-")) and kind_of(value) != "N":
            raise wrong_type(reader, sign or reader.next.text, value)
        return lambda _: value
    if reader.next.kind == "word" and reader.after.text == "(":
        return _function(reader)
    path = reader.path()

    def there(item: Mapping[str, Value]) -> Value:
        found = find(item, path)
        if found is None:
            raise Invalid(MISSING)
        return found

    return there


def _function(reader: Reader) -> Term:
    name = reader.take().text
    reader.expect("(")
    if name == "if_not_exists":
        if not reader.at_path():
            raise reader.invalid(
                f"The operator or function requires a document path; operator or function: {name}"
            )
        path = reader.path()
        reader.expect(",")
        other = _term(reader, "")
        reader.expect(")")
        return lambda item: found if (found := find(item, path)) is not None else other(item)
    if name == "list_append":
        first = _list(reader)
        reader.expect(",")
        second = _list(reader)
        reader.expect(")")
        return lambda item: {"L": [*_elements(first(item)), *_elements(second(item))]}
    known = ("attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size")
    if name in known:
        raise reader.invalid(f"The function is not allowed in an update expression; function: {name}")
    raise reader.invalid(f"Invalid function name; function: {name}")


def _list(reader: Reader) -> Term:
    if reader.next.kind == "value":
        value = reader.value()
        if kind_of(value) != "L":
            raise wrong_type(reader, "list_append", value)
        return lambda _: value
    return _term(reader, "")


def _elements(value: Value) -> list[Value]:
    if "L" not in value:
        raise Invalid(BAD_TYPE)
    elements: list[Value] = value["L"]
    return elements


def _position(path: Path) -> tuple[tuple[int, str], ...]:
    """Paths with indexes in the order of their indexes."""
    return tuple((part, "") if isinstance(part, int) else (-1, part) for part in path)


def _parent(item: Item, path: Path) -> Value:
    parent = {"M": item} if len(path) == 1 else find(item, path[:-1])
    if parent is None or ("L" if isinstance(path[-1], int) else "M") not in parent:
        raise Invalid(BAD_PATH)
    return parent


def _put(item: Item, path: Path, value: Value) -> None:
    if len(path) > DEPTH:
        raise Invalid("The document path has too many nesting elements; nesting levels: " + str(len(path)))
    parent, last = _parent(item, path), path[-1]
    if isinstance(last, str):
        parent["M"][last] = value
    elif last < len(parent["L"]):
        parent["L"][last] = value
    else:
        parent["L"].append(value)


def _remove(item: Item, path: Path) -> None:
    parent, last = _parent(item, path), path[-1]
    if isinstance(last, str):
        parent["M"].pop(last, None)
    elif last < len(parent["L"]):
        del parent["L"][last]


def _added(old: Value | None, value: Value) -> Value:
    if old is None:
        return value
    kind = kind_of(value)
    if kind_of(old) != kind:
        raise Invalid(BAD_TYPE)
    if kind == "N":
        return {"N": plus(content_of(old), content_of(value))}
    return {kind: list(dict.fromkeys([*content_of(old), *content_of(value)]))}


def _delete(item: Item, path: Path, value: Value) -> None:
    parent, last = _parent(item, path), path[-1]
    old = find(item, path)
    if old is None:
        return
    kind = kind_of(value)
    if kind_of(old) != kind:
        raise Invalid(BAD_TYPE)
    gone = set(content_of(value))
    left = [each for each in content_of(old) if each not in gone]
    if left:
        _put(item, path, {kind: left})
    elif isinstance(last, str):
        parent["M"].pop(last)
    else:
        del parent["L"][last]
