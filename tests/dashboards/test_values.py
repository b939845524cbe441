"""Numbers, labels and times as people read them."""

from __future__ import annotations

import pytest

from forebay.dashboards.values import label, natural, time_labels, written


@pytest.mark.parametrize(
    ("value", "how", "unit", "text"),
    [
        (1234.0, "number", "", "1,234"),
        (12.345, "number", "s", "12.35 s"),
        (1234.56, "number", "", "1,234.6"),
        (12.6, "integer", "", "13"),
        (1_250_000, "compact", "", "1.25 M"),
        (999, "compact", "", "999"),
        (0.1234, "percent", "", "12.3 %"),
        (1, "percent", "", "100 %"),
        (0.25, "duration", "", "250 ms"),
        (22, "duration", "", "22 s"),
        (90, "duration", "", "1 min 30 s"),
        (3600, "duration", "", "1 h"),
        (90000, "duration", "", "1 d 1 h"),
        (-90, "duration", "", "-1 min 30 s"),
        (1536, "bytes", "", "1.5 KiB"),
        (3, "money:EUR", "", "3.00 EUR"),
        (None, "number", "", "–"),
    ],
)
def test_a_number_is_written_as_its_format_says(value: float | None, how: str, unit: str, text: str) -> None:
    assert written(value, how, unit) == text


def test_labels() -> None:
    assert [label(each) for each in (None, "", True, 3.0, 2.5, "a")] == [
        "(none)",
        "(none)",
        "true",
        "3",
        "2.5",
        "a",
    ]


def test_numbers_inside_names_sort_as_numbers() -> None:
    assert sorted(["entree_10", "entree_2", "drink_1", "7"], key=natural) == [
        "7",
        "drink_1",
        "entree_2",
        "entree_10",
    ]


def test_time_labels_are_no_finer_than_they_need_be() -> None:
    day, hour = 86_400_000, 3_600_000
    assert time_labels([0, day]) == ["1 Jan", "2 Jan"]
    assert time_labels([hour, 2 * hour]) == ["01:00", "02:00"]
    assert time_labels([hour, day]) == ["1 Jan 01:00", "2 Jan 00:00"]
    assert time_labels([1000]) == ["00:00:01"]
    assert time_labels([0, 366 * day]) == ["1970-01-01", "1971-01-02"]
