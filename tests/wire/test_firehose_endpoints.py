"""Data Firehose to an HTTP endpoint: what is posted, what is tried again, and where what is not taken is kept."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.harness import System, until
from tests.projects import project
from tests.wire.firehose import FUNCTION, PROJECT, S3, refused
from tests.wire.s3 import read
from tests.wire.sdk import client, serving

Answer = tuple[int, str, bytes]

system = serving(PROJECT, files={"functions/shout.py": FUNCTION})


class Endpoint:
    """An endpoint that keeps the requests it gets. `answers` are what it says first, instead of accepting."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.answers: list[Answer] = []
        self.always: Answer | None = None
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
                document = json.loads(plain)
                endpoint.requests.append((headers, document))
                said = {"requestId": document["requestId"], "timestamp": document["timestamp"]}
                answer: Answer = (200, "application/json", json.dumps(said).encode())
                if endpoint.always is not None:
                    answer = endpoint.always
                elif endpoint.answers:
                    answer = endpoint.answers.pop(0)
                self.send_response(answer[0])
                self.send_header("Content-Type", answer[1])
                self.send_header("Content-Length", str(len(answer[2])))
                self.end_headers()
                self.wfile.write(answer[2])

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/in?a=b%20c"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def records(self) -> list[bytes]:
        return [
            base64.b64decode(each["data"]) for _, document in self.requests for each in document["records"]
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    yield found
    found.close()


Made = Callable[..., str]


@pytest.fixture
def made(firehose: Any, endpoint: Endpoint) -> Made:
    """Makes a delivery stream to the endpoint and answers its name."""

    def made(*, key: str | None = None, **more: Any) -> str:
        name = f"posted-{uuid.uuid4().hex[:8]}"
        firehose.create_delivery_stream(
            DeliveryStreamName=name,
            HttpEndpointDestinationConfiguration={
                "EndpointConfiguration": {
                    "Url": endpoint.url,
                    "Name": "own",
                    **({"AccessKey": key} if key else {}),
                },
                "BufferingHints": {"IntervalInSeconds": 900, "SizeInMBs": 1},
                "S3Configuration": {**S3, "ErrorOutputPrefix": f"{name}/"},
                "RetryOptions": {"DurationInSeconds": 0},
                **more,
            },
        )
        return name

    return made


def ledger(system: System, name: str) -> dict[str, int]:
    found = system.status()["ledger"][f"delivery.{name}"]
    return {end: found[end] for end in ("accepted", "delivered", "rejected", "dropped", "buffered")}


def kept(system: System, prefix: str) -> list[dict[str, Any]]:
    """The error entries below a prefix."""
    s3 = client(system, "s3")
    found = s3.list_objects_v2(Bucket="landing", Prefix=prefix).get("Contents", [])
    lines = [line for item in found for line in read(s3, "landing", item["Key"]).splitlines()]
    s3.close()
    return [json.loads(line) for line in lines]


def test_records_are_posted_as_data_firehose_posts_them(
    system: System, firehose: Any, endpoint: Endpoint, made: Made
) -> None:
    name = made(
        key="secret",
        RequestConfiguration={
            "ContentEncoding": "GZIP",
            "CommonAttributes": [{"AttributeName": "team", "AttributeValue": "shop"}],
        },
    )
    firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": b"one\n"}, {"Data": b"\xff\x00"}])
    system.flush(name)
    headers, document = endpoint.requests[0]
    assert endpoint.records() == [b"one\n", b"\xff\x00"]
    assert headers["x-amz-firehose-protocol-version"] == "1.0"
    assert headers["x-amz-firehose-request-id"] == document["requestId"]
    assert headers["x-amz-firehose-source-arn"].endswith(f":deliverystream/{name}")
    assert headers["x-amz-firehose-access-key"] == "secret"
    assert json.loads(headers["x-amz-firehose-common-attributes"]) == {"commonAttributes": {"team": "shop"}}
    assert (headers["content-type"], headers["content-encoding"]) == ("application/json", "gzip")
    assert isinstance(document["timestamp"], int)
    assert kept(system, name) == []
    assert ledger(system, name) == {"accepted": 2, "delivered": 2, "rejected": 0, "dropped": 0, "buffered": 0}


@pytest.mark.parametrize(
    "case",
    [
        ((500, "text/plain", b"on fire"), "HttpEndpoint.DestinationException"),
        ((302, "text/plain", b""), "HttpEndpoint.DestinationException"),
        ((413, "text/plain", b""), "HttpEndpoint.RequestTooLarge"),
        ((200, "text/plain", b"ok"), "HttpEndpoint.InvalidResponseFromDestination"),
        (
            (200, "application/json", b'{"requestId": "x", "timestamp": 1}'),
            "HttpEndpoint.InvalidResponseFromDestination",
        ),
        ((200, "application/json", b"x" * (2 << 20)), "HttpEndpoint.ResponseTooLarge"),
    ],
)
def test_what_is_not_accepted_is_kept_below_the_error_prefix(
    system: System, firehose: Any, endpoint: Endpoint, made: Made, case: tuple[Answer, str]
) -> None:
    endpoint.always, code = case
    name = made()
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"lost?"})
    system.flush(name)
    (entry,) = kept(system, f"{name}/http-endpoint-failed/")
    assert base64.b64decode(entry["rawData"]) == b"lost?"
    assert (entry["errorCode"], entry["attemptsMade"]) == (code, 1)
    assert ledger(system, name)["rejected"] == 1


def test_a_request_is_tried_again_under_its_own_id(
    system: System, firehose: Any, endpoint: Endpoint, made: Made
) -> None:
    endpoint.answers = [(503, "text/plain", b"not yet")]
    name = made(RetryOptions={"DurationInSeconds": 300})
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"again"})
    system.flush(name)
    assert len({document["requestId"] for _, document in endpoint.requests}) == 1
    assert endpoint.records() == [b"again", b"again"]
    assert ledger(system, name)["delivered"] == 1


def test_what_waits_for_an_endpoint_survives_a_kill(
    system: System, firehose: Any, endpoint: Endpoint, made: Made
) -> None:
    endpoint.always = (503, "text/plain", b"not yet")
    name = made(
        RetryOptions={"DurationInSeconds": 7200}, BufferingHints={"IntervalInSeconds": 0, "SizeInMBs": 1}
    )
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"safe"})
    until(lambda: "503" in (system.call("flow", "status")["deliveries"][name]["last_error"] or ""))
    assert ledger(system, name)["buffered"] == 1
    system.kill("flow")
    endpoint.always = None
    until(lambda: ledger(system, name)["delivered"] == 1)
    assert set(endpoint.records()) == {b"safe"}
    assert len({document["requestId"] for _, document in endpoint.requests}) == 1
    assert kept(system, name) == []


def test_all_that_comes_in_may_be_backed_up_too(
    system: System, firehose: Any, endpoint: Endpoint, made: Made
) -> None:
    name = made(
        S3BackupMode="AllData", S3Configuration={**S3, "Prefix": "copies/", "ErrorOutputPrefix": "bad/"}
    )
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"both"})
    system.flush(name)
    system.flush(f"{name}-backup")
    s3 = client(system, "s3")
    (item,) = s3.list_objects_v2(Bucket="landing", Prefix="copies/")["Contents"]
    assert read(s3, "landing", item["Key"]) == b"both"
    s3.close()
    assert endpoint.records() == [b"both"]


def test_a_function_on_the_way(system: System, firehose: Any, endpoint: Endpoint, made: Made) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:shout:$LATEST"
    processors = [{"Type": "Lambda", "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": arn}]}]
    name = made(ProcessingConfiguration={"Enabled": True, "Processors": processors})
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"loud"})
    system.flush(name)
    assert endpoint.records() == [b"LOUD\n"]
    endpoint.always = (500, "text/plain", b"")
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"loud"})
    system.flush(name)
    (entry,) = kept(system, f"{name}/http-endpoint-failed/")
    assert base64.b64decode(entry["rawData"]) == b"loud"


def test_what_waits_when_a_stream_is_removed_is_kept(
    system: System, firehose: Any, endpoint: Endpoint, made: Made
) -> None:
    endpoint.always = (503, "text/plain", b"not yet")
    name = made(RetryOptions={"DurationInSeconds": 7200})
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"left"})
    firehose.delete_delivery_stream(DeliveryStreamName=name)
    (entry,) = until(lambda: kept(system, f"{name}/http-endpoint-failed/"))
    assert (base64.b64decode(entry["rawData"]), entry["errorCode"]) == (b"left", "HttpEndpoint.Removed")


def test_what_waits_when_a_stream_is_pointed_elsewhere_goes_there(
    system: System, firehose: Any, endpoint: Endpoint, made: Made
) -> None:
    endpoint.always = (503, "text/plain", b"not yet")
    name = made(
        RetryOptions={"DurationInSeconds": 7200}, BufferingHints={"IntervalInSeconds": 0, "SizeInMBs": 1}
    )
    firehose.put_record(DeliveryStreamName=name, Record={"Data": b"moved"})
    until(lambda: endpoint.requests)
    other = Endpoint()
    firehose.update_destination(
        DeliveryStreamName=name,
        CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001",
        HttpEndpointDestinationUpdate={"EndpointConfiguration": {"Url": other.url}},
    )
    until(lambda: ledger(system, name)["delivered"] == 1)
    assert other.records() == [b"moved"]
    other.close()
    assert kept(system, name) == []


def test_an_endpoint_is_described_without_its_key(firehose: Any, endpoint: Endpoint, made: Made) -> None:
    name = made(key="secret")
    described = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    (destination,) = described["Destinations"]
    found = destination["HttpEndpointDestinationDescription"]
    assert found["EndpointConfiguration"] == {"Url": endpoint.url, "Name": "own"}
    assert found["S3BackupMode"] == "FailedDataOnly"
    assert found["BufferingHints"] == {"IntervalInSeconds": 900, "SizeInMBs": 1}
    assert found["S3DestinationDescription"]["BucketARN"] == S3["BucketARN"]
    assert "ExtendedS3DestinationDescription" not in destination
    assert "secret" not in json.dumps(described, default=str)


def test_endpoints_that_are_refused(firehose: Any, endpoint: Endpoint, made: Made) -> None:
    def trial(url: str, **more: Any) -> tuple[str, str]:
        configuration = {"EndpointConfiguration": {"Url": url, **more}, "S3Configuration": S3}
        return refused(
            firehose.create_delivery_stream,
            DeliveryStreamName="never",
            HttpEndpointDestinationConfiguration=configuration,
        )

    assert trial("http://example.org/")[0] == "ValidationException"
    assert trial("https://user:word@example.org/")[0] == "InvalidArgumentException"
    assert trial("https:///path")[0] == "InvalidArgumentException"
    assert trial("https://example.org/", AccessKey="${secret:HOME}")[0] == "InvalidArgumentException"
    this = {"CurrentDeliveryStreamVersionId": "1", "DestinationId": "destinationId-000000000001"}
    name = made()
    code, message = refused(
        firehose.update_destination,
        DeliveryStreamName=name,
        **this,
        ExtendedS3DestinationUpdate={"Prefix": "x/"},
    )
    assert (code, "to or from HttpEndpoint" in message) == ("InvalidArgumentException", True)


def test_a_delivery_of_the_project_posts_with_its_secrets_and_what_was_rejected_is_replayed(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    text = f"""\
name: posting
delivery:
  out:
    to: lake.failed/
    http_endpoint:
      url: {endpoint.url}
      access_key: ${{secret:ENDPOINT_KEY}}
      retry: 0s
"""
    endpoint.answers = [(500, "text/plain", b"")]
    running = System(project(tmp_path / "p", text), tmp_path / "state", [], {"ENDPOINT_KEY": "told"})
    try:
        running.start(sql=False)
        running.call("front", "append", target="delivery.out", records=[b"first"])
        running.flush("out")
        assert ledger(running, "out")["rejected"] == 1
        assert running.cli("replay", "delivery.out").code == 0
        running.flush("out")
        assert ledger(running, "out") == {
            "accepted": 1,
            "delivered": 1,
            "rejected": 0,
            "dropped": 0,
            "buffered": 0,
        }
    finally:
        running.end()
    assert endpoint.records() == [b"first", b"first"]
    assert {headers["x-amz-firehose-access-key"] for headers, _ in endpoint.requests} == {"told"}
