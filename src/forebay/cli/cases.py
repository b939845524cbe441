"""A project's own tests: `tests/*.yaml`, events in and rows out.

    cases:
      - name: a click is a row
        send:
          clicks:                                   # a route; or streams.NAME, bus.NAME, delivery.NAME
            - {element_clicked: soup, time_spent: 3}
            - '{"element_clicked": "as written'     # text is sent as it is
        put:
          lake.shop/raw/orders.csv: data/orders.csv   # an object: a file of the project
        refused: 1                                  # by the door; 0 unless said
        dropped: 0                                  # by the function; not looked at unless said
        rejected: 0                                 # to the error prefix; not looked at unless said
        query: SELECT element_clicked, time_spent FROM clicks     # SQL, or the name of a query
        expect:
          - {element_clicked: soup, time_spent: 3}  # or [soup, 3]
        ordered: false                              # rows may come in any order unless true

A file's cases run in order on one system that begins empty: each sees what those before it sent. A row
written as a mapping is compared by the columns that it names. Numbers compare as numbers, everything
else as text; `null` is NULL.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from forebay.project.finding import Finding
from forebay.project.read import Items, Map, Node, Scalar, plain, read_file

KEYS = ("name", "send", "put", "refused", "dropped", "rejected", "query", "expect", "ordered")


@dataclass(slots=True)
class Case:
    """One case. `send` has the events of each target, as the bytes to send, `put` the object and the file of
    each `lake.bucket/key`; counts are None if not looked at.
    """

    name: str
    file: str
    line: int
    send: list[tuple[str, list[bytes]]] = field(default_factory=list)
    put: list[tuple[str, str, str]] = field(default_factory=list)
    refused: int = 0
    dropped: int | None = None
    rejected: int | None = None
    query: str | None = None
    expect: list[Any] | None = None
    ordered: bool = False


def read_cases(root: Path) -> tuple[dict[str, list[Case]], list[Finding]]:
    """The cases of every file under `tests/`, by file, and what is wrong with them."""
    found: dict[str, list[Case]] = {}
    findings: list[Finding] = []
    for path in sorted([*root.glob("tests/*.yaml"), *root.glob("tests/*.yml")]):
        file = path.relative_to(root).as_posix()
        node, _, more = read_file(path, file)
        findings += more
        if node is None:
            continue
        reader = _Reader(file)
        found[file] = reader.cases(node)
        findings += reader.findings
    return found, findings


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []

    def cases(self, node: Node) -> list[Case]:
        if not isinstance(node, Map) or "cases" not in node.pairs:
            self._add(node, "NoCases", "a file of tests has `cases:`, a list of them")
            return []
        for key, (place, _) in node.pairs.items():
            if key != "cases":
                self._unknown(place, key, ("cases",))
        cases = node.pairs["cases"][1]
        if not isinstance(cases, Items):
            self._add(cases, "NotAList", "`cases` is a list")
            return []
        return [case for item in cases.nodes if (case := self._case(item)) is not None]

    def _case(self, node: Node) -> Case | None:
        if not isinstance(node, Map):
            self._add(node, "NotAMapping", "a case is a mapping: name, send, query, expect")
            return None
        for key, (place, _) in node.pairs.items():
            if key not in KEYS:
                self._unknown(place, key, KEYS)
        parts = {key: value for key, (_, value) in node.pairs.items()}
        name = parts.get("name")
        case = Case(str(plain(name)) if name is not None else f"line {node.line}", self.file, node.line)
        if name is None:
            self._add(node, "NoName", "a case has a name that says what holds")
        if "send" in parts:
            case.send = self._send(parts["send"])
        if "put" in parts:
            case.put = self._put(parts["put"])
        case.refused = self._count(parts.get("refused")) or 0
        case.dropped = self._count(parts.get("dropped"))
        case.rejected = self._count(parts.get("rejected"))
        case.ordered = bool(plain(parts["ordered"])) if "ordered" in parts else False
        case.query = str(plain(parts["query"])) if "query" in parts else None
        if "expect" in parts:
            rows = plain(parts["expect"])
            if not isinstance(rows, list) or not all(isinstance(row, list | dict) for row in rows):
                self._add(
                    parts["expect"], "BadRows", "`expect` is a list of rows: mappings, or lists of values"
                )
            else:
                case.expect = rows
        if (case.query is None) != ("expect" not in parts):
            self._add(node, "HalfACase", "`query` and `expect` go together")
        return case

    def _send(self, node: Node) -> list[tuple[str, list[bytes]]]:
        if not isinstance(node, Map):
            self._add(node, "NotAMapping", "`send` has the events of each route, stream or delivery")
            return []
        found = []
        for target, (_, events) in node.pairs.items():
            items = events.nodes if isinstance(events, Items) else [events]
            found.append((target, [_event(item) for item in items]))
        return found

    def _put(self, node: Node) -> list[tuple[str, str, str]]:
        """(bucket, key, file) of each object."""
        found = []
        for target, (place, file) in node.pairs.items() if isinstance(node, Map) else ():
            noun, _, rest = target.partition(".")
            bucket, _, key = rest.partition("/")
            if noun != "lake" or not bucket or not key:
                self._add(place, "NoObject", f"{target!r} is no object", "lake.bucket/key")
            else:
                found.append((bucket, key, str(plain(file))))
        if not isinstance(node, Map):
            self._add(node, "NotAMapping", "`put` has the file of each object")
        return found

    def _count(self, node: Node | None) -> int | None:
        if node is None:
            return None
        value = plain(node)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self._add(node, "BadCount", f"{value!r} is no number of events")
            return None
        return value

    def _unknown(self, node: Scalar, key: str, known: Sequence[str]) -> None:
        near = difflib.get_close_matches(key, known, n=1)
        fix = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        self._add(node, "UnknownKey", f"{key!r} is no key here", fix)

    def _add(self, node: Node, code: str, message: str, fix: str | None = None) -> None:
        self.findings.append(
            Finding(code=code, file=self.file, line=node.line, column=node.column, message=message, fix=fix)
        )


def _event(node: Node) -> bytes:
    """A mapping is JSON; text is sent as it is."""
    value = plain(node)
    return value.encode() if isinstance(value, str) else orjson.dumps(value)
