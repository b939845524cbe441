"""YAML with places: text → nodes that know line and column, and a finding for whatever is odd.

We build nodes from PyYAML's events ourselves, because what a plain scalar means depends on the field it
stands for: `NO` is a country where text is wanted, `on:` is a key, `1.10` a version. Aliases and `<<` work;
an alias that contains itself, or a tree that aliases blow up, is a finding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from forebay.project.finding import Finding

MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 64

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf. `plain`: without quotes, so that it may mean a number, a boolean or nothing."""

    line: int
    column: int
    text: str
    plain: bool

    @property
    def size(self) -> int:
        """Nodes in it, itself included."""
        return 1

    def value(self) -> Any:
        """What it means where no type is asked for (YAML 1.2's core schema)."""
        if not self.plain:
            return self.text
        if self.text in _CONSTANTS:
            return _CONSTANTS[self.text]
        if _INT.fullmatch(self.text) and len(self.text) < 40:
            return int(self.text)
        return float(self.text) if _FLOAT.fullmatch(self.text) else self.text

    @property
    def null(self) -> bool:
        """Whether it is written as nothing."""
        return self.plain and self.text in _CONSTANTS and _CONSTANTS[self.text] is None


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence."""

    line: int
    column: int
    nodes: list[Node]
    size: int


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping, in order. Keys are unique: a repeated one has become a finding."""

    line: int
    column: int
    pairs: dict[str, tuple[Scalar, Node]]
    size: int


Node = Scalar | Items | Map


def plain(node: Node) -> Any:
    """What a tree says where any shape is fine, as JSON would hold it."""
    match node:
        case Scalar():
            return node.value()
        case Items():
            return [plain(item) for item in node.nodes]
        case Map():
            return {key: plain(value) for key, (_, value) in node.pairs.items()}


class _Stop(Exception):
    """Reading cannot go on; the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def read_file(path: Path, file: str) -> tuple[Node | None, str, list[Finding]]:
    """The tree of a YAML file, its text, and findings. `file` is the name in the findings.

    The tree is None when nothing can be made of the file.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None, "", [Finding(code="FileNotFound", file=file, message=f"{file} does not exist")]
    except OSError as error:
        why = error.strerror or str(error)
        return (
            None,
            "",
            [Finding(code="FileUnreadable", file=file, message=f"{file} cannot be read", why=why)],
        )
    if len(raw) > MAX_BYTES:
        message = f"{file} has {len(raw)} bytes, more than {MAX_BYTES}"
        return None, "", [Finding(code="FileTooLarge", file=file, message=message)]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        finding = Finding(
            code="NotUtf8",
            file=file,
            line=before.count(b"\n") + 1,
            column=error.start - (before.rfind(b"\n") + 1) + 1,
            message=f"byte 0x{raw[error.start]:02x} is not UTF-8",
            fix="save the file as UTF-8",
        )
        return None, raw.decode("utf-8", "replace"), [finding]
    node, findings = read_text(text, file)
    return node, text, findings


def read_text(text: str, file: str) -> tuple[Node | None, list[Finding]]:
    """The tree of a YAML text and findings; None when nothing can be made of it."""
    builder = _Builder(file)
    try:
        node = builder.build(text)
    except _Stop as stop:
        return None, [*builder.findings, stop.finding]
    return node, builder.findings


def _at(event: Any) -> tuple[int, int]:
    """Line and column of a parser's event, from 1."""
    return event.start_mark.line + 1, event.start_mark.column + 1


class _Builder:
    """Composes nodes from events, without recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self.anchors: dict[str, Node] = {}

    def _finding(
        self, code: str, at: tuple[int, int], message: str, *, why: str | None = None, fix: str | None = None
    ) -> Finding:
        return Finding(code=code, file=self.file, line=at[0], column=at[1], message=message, why=why, fix=fix)

    def build(self, text: str) -> Node | None:
        """The tree. Raises _Stop."""
        stack: list[tuple[Any, list[Node]]] = []
        root: Node | None = None
        documents = 0
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                node: Node
                match event:
                    case yaml.DocumentStartEvent():
                        documents += 1
                        if documents > 1:
                            message = "a second document begins here"
                            raise _Stop(
                                self._finding("SeveralDocuments", _at(event), message, fix="remove the `---`")
                            )
                        continue
                    case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                        if len(stack) >= MAX_DEPTH:
                            raise _Stop(
                                self._finding("TooDeep", _at(event), f"nested more than {MAX_DEPTH} deep")
                            )
                        stack.append((event, []))
                        continue
                    case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                        start, nodes = stack.pop()
                        node = self._collection(start, nodes)
                        self._anchor(start, node)
                    case yaml.ScalarEvent():
                        node = self._scalar(event)
                        self._anchor(event, node)
                    case yaml.AliasEvent():
                        node = self._alias(event)
                    case _:
                        continue
                if stack:
                    stack[-1][1].append(node)
                else:
                    root = node
        except yaml.MarkedYAMLError as error:
            raise _Stop(self._syntax(error, text)) from None
        except yaml.YAMLError as error:
            raise _Stop(self._unreadable(error, text)) from None
        return root

    def _anchor(self, event: Any, node: Node) -> None:
        if event.anchor:
            self.anchors[event.anchor] = node

    def _scalar(self, event: Any) -> Scalar:
        line, column = _at(event)
        plain = event.style in (None, "")
        if event.tag is not None:
            if event.tag == "tag:yaml.org,2002:str":
                plain = False
            else:
                self._tag(event)
        return Scalar(line, column, event.value, plain)

    def _tag(self, event: Any) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self.findings.append(
            self._finding(
                "UnknownTag",
                _at(event),
                f"the tag {tag} means nothing here",
                fix="remove it",
            )
        )

    def _alias(self, event: Any) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            raise _Stop(
                self._finding(
                    "UnknownAnchor", _at(event), f"*{event.anchor} stands before or inside what it repeats"
                )
            )
        return node

    def _collection(self, start: Any, nodes: list[Node]) -> Node:
        line, column = _at(start)
        if start.tag is not None and start.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self._tag(start)
        size = 1 + sum(node.size for node in nodes)
        if size > MAX_NODES:
            raise _Stop(
                self._finding("TooLarge", (line, column), f"more than {MAX_NODES} nodes, aliases followed")
            )
        if isinstance(start, yaml.SequenceStartEvent):
            return Items(line, column, nodes, size)
        pairs: dict[str, tuple[Scalar, Node]] = {}
        merged: dict[str, tuple[Scalar, Node]] = {}
        for key, value in zip(nodes[::2], nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                self.findings.append(
                    self._finding("WrongType", (key.line, key.column), "a key must be text, not a collection")
                )
            elif key.plain and key.text == "<<":
                for node in value.nodes if isinstance(value, Items) else [value]:
                    if isinstance(node, Map):
                        merged = {**node.pairs, **merged}
                    else:
                        self.findings.append(
                            self._finding("WrongType", (node.line, node.column), "`<<` takes a mapping")
                        )
            elif key.text in pairs:
                first = pairs[key.text][0]
                self.findings.append(
                    self._finding(
                        "DuplicateKey",
                        (key.line, key.column),
                        f"`{key.text}` is already there, in line {first.line}",
                        why="only one of the two would count",
                        fix="remove one, or rename it",
                    )
                )
            else:
                pairs[key.text] = (key, value)
        return Map(line, column, {**merged, **pairs} if merged else pairs, size)

    def _syntax(self, error: yaml.MarkedYAMLError, text: str) -> Finding:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problem = error.problem or "not YAML"
        found = text.splitlines()[line - 1 : line] if mark else []
        if "\\t" in problem or any("\t" in row[: len(row) - len(row.lstrip())] for row in found):
            return self._finding(
                "YamlTab", (line, column), "a tab where YAML wants spaces", fix="indent with spaces"
            )
        why = error.context and error.context.strip()
        if why and error.context_mark and mark and error.context_mark.line != mark.line:
            why += f" that begins in line {error.context_mark.line + 1}"
        fix = None
        if "mapping values are not allowed" in problem:
            fix = "put the value in quotes if it contains `: `, or check the indentation"
        elif "cannot start any token" in problem:
            fix = "put the value in quotes"
        return self._finding("YamlSyntax", (line, column), problem, why=why or None, fix=fix)

    def _unreadable(self, error: yaml.YAMLError, text: str) -> Finding:
        position = getattr(error, "position", 0) or 0
        character = getattr(error, "character", None)
        for at, char in enumerate(text):  # the C reader counts bytes; look for the character ourselves
            if (ord(char) < 32 and char not in "\t\n\r") or char in "\x7f\ufffe\uffff":
                position, character = at, ord(char)
                break
        before = text[:position]
        name = f"character U+{character:04X}" if isinstance(character, int) else "a character"
        return self._finding(
            "YamlSyntax",
            (before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1),
            f"{name} may not stand in YAML",
            fix="remove it",
        )
