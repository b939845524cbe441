"""Runs cases in Flink itself: `python flink_rows.py < cases.json > rows.json`, in an environment with apache-flink.

A case is {"ddl": [...], "insert": "...", "events": [...]}: statements as a user writes them, the first table read, the
last one written; `tables` are others with their rows, and `asked` is the INSERT for Flink where it has no words of its
own for it without a server of its own. Each table is shadowed by one over files, which has its columns, watermark and computed columns; the
INSERT is run as it is, and what Flink writes is given back line by line. Watermarks go out after every event. A case
with a "query" is asked instead, and its rows at the end, as its changes leave them, are given back as lists of values.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from flink_marks import marked  # type: ignore[import-not-found]
from pyflink.table import EnvironmentSettings, TableEnvironment  # type: ignore[import-not-found]


def environment() -> Any:
    made = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for key, value in {
        "parallelism.default": "1",
        "pipeline.auto-watermark-interval": "0 ms",
        "table.local-time-zone": "UTC",
        "rest.bind-port": "0",
    }.items():
        made.get_config().set(key, value)
    return made


def rows(tables: Any, case: dict[str, Any], folder: Path) -> list[str]:
    ddls, events = marked(case) if case.get("shards") else (case["ddl"], case["events"])
    source = folder / "in.json"
    source.write_text("".join(event + "\n" for event in events))
    names = re.findall(r"(?i)create\s+table\s+(?:if\s+not\s+exists\s+)?(\w+)", ";".join(ddls))
    for name in names:
        tables.execute_sql(f"DROP TEMPORARY TABLE IF EXISTS {name}")
        tables.execute_sql(f"DROP TABLE IF EXISTS {name}")
    for ddl in ddls:
        tables.execute_sql(ddl)
    for name, path in ((names[0], source), (names[-1], folder / "out"))[: len(names)]:
        standard = "ISO-8601" if "ISO-8601" in ddls[names.index(name)] else "SQL"
        tables.execute_sql(
            f"CREATE TEMPORARY TABLE {name} WITH ('connector'='filesystem', 'path'='{path}', 'format'='json',"
            f" 'json.timestamp-format.standard'='{standard}') LIKE {name}"
            " (INCLUDING ALL EXCLUDING OPTIONS EXCLUDING PARTITIONS)"
        )
    for name, table in case.get("tables", {}).items():
        path = folder / f"{name}.json"
        path.write_text("".join(json.dumps(row) + "\n" for row in table["rows"]))
        tables.execute_sql(f"DROP TABLE IF EXISTS {name}")
        tables.execute_sql(
            f"CREATE TABLE {name} ({table['columns']}) WITH ('connector'='filesystem', 'path'='{path}', 'format'='json')"
        )
    if "query" in case:
        return left(tables.execute_sql(case["query"]))
    tables.execute_sql(case.get("asked") or case["insert"]).wait()
    written = sorted(path for path in (folder / "out").rglob("*") if path.is_file())
    return [line for path in written for line in path.read_text().splitlines()]


def left(answer: Any) -> list[str]:
    """The rows that there are when all changes came.

    Where Flink knows a key, which is the first column then, rows come anew (+U), and never say what they were (-U).
    """
    with answer.collect() as changes:
        came = [
            (
                row.get_row_kind().name,
                [value if value is None or isinstance(value, int | float) else str(value) for value in row],
            )
            for row in changes
        ]
    keyed = not any(kind == "UPDATE_BEFORE" for kind, _ in came)
    there: list[list[Any]] = []
    for kind, made in came:
        if keyed and kind == "UPDATE_AFTER":
            there = [each for each in there if each[0] != made[0]]
        if kind in ("INSERT", "UPDATE_AFTER"):
            there.append(made)
        else:
            there.remove(made)
    return [json.dumps(each) for each in there]


def main() -> None:
    tables = environment()
    found: list[dict[str, Any]] = []
    for case in json.load(sys.stdin):
        with tempfile.TemporaryDirectory() as folder:
            try:
                found.append({"rows": rows(tables, case, Path(folder))})
            except Exception as error:  # what Flink says of a case is an answer too
                found.append(
                    {
                        "error": " | ".join(
                            re.findall(r"(?m)^(?:Caused by: )?\S*(?:Exception|Error): .*", str(error))
                        )
                    }
                )
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
