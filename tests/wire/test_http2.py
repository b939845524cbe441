"""The AWS port speaks HTTP/2 to clients that begin with it, as the JavaScript SDK does with Kinesis."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import socket
from typing import Any

from forebay.access.sigv4 import signing_key
from tests.harness import System
from tests.wire.access import allow, user
from tests.wire.kinesis import data, everything, new_stream
from tests.wire.sdk import serving, speaking

system = serving("name: plain\n")
kinesis = speaking("kinesis")

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def packed(headers: dict[str, str]) -> bytes:
    """HPACK without tables: each a literal that is not indexed."""

    def text(value: bytes) -> bytes:
        return (bytes([len(value)]) if len(value) < 127 else b"\x7f" + varied(len(value) - 127)) + value

    def varied(number: int) -> bytes:
        return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varied(number >> 7)

    return b"".join(b"\x00" + text(name.encode()) + text(value.encode()) for name, value in headers.items())


def signature(headers: dict[str, str], body: bytes, keys: dict[str, str]) -> dict[str, str]:
    """What signs a request over HTTP/2: instead of `host`, the SDK signs `:authority`."""
    now = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/us-east-1/kinesis/aws4_request"
    signed = {":authority": headers[":authority"], "x-amz-date": now, "x-amz-target": headers["x-amz-target"]}
    lines = [f"{name}:{value}" for name, value in signed.items()]
    names = ";".join(signed)
    canonical = "\n".join(["POST", "/", "", *lines, "", names, hashlib.sha256(body).hexdigest()])
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = signing_key(keys["SecretAccessKey"], now[:8], "us-east-1", "kinesis")
    made = hmac.new(key, text.encode(), "sha256").hexdigest()
    parts = f"Credential={keys['AccessKeyId']}/{scope}, SignedHeaders={names}, Signature={made}"
    return {"x-amz-date": now, "authorization": f"AWS4-HMAC-SHA256 {parts}"}


def asked(system: System, target: str, body: dict[str, Any], keys: dict[str, str] | None = None) -> bytes:
    """What the server answers to one POST, its DATA joined; with `keys`, the request is signed."""
    host, port = system.urls["aws"].removeprefix("http://").split(":")
    sent = json.dumps(body).encode()
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/",
        ":authority": f"{host}:{port}",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"Kinesis_20131202.{target}",
    }
    if keys is not None:
        headers |= signature(headers, sent, keys)
    with (
        socket.create_connection((host, int(port)), timeout=30) as connection,
        connection.makefile("rb") as file,
    ):
        connection.sendall(
            PREFACE
            + frame(SETTINGS, 0, 0)
            + frame(HEADERS, END_HEADERS, 1, packed(headers))
            + frame(DATA, END_STREAM, 1, sent)
        )
        answer = b""
        while True:
            head = file.read(9)
            assert len(head) == 9, "the connection ended"
            payload = file.read(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind in (SETTINGS, PING) and not flags & ACK:
                connection.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
            if stream == 1:
                answer += payload if kind == DATA else b""
                if flags & END_STREAM:
                    return answer


def test_a_record_that_is_put_over_http2_without_tls_is_kept(system: System, kinesis: Any) -> None:
    name = new_stream(kinesis)
    put = json.loads(asked(system, "PutRecord", {"StreamName": name, "Data": "eA==", "PartitionKey": "k"}))
    assert put["ShardId"] == "shardId-000000000000"
    assert data(everything(kinesis, name)) == [b"x"]


def test_an_error_over_http2_is_the_services_own(system: System) -> None:
    said = json.loads(asked(system, "DescribeStream", {"StreamName": "nobodys"}))
    assert said["__type"] == "ResourceNotFoundException"


def test_a_signature_over_http2_is_verified(system: System, kinesis: Any, iam: Any) -> None:
    keys = user(iam, "pushing", allow("kinesis:*"))
    name = new_stream(kinesis)
    put = {"StreamName": name, "Data": "eA==", "PartitionKey": "k"}
    assert json.loads(asked(system, "PutRecord", put, keys))["ShardId"] == "shardId-000000000000"
    wrong = json.loads(asked(system, "PutRecord", put, {**keys, "SecretAccessKey": "other"}))
    assert wrong["__type"] == "InvalidSignatureException"
    assert len(everything(kinesis, name)) == 1
