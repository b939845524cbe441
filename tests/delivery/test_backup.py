"""A delivery's backup: what came in, before any code has seen it, as exactly once as what was made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from forebay.delivery.backup import BackupSpec, with_backups
from forebay.ports import Lines, Origin, Outcome
from forebay.project.model import Location
from tests.delivery.world import World, spec


class Shout:
    """Code that changes everything, and lets one go."""

    def apply(self, records: Sequence[bytes], origins: Sequence[Origin]) -> Outcome:
        kept = [(index, record.upper()) for index, record in enumerate(records) if b"drop" not in record]
        lines = Lines([record for _, record in kept], [index for index, _ in kept])
        return Outcome(lines, dropped=[index for index, record in enumerate(records) if b"drop" in record])

    def close(self) -> None:
        pass


def test_a_backup_has_what_came_in_whatever_became_of_it(tmp_path: Path) -> None:
    backup = BackupSpec(to=Location("shop-lake", "copies/"), compression="gzip")
    world = World(tmp_path, with_backups({"clicks": spec(format="raw", backup=backup)}))  # type: ignore[arg-type]
    world.transforms["clicks"] = Shout()
    with world.flow() as flow:
        world.send("delivery.clicks", b"one ", b"drop me ", b"two ")
        flow.flush()
    world.send("delivery.clicks", b"three ")
    with world.flow() as flow:
        flow.flush()
    world.close()
    found = {key.split("/")[0]: b"" for key in world.objects()}
    for key, content in world.objects().items():
        found[key.split("/")[0]] += content
    assert found == {"clicks": b"ONE TWO THREE ", "copies": b"one drop me two three "}
    assert world.ledger("delivery.clicks")["read"] == world.ledger("delivery.clicks-backup")["read"] == 4
    assert world.ledger("delivery.clicks-backup")["delivered"] == 4
