"""Databases, tables, partitions, crawlers (Glue)."""
