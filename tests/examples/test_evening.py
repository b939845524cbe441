"""The simulated clicks look like an evening in a restaurant, and the example's handler keeps every record."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import importlib.util
import json
import random
import statistics
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema_rs
import pytest

from forebay.simulate.source import Simulation

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "restaurant"
COURSES = ["drink", "starter", "entree", "dessert"]


def module(path: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    file = EXAMPLE / path
    monkeypatch.syspath_prepend(str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, file.stem, made)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def evening(monkeypatch: pytest.MonkeyPatch) -> Any:
    return module("simulate/evening.py", monkeypatch)


def test_a_guest_goes_through_the_menu_in_its_order(evening: Any) -> None:
    chance = random.Random(1)
    visits = [evening.guest(chance) for _ in range(500)]
    for visit in visits:
        courses = [element.partition("_")[0] for _, element, _, _ in visit]
        order = [COURSES.index(course) for course in courses]
        assert order == sorted(order)
        assert [minute for minute, *_ in visit] == sorted(minute for minute, *_ in visit)
        assert len({menu for *_, menu in visit}) <= 1
    whole = [visit for visit in visits if len({element.partition("_")[0] for _, element, _, _ in visit}) == 4]
    assert len(whole) > 50, "hardly anybody eats a whole dinner"


def test_most_come_for_dinner_in_two_sittings(evening: Any) -> None:
    quarters = Counter(int(minute // 15) for minute, *_ in evening.evening(random.Random(2), 4000))
    at = {f"{quarter // 4}:{quarter % 4 * 15:02}": count for quarter, count in quarters.items()}
    assert max(at, key=lambda name: at[name]) in {"19:30", "19:45", "20:30", "20:45", "21:00"}
    assert at["19:45"] > 5 * at["18:00"]
    assert at["20:45"] > 5 * at["22:30"]
    assert at["20:00"] < max(at["19:30"], at["20:45"]), "no lull between the sittings"


def test_how_long_somebody_looks_is_skewed_as_attention_is(evening: Any) -> None:
    spent = [seconds for _, _, seconds, _ in evening.evening(random.Random(3), 2000)]
    assert min(spent) >= 1
    assert statistics.mean(spent) > 1.15 * statistics.median(spent)
    assert 0.02 < sum(seconds < 5 for seconds in spent) / len(spent) < 0.35, "some lose interest"


def test_every_menu_and_most_of_the_card_is_read(evening: Any) -> None:
    clicks = list(evening.evening(random.Random(4), 1000))
    assert {menu for *_, menu in clicks} == {"dining_room", "terrace", "bar", "takeaway"}
    assert len({element for _, element, _, _ in clicks}) == 24


def test_the_evening_so_far_comes_at_once_and_the_rest_as_it_happens(evening: Any) -> None:
    simulation = Simulation(random.Random(5), 5, 1.0, "Europe/Madrid")
    events = evening.clicks(simulation)
    before = next(events)
    now = dt.datetime.now(ZoneInfo("Europe/Madrid")).replace(tzinfo=None)
    stamps = [dt.datetime.fromisoformat(event["created_at"]) for event in before]
    assert len(before) > 1000
    assert stamps == sorted(stamps)
    assert now - dt.timedelta(hours=3) < stamps[0]
    assert stamps[-1] <= now
    live = [next(events) for _ in range(20)]
    assert all(isinstance(event, dict) for event in live)


def test_the_same_seed_makes_the_same_evening(evening: Any) -> None:
    def choices(seed: int) -> list[tuple[str, int]]:
        simulation = Simulation(random.Random(seed), seed, 0.2, "UTC")
        return [(event["element_clicked"], event["time_spent"]) for event in next(evening.clicks(simulation))]

    assert choices(1) == choices(1)
    assert choices(1) != choices(2)


def test_every_click_satisfies_the_routes_schema(evening: Any) -> None:
    validator = jsonschema_rs.validator_for(json.loads((EXAMPLE / "schemas" / "click.json").read_text()))
    simulation = Simulation(random.Random(6), 6, 0.2, "UTC")
    for event in next(evening.clicks(simulation)):
        validator.validate(event)


def test_past_evenings_are_objects_where_sync_would_put_them(
    evening: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    history = module("simulate/history.py", monkeypatch)
    now = dt.datetime(2026, 1, 31, 21, tzinfo=ZoneInfo("Europe/Madrid"))
    monkeypatch.setattr(history, "GUESTS", 200)
    written = history.write(tmp_path, 2, random.Random(1), now)
    files = sorted((tmp_path / "lake" / "restaurant-lake" / "clicks").rglob("*.gz"))
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    assert len(lines) == written > 1000
    days = [day for day, _ in groupby(file.parts[-3] for file in files)]
    assert days == ["29", "30"]
    for file in files:
        first = json.loads(gzip.decompress(file.read_bytes()).splitlines()[0])
        local = dt.datetime.fromisoformat(first["created_at"]).replace(tzinfo=ZoneInfo("Europe/Madrid"))
        assert local.astimezone(dt.UTC).strftime("%Y/%m/%d/%H") == "/".join(file.parts[-5:-1])


def test_the_handler_ends_each_record_with_one_newline_and_keeps_nothing_between_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler = module("functions/newline.py", monkeypatch).lambda_handler

    def call(*bodies: bytes) -> list[tuple[str, str, bytes]]:
        records = [
            {"recordId": f"r{at}", "data": base64.b64encode(body).decode()} for at, body in enumerate(bodies)
        ]
        answer = json.loads(json.dumps(handler({"records": records}, None)))
        return [
            (each["recordId"], each["result"], base64.b64decode(each["data"])) for each in answer["records"]
        ]

    assert call(b'{"a":1}', b'{"a":2}\n') == [("r0", "Ok", b'{"a":1}\n'), ("r1", "Ok", b'{"a":2}\n')]
    assert call(b"{}") == [("r0", "Ok", b"{}\n")]
