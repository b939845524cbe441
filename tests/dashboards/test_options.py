"""From rows to charts: the option of each kind, complete and plain JSON."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from forebay.dashboards.model import KINDS, Kind, Tile
from forebay.dashboards.render import render
from forebay.dashboards.shape import OTHER, Result
from forebay.dashboards.theme import MAX_SERIES
from forebay.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")


def tile(kind: Kind, **more: Any) -> Tile:
    return Tile(
        **{
            "id": "t",
            "title": "T",
            "kind": kind,
            "line": 1,
            "sql": "select",
            "timezone": "Europe/Berlin",
            **more,
        }
    )


def shown(kind: Kind, columns: str, rows: list[list[Any]], **more: Any) -> dict[str, Any]:
    """What a browser gets; through JSON, so that nothing but JSON can be in it."""
    pairs = [tuple(column.split(":")) for column in columns.split()]
    made = render(tile(kind, **more), Result([(a, b) for a, b in pairs], rows), BERLIN)
    parts: dict[str, Any] = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    return parts


def option(kind: Kind, columns: str, rows: list[list[Any]], **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = shown(kind, columns, rows, **more)["option"]
    return made


def test_a_bar_takes_the_first_column_as_category_and_numbers_as_measures() -> None:
    made = option("bar", "what:varchar n:bigint", [["b", 2], ["a", 1], [None, 3]])
    assert made["xAxis"]["data"] == ["b", "a", "(none)"]
    assert [(each["name"], each["data"]) for each in made["series"]] == [("n", [2, 1, 3])]
    assert made["legend"] == {"show": False}


def test_a_third_column_of_text_splits_into_series_with_holes_where_no_row_is() -> None:
    made = option(
        "stacked",
        "day:varchar menu:varchar n:bigint",
        [["mo", "bar", 1], ["mo", "dinner", 2], ["tu", "bar", 3]],
    )
    assert [(each["name"], each["data"], each["stack"]) for each in made["series"]] == [
        ("bar", [1, 3], "all"),
        ("dinner", [2, None], "all"),
    ]


def test_several_measures_are_several_series() -> None:
    made = option("bar", "what:varchar a:bigint b:double", [["x", 1, 0.5]])
    assert [each["name"] for each in made["series"]] == ["a", "b"]


def test_named_columns_win_whatever_their_place_or_case() -> None:
    made = option(
        "bar", "n:bigint menu:varchar what:varchar", [[1, "bar", "x"]], x="What", y=("N",), series="menu"
    )
    assert (made["xAxis"]["data"], made["series"][0]["name"], made["series"][0]["data"]) == (
        ["x"],
        "bar",
        [1],
    )


def test_a_numeric_category_is_one_too() -> None:
    made = option("bar", "time_spent:int n:bigint", [[12, 5], [67, 1]])
    assert made["xAxis"]["data"] == ["12", "67"]


def test_rows_of_the_same_cell_add_up() -> None:
    assert option("bar", "what:varchar n:bigint", [["a", 1], ["a", 2]])["series"][0]["data"] == [3]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, ["b10", "b2", "a"]),
        ("x", ["a", "b2", "b10"]),
        ("value desc", ["b2", "b10", "a"]),
        ("value asc", ["a", "b10", "b2"]),
    ],
)
def test_sorting(sort: str | None, order: list[str]) -> None:
    made = option("bar", "what:varchar n:bigint", [["b10", 2], ["b2", 3], ["a", 1]], sort=sort)
    assert made["xAxis"]["data"] == order


def test_a_limit_says_what_it_hides() -> None:
    made = shown("bar", "what:varchar n:bigint", [[str(n), n] for n in range(10)], limit=3)
    assert made["option"]["xAxis"]["data"] == ["0", "1", "2"]
    assert made["note"] == "+7 more"


def test_times_are_in_the_tile_s_zone_and_gaps_are_seen() -> None:
    rows = [["2026-01-01 23:00:00.000", 1], ["2026-01-02 00:00:00.000", 2], ["2026-01-02 03:00:00.000", 3]]
    made = option("bar", "hour:timestamp n:bigint", rows)
    assert made["xAxis"]["data"] == ["00:00", "01:00", "02:00", "03:00", "04:00"]
    assert made["series"][0]["data"] == [1, 2, None, None, 3]


def test_a_zoned_timestamp_and_a_date_are_read_too() -> None:
    made = option("bar", "t:timestamp n:bigint", [["2026-01-02 00:00:00.000 America/New_York", 1]])
    assert made["xAxis"]["data"] == ["06:00"]
    assert option("bar", "d:date n:bigint", [["2026-01-02", 1]])["xAxis"]["data"] == ["2 Jan"]


def test_stacked_100_draws_shares_and_keeps_the_counts() -> None:
    made = option(
        "stacked100", "what:varchar menu:varchar n:bigint", [["x", "a", 1], ["x", "b", 3], ["y", "a", 0]]
    )
    assert made["series"][0]["data"] == [{"value": 25.0, "raw": 1}, None]
    assert made["series"][1]["data"] == [{"value": 75.0, "raw": 3}, None]
    assert made["yAxis"]["max"] == 100


def test_horizontal_bars_swap_the_axes() -> None:
    made = option("bar", "what:varchar n:bigint", [["x", 1]], horizontal=True)
    assert (made["xAxis"]["type"], made["yAxis"]["type"]) == ("value", "category")


def test_a_line_over_time_has_points_in_order() -> None:
    rows = [["2026-01-01 01:00:00.000", 2], ["2026-01-01 00:00:00.000", 1]]
    made = option("line", "t:timestamp n:bigint", rows)
    hour = 3_600_000
    first, second = made["series"][0]["data"]
    assert (first[1], second[1], second[0] - first[0]) == (1, 2, hour)
    assert made["xAxis"]["type"] == "time"
    assert made["useUTC"] is True


def test_a_line_over_words_has_categories() -> None:
    made = option("line", "day:varchar n:bigint", [["mo", 1], ["tu", 2]])
    assert (made["xAxis"]["type"], made["series"][0]["type"]) == ("category", "line")


def test_more_series_than_colours_become_other() -> None:
    rows = [["x", f"s{n}", n + 1] for n in range(12)]
    made = option("stacked", "what:varchar s:varchar n:bigint", rows)
    assert [each["name"] for each in made["series"]] == [*(f"s{n}" for n in range(5, 12)), OTHER]
    assert len(made["series"]) == MAX_SERIES
    assert made["series"][-1]["data"] == [15]


@pytest.mark.parametrize("kind", ["pie", "donut"])
def test_slices_are_ordered_by_size_and_the_smallest_are_other(kind: Kind) -> None:
    rows = [[f"s{n}", n] for n in range(12)]
    made = option(kind, "what:varchar n:bigint", rows)["baseOption"]
    slices = made["series"][0]["data"]
    assert [each["name"] for each in slices[:2]] == ["s11", "s10"]
    assert (slices[-1]["name"], slices[-1]["value"], len(slices)) == (OTHER, 10, MAX_SERIES)
    assert ("title" in made) == (kind == "donut")


def test_a_pie_over_two_columns_has_a_slice_for_each_pair() -> None:
    made = option(
        "pie",
        "datehour:varchar time_spent:int n:bigint",
        [["2022/09/11/21", 12, 1]],
        x="datehour",
        series="time_spent",
        value="n",
    )
    assert made["baseOption"]["series"][0]["data"][0]["name"] == "2022/09/11/21 · 12"


def test_a_heatmap_places_each_cell() -> None:
    rows = [["mo", "drink_10", 1], ["tu", "drink_2", 5], ["mo", "drink_2", 2]]
    made = option("heatmap", "day:varchar what:varchar n:bigint", rows)
    assert (made["xAxis"]["data"], made["yAxis"]["data"]) == (["mo", "tu"], ["drink_2", "drink_10"])
    assert sorted(made["series"][0]["data"]) == [[0, 0, 2], [0, 1, 1], [1, 0, 5]]
    assert made["visualMap"]["max"] == 5


def test_a_heatmap_of_two_numbers_takes_the_last_as_value() -> None:
    made = option("heatmap", "hour:int weekday:int n:bigint", [[20, 5, 9]])
    assert (made["xAxis"]["data"], made["yAxis"]["data"], made["series"][0]["data"]) == (
        ["20"],
        ["5"],
        [[0, 0, 9]],
    )


def test_a_number_shows_its_value_as_people_read_it() -> None:
    made = shown("number", "n:bigint", [[1234567]], format="integer", unit="clicks")
    assert made["number"] == {"value": 1234567, "text": "1,234,567 clicks"}


def test_a_number_over_time_is_the_sum_with_its_course() -> None:
    made = shown(
        "number",
        "t:timestamp n:bigint",
        [["2026-01-01 00:00:00.000", 2], ["2026-01-01 01:00:00.000", 3]],
        x="t",
    )
    assert made["number"]["value"] == 5
    assert made["number"]["spark"]["series"][0]["data"] == [2, 3]


@pytest.mark.parametrize(("before", "change"), [(50, 1.0), (0, None), (None, None)])
def test_a_number_is_compared(before: int | None, change: float | None) -> None:
    result, earlier = Result([("n", "bigint")], [[100]]), Result([("n", "bigint")], [[before]])
    made = render(tile("number"), result, BERLIN, earlier).to_dict()["number"]["before"]
    assert (made["value"], made.get("change")) == (before, change)


def test_a_number_that_is_text_is_shown_as_it_is() -> None:
    assert shown("number", "what:varchar", [["entree_1"]])["number"]["text"] == "entree_1"


def test_a_decimal_arrives_as_text_and_counts() -> None:
    assert (
        shown("number", "sum:decimal(38,2)", [["12.50"]], format="money:EUR")["number"]["text"] == "12.50 EUR"
    )


def test_a_table_shows_local_times_and_exact_integers() -> None:
    made = shown(
        "table", "t:timestamp id:bigint", [["2026-01-01 23:00:00.000", 2**60], ["2026-01-01 23:00:00.250", 1]]
    )
    assert made["table"]["rows"] == [["2026-01-02 00:00:00", str(2**60)], ["2026-01-02 00:00:00.250", 1]]
    assert [each["numeric"] for each in made["table"]["columns"]] == [False, True]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "text"])
def test_no_rows_are_an_empty_state_and_no_error(kind: Kind) -> None:
    assert shown(kind, "what:varchar n:bigint", [])["state"] == "empty"


@pytest.mark.parametrize("kind", ["bar", "line", "stacked", "stacked100", "pie", "donut", "heatmap"])
def test_null_and_not_a_number_are_drawn_as_nothing(kind: Kind) -> None:
    rows: list[list[Any]] = [
        ["x", "a", None],
        ["x", "b", float("nan")],
        ["y", "a", float("inf")],
        ["y", "b", 1],
    ]
    assert shown(kind, "what:varchar s:varchar n:double", rows)["state"] == "ok"


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UsageError) as caught:
        option("bar", "what:varchar n:bigint", [["x", 1]], y=("m",))
    assert caught.value.code == "NoSuchColumn"
    assert "what, n" in str(caught.value.why)


def test_words_alone_cannot_be_drawn() -> None:
    with pytest.raises(UsageError) as caught:
        option("bar", "what:varchar how:varchar", [["x", "y"]])
    assert caught.value.code == "NothingToDraw"
