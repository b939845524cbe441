"""The versions of a table that open windows were made with: which are kept, for how long, and what is read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from forebay.layout import Layout
from forebay.running import lookups
from forebay.running.lookups import Lookups
from forebay.streamsql.engine import Engine
from forebay.streamsql.job import compile_job
from forebay.streamsql.plan import Lookup
from tests.streamsql.cases import sink
from tests.streamsql.joined import COLUMNS, SOURCE
from tests.streamsql.runner import reference

SQL = (
    "INSERT INTO found SELECT p.name, COUNT(*) FROM activity AS a JOIN products FOR SYSTEM_TIME AS OF a.proctime AS p "
    "ON p.kind = a.kind GROUP BY TUMBLE(a.ts, INTERVAL '10' SECOND), p.name"
)


class Asked:
    """Stands for the query's process: a table whose names are `names`."""

    def __init__(self) -> None:
        self.names = ["pen"]

    def call(self, op: str, **_: Any) -> dict[str, Any]:
        if op == "stamp":
            return {"stamp": repr(self.names)}
        table = pa.table({"c0": ["a"] * len(self.names), "c1": self.names})
        out = pa.BufferOutputStream()
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
        return {"arrow": out.getvalue().to_pybytes(), "rows": table.num_rows, "truncated": False}

    def close(self) -> None:
        """Nothing is open."""


class Given(Engine):
    """Notes the names that it is given."""

    def give(self, lookup: Lookup, rows: pa.Table | None) -> None:
        super().give(lookup, rows)
        if rows is not None:
            self.given = [*getattr(self, "given", []), rows.column("c1").to_pylist()]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """(a new Lookups, its engine, what it asks), of the same query over the same state each time."""
    monkeypatch.setattr(lookups, "EVERY", 0.0)
    monkeypatch.setattr(lookups, "SHARE", 0)
    ddl = [SOURCE, sink("name STRING, n BIGINT")]
    (plan,) = compile_job(";\n".join([*ddl, SQL]), None, (reference("products", COLUMNS),))
    engines: list[Given] = []

    def make() -> tuple[Lookups, Given, Asked]:
        engine = Given(plan)
        engines.append(engine)
        found = Lookups(plan, Layout(tmp_path), "streamsql.a/streams.found", engine)
        found._query = asked = Asked()  # type: ignore[assignment]
        return found, engine, asked

    yield make
    for engine in engines:
        engine.close()


def files(tmp_path: Path) -> int:
    return len(list(tmp_path.rglob("*.arrow")))


def test_what_is_read_again_has_the_versions_of_its_time(made: Any, tmp_path: Path) -> None:
    tables, _, asked = made()
    for position, names in ((0, ["pen"]), (10, ["ink"]), (15, ["ink"]), (20, ["tea", "cup"])):
        asked.names = names
        tables.fresh(position)
    kept = tables.state(12)
    tables.committed()
    assert ([at for at, _ in kept], files(tmp_path)) == ([10, 20], 2)
    again, engine, _ = made()
    assert list(again.again(kept, 12, 30)) == [20, 30]
    assert engine.given == [["ink"], ["tea", "cup"]]
    assert [at for at, _ in again.state(30)] == [20]
    again.committed()
    assert files(tmp_path) == 1


def test_a_change_waits_where_there_is_no_room_for_another_version(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, engine, asked = made()
    tables.fresh(0)
    monkeypatch.setattr(lookups, "MOST_KEPT", 1)
    asked.names = ["ink"]
    tables.fresh(5)
    (held,) = tables.status().values()
    assert "changes so often" in held["error"]
    assert (engine.given, files(tmp_path)) == ([["pen"]], 1)
    monkeypatch.setattr(lookups, "MOST_KEPT", 1 << 30)
    tables.fresh(9)
    (held,) = tables.status().values()
    assert (held["error"], engine.given) == (None, [["pen"], ["ink"]])
    assert [at for at, _ in tables.state(5)] == [0, 9]
