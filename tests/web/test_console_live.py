"""The tile runner: one run for all browsers, only when it has to be, each tile on its own."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from forebay.dashboards import reader
from forebay.dashboards.model import Dashboard
from forebay.errors import ForebayError, QueryFailed, Unavailable, UsageError
from forebay.web import live
from forebay.web.live import Hub
from tests.web.fake_system import FakeQuery, project

BOARD = """\
filters:
  menu: {column: menu}
tiles:
  - title: Count
    kind: number
    query: select count(*) as n from clicks
  - title: Today
    kind: number
    query: select count(*) as today from clicks where ts >= ${start}
  - title: Menu
    kind: number
    query: select count(*) as chosen from clicks where ${where}
"""


class Eyes:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.news: list[dict[str, Any]] = []

    def put(self, tile: str, message: bytes, brief: bytes | None) -> None:
        self.news.append(json.loads(message if brief is None else brief))

    def values(self, tile: str) -> list[Any]:
        return [
            each["shown"].get("number", {}).get("value")
            for each in self.news
            if each["tile"] == tile and "shown" in each
        ]

    def last(self, tile: str) -> dict[str, Any]:
        return next((each for each in reversed(self.news) if each["tile"] == tile and "shown" in each), {})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules on a faster clock."""
    monkeypatch.setattr(live, "POLL", 0.02)
    monkeypatch.setattr(live, "LEAST", 0.1)
    monkeypatch.setattr(live, "_AGAIN", 0.1)


def board(root: Path, text: str = BOARD) -> Dashboard:
    (root / "dashboards").mkdir(exist_ok=True)
    (root / "dashboards/b.yaml").write_text(text)
    made, findings = reader.read(project(root))
    assert findings == []
    return made["b"]


def tiles(*queries: str, kind: str = "number") -> str:
    return "tiles:\n" + "".join(
        f"  - title: T{at}\n    kind: {kind}\n    query: {sql}\n" for at, sql in enumerate(queries)
    )


async def until(what: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.01)


def running(
    work: Callable[[Hub, FakeQuery], Awaitable[None]],
    query: FakeQuery | None = None,
    awaited: Callable[[ForebayError], dict[str, Any] | None] = lambda _: None,
) -> None:
    async def run() -> None:
        asked = query or FakeQuery()
        asked.cost_ms = 0.1
        asked.run("create table clicks(menu varchar, ts timestamp)")
        hub = Hub(asked, awaited)
        try:
            await work(hub, asked)
        finally:
            await hub.close()
            asked.db.close()

    asyncio.run(run())


def test_a_query_runs_once_however_many_watch_and_again_when_its_table_changed(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        made, everybody = board(tmp_path), [Eyes() for _ in range(10)]
        for eyes in everybody:
            hub.watch(eyes, made, "today", {})
        await until(lambda: all(len(eyes.news) >= 3 for eyes in everybody))
        assert query.asked_with(" as n ") == 1
        query.run("insert into clicks values ('bar', now()::timestamp)")
        await until(lambda: all(eyes.values("count") == [0, 1] for eyes in everybody))
        assert query.asked_with(" as n ") == 2
        assert all(eyes.last("count")["changed_at"] is not None for eyes in everybody)

    running(work)


def test_without_a_change_nothing_runs_and_one_look_serves_all_tiles_of_a_table(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        eyes = Eyes()
        hub.watch(eyes, board(tmp_path), "today", {})
        await until(lambda: len(eyes.news) == 3)
        stamps, runs = query.stamps, len(query.asked)
        await until(lambda: query.stamps >= stamps + 10)
        assert len(query.asked) == runs == 3

    running(work)


def test_nothing_is_asked_while_nobody_watches(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        eyes = Eyes()
        hub.watch(eyes, board(tmp_path), "today", {})
        await until(lambda: len(eyes.news) == 3)
        hub.leave(eyes)
        await asyncio.sleep(0.1)
        stamps = query.stamps
        query.run("insert into clicks values ('bar', now()::timestamp)")
        await asyncio.sleep(0.3)
        assert (query.stamps, len(query.asked), hub.watched) == (stamps, 3, [])
        hub.watch(eyes, board(tmp_path), "today", {})
        await until(lambda: eyes.last("count").get("shown", {}).get("number", {}).get("value") == 1)

    running(work)


def test_a_newcomer_gets_at_once_what_the_others_see(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        made, first, second = board(tmp_path), Eyes(), Eyes()
        hub.watch(first, made, "today", {})
        await until(lambda: len(first.news) == 3)
        hub.watch(second, made, "today", {})
        assert len(second.news) == 3
        assert len(query.asked) == 3

    running(work)


def test_only_what_a_range_or_a_filter_changes_is_asked_anew_for_it(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        made, first, second = board(tmp_path), Eyes(), Eyes()
        hub.watch(first, made, "today", {})
        await until(lambda: len(first.news) == 3)
        hub.watch(second, made, "7d", {"menu": "bar"})
        await until(lambda: len(second.news) == 3)
        assert [query.asked_with(part) for part in (" as n ", " as today ", " as chosen ")] == [1, 2, 2]
        assert any("\"menu\" = 'bar'" in sql for sql in query.asked)

    running(work)


def test_changes_without_end_run_a_tile_no_more_often_than_its_interval(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        eyes = Eyes()
        began = asyncio.get_running_loop().time()
        hub.watch(eyes, board(tmp_path, tiles("select count(*) as n from clicks")), "today", {})
        for _ in range(40):
            query.run("insert into clicks values ('bar', now()::timestamp)")
            await asyncio.sleep(0.02)
        passed = asyncio.get_running_loop().time() - began
        assert 2 <= len(query.asked) <= 1 + math.ceil(passed / live.LEAST)

    running(work)


def test_a_slow_tile_keeps_no_other_waiting(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        slow = [f"select {n} as slow" for n in range(6)]
        query.slow = {"slow": 30.0}
        eyes = Eyes()
        hub.watch(eyes, board(tmp_path, tiles(*slow, "select count(*) as quick from clicks")), "today", {})
        await until(lambda: eyes.values("t6") == [0])
        query.run("insert into clicks values ('bar', now()::timestamp)")
        await until(lambda: eyes.values("t6") == [0, 1])

    running(work)


def test_a_failing_tile_says_so_on_itself_and_recovers_when_its_table_comes(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        eyes = Eyes()
        hub.watch(
            eyes, board(tmp_path, tiles("select count(*) as n from later", "select 1 as fine")), "today", {}
        )
        await until(lambda: eyes.last("t0") and eyes.last("t1"))
        failed = eyes.last("t0")["shown"]
        assert (failed["state"], failed["error"]["code"]) == ("error", "QueryFailed")
        assert eyes.last("t1")["shown"]["state"] == "ok"
        query.run("create table later as select 7 as x")
        await until(lambda: eyes.last("t0")["shown"]["state"] == "ok")

    running(work)


def test_an_answer_that_cannot_be_drawn_is_an_error_of_its_tile(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        eyes = Eyes()
        hub.watch(eyes, board(tmp_path, tiles("select 'a' as what, 'b' as how", kind="bar")), "today", {})
        await until(lambda: eyes.news)
        assert eyes.last("t0")["shown"]["error"]["code"] == "NothingToDraw"

    running(work)


def test_while_the_query_process_restarts_the_picture_stays_and_then_goes_on(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        eyes = Eyes()
        hub.watch(eyes, board(tmp_path, tiles("select count(*) as n from clicks")), "today", {})
        await until(lambda: eyes.news)
        query.down = Unavailable("ProcessDown", "query is not running")
        await asyncio.sleep(0.2)
        assert len(eyes.news) == 1
        query.down = None
        query.run("insert into clicks values ('bar', now()::timestamp)")
        await until(lambda: eyes.values("t0") == [0, 1])

    running(work)


def test_a_run_that_failed_for_now_is_tried_again_by_itself(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        query.broken = {" as n ": Unavailable("Timeout", "query did not answer")}
        eyes = Eyes()
        hub.watch(eyes, board(tmp_path, tiles("select count(*) as n from clicks")), "today", {})
        await until(lambda: eyes.news)
        assert eyes.last("t0")["shown"]["error"]["code"] == "Timeout"
        query.broken = {}
        await until(lambda: eyes.last("t0")["shown"]["state"] == "ok")

    running(work)


def test_dear_tiles_wait_longer_so_that_all_stay_within_the_budget(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        query.cost_ms = 12.0
        eyes = Eyes()
        hub.watch(eyes, board(tmp_path, tiles(*(f"select {n} as n" for n in range(5)))), "today", {})
        while not all(each.cost > 0.010 for each in hub.watched):
            query.run("insert into clicks values ('bar', now()::timestamp)")
            await asyncio.sleep(0.05)
        used = sum(each.cost / each.interval for each in hub.watched)
        assert used <= live.BUDGET * 1.0001
        assert all(each.interval == pytest.approx(0.3, rel=0.3) for each in hub.watched)
        assert eyes.news[-1]["interval"] > live.LEAST
        assert eyes.news[-1]["cost_ms"] == pytest.approx(12, rel=0.3)

    running(work)


def test_what_waits_for_its_table_and_what_runs_first_is_not_held_against_a_tile(tmp_path: Path) -> None:
    """On a busy machine both take long; were that its cost, it would look for its table again much later."""

    async def work(hub: Hub, query: FakeQuery) -> None:
        query.slow = {"later": 0.2, "from clicks": 0.2}
        query.broken = {"later": QueryFailed("TABLE_NOT_FOUND", "Table 'c.d.later' does not exist")}
        query.cost_ms = 2000.0
        eyes = Eyes()
        made = board(tmp_path, tiles("select count(*) as n from later", "select count(*) as n from clicks"))
        hub.watch(eyes, made, "today", {})
        await until(lambda: eyes.last("t0") and eyes.last("t1"))
        assert eyes.last("t0")["shown"]["state"] == "waiting"
        assert [each.interval for each in hub.watched] == [live.LEAST] * 2

    running(work, awaited=lambda _: {"table": "later"})


def test_the_same_picture_is_not_sent_again(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        eyes = Eyes()
        hub.watch(eyes, board(tmp_path, tiles("select 1 as n")), "today", {})
        await until(lambda: eyes.news)
        query.run("insert into clicks values ('bar', now()::timestamp)")
        await until(lambda: len(eyes.news) == 2)
        assert "shown" not in eyes.news[1]
        assert eyes.news[1]["changed_at"] is not None

    running(work)


def test_a_comparison_asks_for_the_earlier_time_once_and_not_at_every_change(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        text = "tiles:\n  - kind: number\n    compare: day\n    query: select count(*) as n from clicks where ts >= ${start} and ts < ${end}\n"
        eyes = Eyes()
        query.run("insert into clicks values ('bar', now()::timestamp - interval 1 day - interval 2 minute)")
        hub.watch(eyes, board(tmp_path, text), "24h", {})
        await until(lambda: eyes.news)
        assert eyes.last("number")["shown"]["number"]["before"]["value"] == 1
        query.run("insert into clicks values ('bar', now()::timestamp)")
        await until(lambda: len(eyes.values("number")) == 2)
        assert len(query.asked) <= 4

    running(work)


@pytest.mark.parametrize(("range_", "chosen"), [("nope", {}), ("today", {"menu": "\0"})])
def test_what_cannot_be_watched_is_refused_before_anything_runs(
    tmp_path: Path, range_: str, chosen: dict[str, str]
) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        with pytest.raises(UsageError):
            hub.watch(Eyes(), board(tmp_path), range_, chosen)
        assert hub.watched == []

    running(work)


def test_a_bug_in_one_tile_is_said_there_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def work(hub: Hub, query: FakeQuery) -> None:
        query.broken = {"odd": QueryFailed("Odd", "odd", line=1, column=8)}
        eyes = Eyes()
        hub.watch(eyes, board(tmp_path, tiles("select 1 as odd", "select 1 as fine")), "today", {})
        await until(lambda: eyes.last("t0") and eyes.last("t1"))
        assert eyes.last("t0")["shown"]["error"] == {"code": "Odd", "message": "odd", "line": 1, "column": 8}
        assert eyes.last("t1")["shown"]["state"] == "ok"

    running(work)
