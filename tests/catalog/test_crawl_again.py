"""What a later crawl does with tables that are there: policies of change, deletion and recrawl."""

from __future__ import annotations

from typing import Any

import pytest

from forebay.catalog.crawl import crawl
from forebay.catalog.crawl.classify import classify
from forebay.catalog.register import add_table, change_table, revisions
from forebay.readers import no_readers
from tests.catalog.crawled import Lake


def orders(lake: Lake) -> None:
    lake.put({"re/day=1/a.json": '{"id": 1, "name": "a"}\n'})
    lake.crawl("re/")


def test_a_new_folder_is_a_new_partition_of_the_same_table(lake: Lake) -> None:
    orders(lake)
    lake.put({"re/day=2/a.json": '{"id": 2, "name": "b"}\n'})
    changes = lake.crawl("re/")
    assert changes == {"partitions_added": {"re": 1}, "tables": ["re"]}
    assert lake.partitions("re") == [["1"], ["2"]]


def test_a_crawl_of_what_has_not_changed_changes_nothing(lake: Lake) -> None:
    orders(lake)
    assert lake.crawl("re/") == {"tables": ["re"]}
    assert len(revisions(lake.store.reader, "db", "re")) == 1


def test_a_changed_schema_replaces_the_tables(lake: Lake) -> None:
    orders(lake)
    lake.put({"re/day=1/a.json": '{"id": 1.5, "new": true}\n'})
    assert lake.crawl("re/")["updated"] == ["re"]
    assert lake.columns("re") == {"id": "double", "new": "boolean"}
    assert [row["revision"] for row in revisions(lake.store.reader, "db", "re")] == [1, 2]


def test_adding_keeps_the_columns_that_are_there(lake: Lake) -> None:
    orders(lake)
    lake.put({"re/day=1/a.json": '{"id": 1.5, "new": true}\n'})
    lake.crawl("re/", on_change="add")
    assert lake.columns("re") == {"id": "int", "name": "string", "new": "boolean"}


def test_logging_leaves_the_table_and_adds_partitions(lake: Lake) -> None:
    orders(lake)
    lake.put({"re/day=1/a.json": '{"id": 1.5}\n', "re/day=2/a.json": '{"id": 2.5}\n'})
    changes = lake.crawl("re/", on_change="log")
    assert lake.columns("re") == {"id": "int", "name": "string"}
    assert lake.partitions("re") == [["1"], ["2"]]
    assert changes["notes"]


def test_a_table_without_objects_is_deprecated_deleted_or_left(lake: Lake) -> None:
    lake.put({"x/a.json": '{"id": 1}'})
    for policy, left in (("log", ["x"]), ("deprecate", ["x"]), ("delete", [])):
        lake.put({"x/a.json": '{"id": 1}'})
        lake.crawl("x/")
        lake.remove("x/a.json")
        lake.crawl("x/", on_delete=policy)
        assert list(lake.tables()) == left
        marked = [name for name, doc in lake.tables().items() if "DEPRECATED_BY_CRAWLER" in doc["parameters"]]
        assert marked == (["x"] if policy == "deprecate" else [])


def test_a_deprecated_table_whose_objects_come_back_is_no_longer(lake: Lake) -> None:
    lake.put({"x/a.json": '{"id": 1}'})
    lake.crawl("x/")
    lake.remove("x/a.json")
    lake.crawl("x/")
    lake.put({"x/a.json": '{"id": 1}'})
    lake.crawl("x/")
    assert "DEPRECATED_BY_CRAWLER" not in lake.tables()["x"]["parameters"]


def test_a_partition_without_objects_goes_where_deletion_is_asked_for(lake: Lake) -> None:
    orders(lake)
    lake.put({"re/day=2/a.json": '{"id": 2, "name": "b"}\n'})
    lake.crawl("re/")
    lake.remove("re/day=1/a.json")
    lake.crawl("re/")
    assert lake.partitions("re") == [["1"], ["2"]]
    assert lake.crawl("re/", on_delete="delete")["partitions_deleted"] == {"re": 1}
    assert lake.partitions("re") == [["2"]]


def test_only_new_folders_are_looked_at_where_that_is_asked_for(lake: Lake) -> None:
    orders(lake)
    lake.put({"re/day=1/a.json": '{"other": 1}\n', "re/day=2/a.json": '{"id": 2, "name": "b"}\n'})
    changes = lake.crawl("re/", recrawl="new")
    assert changes["partitions_added"] == {"re": 1}
    assert lake.columns("re") == {"id": "int", "name": "string"}


def test_partitions_have_columns_of_their_own_unless_they_inherit(lake: Lake) -> None:
    files = {
        "re/day=1/a.json": '{"id": 1, "name": "a"}\n',
        "re/day=2/a.json": '{"id": 2, "name": "b", "c": 1}\n',
    }
    lake.put(files)
    lake.crawl("re/")

    def own() -> list[str]:
        rows = lake.store.reader.execute(
            "SELECT vals FROM partitions WHERE doc LIKE '%columns%' ORDER BY vals"
        )
        return [row[0] for row in rows]

    assert own() == ['["1"]']
    lake.crawl("re/", inherit=True)
    assert own() == []


def test_somebody_elses_table_of_that_name_is_left_alone(lake: Lake) -> None:
    orders(lake)
    doc = {**lake.tables()["re"], "location": "s3://elsewhere/", "parameters": {}}
    lake.store.write(lambda db: change_table(db, "db", "re", "external", doc))
    lake.crawl("re/")
    names = list(lake.tables())
    assert names[0] == "re"
    assert names[1].startswith("re_")
    assert lake.tables()["re"]["location"] == "s3://elsewhere/"


def test_a_table_that_the_project_declares_is_left_alone(lake: Lake) -> None:
    orders(lake)
    doc = {**lake.tables()["re"], "owner": "project", "columns": [["mine", "string"]]}
    lake.store.write(lambda db: change_table(db, "db", "re", "external", doc))
    changes = lake.crawl("re/")
    assert changes["notes"] == ["re is declared in the project and was left as it is"]
    assert lake.columns("re") == {"mine": "string"}


def test_a_table_made_by_hand_over_the_same_place_is_kept_up(lake: Lake) -> None:
    lake.put({"hand/a.json": '{"id": 1}'})
    made = {"location": "s3://shop/hand", "columns": [], "owner": "wire", "parameters": {}}
    lake.store.write(lambda db: db.execute("INSERT INTO databases VALUES ('db', '{}')").fetchall())
    lake.store.write(lambda db: add_table(db, "db", "hand", "external", made))
    lake.crawl("hand/")
    assert lake.columns("hand") == {"id": "int"}


def test_nothing_that_is_to_be_crawled_is_removed_meanwhile(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    removable = []

    def classified(*given: Any) -> Any:
        with no_readers(lake.root / "lake") as nobody:
            removable.append(nobody)
        return classify(*given)

    monkeypatch.setattr(crawl, "classify", classified)
    lake.put({"t/a.csv": "a,b\n1,2\n", "t/b.csv": "a,b\n3,4\n"})
    lake.crawl("t/")
    assert removable == [False, False]
    with no_readers(lake.root / "lake") as nobody:
        assert nobody
