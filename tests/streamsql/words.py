"""Random events with all kinds of values, and the expressions over them that `expressions.txt` lists."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE = """\
CREATE TABLE words (
  id INT, s STRING, t STRING, n BIGINT, i INT, d DOUBLE, m DECIMAL(10, 2), b BOOLEAN, ts TIMESTAMP(3), dy DATE, j STRING,
  lz TIMESTAMP_LTZ(3), r ROW<a INT, b ROW<c STRING, d DOUBLE>>, l ARRAY<STRING>, li ARRAY<INT>, p MAP<STRING, BIGINT>
) WITH ('connector' = 'kinesis', 'stream' = 'words', 'scan.stream.initpos' = 'TRIM_HORIZON', 'format' = 'json')"""

TEXTS = [
    "abc", "Hello World", "", " pad ", "ab,cd,,e", "a.b.c", "ABC", "x1y22z333", "äöü ñ", "-7.5", "1e3", "true",
    "foo bar foo", "%_x", "2020-02-03", "2021-11-30 23:59:58.123", None, "https://u:p@ex.com:80/p/a?q=1&r=b%20c#f",
    "k1=v1;k2=v2", "42",
]  # fmt: skip
JSON = [
    '{"a":1,"b":{"c":"x","d":[1,2,{"e":null}]},"f":1.5,"n":null,"s":"str","t":true}', "[1,2,3]", '"scalar"', "12",
    "{bad", None, "", '{"a":{"x":1}}', '{"a":[]}', "null", '{"a":"1","b c":2}', '{"a": 10.25, "b":{"c":3}}',
]  # fmt: skip
POOLS: dict[str, list[Any]] = {
    "s": TEXTS,
    "t": ["o", "l", "a", "", "b", ",", "22", "[a-c]+", None, "."],
    "n": [0, 1, -1, 5, 123456789012, -9, None, 2**62],
    "i": [0, 1, -1, 2, 3, -4, 7, 100, None],
    "d": [0.0, -0.5, 1.5, 2.5, -2.5, 1e10, 1.0e-5, 0.001, 12345678.9, 100.0, -1234567.0, 0.1, None, 3.14159],
    "m": [0, 1.5, -2.25, 99999999.99, 12.3, None, 0.05, -7],
    "b": [True, False, None],
    "ts": [
        "2020-02-29 12:34:56.789",
        "1999-12-31 23:59:59",
        "2026-01-01 00:00:00",
        "2021-03-14 01:05:09.007",
        None,
    ],
    "dy": ["2020-02-29", "1999-12-31", "2026-01-01", None],
    "j": JSON,
    "lz": ["2020-02-29 12:34:56.789Z", "1999-12-31 23:59:59Z", None],
    "r": [{"a": 1, "b": {"c": "x", "d": 1.5}}, {"a": None, "b": {"c": None}}, {"b": None}, None, {"a": "7"}],
    "l": [["a", "b"], [], None, ["x", None, "z"]],
    "li": [[1, 2, 3], [], None, ["4", None, -1]],
    "p": [{"k": 1, "z": "2"}, {}, None, {"k": None}],
}


def expressions() -> dict[str, list[tuple[str, str]]]:
    """(type, expression), by list."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in (Path(__file__).parent / "expressions.txt").read_text().splitlines():
        if line.startswith("["):
            found[line[1:-1]] = []
        elif line and not line.startswith("#"):
            type_, _, expression = line.partition(" : ")
            found[list(found)[-1]].append((type_, expression))
    return found


def _shapes() -> Iterator[tuple[str, tuple[str, str]]]:
    for name, given in expressions().items():
        columns = ", ".join(f"c{at} {type_}" for at, (type_, _) in enumerate(given))
        items = ", ".join(expression for _, expression in given)
        yield f"expressions-{name}", (f"a INT, {columns}", f"SELECT id, {items} FROM words")


SHAPES = dict(_shapes())


def events(chance: random.Random, count: int) -> list[str]:
    """Any of each pool, now and then missing."""
    found = []
    for id_ in range(count):
        event = {"id": id_, **{name: chance.choice(pool) for name, pool in POOLS.items()}}
        for name in POOLS:
            if chance.random() < 0.02:
                del event[name]
        found.append(json.dumps(event))
    return found
