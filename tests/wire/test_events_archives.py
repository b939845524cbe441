"""EventBridge over the wire: archives keep what matches them, and a replay sends it again."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

from tests.harness import System, until
from tests.wire.events import FILES, PROJECT, STREAM, arn, arrived, put, refused, rule
from tests.wire.sdk import serving

system = serving(PROJECT, files=FILES)


def test_an_archive_counts_what_matches_it(events: Any, bus: str) -> None:
    source = arn("events", f"event-bus/{bus}")
    put(events, bus, {"k": 0})
    made = events.create_archive(
        ArchiveName=f"{bus}-a", EventSourceArn=source, EventPattern='{"source":["test"]}', RetentionDays=3
    )
    assert made["ArchiveArn"] == arn("events", f"archive/{bus}-a")
    assert made["State"] == "ENABLED"
    put(events, bus, {"k": 1}, {"k": 2})
    put(events, bus, {"k": 3}, source="else")
    shown = events.describe_archive(ArchiveName=f"{bus}-a")
    assert (shown["EventCount"], shown["RetentionDays"], shown["EventSourceArn"]) == (2, 3, source)
    assert shown["SizeBytes"] > 100
    (listed,) = events.list_archives(EventSourceArn=source)["Archives"]
    assert "ArchiveArn" not in listed
    managed = events.describe_rule(Name=f"Events-Archive-{bus}-a", EventBusName=bus)
    assert managed["ManagedBy"] == "prod.vhs.events.aws.internal"
    (target,) = events.list_targets_by_rule(Rule=managed["Name"], EventBusName=bus)["Targets"]
    assert (target["Id"], target["Arn"]) == (managed["Name"], "arn:aws:events:us-east-1:::")
    assert '"event": <aws.events.event.json>' in target["InputTransformer"]["InputTemplate"]
    key = "arn:aws:kms:us-east-1:000000000000:key/k"
    events.update_archive(ArchiveName=f"{bus}-a", Description="new", RetentionDays=5, KmsKeyIdentifier=key)
    shown = events.describe_archive(ArchiveName=f"{bus}-a")
    assert (shown["RetentionDays"], shown["KmsKeyIdentifier"]) == (5, key)
    events.update_archive(ArchiveName=f"{bus}-a", KmsKeyIdentifier="")
    assert "KmsKeyIdentifier" not in events.describe_archive(ArchiveName=f"{bus}-a")
    events.delete_archive(ArchiveName=f"{bus}-a")
    refused(
        "ResourceNotFoundException",
        f"Archive {bus}-a does not exist.",
        events.describe_archive,
        ArchiveName=f"{bus}-a",
    )
    refused(
        "ValidationException",
        "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.",
        events.list_archives,
        NamePrefix="a",
        State="ENABLED",
    )


def test_a_replay_sends_again_what_was_archived_and_only_that(system: System, events: Any, bus: str) -> None:
    source, marker = arn("events", f"event-bus/{bus}"), uuid.uuid4().hex
    rule(events, bus, {"source": ["test"]}, STREAM, name="one")
    rule(events, bus, {"source": ["test"]}, arn("kinesis", "stream/events"), name="two")
    made = events.create_archive(
        ArchiveName=bus, EventSourceArn=source, EventPattern=json.dumps({"detail": {"keep": [True]}})
    )
    ids = put(events, bus, {"id": marker, "keep": True}, {"id": marker, "keep": False})
    arrived(system, marker, 2)
    now = dt.datetime.now(dt.UTC)
    started = events.start_replay(
        ReplayName=bus,
        EventSourceArn=made["ArchiveArn"],
        EventStartTime=now - dt.timedelta(minutes=10),
        EventEndTime=now + dt.timedelta(minutes=1),
        Destination={"Arn": source, "FilterArns": [arn("events", f"rule/{bus}/one")]},
    )
    assert (started["State"], started["ReplayArn"]) == ("STARTING", arn("events", f"replay/{bus}"))
    shown = until(lambda: (found := events.describe_replay(ReplayName=bus))["State"] == "COMPLETED" and found)
    assert shown["Destination"]["Arn"] == source
    again = json.loads(arrived(system, marker, 3)[2])
    assert again["replay-name"] == bus
    assert again["detail"] == {"id": marker, "keep": True}
    assert again["id"] not in ids
    until(lambda: system.status()["ledger"][f"bus.{bus}/streams.events"]["buffered"] == 0)
    assert len(arrived(system, marker, 2, "streams.events")) == 2, "the other rule did not see it again"
    assert events.describe_archive(ArchiveName=bus)["EventCount"] == 1, "nor did the archive"
    refused(
        "ResourceAlreadyExistsException",
        f"Replay {bus} already exists.",
        events.start_replay,
        ReplayName=bus,
        EventSourceArn=made["ArchiveArn"],
        EventStartTime=now - dt.timedelta(minutes=1),
        EventEndTime=now,
        Destination={"Arn": source},
    )
    times = "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."
    elsewhere = "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted."
    for end, words in ((now - dt.timedelta(minutes=1), times), (now, elsewhere)):
        refused(
            "ValidationException",
            words,
            events.start_replay,
            ReplayName=f"{bus}-other",
            EventSourceArn=made["ArchiveArn"],
            EventStartTime=now - dt.timedelta(minutes=1),
            EventEndTime=end,
            Destination={"Arn": arn("events", "event-bus/default")},
        )
    refused(
        "IllegalStatusException",
        f"Replay {bus} is not in a valid state for this operation.",
        events.cancel_replay,
        ReplayName=bus,
    )
