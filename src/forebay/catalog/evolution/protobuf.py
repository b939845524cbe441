"""Protobuf (proto2 and proto3, neither groups nor extensions): definitions, and whether a reader knows a writer's.

Fields are what their numbers say: a reader needs each field that is required of it, each type on the wire as it
knows it, and every service's methods.
"""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)"""
    r"""|(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<number>[-+]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|inf\b|nan\b))"""
    r"""|(?P<name>\.?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"""
    r"""|(?P<mark>[{}\[\]()<>;=,:.\-/])""",
    re.DOTALL | re.VERBOSE,
)
_WIRE = {
    **dict.fromkeys(("int32", "int64", "uint32", "uint64", "bool"), "varint"),
    **dict.fromkeys(("sint32", "sint64"), "zigzag"),
    **dict.fromkeys(("fixed32", "sfixed32"), "fixed32"),
    **dict.fromkeys(("fixed64", "sfixed64"), "fixed64"),
    **dict.fromkeys(("string", "bytes"), "bytes"),
    "float": "float",
    "double": "double",
}
_MOST = (1 << 29) - 1
_KEYS = {"int32", "int64", "uint32", "uint64", "sint32", "sint64", "bool", "string"}
_KEYS |= {"fixed32", "fixed64", "sfixed32", "sfixed64"}
Json = dict[str, Any]


def parse(text: str) -> Json:
    """`{"messages", "enums", "services"}` by full name. Raises ValueError with the reason."""
    return _Parser(_tokens(text)).file()


def _tokens(text: str) -> list[tuple[str, str, int]]:
    found, at, line = [], 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"Syntax error in line {line}: unexpected {text[at]!r}")
        if match.lastgroup != "skip":
            found.append((str(match.lastgroup), match.group(), line))
        line += match.group().count("\n")
        at = match.end()
    return found


class _Parser:
    """One file, from its tokens."""

    def __init__(self, tokens: list[tuple[str, str, int]]) -> None:
        self.tokens = tokens
        self.at = 0
        self.syntax = "proto2"
        self.package = ""
        self.imports = False
        self.made: Json = {"messages": {}, "enums": {}, "services": {}}

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str | None = None, kind: str | None = None) -> str:
        if self.at == len(self.tokens):
            raise ValueError(f"Syntax error: the end comes where {wanted or kind} should be")
        found, text, line = self.tokens[self.at]
        if (wanted is not None and text != wanted) or (kind is not None and found != kind):
            raise ValueError(f"Syntax error in line {line}: expected {wanted or kind}, found {text}")
        self.at += 1
        return text

    def skip_statement(self) -> None:
        """To the `;` that ends it; what is in braces belongs to it."""
        depth = 0
        while True:
            text = self.take()
            depth += (text == "{") - (text == "}")
            if text == ";" and depth == 0:
                return

    def file(self) -> Json:
        while self.at < len(self.tokens):
            match word := self.take():
                case "syntax":
                    self.take("=")
                    self.syntax = self.take(kind="text")[1:-1]
                    if self.syntax not in ("proto2", "proto3"):
                        raise ValueError(f"Unexpected syntax: {self.syntax}")
                    self.take(";")
                case "package":
                    self.package = self.take(kind="name")
                    self.take(";")
                case "import":
                    self.imports = True
                    self.skip_statement()
                case "option":
                    self.skip_statement()
                case "message":
                    self.message(self.package)
                case "enum":
                    self.enum(self.package)
                case "service":
                    self.service()
                case ";":
                    pass
                case "extend":
                    raise ValueError("Extensions are not supported")
                case _:
                    raise ValueError(f"Syntax error in line {self.tokens[self.at - 1][2]}: unexpected {word}")
        self.resolve()
        return self.made

    def name_in(self, scope: str) -> str:
        name = self.take(kind="name")
        full = f"{scope}.{name}" if scope else name
        if "." in name or any(full in self.made[kind] for kind in ("messages", "enums")):
            raise ValueError(f"{full} is already defined" if "." not in name else f"{name} is not a name")
        return full

    def message(self, scope: str) -> None:
        full = self.name_in(scope)
        fields: dict[int, Json] = {}
        self.made["messages"][full] = fields
        self.take("{")
        while self.peek() != "}":
            match word := self.peek():
                case "message":
                    self.take()
                    self.message(full)
                case "enum":
                    self.take()
                    self.enum(full)
                case "option" | "reserved" | "extensions":
                    self.skip_statement()
                case "extend" | "group":
                    raise ValueError("Extensions and groups are not supported")
                case "oneof":
                    self.take()
                    one = self.take(kind="name")
                    self.take("{")
                    while self.peek() != "}":
                        if self.peek() == "option":
                            self.skip_statement()
                        else:
                            self.field(full, fields, "optional", one)
                    self.take("}")
                case ";":
                    self.take()
                case _:
                    label = "singular"
                    if word in ("optional", "required", "repeated"):
                        label = self.take()
                        if label == "required" and self.syntax == "proto3":
                            raise ValueError("Required fields are not allowed in proto3")
                    elif self.syntax == "proto2" and word != "map":
                        raise ValueError(f'Expected "required", "optional", or "repeated": {full}')
                    self.field(full, fields, label, None)
        self.take("}")

    def field(self, scope: str, fields: dict[int, Json], label: str, one: str | None) -> None:
        kind = self.take(kind="name")
        if kind == "group":
            raise ValueError("Groups are not supported")
        if kind == "map" and self.peek() == "<":
            self.take("<")
            key = self.take(kind="name")
            if key not in _KEYS:
                raise ValueError(f"{key} cannot be the key of a map")
            self.take(",")
            kind, label = self.take(kind="name"), f"map of {_WIRE[key]}"
            self.take(">")
        name = self.take(kind="name")
        self.take("=")
        digits = self.take(kind="number")
        try:
            number = int(digits, 0)
        except ValueError:
            raise ValueError(f"{digits} is not the number of a field") from None
        if not 0 < number <= _MOST or 19000 <= number < 20000:
            raise ValueError(f"Field number {number} of {scope}.{name} is out of range")
        if number in fields:
            raise ValueError(f"Field number {number} has already been used in {scope}")
        if any(field["name"] == name for field in fields.values()):
            raise ValueError(f"{name} is already defined in {scope}")
        if self.peek() == "[":
            while self.take() != "]":
                pass
        self.take(";")
        fields[number] = {"name": name, "type": kind, "label": label, "oneof": one, "scope": scope}

    def enum(self, scope: str) -> None:
        full = self.name_in(scope)
        values: dict[str, int] = {}
        self.take("{")
        while self.peek() != "}":
            if self.peek() in ("option", "reserved"):
                self.skip_statement()
                continue
            name = self.take(kind="name")
            self.take("=")
            values[name] = int(self.take(kind="number"), 0)
            if self.peek() == "[":
                while self.take() != "]":
                    pass
            self.take(";")
        self.take("}")
        if not values:
            raise ValueError(f"Enum {full} has no values")
        if self.syntax == "proto3" and next(iter(values.values())) != 0:
            raise ValueError("The first enum value must be zero in proto3")
        self.made["enums"][full] = values

    def service(self) -> None:
        full = f"{self.package}.{self.take(kind='name')}".lstrip(".")
        methods: dict[str, str] = {}
        self.take("{")
        while self.peek() != "}":
            if self.peek() == "option":
                self.skip_statement()
                continue
            self.take("rpc")
            name, start = self.take(kind="name"), self.at
            while self.peek() not in (";", "{", ""):
                self.take()
            methods[name] = " ".join(text for _, text, _ in self.tokens[start : self.at])
            depth = 0
            while True:
                text = self.take()
                depth += (text == "{") - (text == "}")
                if depth == 0 and text in (";", "}"):
                    break
        self.take("}")
        self.made["services"][full] = methods

    def resolve(self) -> None:
        """Give every field's type its full name. Raises ValueError for one that nothing defines."""
        for fields in self.made["messages"].values():
            for field in fields.values():
                field["type"] = self.known(field["type"], field["scope"])

    def known(self, name: str, scope: str) -> str:
        if name in _WIRE:
            return name
        if name.startswith("."):
            places = [name[1:]]
        else:
            parts = scope.split(".")
            places = [".".join((*parts[:n], name)) for n in range(len(parts), -1, -1)]
        for place in places:
            if place in self.made["messages"] or place in self.made["enums"]:
                return place
        if self.imports:
            return name
        raise ValueError(f'"{name}" is not defined.')


def readable(reader: Json, writer: Json) -> bool:
    """Whether whoever knows `reader` reads what is written with `writer`."""
    for full, theirs in writer["messages"].items():
        mine = reader["messages"].get(full)
        if mine is None or not _message(reader, mine, writer, theirs):
            return False
    for full, methods in writer["services"].items():
        known = reader["services"].get(full)
        if known is None or any(known.get(name) != said for name, said in methods.items()):
            return False
    return all(
        full in reader["enums"] and set(values.values()) <= set(reader["enums"][full].values())
        for full, values in writer["enums"].items()
    )


def _message(reader: Json, mine: dict[int, Json], writer: Json, theirs: dict[int, Json]) -> bool:
    for number, field in mine.items():
        other = theirs.get(number)
        if other is None:
            if field["label"] == "required":
                return False
            continue
        if field["label"] == "required" and other["label"] != "required":
            return False
        if not _same(reader, field, writer, other):
            return False
    joined: dict[str, list[Json]] = {}
    for number, field in mine.items():
        if field["oneof"] and number in theirs:
            joined.setdefault(field["oneof"], []).append(theirs[number])
    return all(
        len(others) < 2 or (others[0]["oneof"] and len({other["oneof"] for other in others}) == 1)
        for others in joined.values()
    )


def _same(reader: Json, mine: Json, writer: Json, theirs: Json) -> bool:
    """Whether two fields of one number are alike on the wire."""
    many = [
        field["label"] if field["label"].startswith(("map", "repeated")) else "" for field in (mine, theirs)
    ]
    kinds = [_wire(reader, mine["type"]), _wire(writer, theirs["type"])]
    if kinds[0] != kinds[1]:
        return False
    return many[0] == many[1] or (
        not any(one.startswith("map") for one in many) and kinds[0] in ("bytes", f"message {mine['type']}")
    )


def _wire(schema: Json, kind: str) -> str:
    if kind in _WIRE:
        return _WIRE[kind]
    return "varint" if kind in schema["enums"] else f"message {kind}"
