"""Visitors of a web site that is not there: events for `forebay run --simulate`."""

from datetime import UTC, datetime

PAGES = {"/": 50, "/menu": 30, "/offers": 15, "/contact": 5}


def visit(simulation):
    """One event; called as often as the rate says."""
    chance = simulation.random
    return {
        "page": chance.choices(list(PAGES), list(PAGES.values()))[0],
        "milliseconds": round(chance.lognormvariate(5, 0.6)),
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
    }
