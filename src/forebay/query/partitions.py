"""Partition columns: what a key says of them.

Values come from registered partitions, from partition projection, or from `name=value` folders. A
projection is never enumerated (every hour since 2021 is 40,000 places to look): the keys that exist are
matched against its template instead, and what lies outside of its ranges is left out.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from forebay.errors import QueryFailed
from forebay.query.snapshot import Table, split_url

Values = tuple[str | None, ...]
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"

# Java's date letters: how many digits, and strptime's letter.
_JAVA = {
    "yyyy": (r"\d{4}", "%Y"), "yy": (r"\d{2}", "%y"), "MM": (r"\d{2}", "%m"), "M": (r"\d{1,2}", "%m"),
    "dd": (r"\d{2}", "%d"), "d": (r"\d{1,2}", "%d"), "HH": (r"\d{2}", "%H"), "H": (r"\d{1,2}", "%H"),
    "mm": (r"\d{2}", "%M"), "ss": (r"\d{2}", "%S"), "SSS": (r"\d{3}", "%f"), "MMM": (r"[A-Za-z]{3}", "%b"),
    "MMMM": (r"[A-Za-z]+", "%B"), "DDD": (r"\d{3}", "%j"), "D": (r"\d{1,3}", "%j"), "EEE": (r"[A-Za-z]{3}", "%a"),
}  # fmt: skip
_UNITS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86_400, "WEEKS": 604_800}
_FINEST = (
    ("%S", "SECONDS"),
    ("%M", "MINUTES"),
    ("%H", "HOURS"),
    ("%d", "DAYS"),
    ("%j", "DAYS"),
    ("%m", "MONTHS"),
    ("%Y", "YEARS"),
)
_NOW = re.compile(r"\s*NOW\s*(?:([+-])\s*(\d+)\s*(\w+?)S?)?\s*$", re.IGNORECASE)


def java_date(pattern: str) -> tuple[str, str]:
    """A Java date format as a regular expression and as strptime's format. Raises QueryFailed."""
    expression: list[str] = []
    form: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "'":
            end = pattern.find("'", at + 1)
            quoted = pattern[at + 1 : end] or "'"
            expression.append(re.escape(quoted))
            form.append(quoted.replace("%", "%%"))
            at = end + 1
        elif char.isalpha():
            run = len(pattern[at:]) - len(pattern[at:].lstrip(char))
            letters = char * run
            if letters not in _JAVA:
                raise _bad(f"'{letters}' is not a letter of a date format: {pattern}")
            expression.append(_JAVA[letters][0])
            form.append(_JAVA[letters][1])
            at += run
        else:
            expression.append(re.escape(char))
            form.append(char.replace("%", "%%"))
            at += 1
    return "".join(expression), "".join(form)


def _bad(message: str) -> QueryFailed:
    return QueryFailed("INVALID_TABLE_PROPERTY", f"INVALID_TABLE_PROPERTY: {message}")


@dataclass(frozen=True, slots=True)
class Projected:
    """One projected column: the expression that its text must match, and whether a text is in its range."""

    pattern: str
    valid: Callable[[str], bool]


def _projected(table: Table, name: str) -> Projected:
    found = table.parameters
    kind = found.get(f"projection.{name}.type", "").lower()
    span = found.get(f"projection.{name}.range", "")
    step = int(found.get(f"projection.{name}.interval", "1") or 1)
    match kind:
        case "enum":
            values = [v.strip() for v in found.get(f"projection.{name}.values", "").split(",")]
            return Projected(
                "|".join(map(re.escape, sorted(values, key=len, reverse=True))), set(values).__contains__
            )
        case "injected":
            return Projected(r"[^/]+", lambda text: True)
        case "integer":
            digits = int(found.get(f"projection.{name}.digits", "0") or 0)
            low, high = (int(part) for part in span.split(","))
            pattern = rf"-?\d{{{digits},}}" if digits else r"-?(?:0|[1-9]\d*)"
            return Projected(pattern, lambda text: low <= int(text) <= high and (int(text) - low) % step == 0)
        case "date":
            return _projected_date(table, name, span, step)
    raise _bad(f"projection.{name}.type is {kind or 'missing'}; one of date, integer, enum, injected")


def _projected_date(table: Table, name: str, span: str, step: int) -> Projected:
    pattern, form = java_date(table.parameters.get(f"projection.{name}.format", "yyyy-MM-dd"))
    unit = table.parameters.get(f"projection.{name}.interval.unit", "").upper()
    if not unit:
        unit = next((found for letter, found in _FINEST if letter in form), "DAYS")
    low, _, high = span.partition(",")

    def bound(text: str) -> dt.datetime:
        relative = _NOW.match(text)
        if relative is None:
            return dt.datetime.strptime(text.strip(), form)  # noqa: DTZ007 - UTC throughout
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        if relative[1] is None:
            return now
        amount = int(relative[2]) * (1 if relative[1] == "+" else -1)
        return _shift(now, amount, relative[3].upper() + "S")

    for end in (low, high):
        bound(end)  # a range that cannot be read is said now

    def valid(text: str) -> bool:
        try:
            moment = dt.datetime.strptime(text, form)  # noqa: DTZ007
        except ValueError:
            return False
        first = bound(low)
        if not first <= moment <= bound(high):
            return False
        if step == 1 or _NOW.match(low):
            return True
        if unit in _UNITS:
            return int((moment - first).total_seconds()) % (_UNITS[unit] * step) == 0
        months = (moment.year - first.year) * 12 + moment.month - first.month
        return months % (step * (12 if unit.startswith("YEAR") else 1)) == 0

    return Projected(pattern, valid)


def _shift(moment: dt.datetime, amount: int, unit: str) -> dt.datetime:
    if unit in _UNITS:
        return moment + dt.timedelta(seconds=amount * _UNITS[unit])
    months = moment.year * 12 + moment.month - 1 + amount * (12 if unit.startswith("YEAR") else 1)
    year, month = divmod(months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def moving(table: Table) -> bool:
    """Whether what lies in a projection's range changes with the clock."""
    return any(n.endswith(".range") and "NOW" in v.upper() for n, v in table.parameters.items())


class Partitioning:
    """The partition values of keys, for one table at one version of it and of its partitions."""

    def __init__(self, table: Table, registered: Sequence[tuple[Values, str]]) -> None:
        self.names = [name for name, _ in table.partition_keys]
        self.bucket, self.prefix = table.location
        self._memo: dict[tuple[str, str], Values | None] = {}
        self._places: dict[tuple[str, str], Values] = {}
        self._template: re.Pattern[str] | None = None
        self._projected: list[Projected] = []
        self._hive = False
        self._moving = moving(table)
        self.roots: list[tuple[str, str]] = [(self.bucket, self.prefix)]
        if not self.names:
            return
        if table.parameters.get("projection.enabled", "").lower() == "true":
            self._project(table)
            return
        for values, location in registered:
            self._places[split_url(location)] = values
        self._hive = (
            # Folders speak for themselves where the project or a delivery makes them; a table made over the
            # wire shows registered partitions only, as on AWS.
            (not registered and table.doc.get("owner") != "wire")
            or table.kind == "managed"
            or table.doc.get("owner") in ("project", "delivery")
        )
        outside = {place for place in self._places if not self._inside(place)}
        self.roots += sorted(outside)

    def _inside(self, place: tuple[str, str]) -> bool:
        return place[0] == self.bucket and place[1].startswith(self.prefix)

    def _project(self, table: Table) -> None:
        try:
            self._projected = [_projected(table, name) for name in self.names]
        except ValueError as error:
            raise _bad(f"a projection of {table.db}.{table.name} cannot be read: {error}") from None
        template = table.parameters.get("storage.location.template")
        if template is None:
            template = f"s3://{self.bucket}/{self.prefix}" + "".join(f"{n}=${{{n}}}/" for n in self.names)
        bucket, path = split_url(template)
        parts = re.split(r"\$\{([^}]+)\}", path)
        expression: list[str] = []
        seen: set[str] = set()
        for i, part in enumerate(parts):
            if i % 2 == 0:
                expression.append(re.escape(part))
                continue
            name = part.strip().lower()
            if name not in self.names:
                raise _bad(f"storage.location.template names ${{{part}}}, which is no partition column")
            group = f"p{self.names.index(name)}"
            pattern = self._projected[self.names.index(name)].pattern
            expression.append(f"(?P={group})" if name in seen else f"(?P<{group}>{pattern})")
            seen.add(name)
        missing = [name for name in self.names if name not in seen]
        if missing:
            raise _bad(f"storage.location.template lacks ${{{missing[0]}}}")
        self._template = re.compile("".join(expression))
        self.roots = [(bucket, parts[0][: parts[0].rfind("/") + 1])]

    def values(self, bucket: str, key: str) -> Values | None:
        """The partition values of a key; None where the key belongs to no partition of the table."""
        folder = (bucket, key[: key.rfind("/") + 1])
        try:
            return self._memo[folder]
        except KeyError:
            if len(self._memo) > 100_000:
                self._memo.clear()
            found = self._values(*folder)
            if found is not None or not self._moving:
                self._memo[folder] = found
            return found

    def _values(self, bucket: str, folder: str) -> Values | None:
        if not self.names:
            return ()
        if self._template is not None:
            found = self._template.match(folder) if bucket == self.roots[0][0] else None
            if found is None:
                return None
            values = tuple(found[f"p{i}"] for i in range(len(self.names)))
            ok = all(p.valid(v) for p, v in zip(self._projected, values, strict=True))
            return values if ok else None
        at = folder
        while self._places:
            if (bucket, at) in self._places:
                return self._places[bucket, at]
            if not at:
                break
            at = at[: at.rfind("/", 0, len(at) - 1) + 1]
        if not self._hive or not self._inside((bucket, folder)):
            return None
        pairs = dict(_pair(part) for part in folder[len(self.prefix) :].split("/") if "=" in part)
        if any(name not in pairs for name in self.names):
            return None
        return tuple(pairs[name] for name in self.names)


def _pair(part: str) -> tuple[str, str | None]:
    name, _, value = part.partition("=")
    value = unquote(value)
    return name.lower(), None if value == HIVE_NULL else value
