"""The process that the crash tests kill: `python -m tests.delivery.crashing STATE SECONDS|flush|straight`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from forebay.delivery.section import BufferSpec, DeliverySpec
from forebay.errors import ForebayError
from forebay.flow import Flow
from forebay.layout import Layout
from forebay.ports import Failure, Lines, Origin, Outcome, Transform
from forebay.project.model import Location, Project, Ref
from forebay.running import upkeep

LOG = "streams.all"
PROJECT_NAME = "shop"


class Picky:
    """Drops every tenth event and fails on every seventh, unless it is the last run."""

    def __init__(self, *, mended: bool) -> None:
        self.mended = mended

    def apply(self, records: Sequence[bytes], origins: Sequence[Origin]) -> Outcome:
        numbers = [int(record[5:-1]) for record in records]
        dropped = [i for i, n in enumerate(numbers) if n % 10 == 0]
        failed = [i for i, n in enumerate(numbers) if n % 10 and n % 7 == 0 and not self.mended]
        gone = {*dropped, *failed}
        kept = [i for i in range(len(records)) if i not in gone]
        failures = [Failure(i, "Lambda.FunctionError", "seven") for i in failed]
        return Outcome(Lines([records[i] for i in kept], kept), dropped, failures)

    def close(self) -> None:
        pass


def project() -> Project:
    source = Ref("streams", "all")
    buffer = BufferSpec(seconds=0.25)
    return Project(
        name=PROJECT_NAME,
        root="/",
        sections={
            "delivery": {
                "lines": DeliverySpec(
                    from_=source, to=Location("lake", "lines/"), compression="gzip", buffer=buffer
                ),
                "facts": DeliverySpec(
                    from_=source,
                    to=Location("lake", "facts/"),
                    format="parquet",
                    compression="snappy",
                    prefix="",
                    table="facts",
                    buffer=buffer,
                ),
            }
        },
    )


def straight() -> Project:
    """A delivery whose events are an object as soon as a few are there."""
    buffer = BufferSpec(seconds=3600, bytes=10_000)
    own = DeliverySpec(to=Location("lake", "raw/"), format="raw", compression="none", buffer=buffer)
    return Project(name=PROJECT_NAME, root="/", sections={"delivery": {"raw": own}})


def main(state: str, mode: str) -> None:
    upkeep.EVERY = 0.1
    if mode == "straight":
        flow = Flow(Layout(Path(state)), straight(), lambda name, spec, project: None)
        flow.start()
        flow.flush()
        flow.stop()
        return
    last = mode == "flush"

    def transform(name: str, spec: DeliverySpec, project: Project) -> Transform | None:
        return Picky(mended=last) if name == "facts" else None

    flow = Flow(Layout(Path(state)), project(), transform)
    flow.start()
    if last:
        flow.flush()
        flow.replay("facts")
        flow.flush()
    else:
        until = time.monotonic() + float(mode)
        while time.monotonic() < until:
            try:
                flow.replay("facts")
            except ForebayError as error:
                print(error, file=sys.stderr)  # noqa: T201
            time.sleep(0.1)
    flow.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
