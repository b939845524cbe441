"""The store of metrics: what is put is added up, gets coarser with age, expires, and stays within its bounds."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.db import open_db
from forebay.telemetry import distribution, metrics
from forebay.telemetry.metric_rows import Metric, roll_up
from forebay.telemetry.metrics import Metrics, Point, TooManyMetrics
from forebay.telemetry.sampling import Level, Named, Sampling, Total
from forebay.telemetry.statistic import Aggregate, statistic

SALES = Metric.of("shop", "sales", {"b": "2", "a": "1"})
DAY = 86_400


def kept(path: Path, work: Callable[[Metrics], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        store = Metrics(path)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(main())


def rows(path: Path) -> list[tuple[int, int, float, float]]:
    """(period, at, n, sum) of every point."""
    db = open_db(path, readonly=True)
    try:
        said = db.execute("SELECT period, at, n, sum FROM points ORDER BY at, period")
        return [(int(period), int(at), float(n), float(total)) for period, at, n, total in said]
    finally:
        db.close()


def aged(path: Path, now: int, retention: int = 1000 * DAY) -> None:
    db = open_db(path)
    try:
        roll_up(db, now, retention)
    finally:
        db.close()


def test_points_of_a_period_are_one_row(tmp_path: Path) -> None:
    points = [Point(SALES, 1_000_020 + n, ((float(n), 2.0),)) for n in range(3)]
    kept(tmp_path / "m.db", lambda store: store.put(points))
    kept(tmp_path / "m.db", lambda store: store.put([Point(SALES, 1_000_050, ((5.0, 1.0),))]))
    assert rows(tmp_path / "m.db") == [(60, 1_000_020, 7.0, 11.0)]


def test_periods_get_longer_with_age_and_lose_nothing(tmp_path: Path) -> None:
    path, begin = tmp_path / "m.db", 36_000 * 1000
    points = [Point(SALES, begin + n, ((1.0, 1.0),), resolution=1) for n in range(0, 7200, 100)]
    kept(path, lambda store: store.put(points))
    assert {row[0] for row in rows(path)} == {1}
    for age, period in ((4 * 3600, 60), (16 * DAY, 300), (64 * DAY, 3600)):
        aged(path, begin + 7200 + age)
        found = rows(path)
        assert {row[0] for row in found} == {period}
        assert sum(row[3] for row in found) == 72
    assert [row[1] for row in found] == [begin, begin + 3600]


def test_what_is_older_than_the_retention_goes_with_its_metric(tmp_path: Path) -> None:
    path, now = tmp_path / "m.db", 100 * DAY
    old = Metric.of("shop", "old")
    kept(
        path,
        lambda store: store.put(
            [Point(old, now - 20 * DAY, ((1.0, 1.0),)), Point(SALES, now, ((1.0, 1.0),))]
        ),
    )
    aged(path, now, retention=15 * DAY)
    assert [row[1] for row in rows(path)] == [now]
    names = kept(
        path, lambda store: store.read(lambda reading: [each.metric.name for each in reading.listed()])
    )
    assert names == ["sales"]


def test_metrics_are_bounded_and_those_that_are_there_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_METRICS", 2)

    async def work(store: Metrics) -> None:
        named = [Metric.of("shop", f"m{n}") for n in range(3)]
        await store.put([Point(each, 60, ((1.0, 1.0),)) for each in named[:2]])
        with pytest.raises(TooManyMetrics):
            await store.put([Point(named[2], 60, ((1.0, 1.0),))])
        await store.put([Point(named[0], 60, ((1.0, 1.0),))])

    kept(tmp_path / "m.db", work)
    assert [row[2] for row in rows(tmp_path / "m.db")] == [2.0, 1.0]


def test_totals_are_kept_with_their_points(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    assert kept(path, lambda store: store.totals()) is None
    kept(path, lambda store: store.put([], {"a": 3.0}))
    assert kept(path, lambda store: store.totals()) == {"a": 3.0}


@given(
    st.lists(
        st.floats(min_value=-1e9, max_value=1e9).filter(lambda x: abs(x) > 1e-6), min_size=1, max_size=400
    )
)
def test_percentiles_are_within_a_hundredth(values: list[float]) -> None:
    counts = distribution.unpack(distribution.pack(distribution.counted((value, 1.0) for value in values)))
    assert math.isclose(sum(counts.values()), len(values))
    for share in (0.0, 0.5, 0.99, 1.0):
        exact = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
        assert distribution.percentile(counts, share) == pytest.approx(exact, rel=0.0101)


def test_a_distribution_stays_small() -> None:
    counts = distribution.counted((1.1**n, 1.0) for n in range(-3000, 3000))
    assert len(counts) <= distribution.MOST
    assert sum(counts.values()) == 6000


@pytest.mark.parametrize(
    "name", ["Median", "p101", "p", "tm", "TM(10%:5)", "TM(90%:10%)", "PR(10%:20%)", "TM(:)", ""]
)
def test_what_is_no_statistic_is_none(name: str) -> None:
    assert statistic(name) is None


def test_values_that_are_not_known_have_no_percentile() -> None:
    known, unknown = Aggregate(2, 3, 1, 2, {1.0: 1, 2.0: 1}), Aggregate(2, 3, 1, 2)
    work = statistic("p50")
    assert work is not None
    assert (work(known), work(unknown)) == (1.0, None)
    known.add(unknown)
    assert (work(known), known.n) == (None, 4)


def test_a_counter_is_counted_once_over_restarts() -> None:
    now = int(time.time())
    name = Named("ingest", "clicks", "accepted")
    first = Sampling(None)
    first.begin([Total(name, 10)])
    points, moved = first.points([Total(name, 13)], [], now)
    assert [point.values for point in points] == [((3.0, 1.0),)]
    again = Sampling(moved)
    again.begin([Total(name, 14)])
    points, _ = again.points([Total(name, 15)], [], now + 1)
    assert [point.values for point in points] == [((2.0, 1.0),)]


def test_what_comes_after_a_crash_is_counted_where_the_crash_lost_the_last_of_a_counter() -> None:
    name = Named("ingest", "clicks", "accepted")
    sampling = Sampling({name.text: 13.0})
    sampling.begin([Total(name, 10)])
    points, moved = sampling.points([Total(name, 11)], [], 60)
    assert [point.values for point in points] == [((1.0, 1.0),)]
    assert moved == {name.text: 11}


def test_a_counter_says_that_nothing_happened_and_a_level_what_it_is() -> None:
    sampling, minute = Sampling(None), 6_000
    loud, quiet = Named("ingest", "a", "accepted"), Named("ingest", "a", "refused")
    level = Level(Named("delivery", "a", "lag"), 4)
    totals = [Total(loud, 0, quiet=False), Total(quiet, 0)]
    assert len(sampling.points(totals, [level], minute + 1)[0]) == 1
    assert sampling.points(totals, [level], minute + 2)[0] == []
    points, _ = sampling.points(totals, [level], minute + 60)
    assert [(point.metric.name, point.at, point.values[0][0]) for point in points] == [
        ("ingest.a.accepted", minute, 0.0),
        ("delivery.a.lag", minute + 60, 4),
    ]


def test_a_counter_of_a_process_that_began_anew_goes_on() -> None:
    sampling, name = Sampling({}), Named("streams", "a", "bytes")
    grown = [
        sampling.points([Total(name, value, since_start=True)], [], 60 + n)[0][0].values[0][0]
        for n, value in enumerate((100, 250, 30))
    ]
    assert grown == [100, 150, 30]
