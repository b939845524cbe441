"""A tile whose table a crawler is still to make: nothing is wrong with it, there is only nothing yet."""

from __future__ import annotations

import re
from typing import Any

from forebay.catalog.section import CrawlerSpec, crawled_name
from forebay.errors import ForebayError
from forebay.project.model import Project

_MISSING = re.compile(r"Table '\w+\.([^.']+)\.([^']+)' does not exist")


def awaited(project: Project, error: ForebayError) -> dict[str, Any] | None:
    """{table, crawler, place} if `error` says that a table is missing which a crawler of `project` will make."""
    missing = _MISSING.search(error.message) if error.code == "TABLE_NOT_FOUND" else None
    if missing is None:
        return None
    database, table = missing[1], missing[2]
    for name, crawler in project.of(CrawlerSpec).items():
        if (crawler.database or project.database) != database:
            continue
        for place in crawler.crawl:
            if crawled_name(place.removeprefix("lake."), crawler.prefix) == table:
                return {"table": f"{database}.{table}", "crawler": name, "place": place}
    return None
