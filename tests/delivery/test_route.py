"""Which object a row goes into: keys that a handler returned, and no more partitions at once than on AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from forebay.delivery import buffers, route
from forebay.ports import Lines, Origin, Outcome
from tests.delivery.world import World, spec


class Keys:
    """A handler that partitions by the event's `k`, where it has one."""

    def apply(self, records: Sequence[bytes], origins: Sequence[Origin]) -> Outcome:
        keys: list[Mapping[str, str] | None] = [
            {"kind": event["k"]} if "k" in (event := json.loads(record)) else None for record in records
        ]
        return Outcome(Lines(list(records), range(len(records)), keys))

    def close(self) -> None:
        pass


def test_a_handlers_partition_keys_are_in_the_prefix_and_a_missing_one_is_rejected(tmp_path: Path) -> None:
    world = World(tmp_path, {"clicks": spec(prefix="kind=!{partitionKeyFromLambda:kind}/")})
    world.transforms["clicks"] = Keys()
    with world.flow() as flow:
        world.send("delivery.clicks", b'{"k":"a"}', b'{"k":"b"}', b"{}", b'{"k":"a","n":1}')
        flow.flush()
    world.close()
    assert {key.rpartition("/")[0]: raw for key, raw in world.objects().items()} == {
        "clicks/kind=a": b'{"k":"a"}\n{"k":"a","n":1}\n',
        "clicks/kind=b": b'{"k":"b"}\n',
    }
    ((_, raw),) = world.objects("error").items()
    assert json.loads(raw)["errorCode"] == "DynamicPartitioning.MetadataExtractionFailed"
    assert world.ledger("delivery.clicks")["rejected"] == 1


def test_past_the_most_partitions_at_once_events_are_rejected_and_a_flush_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "LIMIT", 3)
    monkeypatch.setattr(route, "LIMIT", 3)
    world = World(tmp_path, {"clicks": spec(partition=["k"])})
    with world.flow() as flow:
        world.send("delivery.clicks", *[b'{"k":%d}' % n for n in range(5)])
        flow.flush()
        world.send("delivery.clicks", b'{"k":5}')
        flow.flush()
    world.close()
    assert sorted(world.objects().values()) == [b'{"k":0}\n', b'{"k":1}\n', b'{"k":2}\n', b'{"k":5}\n']
    entries = [json.loads(line) for raw in world.objects("error").values() for line in raw.splitlines()]
    assert {entry["errorCode"] for entry in entries} == {"DynamicPartitioning.ActivePartitionsLimitExceeded"}
    assert world.ledger("delivery.clicks")["rejected"] == 2
