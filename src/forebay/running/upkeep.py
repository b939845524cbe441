"""The lake's upkeep, beside what flows into it: what is over is removed, small Parquet files become few."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from forebay.beat import Beat
from forebay.catalog.deliveries import Deliveries
from forebay.catalog.store import Store
from forebay.catalog.sweep import registered, sweep
from forebay.clock import SECOND, now_us
from forebay.delivery.compact import GRACE, Compaction
from forebay.delivery.section import DeliverySpec
from forebay.lake import listing
from forebay.lake.files import Files
from forebay.lake.lake import Lake
from forebay.lake.section import BucketSpec
from forebay.layout import Layout
from forebay.project.model import Project

log = logging.getLogger(__name__)

EVERY = 2.0
LOOK_AROUND = 300
"""Rounds between two looks for files that the catalog does not know."""
MERGE_ANYWAY = 30
"""Rounds between two merges of what has settled."""


class Upkeep:
    """Rounds of it, between `start` and `stop`. `written` is how many objects a delivery has made so far."""

    def __init__(
        self,
        layout: Layout,
        store: Store,
        files: Files,
        lake: Lake,
        *,
        catalog: Deliveries,
        project: Callable[[], Project],
        written: Callable[[str], int],
    ) -> None:
        self._layout = layout
        self._store = store
        self._files = files
        self._lake = lake
        self._catalog = catalog
        self._project = project
        self._written = written
        self._compactions: dict[str, Compaction] = {}
        self._compacted: dict[str, int] = {}
        self._rounds = -1
        self.beat = Beat("upkeep", self._look, retry=EVERY, first=EVERY)

    def _look(self) -> float:
        try:
            self._round()
        except OSError as error:
            log.warning("the lake's upkeep waits: %s", error)
        return EVERY

    def _round(self) -> None:
        project = self._project()
        ages = {name: bucket.expire for name, bucket in project.of(BucketSpec).items() if bucket.expire}
        self._rounds += 1
        self._lake.expire(ages, GRACE)
        if ages and self._rounds % LOOK_AROUND == 0:
            self._expire_foreign(ages)
        sweep(self._store, self._files)
        for name, spec in project.of(DeliverySpec).items():
            if spec.format == "parquet" and spec.table is not None:
                self._merge(name, spec)

    def _merge(self, name: str, spec: DeliverySpec) -> None:
        if name not in self._compactions:
            self._compactions[name] = Compaction(
                name, spec.compression or "snappy", self._catalog, self._files
            )
        written = self._written(name)
        if self._compacted.get(name) == written and self._rounds % MERGE_ANYWAY:
            return
        self._compacted[name] = written
        begun = time.monotonic()
        while self._compactions[name].step():
            # At most half of the time, so that deliveries are not held up.
            if self.beat.rest(time.monotonic() - begun):
                return
            begun = time.monotonic()

    def _expire_foreign(self, ages: Mapping[str, float]) -> None:
        for bucket, seconds in ages.items():
            before = now_us() - int(seconds * SECOND)
            for found in listing.files(self._layout.lake, bucket):
                if found.modified < before and not registered(self._store, bucket, found.key):
                    self._files.remove(found.path)
