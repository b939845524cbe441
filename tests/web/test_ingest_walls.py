"""Who may send to the ingest port, how often, and once: keys, rates, repeats, hosts and origins."""

from __future__ import annotations

from collections.abc import Mapping

from forebay.ingest.section import UniqueSpec
from tests.web.port import Make, Port, clicks


def test_a_key_opens_its_routes_and_nothing_else(port: Make) -> None:
    here = port(clicks=clicks(key="required"), other=clicks(route="POST /other", key="required"))
    key, secret = here.keys.create("shop", ["clicks"])
    assert here.ask.post("/clicks", b"{}").status == 401
    assert here.ask.post("/clicks", b"{}", x_api_key="nonsense").status == 401
    assert here.ask.post("/clicks", b"{}", x_api_key=secret[:-1] + "x").status == 401
    assert here.ask.post("/clicks", b"{}", x_api_key=secret).status == 200
    assert here.ask.post("/clicks", b"{}", authorization=f"Bearer {secret}").status == 200
    assert here.ask.post("/other", b"{}", x_api_key=secret).status == 403
    here.keys.revoke(key.id)
    assert here.ask.post("/clicks", b"{}", x_api_key=secret).status == 401
    assert here.reader.head() == 2


def test_past_its_rate_a_route_answers_429_and_when_to_come_back(port: Make) -> None:
    here = port(clicks=clicks(limit=0.01))
    assert here.ask.post("/clicks", b"{}").status == 200
    answer = here.ask.post("/clicks", b"{}")
    assert (answer.status, answer.json["error"]["code"]) == (429, "RateLimit")
    assert int(answer.headers["retry-after"]) >= 1
    assert here.reader.head() == 1


def test_each_key_has_a_rate_of_its_own(port: Make) -> None:
    here = port(clicks=clicks(limit=0.01, key="required"))
    secrets = [here.keys.create(name)[1] for name in "ab"]
    assert [here.ask.post("/clicks", b"{}", x_api_key=s).status for s in secrets] == [200, 200]
    assert here.ask.post("/clicks", b"{}", x_api_key=secrets[0]).status == 429


def test_a_repeat_with_the_same_idempotency_key_gets_the_first_answer_and_adds_nothing(port: Make) -> None:
    here = port(clicks=clicks())
    body = b'{"n":1}\nnope\n{"n":2}'
    first = here.ask.post("/clicks", body, idempotency_key="k1", content_type="application/x-ndjson")
    again = here.ask.post("/clicks", body, idempotency_key="k1", content_type="application/x-ndjson")
    assert (first.status, first.body) == (again.status, again.body) == (207, first.body)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert here.reader.head() == 2
    other = here.ask.post("/clicks", b'{"n":3}', idempotency_key="k1")
    assert (other.status, other.json["error"]["code"]) == (422, "IdempotencyKeyReused")
    assert here.reader.head() == 2


def test_an_idempotency_key_is_its_callers_own(port: Make) -> None:
    here = port(clicks=clicks(key="required"))
    for name in "ab":
        secret = here.keys.create(name)[1]
        answer = here.ask.post("/clicks", b"{}", idempotency_key="same", x_api_key=secret)
        assert "idempotency-replayed" not in answer.headers
    assert here.reader.head() == 2


def test_a_unique_field_is_accepted_once_and_a_duplicate_counts_as_kept(port: Make) -> None:
    here = port(clicks=clicks(unique=UniqueSpec(field="id")))
    answer = here.ask.post("/clicks", b'[{"id":1},{"id":"a"},{"id":1},{"x":1},{"id":null}]')
    assert answer.status == 207
    assert (answer.json["accepted"], answer.json["duplicate"]) == (2, 1)
    assert [(r["index"], r["code"]) for r in answer.json["refused"]] == [
        (3, "UniqueFieldMissing"),
        (4, "UniqueFieldMissing"),
    ]
    again = here.ask.post("/clicks", b'[{"id":1},{"id":"a"}]')
    assert (again.status, again.json["accepted"], again.json["duplicate"]) == (200, 0, 2)
    assert here.stored() == [b'{"id":1}', b'{"id":"a"}']


def test_past_max_keys_a_unique_route_answers_429(port: Make) -> None:
    here = port(clicks=clicks(unique=UniqueSpec(field="id", max_keys=2)))
    assert here.ask.post("/clicks", b'[{"id":1},{"id":2}]').status == 200
    answer = here.ask.post("/clicks", b'{"id":3}')
    assert (answer.status, answer.json["error"]["code"]) == (429, "TooManyUniqueKeys")
    assert "retry-after" in answer.headers
    assert here.ask.post("/clicks", b'{"id":2}').json["duplicate"] == 1


def test_a_foreign_host_is_refused_before_the_body(port: Make) -> None:
    here = port(clicks=clicks())
    head = b"POST /clicks HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 10\r\n\r\n"
    with here.ask.raw(head) as connection:
        assert b" 421 " in connection.recv(100)
    for good in (
        "localhost",
        "LOCALHOST:8000",
        "127.0.0.1",
        "127.8.9.1:1",
        "[::1]:8000",
        "app.localhost",
        "localhost.",
    ):
        assert here.ask.post("/clicks", b"{}", host=good).status == 200
    for bad in ("localhost.evil.example", "evil-localhost", "10.0.0.1", "127.0.0.1.nip.io", "", "[::2]"):
        assert here.ask.post("/clicks", b"{}", host=bad).status in (400, 421)


def test_a_web_page_may_send_only_if_its_origin_is_listed(port: Make) -> None:
    here = port(clicks=clicks(), open=clicks(route="POST /open", cors=["https://shop.example"]))
    for path in ("/clicks", "/open", "/nowhere", "/healthz"):
        assert here.ask.post(path, b"{}", origin="https://evil.example").status == 403
        assert here.ask.post(path, b"{}", origin="null").status == 403
    assert here.ask.post("/clicks", b"{}", origin="https://shop.example").status == 403
    good = here.ask.post("/open", b"{}", origin="https://shop.example")
    assert (good.status, good.headers["access-control-allow-origin"]) == (200, "https://shop.example")
    assert here.reader.head() == 1


def preflight(port: Port, origin: str, path: str = "/open") -> tuple[int, Mapping[str, str]]:
    answer = port.ask("OPTIONS", path, origin=origin, access_control_request_method="POST")
    return answer.status, answer.headers


def test_preflight_is_answered_for_listed_origins_only(port: Make) -> None:
    here = port(open=clicks(route="POST /open", cors=["https://shop.example"]), clicks=clicks())
    status, headers = preflight(here, "https://shop.example")
    assert status == 204
    assert headers["access-control-allow-methods"] == "POST"
    assert "x-api-key" in headers["access-control-allow-headers"]
    assert preflight(here, "https://evil.example")[0] == 403
    assert preflight(here, "https://shop.example", "/clicks")[0] == 403
