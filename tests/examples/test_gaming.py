"""The gaming system, whole: a generator's template to a stream, windows in Flink SQL, deliveries, a crawler, charts."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from forebay.errors import QueryFailed
from forebay.simulate.fields import Context
from forebay.simulate.template import compiled
from tests.browser import browsing
from tests.harness import System, forebay, request
from tests.wire.sdk import client

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gaming"
PATIENCE = 30_000  # milliseconds


def copied(to: Path) -> Path:
    shutil.copytree(EXAMPLE, to, ignore=shutil.ignore_patterns(".forebay", "__pycache__"))
    return to


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The system with its simulator, running for all tests."""
    place = tmp_path_factory.mktemp("arena")
    system = System(copied(place / "gaming"), place / "state", ["--simulate"], {}).start()
    yield system
    system.end()


@pytest.fixture(scope="module")
def played(arena: System) -> System:
    """Some windows have closed, and what was played is delivered and crawled."""
    arena.until(lambda: rows(arena, "SELECT count(*) FROM leaderboard") > [[5]])
    arena.flush()
    arena.until(lambda: rows(arena, "SELECT count(*) FROM crawled_plays") > [[0]])
    return arena


def rows(system: System, sql: str) -> list[list[Any]]:
    try:
        return system.query(sql)
    except QueryFailed:  # not crawled yet
        return [[0]]


def tile(system: System, name: str, dashboard: str = "arena", asked: str = "range=15m") -> list[list[Any]]:
    """The rows behind a tile of a dashboard."""
    answer = request(f"{system.console}/api/dashboards/{dashboard}/tiles/{name}.json?{asked}")
    assert answer.status == 200, answer
    found: list[list[Any]] = answer.json()["rows"]
    return found


def test_the_template_is_the_generators_and_makes_plays() -> None:
    """The generator takes the text before the first parenthesis that closes as a field's arguments: ours fit."""
    text = (EXAMPLE / "simulate" / "plays.json").read_text()
    for arguments in re.findall(r"\{\{[\w.]+\(([^)]+)\)\}\}", text.replace("\n", "")):
        json.loads(arguments)
    plays = [json.loads(play) for play in compiled(text, Context(random.Random(3)))(500)]
    assert set(plays[0]) == {
        "play_id", "event_time", "player", "team", "event", "weapon", "arena", "points", "address", "spectator",
    }  # fmt: skip
    teams = Counter((play["player"], play["team"]) for play in plays)
    assert len(teams) == len({player for player, _ in teams}) == 12
    assert {play["event"] for play in plays} == {"kill", "death"}


def test_the_windows_are_those_of_the_plays(played: System) -> None:
    """A closed window, counted again from the plays themselves."""
    ((window,),) = played.query("SELECT min(window_start) FROM team_performance")
    counted = f"""SELECT team, count_if(event = 'kill'), count_if(event = 'death') FROM plays
        WHERE event_time >= TIMESTAMP '{window}' AND event_time < TIMESTAMP '{window}' + INTERVAL '5' SECOND
        GROUP BY team ORDER BY team"""
    found = f"SELECT team, kills, deaths FROM team_performance WHERE window_start = TIMESTAMP '{window}' ORDER BY team"
    played.until(lambda: played.query(found) == played.query(counted))  # each is delivered by itself


def test_a_kill_ratio_is_of_the_minute_before(played: System) -> None:
    ((until,),) = played.query("SELECT max(window_end) FROM kill_ratio")
    counted = f"""SELECT player, count_if(event = 'kill'), count_if(event = 'death') FROM plays
        WHERE event_time >= TIMESTAMP '{until}' - INTERVAL '60' SECOND AND event_time < TIMESTAMP '{until}'
        GROUP BY player ORDER BY player"""
    ratios = f"SELECT player, kills, deaths, ratio FROM kill_ratio WHERE window_end = TIMESTAMP '{until}' ORDER BY player"
    # Each is delivered by itself: the newest window may be there before the last of its plays.
    played.until(lambda: [row[:3] for row in played.query(ratios)] == played.query(counted))
    found = played.query(ratios)
    assert all(ratio == pytest.approx(kills / max(deaths, 1)) for _, kills, deaths, ratio in found)


def test_the_leaderboard_is_in_order_and_a_stream_too(played: System) -> None:
    board = played.query(
        "SELECT place, points FROM leaderboard WHERE window_end = (SELECT max(window_end) FROM leaderboard) ORDER BY place"
    )
    assert [place for place, _ in board] == list(range(1, len(board) + 1))
    assert [points for _, points in board] == sorted((points for _, points in board), reverse=True)
    kinesis = client(played, "kinesis")
    shards = kinesis.list_shards(StreamName="leaderboard")["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName="leaderboard", ShardId=shards[0]["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator, Limit=100)["Records"]
    kinesis.close()
    assert json.loads(records[0]["Data"])["place"] == 1


def test_an_object_is_gzipped_json_under_its_hour(played: System) -> None:
    s3 = client(played, "s3")
    listed = s3.list_objects_v2(Bucket="gaming-lake", Prefix="plays/")["Contents"]
    assert re.match(r"plays/\d{4}/\d\d/\d\d/\d\d/", listed[0]["Key"])
    body = gzip.decompress(s3.get_object(Bucket="gaming-lake", Key=listed[0]["Key"])["Body"].read())
    s3.close()
    assert {"player", "team", "event"} < set(json.loads(body.splitlines()[0]))


def test_athena_answers_over_the_crawled_table(played: System) -> None:
    athena = client(played, "athena")
    sql = (EXAMPLE / "queries" / "deaths_by_player.sql").read_text()
    started = athena.start_query_execution(QueryString=sql, QueryExecutionContext={"Database": "gaming"})
    id = started["QueryExecutionId"]

    def state() -> str:
        found = athena.get_query_execution(QueryExecutionId=id)["QueryExecution"]["Status"]["State"]
        return str(found)

    played.until(lambda: state() in ("SUCCEEDED", "FAILED"))
    assert state() == "SUCCEEDED"
    found = athena.get_query_results(QueryExecutionId=id)["ResultSet"]["Rows"]
    athena.close()
    assert [cell["VarCharValue"] for cell in found[0]["Data"]] == ["player", "deaths"]
    assert len(found) > 5


def test_every_tile_has_an_answer(played: System) -> None:
    arena = (
        "plays", "kills-a-minute", "in-the-lead", "best-kill-ratio", "leaderboard", "kill-ratios", "deaths",
        "points-by-team", "teams", "weapons", "where-teams-win", "alarms",
    )  # fmt: skip
    for name in arena:  # the best ratio is of who met five others in a minute
        played.until(lambda name=name: tile(played, name))  # type: ignore[misc]
    for name in ("kill-ratio-by-minute", "players", "deaths-by-player", "teams"):
        played.until(lambda name=name: tile(played, name, "matches", "range=24h"))  # type: ignore[misc]
    assert {row[1] for row in tile(played, "teams", asked="range=15m&team=Gale")} != set()


def test_a_client_of_boto3_plays_along_unchanged(played: System) -> None:
    """As a simulator in Python would: a play a call, the key the player's name; and KDG's own way, in batches."""
    kinesis = client(played, "kinesis")
    for number in range(5):
        play = {
            "play_id": str(number),
            "event_time": time.strftime("%Y-%m-%d %H:%M:%S.000", time.gmtime()),
            "player": "Guest",
            "team": "Visitors",
            "event": "kill",
            "points": 9,
        }
        kinesis.put_record(StreamName="data2dashboard", Data=json.dumps(play), PartitionKey="Guest")
    batch = [{"Data": json.dumps({**play, "play_id": str(n)}), "PartitionKey": "Guest"} for n in range(5, 10)]
    assert kinesis.put_records(StreamName="data2dashboard", Records=batch)["FailedRecordCount"] == 0
    kinesis.close()
    played.until(lambda: played.query("SELECT count(*) FROM plays WHERE team = 'Visitors'") == [[10]])
    played.until(lambda: played.query("SELECT max(kills) FROM kill_ratio WHERE player = 'Guest'") == [[10]])


def test_nothing_is_lost_when_everything_is_killed(played: System) -> None:
    before = played.query("SELECT count(*) FROM kill_ratio")[0][0]
    played.kill_all()
    played.start()
    played.until(lambda: played.query("SELECT count(*) FROM kill_ratio")[0][0] > before)
    doubled = (
        "SELECT count(*) FROM (SELECT 1 FROM kill_ratio GROUP BY window_end, player HAVING count(*) > 1)"
    )
    assert played.query(doubled) == [[0]]
    assert played.status()["ledger"]["total"]["adds_up"]


def test_the_page_moves_while_somebody_looks(played: System) -> None:
    with browsing(PATIENCE) as browser:
        for width in (1400, 400):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto(f"{played.console}/dashboards/arena")
            plays = page.locator('[data-tile="plays"] .number-value')
            expect(plays).not_to_be_empty()
            expect(plays).not_to_have_text(plays.inner_text())
            expect(page.locator('[data-tile="leaderboard"] tbody tr')).not_to_have_count(0)
            expect(page.locator('[data-tile="kill-ratios"] canvas')).to_be_visible()
            expect(page.locator(".problem")).to_have_count(0)
            page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
            page.close()


def test_its_own_tests_pass(tmp_path: Path) -> None:
    done = forebay("test", cwd=copied(tmp_path / "gaming"))
    assert done.code == 0, done
