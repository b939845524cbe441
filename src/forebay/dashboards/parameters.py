"""The parameters of a tile's SQL: `${start}`, `${filter.menu}` and the like, put in so that no value can
become code.

    ${start} ${end}          TIMESTAMP literals of the range, UTC, end excluded
    ${start:%Y/%m/%d/%H}     the same as text in a strftime pattern, for partition columns
    ${bucket}                a good bucket width in seconds for the range, a number
    ${unit}                  a good unit for date_trunc: 'minute', 'hour', 'day' ...
    ${timezone}              the tile's timezone as text, for AT TIME ZONE
    ${filter.NAME}           the filter's value as a literal, NULL where nothing is chosen
    ${where.NAME}            "column" = value, or TRUE where nothing is chosen
    ${where}                 all filters with a column, joined with AND

Values are literals that this module writes, so a placeholder inside quotes would be a hole: it is refused.
One in a comment is left as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from forebay.clock import to_datetime
from forebay.dashboards.model import Dashboard, Filter, Tile
from forebay.dashboards.ranges import Range
from forebay.errors import UsageError

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<quoted>'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|`[^`]*(?:`|\Z))
    |\$\{(?P<name>[^{}]*)\}""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN = ("start", "end", "bucket", "unit", "timezone", "where")
_DIRECTIVE = re.compile(r"%[YmdHMSjyUuwf%]")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One `${name}` of a SQL text; `offset` is where it begins, `quoted` whether inside quotes."""

    name: str
    offset: int
    quoted: bool


def placeholders(sql: str) -> Iterator[Placeholder]:
    """Every placeholder of `sql` outside comments, in order."""
    for token in _TOKEN.finditer(sql):
        if token["name"] is not None:
            yield Placeholder(token["name"].strip(), token.start(), False)
        elif token["quoted"] is not None:
            for inner in re.finditer(r"\$\{([^{}]*)\}", token["quoted"]):
                yield Placeholder(inner[1].strip(), token.start() + inner.start(), True)


def known(name: str, filters: Mapping[str, Filter]) -> bool:
    """Whether `${name}` means something on a dashboard with `filters`."""
    head, dot, rest = name.partition(".")
    if dot and head == "filter":
        return rest in filters
    if dot and head == "where":
        return rest in filters and filters[rest].column is not None
    word, colon, pattern = name.partition(":")
    if colon:
        return word in {"start", "end"} and bool(_DIRECTIVE.search(pattern)) and "'" not in pattern
    return name in _PLAIN


def fill(
    sql: str, dashboard: Dashboard, tile: Tile | Filter, range_: Range, chosen: Mapping[str, str]
) -> str:
    """`sql` with every placeholder replaced. Raises UsageError for one that is unknown or quoted."""
    filters = {each.name: each for each in dashboard.filters}
    zone = tile.timezone if isinstance(tile, Tile) else dashboard.timezone

    def put(token: re.Match[str]) -> str:
        if token["name"] is None:
            if token["quoted"] is not None and re.search(r"\$\{[^{}]*\}", token["quoted"]):
                raise UsageError("QuotedParameter", f"a parameter stands inside quotes: {token['quoted']}",
                                 fix="write it without the quotes; text is quoted by itself")  # fmt: skip
            return token[0]
        name = token["name"].strip()
        if not known(name, filters):
            raise UsageError("UnknownParameter", f"${{{name}}} is no parameter of dashboard {dashboard.name}")
        return _literal(name, filters, range_, zone, chosen)

    return _TOKEN.sub(put, sql)


def uses_range(sql: str) -> bool:
    """Whether the chosen time range changes what `sql` asks."""
    return any(re.match(r"(start|end|bucket|unit)\b", each.name) for each in placeholders(sql))


def uses_filter(sql: str, name: str) -> bool:
    """Whether the filter `name` changes what `sql` asks."""
    return any(each.name in {f"filter.{name}", f"where.{name}", "where"} for each in placeholders(sql))


def check_value(filter_: Filter, value: str) -> str:
    """`value` if it may be chosen. Raises UsageError `BadFilterValue`: a number filter takes numbers only."""
    if (
        filter_.type == "number"
        and re.fullmatch(r"[-+]?\d{1,30}(\.\d{1,30})?([eE][-+]?\d{1,3})?", value) is None
    ):
        raise UsageError("BadFilterValue", f"filter {filter_.name} takes a number, not {value!r}")
    if "\0" in value or len(value) > 1000:
        raise UsageError("BadFilterValue", f"filter {filter_.name} was given no usable text")
    return value


def text(value: str) -> str:
    """`value` as an SQL text literal."""
    return "'" + value.replace("'", "''") + "'"


def _literal(
    name: str, filters: Mapping[str, Filter], range_: Range, zone: str, chosen: Mapping[str, str]
) -> str:
    head, _, rest = name.partition(".")
    if head == "filter":
        return _value(filters[rest], chosen)
    if head == "where":
        asked = [filters[rest]] if rest else [each for each in filters.values() if each.column]
        return "(" + (" AND ".join(_condition(each, chosen) for each in asked) or "TRUE") + ")"
    word, _, pattern = name.partition(":")
    if word in {"start", "end"}:
        moment = to_datetime(range_.start if word == "start" else range_.end)
        if pattern:
            return text(moment.strftime(pattern))
        return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}'"
    return {"bucket": str(range_.bucket), "unit": text(range_.unit), "timezone": text(zone)}[word]


def _value(filter_: Filter, chosen: Mapping[str, str]) -> str:
    value = chosen.get(filter_.name, "")
    if value == "":
        return "NULL"
    check_value(filter_, value)
    return value if filter_.type == "number" else text(value)


def _condition(filter_: Filter, chosen: Mapping[str, str]) -> str:
    assert filter_.column is not None
    value = _value(filter_, chosen)
    column = '"' + filter_.column.replace('"', '""') + '"'
    return "TRUE" if value == "NULL" else f"{column} = {value}"
