"""Reads types and intervals of Flink SQL."""

from __future__ import annotations

from forebay.streamsql.cursor import Cursor
from forebay.streamsql.nodes import Interval, Type
from forebay.streamsql.words import MONTHS, SAME, SIMPLE, UNITS


class TypeWords(Cursor):
    """What a type and an interval are made of."""

    def interval(self) -> Interval:  # noqa: RET503 - to refuse is to raise
        """`INTERVAL '10' SECOND`."""
        at = self.now.at
        self.need("INTERVAL")
        sign = -1 if self.take("-") else 1
        given = self.string().strip()
        unit = self.next().upper
        unit = unit[:-1] if unit.endswith("S") and unit[:-1] in {*UNITS, *MONTHS} else unit
        if self.now.upper == "(":
            self.next()
            self.next()
            self.need(")")
        if self.now.upper == "TO":
            self.refuse("an interval of several units", at, fix="write it in the smallest of them")
        try:
            count = float(given) if unit == "SECOND" else int(given)
        except ValueError:
            self.fail(f"{given!r} is no number of {unit.lower()}s", at)
        if unit in UNITS:
            return Interval(sign * round(count * UNITS[unit]), at=at)
        if unit in MONTHS:
            return Interval(0, sign * round(count * MONTHS[unit]), at=at)
        self.fail(f"{unit} is no unit of an interval", at)

    def type(self) -> Type:
        """A type."""
        at = self.now.at
        word = self.next().upper
        name = SAME.get(word, word)
        if name in ("ROW", "ARRAY", "MAP"):
            return self._nested(name)
        if name not in SIMPLE:
            self.refuse(
                f"the type {word or self.ahead(-1).text}",
                at,
                fix="declare it STRING and read it with JSON_VALUE",
            )
        if name == "DOUBLE":
            self.take("PRECISION")
        sizes = self._sizes()
        if name.startswith("TIMESTAMP"):
            if self.take("WITH", "LOCAL", "TIME", "ZONE"):
                name = "TIMESTAMP_LTZ"
            elif self.take("WITHOUT", "TIME", "ZONE"):
                pass
            elif self.now.upper == "WITH":
                self.refuse("TIMESTAMP WITH TIME ZONE", at)
            sizes = sizes or [6]
        elif name == "DECIMAL":
            sizes = [*sizes, *[10, 0][len(sizes) :]]
        elif name == "CHAR":
            sizes = sizes or [1]
        p, s, *_ = (*sizes, None, None)
        return Type(name, p, s)

    def _nested(self, name: str) -> Type:
        """`ROW<a INT, b STRING>`, `ROW(a INT)`, `ARRAY<INT>`, `MAP<STRING, INT>`."""
        round_ = name == "ROW" and self.take("(")
        if not round_:
            self.need("<")
        of: list[tuple[str, Type]] = []
        while True:
            named = (
                self.name()
                if name == "ROW"
                else ("key", "value")[len(of) % 2]
                if name == "MAP"
                else "element"
            )
            of.append((named, self.type()))
            self.take("NOT", "NULL")
            if self.now.kind == "string":
                self.next()
            if not self.take(","):
                break
        if round_:
            self.need(")")
        else:
            self.need(">")
        if len(of) != {"ARRAY": 1, "MAP": 2}.get(name, len(of)):
            self.fail(f"{name} of {len(of)} types")
        return Type(name, of=tuple(of))

    def _sizes(self) -> list[int]:
        if not self.take("("):
            return []
        sizes = self.several(self._size)
        self.need(")")
        return sizes[:2]

    def _size(self) -> int:
        if self.now.kind != "number":
            self.fail("expected a number")
        return int(self.next().text)
