"""Glue: the Data Catalog (databases, tables, partitions) and its crawlers, with what starts them; the schema registry; what is only kept."""

from __future__ import annotations

from forebay.wire.glue import (
    catalog,
    classifiers,
    crawlers,
    crawls,
    functions,
    indexes,
    jobs,
    kept,
    partitions,
    registries,
    schema_evolution,
    schema_metadata,
    schema_versions,
    schemas,
    statistics,
    tables,
    tags,
    triggers,
    workflows,
)
from forebay.wire.glue.base import SERVICE

__all__ = [
    "SERVICE",
    "catalog",
    "classifiers",
    "crawlers",
    "crawls",
    "functions",
    "indexes",
    "jobs",
    "kept",
    "partitions",
    "registries",
    "schema_evolution",
    "schema_metadata",
    "schema_versions",
    "schemas",
    "statistics",
    "tables",
    "tags",
    "triggers",
    "workflows",
]
