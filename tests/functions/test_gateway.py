"""HTTP requests as functions see them behind API Gateway, and what becomes of their answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.functions.gateway import HttpRequest, answer, event


def request(**given: Any) -> HttpRequest:
    return HttpRequest(
        **{
            "method": "POST",
            "path": "/shops/7",
            "resource": "/shops/{shop}",
            "query": "a=1&a=2&b=",
            "headers": [
                ("Host", "localhost:8000"),
                ("Content-Type", "application/json"),
                ("Cookie", "x=1; y=2"),
                ("User-Agent", "test"),
            ],
            "body": b'{"n": 1}',
            "client": "127.0.0.1",
            "id": "r-1",
            "parameters": {"shop": "7"},
            **given,
        }
    )


def test_an_http_api_sends_payload_format_2() -> None:
    seen = json.loads(event(request(), "2.0"))
    context = seen.pop("requestContext")
    assert seen == {
        "version": "2.0",
        "routeKey": "POST /shops/{shop}",
        "rawPath": "/shops/7",
        "rawQueryString": "a=1&a=2&b=",
        "cookies": ["x=1", "y=2"],
        "headers": {"host": "localhost:8000", "content-type": "application/json", "user-agent": "test"},
        "queryStringParameters": {"a": "1,2", "b": ""},
        "pathParameters": {"shop": "7"},
        "body": '{"n": 1}',
        "isBase64Encoded": False,
    }
    assert context["http"] == {
        "method": "POST",
        "path": "/shops/7",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "test",
    }
    assert (context["stage"], context["requestId"], context["routeKey"]) == (
        "$default",
        "r-1",
        "POST /shops/{shop}",
    )


def test_a_rest_api_sends_payload_format_1() -> None:
    seen = json.loads(event(request(body=b"", method="GET", query=""), "1.0"))
    assert (seen["resource"], seen["path"], seen["httpMethod"]) == ("/shops/{shop}", "/shops/7", "GET")
    assert (seen["body"], seen["isBase64Encoded"], seen["queryStringParameters"]) == (None, False, None)
    assert seen["pathParameters"] == {"shop": "7"}
    assert seen["multiValueHeaders"]["cookie"] == ["x=1; y=2"]
    assert seen["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    seen = json.loads(event(request(), "1.0"))
    assert (seen["queryStringParameters"], seen["multiValueQueryStringParameters"]) == (
        {"a": "2", "b": ""},
        {"a": ["1", "2"], "b": [""]},
    )


def test_a_body_that_is_no_text_is_base64() -> None:
    headers = [("content-type", "image/png")]
    seen = json.loads(event(request(body=b"\x89PNG", headers=headers), "2.0"))
    assert (seen["body"], seen["isBase64Encoded"]) == ("iVBORw==", True)


def said(value: Any, version: str) -> tuple[int, dict[str, str], bytes]:
    made = answer(json.dumps(value).encode(), version)
    return made.status, dict(made.headers), made.body


def test_an_answer_is_status_headers_and_body() -> None:
    given = {"statusCode": 201, "headers": {"X-A": 1, "Content-Length": "999"}, "body": "made"}
    assert said(given, "1.0") == (201, {"x-a": "1", "content-type": "application/json"}, b"made")
    assert said(given, "2.0") == (201, {"x-a": "1", "content-type": "text/plain;charset=utf-8"}, b"made")
    coded = {
        "statusCode": 200,
        "isBase64Encoded": True,
        "body": "iVBORw==",
        "headers": {"content-type": "image/png"},
    }
    assert said(coded, "2.0") == (200, {"content-type": "image/png"}, b"\x89PNG")
    many = answer(
        json.dumps(
            {"statusCode": 200, "multiValueHeaders": {"Set-Cookie": ["a", "b"]}, "cookies": ["c"]}
        ).encode(),
        "1.0",
    )
    assert [value for name, value in many.headers if name == "set-cookie"] == ["a", "b", "c"]


def test_with_format_2_anything_is_a_body() -> None:
    assert said({"n": 1}, "2.0") == (200, {"content-type": "application/json"}, b'{"n": 1}')
    assert said("text", "2.0") == (200, {"content-type": "application/json"}, b"text")


@pytest.mark.parametrize(
    "value",
    [
        "text",
        {"statusCode": 9999},
        {"statusCode": "x"},
        {"statusCode": 200, "body": {"n": 1}},
        {"statusCode": 200, "headers": {"a": "b\r\nset-cookie: evil"}},
        {"statusCode": 200, "isBase64Encoded": True, "body": "no base64!"},
    ],
)
def test_a_malformed_answer_of_a_rest_api_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r".*"):
        said(value, "1.0")
