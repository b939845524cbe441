"""A changed project is a plan; nothing that holds data goes without being named."""

from __future__ import annotations

import json

import pytest

from forebay.project.model import Project
from forebay.project.plan import plan, refused
from forebay.sections import SECTIONS
from tests.project.folder import PYTHON, Folder

BEFORE = """\
streams:
  s: {shards: 2, retention: 1d}
delivery:
  d: {from: streams.s, to: lake.shop/d/, format: parquet, table: d, columns: {a: int, b: string}}
query:
  q: select 1
"""


def steps(folder: Folder, before: str, after: str) -> list[str]:
    old = folder.good(before)
    return [str(step) for step in plan(old, folder.good(after), SECTIONS)]


def test_a_first_project_is_all_added_in_flow_order(folder: Folder) -> None:
    made = plan(None, folder.good(BEFORE), SECTIONS)
    assert [str(step) for step in made] == ["add streams.s", "add delivery.d", "add lake.shop", "add query.q"]


def test_the_same_project_is_nothing_to_do(folder: Folder) -> None:
    assert steps(folder, BEFORE, BEFORE) == []


def test_the_same_project_read_back_is_nothing_to_do(folder: Folder) -> None:
    project = folder.good(BEFORE)
    assert plan(Project.decode(project.encode(), SECTIONS), project, SECTIONS) == []


def test_settings_change_in_place_and_say_how(folder: Folder) -> None:
    after = BEFORE.replace("shards: 2, retention: 1d", "shards: 3, retention: 36h").replace(
        "table: d", "table: d, buffer: {megabytes: 5}"
    )
    assert steps(folder, BEFORE, after) == [
        "change streams.s: shards: 2 → 3; retention: 1d → 36h",
        "change delivery.d: buffer.megabytes: 64 → 5",
    ]


def test_of_a_text_of_many_lines_only_what_differs_is_said(folder: Folder) -> None:
    def changed(before: str, after: str) -> str:
        texts = [f"query:\n  q: {{sql: {json.dumps(each)}}}\n" for each in (before, after)]
        (step,) = steps(folder, *texts)
        return step

    old = "SELECT a\nFROM t\nWHERE a > 5\nORDER BY a\n"
    assert (
        changed(old, old.replace("a > 5", "a > 6"))
        == "change query.q: sql: line 3: WHERE a > 5 → WHERE a > 6"
    )
    assert changed(old, old.replace("ORDER BY a", "GROUP BY a\nLIMIT 3")) == (
        "change query.q: sql: 2 lines differ, from line 4 on"
    )
    assert changed(old, old + "LIMIT 3\n") == "change query.q: sql: 1 line differs, from line 5 on"


def test_what_held_data_is_parked_and_what_did_not_goes(folder: Folder) -> None:
    assert steps(folder, BEFORE, "description: empty\n") == [
        "orphan streams.s",
        "orphan delivery.d",
        "orphan lake.shop",
        "remove query.q",
    ]


def test_a_rename_keeps_the_data_once_it_is_said(folder: Folder) -> None:
    after = BEFORE.replace("  s: {shards: 2,", "  t: {was: s, shards: 2,").replace("streams.s", "streams.t")
    made = steps(folder, BEFORE, after)
    assert made[0] == "rename streams.t (was s)"
    assert "orphan streams.s" not in made
    # once applied, `was` may stay in the file
    assert steps(folder, after, after) == []


def test_a_rename_that_is_not_said_is_an_orphan_and_an_addition(folder: Folder) -> None:
    after = BEFORE.replace("  s: {", "  t: {").replace("streams.s", "streams.t")
    assert steps(folder, BEFORE, after)[:2] == ["add streams.t", "orphan streams.s"]


@pytest.mark.parametrize(
    ("old", "new", "resource", "reason"),
    [
        ("a: int", "a: double", "delivery.d", "column a of table d: int → double"),
        ("{a: int, b: string}", "{a: int}", "delivery.d", "column b of table d goes"),
        ("format: parquet", "format: json", "delivery.d", "parquet → json"),
        ("lake.shop/d/", "lake.shop/e/", "delivery.d", "lake.shop/d/ → lake.shop/e/"),
        ("from: streams.s, ", "", "delivery.d", "its place in the stream"),
    ],
)
def test_what_would_lose_or_rewrite_data_waits_for_a_word(
    folder: Folder, old: str, new: str, resource: str, reason: str
) -> None:
    before = folder.good(BEFORE)
    after = folder.good(BEFORE.replace(old, new))
    made = plan(before, after, SECTIONS)
    rebuild = next(step for step in made if step.action == "rebuild")
    assert str(rebuild.resource) == resource
    assert any(reason in text for text in rebuild.reasons)
    (finding,) = refused(made, after, accepted=())
    assert finding.code == "NeedsAccept"
    assert finding.line > 0
    assert f"--accept {resource}" in str(finding.fix)
    assert refused(made, after, accepted={resource}) == []


def test_a_new_column_is_a_change_and_no_rebuild(folder: Folder) -> None:
    after = BEFORE.replace("b: string}", "b: string, c: double}")
    assert steps(folder, BEFORE, after) == ["change delivery.d: columns differs"]


def test_other_code_is_a_change(folder: Folder) -> None:
    files = {"functions/f.py": PYTHON}
    old = folder.good("delivery:\n  d: {to: lake.shop/d/}\n", files)
    new = folder.good("delivery:\n  d: {to: lake.shop/d/, transform: 'functions/f.py:clean'}\n")
    assert [str(step) for step in plan(old, new, SECTIONS)] == ["change delivery.d: transform differs"]
