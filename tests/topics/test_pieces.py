"""The pieces of topics by themselves: pauses of delivery policies, what filters see, records of messages, signatures."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from forebay.topics.message import Message, decode, encode, filtered_by
from forebay.topics.patience import chosen, pauses
from forebay.topics.signing import Signer, certificate, to_sign


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, (20.0, 20.0, 20.0)),
        ({"numRetries": 0}, ()),
        ({"numRetries": 2, "numNoDelayRetries": 1}, (0.0, 20.0)),
        (
            {
                "numRetries": 7,
                "minDelayTarget": 1,
                "maxDelayTarget": 5,
                "numMinDelayRetries": 1,
                "numMaxDelayRetries": 1,
            },
            (1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0),
        ),
        (
            {"numRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 4, "backoffFunction": "geometric"},
            (1.0, 2.0, 4.0),
        ),
    ],
)
def test_a_policy_says_when_to_try_again(policy: Any, expected: tuple[float, ...]) -> None:
    assert pauses(policy) == pytest.approx(expected)


@pytest.mark.parametrize("function", ["linear", "arithmetic", "geometric", "exponential"])
def test_every_backoff_goes_from_least_to_most(function: str) -> None:
    found = pauses(
        {"numRetries": 100, "minDelayTarget": 1, "maxDelayTarget": 60, "backoffFunction": function}
    )
    assert (found[0], found[-1]) == pytest.approx((1.0, 60.0))
    assert list(found) == sorted(found)


def test_a_topic_may_keep_its_subscriptions_from_deciding() -> None:
    own = {"healthyRetryPolicy": {"numRetries": 9}}
    assert chosen(own, None)["numRetries"] == 9
    topic = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}, "disableSubscriptionOverrides": True}}
    assert chosen(own, topic)["numRetries"] == 5


def test_a_record_is_a_message_again() -> None:
    record = encode(
        "t", subject="s", attributes={"n": 3, "tags": ["a"], "ok": True}, by_protocol={"email": "long"}
    )
    found = decode(record, "topics.ops/1")
    assert (found.text_for("email"), found.text_for("http"), found.subject) == ("long", "t", "s")
    assert found.attributes["n"] == {"Type": "Number", "Value": "3"}
    assert filtered_by(found, "MessageAttributes") == {"n": 3, "tags": ["a"], "ok": "true"}


@pytest.mark.parametrize("record", [b"plain", b'{"a": 1}', b"[1]", b"\xff", b'{"id": 1, "message": "m"}'])
def test_what_was_not_made_as_a_message_is_one_whole(record: bytes) -> None:
    found = decode(record, "topics.ops/7")
    assert found.message == record.decode(errors="replace")
    assert found.id == decode(b"other", "topics.ops/7").id
    assert found.id != decode(record, "topics.ops/8").id


def test_what_filters_see_of_a_message() -> None:
    attributes = {
        "price": {"Type": "Number", "Value": "1.2345678"},
        "tags": {"Type": "String.Array", "Value": '["a", 1, true]'},
        "broken": {"Type": "String.Array", "Value": "["},
        "bytes": {"Type": "Binary", "Value": "AA=="},
    }
    seen = filtered_by(Message("1", "m", attributes=attributes), "MessageAttributes")
    assert seen == {"price": 1.23457, "tags": ["a", 1, True], "broken": "["}
    assert filtered_by(Message("1", "m"), "MessageAttributes") is None
    assert filtered_by(Message("1", "m"), "MessageBody") is None
    assert filtered_by(Message("1", '{"a": {"b": 1}}'), "MessageBody") == {"a": {"b": 1}}


def test_there_is_one_key_however_many_ask_for_it_at_once(tmp_path: Path) -> None:
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(Signer(tmp_path).name)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 4
    assert len(set(names)) == 1
    assert (tmp_path / "topics.pem").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["topics.pem"]
    pem = certificate(tmp_path, names[0])
    assert pem is not None
    assert b"PRIVATE" not in pem
    assert certificate(tmp_path, "SimpleNotificationService-" + "0" * 32 + ".pem") is None


def test_what_is_signed_is_what_sns_documents() -> None:
    parts = {
        "Type": "Notification",
        "MessageId": "1",
        "TopicArn": "a",
        "Message": "m",
        "Timestamp": "t",
        "Other": "x",
    }
    assert to_sign(parts) == b"Message\nm\nMessageId\n1\nTimestamp\nt\nTopicArn\na\nType\nNotification\n"
    assert to_sign({**parts, "Subject": "s"}).startswith(b"Message\nm\nMessageId\n1\nSubject\ns\n")
