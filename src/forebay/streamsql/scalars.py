"""Expressions of Flink SQL → DuckDB's, with their types by Flink's rules."""

from __future__ import annotations

from forebay.streamsql import functions, functions_json
from forebay.streamsql.casts import cast
from forebay.streamsql.nodes import (
    At,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Column,
    In,
    Interval,
    Is,
    IsJson,
    JsonCall,
    Like,
    Literal,
    Make,
    Node,
    Star,
    Type,
    Unary,
)
from forebay.streamsql.reach import Reach
from forebay.streamsql.types import (
    BITS,
    BOOLEAN,
    DOUBLE,
    INT,
    INTEGERS,
    NULL,
    STRING,
    TIMES,
    Typed,
    arithmetic,
    common,
    decimal,
    duck,
    family,
    literal,
)
from forebay.streamsql.words import CLOCKS


class Scalars(Reach):
    """Translates within one scope."""

    __slots__ = ()

    def sql(self, node: Node) -> Typed:  # noqa: RET503 - to refuse is to raise
        """The expression and its type. Raises UsageError with the place."""
        if self.hook is not None and (found := self.hook(node)) is not None:
            return found
        match node:
            case Literal():
                return self._literal(node)
            case Column():
                return self._column(node)
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Is():
                what = "" if node.what == "NULL" else self.boolean(node.value)
                value = what or self.sql(node.value)[0]
                return f"({value} IS {'NOT ' if node.negated else ''}{node.what})", BOOLEAN
            case In():
                type_ = self.sql(node.value)[1]
                items = ", ".join(self._compared(item, type_)[0] for item in node.items)
                return f"({self.sql(node.value)[0]} {'NOT ' if node.negated else ''}IN ({items}))", BOOLEAN
            case Between():
                value, type_ = self.sql(node.value)
                low, high = self._compared(node.low, type_)[0], self._compared(node.high, type_)[0]
                return f"({value} {'NOT ' if node.negated else ''}BETWEEN {low} AND {high})", BOOLEAN
            case Like():
                escape = f" ESCAPE {self.text(node.escape)}" if node.escape is not None else ""
                if node.similar:
                    return self._similar(node)
                word = "NOT LIKE" if node.negated else "LIKE"
                return f"({self.text(node.value)} {word} {self.text(node.pattern)}{escape})", BOOLEAN
            case IsJson():
                return functions_json.is_json(self.text(node.value), node.kind, node.negated), BOOLEAN
            case JsonCall():
                return self._json(node)
            case At():
                return self._at(node)
            case Make():
                return self._make(node)
            case Case():
                return self._case(node)
            case Cast():
                return self._cast(node)
            case Call():
                return self._call(node)
            case Star():
                self.problem.fail("* is no value", node.at)
            case Interval():
                self.problem.refuse("an interval as a value", node.at, "add it to a timestamp")
        self.problem.refuse(type(node).__name__, node.at)

    def _literal(self, node: Literal) -> Typed:
        match node.kind:
            case "string":
                return literal(node.text), STRING
            case "integer":
                value = int(node.text)
                if value >= 1 << 63:
                    self.problem.refuse("a whole number of more than 64 bits", node.at)
                return node.text, INT if value < 1 << 31 else Type("BIGINT")
            case "decimal":
                whole, _, part = node.text.partition(".")
                digits = len(whole.lstrip("0")) + len(part)
                type_ = Type("DECIMAL", max(digits, 1), len(part))
                return f"CAST('{node.text}' AS {duck(type_)})", type_
            case "double":
                return f"CAST({node.text} AS DOUBLE)", DOUBLE
            case "boolean":
                return node.text, BOOLEAN
        return "NULL", NULL

    def _similar(self, node: Like) -> Typed:
        if node.escape is not None or not isinstance(node.pattern, Literal):
            self.problem.refuse("SIMILAR TO with ESCAPE or a pattern that is no constant", node.at)
        if any(each in node.pattern.text for each in ("\\", "$", "^", ".")):
            self.problem.refuse(
                f"the pattern {node.pattern.text!r} of SIMILAR TO", node.at, "use REGEXP(text, pattern)"
            )
        pattern = node.pattern.text.replace("%", ".*").replace("_", ".")
        made = f"regexp_full_match({self.text(node.value)}, {literal(pattern)}, 's')"
        return (f"(NOT {made})" if node.negated else made), BOOLEAN

    def _json(self, node: JsonCall) -> Typed:
        defaults = [
            None if each is None else self.sql(each) for each in (node.empty_default, node.error_default)
        ]
        found = functions_json.call(self.text(node.value), node, *defaults)
        if isinstance(found, str):
            self.problem.refuse(found, node.at)
        return found

    def _unary(self, node: Unary) -> Typed:
        if node.op == "NOT":
            return f"(NOT {self.boolean(node.value)})", BOOLEAN
        sql, type_ = self.number(node.value)
        return (f"(-{sql})" if node.op == "-" else sql), type_

    def _binary(self, node: Binary) -> Typed:
        match node.op:
            case "IS DISTINCT FROM" | "IS NOT DISTINCT FROM":
                left, type_ = self.sql(node.left)
                return f"({left} {node.op} {self._compared(node.right, type_)[0]})", BOOLEAN
            case "AND" | "OR":
                return f"({self.boolean(node.left)} {node.op} {self.boolean(node.right)})", BOOLEAN
            case "||":
                return f"({self.text(node.left)} || {self.text(node.right)})", STRING
            case "=" | "<>" | "<" | "<=" | ">" | ">=":
                left, type_ = self.sql(node.left)
                if type_.name == "NULL":
                    return "CAST(NULL AS BOOLEAN)", BOOLEAN
                right, other = self._compared(node.right, type_)
                if {"text", "number"} == {family(type_), family(other)}:
                    left = f"TRY_CAST({left} AS DOUBLE)" if family(type_) == "text" else left
                    right = f"TRY_CAST({right} AS DOUBLE)" if family(other) == "text" else right
                return f"({left} {node.op} {right})", BOOLEAN
        if isinstance(node.right, Interval):
            return self._shifted(node, node.left, node.right)
        if isinstance(node.left, Interval) and node.op == "+":
            return self._shifted(node, node.right, node.left)
        return self.calculated(node.op, self.number(node.left), self.number(node.right), node.at)

    def _compared(self, node: Node, with_: Type) -> Typed:
        """What is compared with something of the type `with_`."""
        sql, type_ = self.sql(node)
        if family(with_) in ("time", "DATE") and isinstance(node, Literal) and node.kind == "string":
            return f"TRY_CAST({sql} AS {duck(with_)})", with_
        if "NULL" not in (with_.name, type_.name) and common(type_, with_) is None:
            if {family(type_), family(with_)} == {"text", "number"}:
                return sql, type_
            self.problem.fail(f"{with_} and {type_} cannot be compared", node.at, "CAST one of them")
        return sql, type_

    def _shifted(self, node: Binary, what: Node, by: Interval) -> Typed:
        sql, type_ = self.sql(what)
        if type_.name == "DATE" and node.op in "+-" and by.ms % 86_400_000 == 0:
            unit = (
                f"to_months({node.op}{by.months})"
                if by.months
                else f"to_days({node.op}{by.ms // 86_400_000})"
            )
            return f"CAST({sql} + {unit} AS DATE)", type_
        if type_.name not in TIMES or node.op not in "+-":
            self.problem.fail(f"an interval is added to a timestamp, not to {type_}", node.at)
        sign = "" if node.op == "+" else "-"
        unit = f"to_months({sign}{by.months})" if by.months else f"to_milliseconds({sign}{by.ms})"
        return f"({sql} + {unit})", type_

    def calculated(self, op: str, left: Typed, right: Typed, at: int) -> Typed:
        """`left op right` of numbers: whole numbers wrap and divide without rest, decimals are exact."""
        (a, one), (b, other) = left, right
        if "NULL" in (one.name, other.name):
            return "NULL", NULL
        type_ = arithmetic(op, one, other)
        if type_ is None:
            self.problem.refuse(
                f"a DECIMAL of more than 38 digits ({one} {op} {other})", at, "CAST one to DOUBLE"
            )
        if type_.name == "DOUBLE":
            if op == "%":
                self.problem.fail(f"% takes whole numbers and DECIMAL, not {one} and {other}", at)
            return f"(CAST({a} AS DOUBLE) {op} CAST({b} AS DOUBLE))", DOUBLE
        if type_.name in INTEGERS:
            if op == "/":
                return f"({a} // {b})", type_
            if op == "%":
                return f"CAST({a} % {b} AS {duck(type_)})", type_
            return (
                f"CAST(wrap(CAST({a} AS HUGEINT) {op} CAST({b} AS HUGEINT), {BITS[type_.name]}) AS {duck(type_)})",
                type_,
            )
        if op == "%":
            s = type_.s or 0
            a, b = (f"unscaled(CAST({each} AS DECIMAL(38,{s})))" for each in (a, b))
            rest = f"pointed({a} % {b}, {s})" if s else f"({a} % {b})"
            return f"CAST({rest} AS {duck(type_)})", type_
        x, y = decimal(one), decimal(other)
        a, b = f"CAST({a} AS {duck(x)})", f"CAST({b} AS {duck(y)})"
        if op == "/":
            shift = (type_.s or 0) - (x.s or 0) + (y.s or 0)
            scaled = f"unscaled({a}) * 1{'0' * shift}::HUGEINT" if shift >= 0 else f"unscaled({a})"
            exact = f"CAST(pointed(divided({scaled}, unscaled({b})), {type_.s}) AS {duck(type_)})"
            return f"TRY({exact})", type_
        if op == "*":
            wide = f"CAST({a} AS DECIMAL({max(19, x.p or 0)},{x.s}))" if (type_.p or 0) > 18 else a
            return f"({wide} * {b})", type_
        return f"CAST({a} {op} {b} AS {duck(type_)})", type_

    def _case(self, node: Case) -> Typed:
        values = [value for _, value in node.whens] + ([node.otherwise] if node.otherwise is not None else [])
        type_ = self.unified([(*self.sql(value), value.at) for value in values])
        whens = ""
        for condition, value in node.whens:
            test = (
                condition if node.operand is None else Binary("=", node.operand, condition, at=condition.at)
            )
            whens += f" WHEN {self.boolean(test)} THEN CAST({self.sql(value)[0]} AS {duck(type_)})"
        other = (
            f" ELSE CAST({self.sql(node.otherwise)[0]} AS {duck(type_)})"
            if node.otherwise is not None
            else ""
        )
        return f"(CASE{whens}{other} END)", type_

    def _cast(self, node: Cast) -> Typed:
        sql, type_ = self.sql(node.value)
        found = cast(sql, type_, node.type)
        if found is None:
            self.problem.refuse(f"CAST of {type_} to {node.type}", node.at)
        return found, node.type

    def _call(self, node: Call) -> Typed:
        if node.over is not None:
            self.problem.refuse(
                f"{node.name} OVER", node.at, "ROW_NUMBER() per window, then a filter on it, runs"
            )
        if node.distinct or node.filter is not None:
            self.problem.fail(f"{node.name} is no aggregate", node.at)
        if node.name in ("GREATEST", "LEAST", "COALESCE", "NULLIF", "IFNULL", "IF"):
            return self._conditional(node)
        if (node.name in CLOCKS or node.name == "UNIX_TIMESTAMP") and not node.args:
            return self._clock(node)
        args = [self.sql(arg) for arg in node.args]
        if node.name == "MOD" and len(args) == 2:
            return self.calculated("%", self.number(node.args[0]), self.number(node.args[1]), node.at)
        if node.name in ("CARDINALITY", "ARRAY_CONTAINS"):
            return self._collection(node, args)
        found = functions.call(node.name, args, [_constant(arg) for arg in node.args])
        if isinstance(found, str):
            self.problem.refuse(found, node.at)
        return found

    def _clock(self, node: Call) -> Typed:
        """A time of the clock is when the event arrived, which rows of windows have not."""
        if not self.events:
            self.problem.refuse(f"{node.name} of what is no event", node.at, "take it before the window")
        found = functions.call(node.name, [], [])
        assert not isinstance(found, str)
        return found

    def _conditional(self, node: Call) -> Typed:
        wanted = {"NULLIF": 2, "IFNULL": 2, "IF": 3}.get(node.name)
        if not node.args or (wanted is not None and len(node.args) != wanted):
            self.problem.fail(f"{node.name} takes {wanted or 'some'} arguments", node.at)
        if node.name == "IF":
            return self._case(Case(None, ((node.args[0], node.args[1]),), node.args[2], at=node.at))
        args = [(*self.sql(arg), arg.at) for arg in node.args]
        if node.name == "NULLIF":
            return f"nullif({args[0][0]}, {args[1][0]})", args[0][1]
        type_ = self.unified(args)
        items = ", ".join(f"CAST({sql} AS {duck(type_)})" for sql, _, _ in args)
        if node.name in ("GREATEST", "LEAST"):
            none = " OR ".join(f"{sql} IS NULL" for sql, _, _ in args)
            return f"(CASE WHEN {none} THEN NULL ELSE {node.name.lower()}({items}) END)", type_
        return f"coalesce({items})", type_


def _constant(node: Node) -> str | None:
    """The text of a literal, or of a number with a sign."""
    if isinstance(node, Unary) and node.op == "-" and isinstance(node.value, Literal):
        return f"-{node.value.text}"
    return node.text if isinstance(node, Literal) else None
