"""Columns, and reaching into what they hold: fields of a ROW, elements of an ARRAY, values of a MAP."""

from __future__ import annotations

from forebay.streamsql.nodes import At, Call, Column, Literal, Make, Type
from forebay.streamsql.scope import Scope
from forebay.streamsql.types import BOOLEAN, INT, INTEGERS, Typed, common, duck, quoted


class Reach(Scope):
    """What names a value, or a part of one."""

    __slots__ = ()

    def _column(self, node: Column) -> Typed:
        """A column, `t.column`, or a field within a column that is a ROW."""
        if self.sides:
            return self._of_sides(node)
        first = node.parts[0]
        parts = node.parts[1:] if len(node.parts) > 1 and first in self.names else node.parts
        found = self.columns.get(parts[0])
        if found is None or (len(parts) > 1 and found[1].name != "ROW"):
            if len(node.parts) > 1 and first not in self.names:
                self.problem.fail(f"there is no {'.'.join(node.parts)}", node.at)
            near = [name for name in self.columns if name.lower() == parts[0].lower()]
            known = ", ".join(name for name in self.columns if not name.startswith("__"))
            fix = f"write {near[0]}: names are case-sensitive" if near else f"these are there: {known}"
            self.problem.fail(f"there is no column {'.'.join(parts)}", node.at, fix)
        for name in parts[1:]:
            found = self._field(found, name, node.at)
        return found

    def _of_sides(self, node: Column) -> Typed:
        """A column of one of several tables: qualified, or there only once."""
        first, *parts = node.parts
        if parts and first in self.sides:
            columns = self.sides[first]
            if parts[0] not in columns:
                known = ", ".join(columns)
                self.problem.fail(f"{first} has no column {parts[0]}", node.at, f"these are there: {known}")
            found = columns[parts[0]]
            parts = parts[1:]
        else:
            having = [side for side, columns in self.sides.items() if first in columns]
            if len(having) > 1:
                self.problem.fail(
                    f"the column {first} is in {' and in '.join(having)}",
                    node.at,
                    f"write {having[0]}.{first}",
                )
            if not having:
                known = ", ".join(f"{side}.{name}" for side, names in self.sides.items() for name in names)
                self.problem.fail(f"there is no column {first}", node.at, f"these are there: {known}")
            found = self.sides[having[0]][first]
        for name in parts:
            found = self._field(found, name, node.at)
        return found

    def _field(self, of: Typed, name: str, at: int) -> Typed:
        sql, type_ = of
        inside = dict(type_.of) if type_.name == "ROW" else {}
        if name not in inside:
            self.problem.fail(f"{type_} has no field {name}", at)
        return f"({sql}).{quoted(name)}", inside[name]

    def _at(self, node: At) -> Typed:  # noqa: RET503 - to refuse is to raise
        sql, type_ = value = self.sql(node.value)
        if node.field:
            return self._field(value, getattr(node.index, "text", ""), node.at)
        index, kind = self.sql(node.index)
        if type_.name == "ARRAY" and kind.name in INTEGERS:
            if isinstance(node.index, Literal) and int(node.index.text) < 1:
                self.problem.fail("an ARRAY begins at 1", node.at)
            return f"(CASE WHEN {index} >= 1 THEN {sql}[{index}] END)", type_.of[0][1]
        if type_.name == "MAP" and common(kind, type_.of[0][1]) is not None:
            return f"{sql}[CAST({index} AS {duck(type_.of[0][1])})]", type_.of[1][1]
        if type_.name == "ROW" and isinstance(node.index, Literal):
            number = int(node.index.text) if node.index.kind == "integer" else 0
            name = type_.of[number - 1][0] if 0 < number <= len(type_.of) else node.index.text
            return self._field(value, name, node.at)
        self.problem.fail(f"{type_} has no [{kind}]", node.at)

    def _make(self, node: Make) -> Typed:
        items = [self.sql(item) for item in node.items]
        if node.kind == "ROW":
            of = tuple((f"EXPR${index}", type_) for index, (_, type_) in enumerate(items))
            inside = ", ".join(
                f"{quoted(name)} := {sql}" for (name, _), (sql, _) in zip(of, items, strict=True)
            )
            return f"struct_pack({inside})", Type("ROW", of=of)
        given = [(*typed, item.at) for typed, item in zip(items, node.items, strict=True)]
        if not given or (node.kind == "MAP" and len(given) % 2):
            self.problem.refuse(f"{node.kind} of {len(given)} values", node.at)
        if node.kind == "ARRAY":
            type_ = self.unified(given)
            inside = ", ".join(f"CAST({sql} AS {duck(type_)})" for sql, _, _ in given)
            return f"[{inside}]", Type("ARRAY", of=(("element", type_),))
        key, value = self.unified(given[::2]), self.unified(given[1::2])
        keys = ", ".join(f"CAST({sql} AS {duck(key)})" for sql, _, _ in given[::2])
        values = ", ".join(f"CAST({sql} AS {duck(value)})" for sql, _, _ in given[1::2])
        return f"map([{keys}], [{values}])", Type("MAP", of=(("key", key), ("value", value)))

    def _collection(self, node: Call, args: list[Typed]) -> Typed:  # noqa: RET503 - as above
        (value, type_), *rest = args
        if node.name == "CARDINALITY" and type_.name in ("ARRAY", "MAP") and not rest:
            count = f"len({value})" if type_.name == "ARRAY" else f"cardinality({value})"
            return f"CAST({count} AS INTEGER)", INT
        if node.name == "ARRAY_CONTAINS" and type_.name == "ARRAY" and len(rest) == 1:
            return f"list_contains({value}, CAST({rest[0][0]} AS {duck(type_.of[0][1])}))", BOOLEAN
        self.problem.refuse(f"{node.name} of {', '.join(str(each) for _, each in args)}", node.at)
