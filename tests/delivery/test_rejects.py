"""What a delivery cannot deliver: under the error prefix with its original bytes, and replayed after a fix."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from forebay.errors import Unavailable
from forebay.ports import Failure, Lines, Origin, Outcome
from tests.delivery.world import World, eventually, spec


class Code:
    """A transform: drops what says `drop`, fails on what says `bad` until it is mended, shouts the rest."""

    def __init__(self) -> None:
        self.mended = False
        self.down = 0
        self.seen: list[Origin] = []

    def apply(self, records: Sequence[bytes], origins: Sequence[Origin]) -> Outcome:
        if self.down:
            self.down -= 1
            raise Unavailable("NoWorker", "no worker could be started")
        self.seen += origins
        kept = [i for i, r in enumerate(records) if b"drop" not in r and (self.mended or b"bad" not in r)]
        return Outcome(
            Lines([records[i].upper() for i in kept], kept),
            dropped=[i for i, r in enumerate(records) if b"drop" in r],
            failed=[
                Failure(i, "Lambda.FunctionError", "it is bad")
                for i, r in enumerate(records)
                if b"bad" in r and not self.mended
            ],
        )

    def close(self) -> None:
        pass


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, {"clicks": spec()})
    yield made
    made.close()


def test_every_event_has_one_end(world: World) -> None:
    world.transforms["clicks"] = Code()
    with world.flow() as flow:
        world.send("delivery.clicks", b"one", b"drop", b"bad\n", b"two")
        flow.flush()
    assert list(world.objects().values()) == [b"ONE\nTWO\n"]
    ((key, raw),) = world.objects("error").items()
    assert key.startswith("errors/clicks/processing-failed/20")
    entry = json.loads(raw)
    assert base64.b64decode(entry["rawData"]) == b"bad\n"
    assert {k: entry[k] for k in ("attemptsMade", "errorCode", "errorMessage", "eventId")} == {
        "attemptsMade": 1,
        "errorCode": "Lambda.FunctionError",
        "errorMessage": "it is bad",
        "eventId": {"log": "delivery.clicks", "shard": 0, "offset": 2},
    }
    assert entry["arrivalTimestamp"] <= entry["attemptEndingTimestamp"]
    ledger = world.ledger("delivery.clicks")
    assert (ledger["delivered"], ledger["dropped"], ledger["rejected"], ledger["read"]) == (2, 1, 1, 4)


def test_errors_below_the_data_have_a_name_that_tables_pass_over(tmp_path: Path) -> None:
    made = World(tmp_path, {"clicks": spec(to="", error_prefix="bad/!{firehose:error-output-type}/")})
    made.transforms["clicks"] = Code()
    with made.flow() as flow:
        made.send("delivery.clicks", b"bad")
        flow.flush()
    (key,) = made.objects("error")
    assert key.startswith("bad/processing-failed/_clicks-1-")
    made.close()


def test_code_that_cannot_run_now_is_asked_again_and_nothing_is_lost(world: World) -> None:
    code = world.transforms["clicks"] = Code()
    code.down = 1000
    with world.flow() as flow:
        world.send("delivery.clicks", b"one")
        eventually(lambda: flow.status()["deliveries"]["clicks"]["last_error"], "the reason")
        code.down = 1
        eventually(lambda: world.hot() == [b"ONE"], "the row")
        eventually(lambda: flow.status()["deliveries"]["clicks"]["last_error"] is None, "no reason")


def test_rejected_events_are_replayed_under_their_own_ids_after_a_fix(world: World) -> None:
    code = Code()
    world.transforms["clicks"] = code
    with world.flow() as flow:
        world.send("delivery.clicks", b"good", b"bad 1", b"bad 2")
        flow.flush()
        assert flow.replay("clicks") == {"objects": 1, "events": 2, "dropped": 0, "failed": 2}
        flow.flush()
        (before,) = world.objects("error")
        code.mended = True
        code.seen.clear()
        assert flow.replay("delivery.clicks") == {"objects": 1, "events": 2, "dropped": 0, "failed": 0}
        assert [origin.offset for origin in code.seen] == [1, 2]
        assert flow.replay("clicks") == {"objects": 0, "events": 0, "dropped": 0, "failed": 0}
        flow.flush()
    assert sorted(world.objects().values()) == [b"BAD 1\nBAD 2\n", b"GOOD\n"]
    assert world.objects("error") == {}
    assert f"replayed/{before}" in world.objects("replayed")
    ledger = world.ledger("delivery.clicks")
    assert (ledger["delivered"], ledger["rejected"], ledger["read"]) == (3, 0, 3)
