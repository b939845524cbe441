"""Words of Flink SQL: units of time in milliseconds and in months, times of the clock, names of types, what is no name."""

from __future__ import annotations

UNITS = {"SECOND": 1000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000, "WEEK": 604_800_000}
MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
COMPARE = {"=", "<>", "!=", "<", "<=", ">", ">="}
CLOCKS = {"CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIMESTAMP", "CURRENT_ROW_TIMESTAMP", "NOW", "PROCTIME"}
RESERVED = {
    "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "JOIN", "LEFT",
    "RIGHT", "FULL", "INNER", "CROSS", "ON", "AS", "AND", "OR", "NOT", "WHEN", "THEN", "ELSE", "END", "WINDOW",
    "SELECT", "OFFSET", "FETCH", "WITH", "FOR", "USING", "NATURAL", "MATCH_RECOGNIZE", "BY",
}  # fmt: skip
SIMPLE = {
    "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "CHAR", "VARCHAR", "DATE",
    "TIMESTAMP", "TIMESTAMP_LTZ",
}  # fmt: skip
SAME = {"INTEGER": "INT", "STRING": "VARCHAR", "NUMERIC": "DECIMAL", "DEC": "DECIMAL"}
