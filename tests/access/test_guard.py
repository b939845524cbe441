"""Which Host and Origin a port answers."""

from __future__ import annotations

import pytest

from forebay.access.guard import Guard

GUARD = Guard(hosts=["events.example"], origins=["https://dash.example"])
GOOD = [
    "localhost",
    "localhost:8000",
    "LocalHost",
    "localhost.",
    "127.0.0.1",
    "127.255.0.9:80",
    "[::1]",
    "[::1]:4566",
    "a.b.localhost:1",
    "events.example:443",
    "http://localhost:4566",
]
BAD = [
    "",
    " ",
    "example.com",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example:localhost",
    "localhost@evil.example",
    "0.0.0.0",  # noqa: S104 - a name to refuse
    "128.0.0.1",
    "[::2]",
    "127.0.0.1/x",
    "xlocalhost",
    "events.example.evil",
    "local\nhost",
    "localhost:999999",
]


@pytest.mark.parametrize("host", GOOD)
def test_loopback_and_configured_names_are_answered(host: str) -> None:
    assert GUARD.check(host, None) is None


@pytest.mark.parametrize("host", BAD)
def test_any_other_name_is_misdirected(host: str) -> None:
    refusal = GUARD.check(host, None)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (421, "HostNotAllowed")


def test_a_request_without_a_host_is_refused() -> None:
    refusal = GUARD.check(None, None)
    assert refusal is not None
    assert refusal.status == 400


def test_pages_of_the_port_itself_and_of_listed_origins_may_call() -> None:
    assert GUARD.check("localhost:8080", "http://localhost:8080") is None
    assert GUARD.check("localhost:8080", "https://dash.example") is None
    assert GUARD.check("localhost:8080", "https://shop.example", {"https://shop.example"}) is None
    assert GUARD.check("localhost:8080", "https://shop.example", {"*"}) is None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "https://evil.example",
        "file://",
        "http://localhost:8080.evil.example",
        "chrome-extension://localhost:8080",
    ],
)
def test_pages_of_any_other_origin_may_not(origin: str) -> None:
    refusal = GUARD.check("localhost:8080", origin)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (403, "OriginNotAllowed")


def test_refused_hosts_do_not_fill_the_memory() -> None:
    guard = Guard()
    for number in range(5000):
        guard.check(f"a{number}.localhost", None)
    assert len(guard._known) <= 1000
