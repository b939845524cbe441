"""DynamoDB: tables, items, queries, batches and transactions over the key-value tables."""

from forebay.wire.dynamodb import batches, items, limits, metered, reads, tables, tags, transactions, ttl
from forebay.wire.dynamodb.base import SERVICE

__all__ = [
    "SERVICE",
    "batches",
    "items",
    "limits",
    "metered",
    "reads",
    "tables",
    "tags",
    "transactions",
    "ttl",
]
