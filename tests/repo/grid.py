"""The cells of the grid: where a noun's page of the console is, and which cells are empty on purpose.

A noun is a key of the project file, a package, a tests folder, a page of the docs, a page of the console
and a builder in `deploy/`. A cell that is neither there nor here is a hole, and a reason for a cell that
is there is out of date; `test_grid.py` finds both.
"""

from __future__ import annotations

NOUNS = [
    "ingest",
    "bus",
    "streams",
    "streamsql",
    "functions",
    "delivery",
    "lake",
    "catalog",
    "query",
    "dashboards",
    "alerts",
    "topics",
    "keyvalue",
    "access",
    "telemetry",
    "simulate",
]
"""In the order in which events meet them."""

_LATER = "its section is specified and refused by run; there is nothing to test beyond the section yet"
_OVERVIEW = "is in the graph and the figures of the console's overview"

TESTS: dict[str, str] = {}

CONSOLE: dict[str, str] = {
    "streams": "/streams",
    "functions": "/functions",
    "delivery": "/deliveries",
    "query": "/query",
    "dashboards": "/dashboards",
    "keyvalue": "/keyvalue",
    "telemetry": "/telemetry",
    "alerts": "/alerts",
    "topics": "/topics",
}

NO_CONSOLE: dict[str, str] = {
    "ingest": _OVERVIEW,
    "lake": _OVERVIEW,
    "catalog": "its tables and columns are listed where one asks them, on the query page",
    "simulate": _OVERVIEW,
    "access": "keys are made and revoked on the command line only, so that no page can be made to do it",
    "bus": "does not run yet",
    "streamsql": _OVERVIEW,
}

DEPLOY: dict[str, str] = dict.fromkeys(NOUNS, "deploying to AWS is not built yet") | {
    "simulate": "a simulator sends to this machine only, so there is nothing of it to deploy",
}
