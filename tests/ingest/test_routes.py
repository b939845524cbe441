"""Finding the route of a request."""

from __future__ import annotations

import pytest

from forebay.errors import NotFound
from forebay.ingest.routes import MethodNotAllowed, Router, parameters

ROUTER = Router(
    [
        ("POST", "/clicks", "clicks"),
        ("PUT", "/clicks", "put"),
        ("POST", "/shops/{shop}", "shop"),
        ("POST", "/shops/{shop}/orders/{order}", "order"),
        ("POST", "/shops/main", "main"),
        ("POST", "/files/{rest+}", "files"),
        ("POST", "/a.b/{x}", "dotted"),
    ]
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/clicks", ("clicks", {})),
        ("/shops/7", ("shop", {"shop": "7"})),
        ("/shops/main", ("main", {})),
        ("/shops/7/orders/x y", ("order", {"shop": "7", "order": "x y"})),
        ("/files/a/b/c", ("files", {"rest": "a/b/c"})),
        ("/a.b/1", ("dotted", {"x": "1"})),
    ],
)
def test_a_path_finds_its_route_and_parameters(path: str, expected: tuple[str, dict[str, str]]) -> None:
    assert ROUTER.find("POST", path) == expected


@pytest.mark.parametrize(
    "path", ["/", "/clicks/", "/shops/", "/shops/7/", "/shops/7/8", "/files/", "/aXb/1", "/shops/a\n"]
)
def test_what_only_looks_similar_is_not_found(path: str) -> None:
    if path == "/shops/a\n":
        assert ROUTER.find("POST", path)[1] == {"shop": "a\n"}
        return
    with pytest.raises(NotFound):
        ROUTER.find("POST", path)


def test_another_method_is_told_which_are_taken() -> None:
    with pytest.raises(MethodNotAllowed) as raised:
        ROUTER.find("GET", "/clicks")
    assert raised.value.extra["allow"] == ["POST", "PUT"]


def test_a_misspelt_path_is_told_what_is_near() -> None:
    with pytest.raises(NotFound) as raised:
        ROUTER.find("POST", "/click")
    assert "/clicks" in str(raised.value.fix)
    with pytest.raises(NotFound) as raised:
        Router[str]([]).find("POST", "/x" * 10_000)
    assert len(raised.value.message) < 300


def test_parameters_are_named_in_order() -> None:
    assert parameters("/a/{b}/{c+}") == ["b", "c"]
