"""Sends batches as a client of AWS would: boto3 against the AWS port, and reads objects of the lake the same way.

Requests are signed with the keys of the environment (`AWS_ACCESS_KEY_ID`), else with `test`. What a batch
refuses for now, as a throttled shard does, is sent again; boto3 itself tries again what was not answered.
boto3 takes a third of a second to import, so only what is meant to go this way imports this module.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import boto3  # type: ignore[import-untyped, unused-ignore]
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from forebay.errors import DataRejected, NoServer, Unavailable
from forebay.project.model import Location
from forebay.sender import BATCH_BYTES, PATIENCE, Outcome, never, one_line

OBJECT_SECONDS = 5.0
"""A file of events is put so often, or when it is `OBJECT_BYTES` long."""
OBJECT_BYTES = 8 << 20
PAUSE = 0.1
"""Seconds before something is tried again."""


def client(url: str, service: str) -> Any:
    """A client of the AWS port."""
    known = "AWS_ACCESS_KEY_ID" in os.environ
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=os.environ.get("AWS_REGION", "us-east-1"),
        config=Config(retries={"max_attempts": 5}, request_checksum_calculation="when_required"),
        **({} if known else {"aws_access_key_id": "test", "aws_secret_access_key": "test"}),
    )


@contextlib.contextmanager
def understood() -> Iterator[None]:
    """An SDK's errors as ours."""
    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        kind = Unavailable if status >= 500 and status != 501 else DataRejected
        raise kind(
            str(found.get("Code", "Refused")),
            f"the AWS port answered: {found.get('Message') or error}",
            fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from forebay keys"
            if status == 403
            else None,
        ) from None
    except (ConnectionError, HTTPClientError) as error:
        raise NoServer(
            "NoServer", f"the AWS port does not answer ({error})", fix="start it: forebay run"
        ) from None
    except BotoCoreError as error:
        raise DataRejected("Refused", str(error)) from None


class Batches(Protocol):
    """One service's call for many records."""

    most: int

    def close(self) -> None:
        """Hang up."""

    def put(self, events: Sequence[bytes]) -> list[tuple[str, str] | None]:
        """Code and message for each event that was refused for now, None for each that was taken."""


class Streams:
    """PutRecords; by the stream's key field, or spread."""

    most = 500

    def __init__(self, url: str, name: str, key: str | None) -> None:
        self._client, self._name, self._key = client(url, "kinesis"), name, key

    def close(self) -> None:
        """See `Batches`."""
        self._client.close()

    def put(self, events: Sequence[bytes]) -> list[tuple[str, str] | None]:
        """See `Batches`."""
        records = [{"Data": event, "PartitionKey": self._key_of(event)} for event in events]
        answer = self._client.put_records(StreamName=self._name, Records=records)
        return [_refused(each) for each in answer["Records"]]

    def _key_of(self, event: bytes) -> str:
        if self._key is not None:
            with contextlib.suppress(orjson.JSONDecodeError, AttributeError):
                value = orjson.loads(event).get(self._key)
                if value is not None:
                    return str(value)[:256] or "-"
        return uuid.uuid4().hex


class Deliveries:
    """PutRecordBatch."""

    most = 500

    def __init__(self, url: str, name: str) -> None:
        self._client, self._name = client(url, "firehose"), name

    def close(self) -> None:
        """See `Batches`."""
        self._client.close()

    def put(self, events: Sequence[bytes]) -> list[tuple[str, str] | None]:
        """See `Batches`."""
        answer = self._client.put_record_batch(
            DeliveryStreamName=self._name, Records=[{"Data": event} for event in events]
        )
        return [_refused(each) for each in answer["RequestResponses"]]


class Buses:
    """PutEvents: the event is the detail."""

    most = 10

    def __init__(self, url: str, name: str, source: str, detail_type: str) -> None:
        self._client, self._name = client(url, "events"), name
        self._head = {"EventBusName": name, "Source": source, "DetailType": detail_type}

    def close(self) -> None:
        """See `Batches`."""
        self._client.close()

    def put(self, events: Sequence[bytes]) -> list[tuple[str, str] | None]:
        """See `Batches`."""
        entries = [{**self._head, "Detail": event.decode("utf-8", "replace")} for event in events]
        return [_refused(each) for each in self._client.put_events(Entries=entries)["Entries"]]


def _refused(answer: dict[str, Any]) -> tuple[str, str] | None:
    code = answer.get("ErrorCode")
    return (code, answer.get("ErrorMessage", "")) if code else None


_FOR_NOW = ("ProvisionedThroughputExceededException", "ServiceUnavailableException", "InternalFailure")


T = TypeVar("T")


def _patiently(call: Callable[[], T], deadline: float, stopped: Callable[[], bool]) -> T | None:
    """What the call answers; a front that is being restarted is waited for. None once stopped.

    boto3's own attempts are one to the system. One that is made here, after those, may be a second event if
    the first was taken and its answer lost, as with any client of AWS.
    """
    while not stopped():
        try:
            with understood():
                return call()
        except (NoServer, Unavailable):
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
    return None


class Aws:
    """A `Target` of batches."""

    most_bytes = BATCH_BYTES

    def __init__(self, service: Batches) -> None:
        self._service = service

    def send(self, events: Sequence[bytes], stopped: Callable[[], bool] = never) -> Outcome:
        """See `sender.Target`."""
        outcome = Outcome()
        deadline = time.monotonic() + PATIENCE
        left = list(enumerate(events))
        while left and not stopped():
            part, left = left[: self._service.most], left[self._service.most :]
            answers = _patiently(partial(self._service.put, [event for _, event in part]), deadline, stopped)
            if answers is None:
                break
            again = []
            for (index, event), refused in zip(part, answers, strict=True):
                if refused is None:
                    outcome.accepted += 1
                elif refused[0] in _FOR_NOW:
                    again.append((index, event))
                else:
                    outcome.refusals += 1
                    outcome.refused.append((index, refused[0], None, refused[1]))
            if again and time.monotonic() > deadline:
                raise Unavailable("Unavailable", f"{len(again)} events are refused again and again")
            if again:
                time.sleep(PAUSE)
            left = again + left
        return outcome

    def close(self) -> None:
        """Hang up."""
        self._service.close()


class Objects:
    """Files of events under a place of the lake: `PREFIX20191001T000004-<random>.ndjson`."""

    most_bytes = OBJECT_BYTES

    def __init__(self, url: str, place: Location) -> None:
        self._client, self._place = client(url, "s3"), place
        self._lines: list[bytes] = []
        self._size, self._since = 0, time.monotonic()

    def send(self, events: Sequence[bytes], stopped: Callable[[], bool] = never) -> Outcome:
        """See `sender.Target`. What is not a file yet counts as accepted, and is put at the end at the latest."""
        del stopped
        if not self._lines:
            self._since = time.monotonic()
        self._lines += map(one_line, events)
        self._size += sum(map(len, events))
        if self._size >= OBJECT_BYTES or time.monotonic() - self._since >= OBJECT_SECONDS:
            self._put()
        return Outcome(accepted=len(events))

    def _put(self) -> None:
        if not self._lines:
            return
        name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}.ndjson"
        put = partial(
            self._client.put_object,
            Bucket=self._place.bucket,
            Key=self._place.prefix + name,
            Body=b"\n".join(self._lines) + b"\n",
            ContentType="application/x-ndjson",
        )
        _patiently(put, time.monotonic() + PATIENCE, never)
        self._lines, self._size = [], 0

    def close(self) -> None:
        """Put what is left, and hang up."""
        try:
            self._put()
        finally:
            self._client.close()


def objects(url: str, place: Location) -> Iterator[tuple[str, Any]]:
    """Name and body (a stream) of each object under a place, by their names. Raises DataRejected, NoServer."""
    with contextlib.closing(client(url, "s3")) as s3, understood():
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.prefix):
            for each in page.get("Contents", []):
                if each["Size"]:
                    body = s3.get_object(Bucket=place.bucket, Key=each["Key"])["Body"]
                    yield each["Key"], body
