"""The live questions that docs/streamsql.md shows are asked of the project that it shows."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forebay.project.load import load
from forebay.running.follow_tables import planned
from forebay.sections import SECTIONS
from tests.harness import System
from tests.projects import project
from tests.wire.sdk import client

PAGE = (Path(__file__).parents[2] / "docs" / "streamsql.md").read_text()
PROJECT = re.findall(r"(?ms)^```yaml\n(.*?)^```", PAGE)[0]
ASKED = [
    shlex.split(each)
    for each in re.findall(r"(?m)^    (forebay query --follow [^\n]*(?:\n     +[^\n]+)*)", PAGE)
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("page")
    system = System(project(folder / "p", f"name: shop\n{PROJECT}"), folder / "state", [], {})
    try:
        kinesis = client(system.start(), "kinesis")
        shards = kinesis.describe_stream(StreamName="activity")["StreamDescription"]["Shards"]
        keys = [each["HashKeyRange"]["StartingHashKey"] for each in shards]
        later = [(8, 1.0, "12:00:40", key) for key in keys]  # in every shard, so that the window closes
        for user, price, at, key in ((7, 2.5, "12:00:01", keys[0]), (7, 4.0, "12:00:02", keys[1]), *later):
            event: dict[str, Any] = {"user_id": user, "price": price, "txn_timestamp": f"2026-03-01 {at}"}
            kinesis.put_record(
                StreamName="activity", Data=json.dumps(event).encode(), PartitionKey="1", ExplicitHashKey=key
            )
        kinesis.close()
        yield system
    finally:
        system.end()


def test_the_page_shows_one_of_windows_and_one_whose_rows_change() -> None:
    assert [("TUMBLE" in sql, "LIMIT" in sql) for *_, sql in ASKED] == [(True, False), (False, True)]


def test_a_question_waits_for_a_shard_no_longer_than_the_job_of_its_table(tmp_path: Path) -> None:
    found, _ = load(project(tmp_path, f"name: shop\n{PROJECT}"), SECTIONS)
    assert found is not None
    assert planned(ASKED[0][-1], found).idle == 10_000
    own = f"SET 'table.exec.source.idle-timeout' = '3 s'; {ASKED[0][-1]}"
    assert planned(own, found).idle == 3_000


@pytest.mark.parametrize(
    ("at", "row"),
    [
        (0, {"window_start": "2026-03-01 12:00:00", "user_id": 7, "EXPR$2": 2}),
        (1, {"op": "+I", "row": {"user_id": 7, "events": 2, "total": 6.5}}),
    ],
)
def test_the_questions_of_the_page_give_rows(shop: System, at: int, row: dict[str, Any]) -> None:
    _, *asked = ASKED[at]
    done = shop.cli(*asked, "--from", "earliest", "--limit", "1", "--format", "json")
    assert [json.loads(line) for line in done.out.splitlines()] == [row]
