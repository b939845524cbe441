"""The usual client of each service, of the module's `system`; a module may have its own in its place."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from tests.wire.cloudwatch import Put, minute
from tests.wire.sdk import speaking

athena = speaking("athena", retries=0)
cloudwatch = speaking("cloudwatch")
events = speaking("events", retries=0)
firehose = speaking("firehose", retries=0)
functions = speaking("lambda")
glue = speaking("glue")
iam = speaking("iam")
# Checks nothing by itself and tries nothing twice, so that the port is seen as it is.
kinesis = speaking("kinesis", retries=0, parameter_validation=False)
dynamodb = speaking("dynamodb", retries=0)
logs = speaking("logs")
s3 = speaking("s3")
sns = speaking("sns", retries=0)


@pytest.fixture
def bus(events: Any) -> str:
    """An event bus of the test's own."""
    name = f"bus-{uuid.uuid4().hex[:8]}"
    events.create_event_bus(Name=name)
    return name


@pytest.fixture
def database(glue: Any) -> str:
    """A database of the test's own."""
    name = f"db_{uuid.uuid4().hex[:8]}"
    glue.create_database(DatabaseInput={"Name": name})
    return name


@pytest.fixture
def namespace() -> str:
    return f"shop/{uuid.uuid4().hex[:8]}"


@pytest.fixture
def put(cloudwatch: Any, namespace: str) -> Put:
    """Puts values of a metric of the test's namespace, the first of them at `at`, the others a minute apart."""

    def put(name: str, *values: float, at: dt.datetime | None = None, **more: Any) -> None:
        begin = at or minute()
        data = [
            {"MetricName": name, "Value": value, "Timestamp": begin + dt.timedelta(minutes=n), **more}
            for n, value in enumerate(values)
        ]
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)

    return put
