"""How values are written: durations, sizes, rates, routes, types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.project import kinds
from forebay.project.athena import athena_type
from forebay.project.model import Location
from forebay.project.unfit import Unfit
from forebay.project.written import format_duration, format_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("24h", 86400),
        ("7d", 604800),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1.5m", 90),
        ("2w", 1209600),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert kinds.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "s", "30 seconds", "1h30", "-5s", "1d!"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(Unfit):
        kinds.duration(text)


def test_a_bare_number_is_told_its_unit() -> None:
    with pytest.raises(Unfit) as caught:
        kinds.duration("30")
    assert caught.value.fix == "write 30s"


@given(st.integers(1, 10**9))
def test_a_duration_reads_back(milliseconds: int) -> None:
    assert kinds.duration(format_duration(milliseconds / 1000)) == pytest.approx(
        milliseconds / 1000, rel=1e-5
    )


@given(st.integers(0, 1 << 50))
def test_a_size_reads_back(size: int) -> None:
    assert kinds.size(format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MiB", 64 << 20), ("1kB", 1000), ("10MB", 10**7), ("512B", 512), ("1.5GiB", 3 << 29)],
)
def test_sizes(text: str, size: int) -> None:
    assert kinds.size(text) == size


@pytest.mark.parametrize("text", ["64", "64M", "MiB", "", "64 mib"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(Unfit):
        kinds.size(text)


@pytest.mark.parametrize(("text", "rate"), [("2000/s", 2000), ("30/m", 0.5), ("0.5/s", 0.5), ("3600/h", 1)])
def test_rates(text: str, rate: float) -> None:
    assert kinds.rate(text) == rate


@pytest.mark.parametrize("text", ["2000", "/s", "5/d", "0/s", "-1/s"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(Unfit):
        kinds.rate(text)


@pytest.mark.parametrize(
    "text", ["POST /", "POST /a/b-c.d", "PUT /shops/{shop}/items/{id}", "post /a/{rest+}"]
)
def test_routes(text: str) -> None:
    assert kinds.route(text).split()[0].isupper()


@pytest.mark.parametrize(
    "text",
    [
        "POST",
        "/a",
        "FETCH /a",
        "POST a",
        "POST //a",
        "POST /a/",
        "POST /a b",
        "POST /{a}/{a}",
        "POST /{a+}/b",
        "POST /x{a}",
        "POST /é",
        "HEAD /a",
    ],
)
def test_what_is_no_route(text: str) -> None:
    with pytest.raises(Unfit):
        kinds.route(text)


@pytest.mark.parametrize(
    "text",
    [
        "string",
        "BIGINT",
        "decimal(10,2)",
        "varchar(30)",
        "array<string>",
        "map<string,array<int>>",
        "struct<a:int, b:struct<c:double,d:array<map<string,int>>>>",
    ],
)
def test_athena_types(text: str) -> None:
    assert athena_type(text) == text


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("text", "did you mean string?"),
        ("intt", "did you mean int?"),
        ("long", "did you mean bigint?"),
        ("array", "array<…>"),
        ("array<string", None),
        ("struct<a>", None),
        ("map<int>", None),
        ("int int", None),
        ("decimal(40,2)", None),
        ("decimal(2,3)", None),
        ("", "such as string, int, double, timestamp, array<string>"),
    ],
)
def test_what_is_no_type(text: str, fix: str | None) -> None:
    with pytest.raises(Unfit) as caught:
        athena_type(text)
    assert caught.value.fix == fix


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("lake.shop/a/b/", "shop", "a/b/"),
        ("lake.shop/a", "shop", "a/"),
        ("lake.shop", "shop", ""),
        ("s3://shop/x/", "shop", "x/"),
        ("lake.a.b-c/x/", "a.b-c", "x/"),
    ],
)
def test_places_in_the_lake(text: str, bucket: str, prefix: str) -> None:
    assert Location.parse(text) == Location(bucket, prefix)


@pytest.mark.parametrize(
    "text", ["shop/a/", "lake.", "lake./a", "lake.Shop/a", "lake.ab/x", "lake.shop//a", "lake.shop/a//b"]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError):
        Location.parse(text)


def test_one_place_covers_another() -> None:
    assert Location("a", "x/").covers(Location("a", "x/y/"))
    assert Location("a").covers(Location("a", "x/"))
    assert not Location("a", "x/").covers(Location("a", "xy/"))
    assert not Location("a", "x/").covers(Location("b", "x/"))
