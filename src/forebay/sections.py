"""All sections of the project file, in the order in which events meet them.

`STAGES` is the order of the nouns: in at the top, out at the bottom, what serves them all last.
"""

from __future__ import annotations

from forebay.access.section import SECTION as ACCESS
from forebay.alerts.section import SECTION as ALERTS
from forebay.bus.section import SECTION as BUS
from forebay.catalog.section import SECTION as CATALOG
from forebay.dashboards.section import SECTION as DASHBOARDS
from forebay.delivery.section import SECTION as DELIVERY
from forebay.functions.section import SECTION as FUNCTIONS
from forebay.ingest.section import SECTION as INGEST
from forebay.keyvalue.section import SECTION as KEYVALUE
from forebay.lake.section import SECTION as LAKE
from forebay.project.section import Section
from forebay.query.section import SECTION as QUERY
from forebay.simulate.section import SECTION as SIMULATE
from forebay.streams.section import SECTION as STREAMS
from forebay.streamsql.section import SECTION as STREAMSQL
from forebay.telemetry.section import SECTION as TELEMETRY
from forebay.topics.section import SECTION as TOPICS

SECTIONS: tuple[Section, ...] = (
    INGEST,
    BUS,
    STREAMS,
    STREAMSQL,
    FUNCTIONS,
    DELIVERY,
    LAKE,
    CATALOG,
    QUERY,
    DASHBOARDS,
    ALERTS,
    TOPICS,
    KEYVALUE,
    ACCESS,
    TELEMETRY,
    SIMULATE,
)

STAGES: tuple[str, ...] = tuple(section.noun for section in SECTIONS)
