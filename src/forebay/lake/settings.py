"""What a bucket is told about itself: versioning, tags, policy, lifecycle, notifications and the rest.

Kept in `lake_settings`, one JSON document per bucket and name. Those that the lake itself acts on are read
from memory here, on every put and delete; the others are only kept, and given back as they came.
"""

from __future__ import annotations

import json
from typing import Any

import apsw

from forebay.lake.lock import LOCK

VERSIONING = "versioning"
LIFECYCLE = "lifecycle"
NOTIFICATION = "notification"
ENCRYPTION = "default_encryption"
REPLICATION = "replication"
INVENTORY = "inventory"
INVENTORIED = "inventoried"
ACTED_ON = (VERSIONING, LIFECYCLE, NOTIFICATION, ENCRYPTION, LOCK, REPLICATION, INVENTORY, INVENTORIED)


class Settings:
    """All buckets' settings that are acted on, as last committed."""

    def __init__(self, db: apsw.Connection) -> None:
        self._acted: dict[tuple[str, str], Any] = {}
        self.declared: dict[str, list[dict[str, Any]]] = {}
        """By bucket, the notification rules that the project itself has."""
        rows: Any = db.execute("SELECT bucket, name, doc FROM lake_settings")
        for bucket, name, doc in rows:
            if name in ACTED_ON:
                self._acted[bucket, name] = json.loads(doc)

    def get(self, bucket: str, name: str) -> Any:
        """The document; None if there is none."""
        return self._acted.get((bucket, name))

    def buckets(self, name: str) -> list[tuple[str, Any]]:
        """Every bucket that has a document of this name, with it."""
        return [(bucket, doc) for (bucket, of), doc in list(self._acted.items()) if of == name]

    def versioning(self, bucket: str) -> str:
        """`Enabled`, `Suspended`, or '' where versions were never kept."""
        doc = self.get(bucket, VERSIONING)
        return "" if doc is None else str(doc.get("status", ""))

    def put(self, db: apsw.Connection, bucket: str, name: str, doc: Any) -> None:
        """Keep a document, or with None forget it, in the transaction of `db`."""
        if doc is None:
            db.execute("DELETE FROM lake_settings WHERE bucket = ? AND name = ?", (bucket, name))
        else:
            text = json.dumps(doc, separators=(",", ":"))
            db.execute("INSERT OR REPLACE INTO lake_settings VALUES (?, ?, ?)", (bucket, name, text))
        if name in ACTED_ON:
            if doc is None:
                self._acted.pop((bucket, name), None)
            else:
                self._acted[bucket, name] = doc

    def drop(self, db: apsw.Connection, bucket: str) -> None:
        """Forget all of a bucket's."""
        db.execute("DELETE FROM lake_settings WHERE bucket = ?", (bucket,))
        for key in [key for key in self._acted if key[0] == bucket]:
            del self._acted[key]
