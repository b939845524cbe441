"""The cells of the grid that are empty on purpose, each with its reason.

A noun is a key of the project file, a package, a tests folder, a page of the docs, a page of the console
and a builder in `deploy/`. A cell that is neither there nor here is a hole, and a reason for a cell that
is there is out of date; `test_grid.py` finds both.
"""

from __future__ import annotations

_DEPLOY = "deploying to AWS is not built yet"
_LATER = "its section is specified; it does not run yet, so there is nothing to test beyond the section"
_SHOWN_IN = "is shown with the rest of the system on the console's status page"

TESTS: dict[str, str] = dict.fromkeys(
    ("bus", "streamsql", "alerts", "topics", "keyvalue", "telemetry"), _LATER
)

CONSOLE: dict[str, str] = {}

DEPLOY: dict[str, str] = {}
