"""The front is killed while metrics are put: what was acknowledged is there, and nothing twice but what was in flight."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import Running
from tests.harness import until
from tests.projects import PLAIN, project
from tests.wire.cloudwatch import data, metric
from tests.wire.sdk import client

KILLS = 3


def test_kills_lose_no_point_that_was_acknowledged(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p", PLAIN), sql=False)
    cloudwatch = client(system, "cloudwatch", retries=0, connect_timeout=5, read_timeout=20)
    stop = threading.Event()
    put = [0, 0]  # acknowledged, tried

    def write() -> None:
        while not stop.is_set():
            put[1] += 1
            try:
                cloudwatch.put_metric_data(Namespace="kills", MetricData=[{"MetricName": "m", "Value": 1}])
                put[0] += 1
            except (ClientError, BotoCoreError):
                time.sleep(0.02)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    draw = random.Random(11)
    for _ in range(KILLS):
        before = put[0]
        until(lambda before=before: put[0] > before + draw.randrange(3, 25))  # type: ignore[misc]
        system.kill("front")
    before = put[0]
    until(lambda: put[0] > before)
    stop.set()
    writer.join()
    (answer,) = data(client(system, "cloudwatch"), metric("kills", "m"))
    assert put[0] <= sum(answer["Values"]) <= put[1]
